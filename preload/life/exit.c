/* SPDX-License-Identifier: MIT */
/*
 * The program's end: publish it in the store, run `ctrace export`, and wait for that. Our child has no exit signal, so
 * the program's own wait() never sees it and no SIGCHLD is sent. exec restores the exit signal; that is why the
 * exporter is a child of that child.
 */
#include "life/exit.h"
#include "unwind/libunwind.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "heap/block_rows.h"
#include "heap/real.h"
#include "hooks/entries.h"
#include "hot/slow.h"
#include "hot/state.h"
#include "life/control.h"
#include "life/exempt.h"
#include "life/output.h"
#include "life/stdout.h"
#include "life/threads.h"
#include "life/tidy.h"
#include "reach/reach.h"
#include "store/clock.h"
#include "store/combine.h"
#include "store/event_log.h"
#include "store/mappings.h"
#include "store/slice.h"
#include "store/store_file.h"
#include "sys/arena.h"
#include "sys/environment.h"
#include "sys/loader.h"
#include "sys/lock.h"
#include "sys/machine.h"
#include "sys/options.h"
#include "sys/region.h"
#include "sys/sandbox.h"
#include "sys/say.h"
#include "sys/sys.h"
#include "sys/text.h"
#include "unwind/objects.h"

#define CHILD_STACK (64u << 10)
#define EXEC_FAILED 127
#define BY_HAND "; make the report with: ctrace export "
#define SAVED_REGISTERS_BYTES 40 /* callee-saved registers except bp */

int __cxa_atexit(void (*function)(void *), void *argument, void *library);

static const char *library = "";
static const char *exporter = "";
static char *environment[5]; /* of the exporter; above all, without LD_PRELOAD */
static struct stat root; /* the root directory at start, in which `exporter` was found */
static uint32_t finished;
static bool began_free; /* no seccomp filter was active at start; containers install one */

const char *ct_library_path(void)
{
	return library;
}

static void find_library(void)
{
	struct ct_object object;
	struct ct_text path;
	if (!ct_object_find((uintptr_t)&ct_exit_init, &object))
		return;
	ct_object_path(&object, &path);
	ct_text_clear(&ct_text_scratch);
	ct_output_add_absolute(&ct_text_scratch, path.bytes);
	library = ct_text_keep(&ct_text_scratch);
}

/* Look for ctrace relative to the library's folder, which is build/lib, PREFIX/lib or PREFIX/lib/x86_64-linux-gnu. */
static void find_exporter(void)
{
	static const char *const places[] = {"/../bin/ctrace", "/../../bin/ctrace", "/ctrace"};
	struct ct_text *path = &ct_text_scratch;
	size_t folder = (size_t)(ct_base_name(library) - library);
	ct_text_clear(path);
	if (*ct_options.bin)
		ct_output_add_absolute(path, ct_options.bin);
	for (size_t i = 0; !*ct_options.bin && i < sizeof(places) / sizeof(places[0]); i++) {
		ct_text_clear(path);
		ct_text_add_bytes(path, library, folder ? folder - 1 : 0);
		ct_text_add(path, places[i]);
		if (ct_syscall3(SYS_faccessat, AT_FDCWD, path->bytes, 1 /* X_OK */) == 0)
			break;
	}
	exporter = ct_text_keep(path);
}

static bool look_at(const char *path, struct stat *file)
{
	return ct_syscall4(SYS_newfstatat, AT_FDCWD, path, file, 0) == 0;
}

/*
 * Does the exporter's path still lead to the same program? After chroot or pivot_root others may have put a program
 * there.
 */
static bool is_same_root(void)
{
	struct stat now;
	return look_at("/", &now) && now.st_dev == root.st_dev && now.st_ino == root.st_ino;
}

/*
 * May the exporter be run? One that was found beside the library, and not named by CTRACE_BIN, may belong to another
 * user if the library is in /tmp.
 */
static bool is_trusted(void)
{
	struct stat program, beside;
	if (*ct_options.bin || !look_at(exporter, &program) || !program.st_uid)
		return true;
	return program.st_uid == ct_store_owner() || (look_at(library, &beside) && program.st_uid == beside.st_uid);
}

static int exec_exporter(void *arguments)
{
	uid_t owner = ct_store_owner();
	/* The process may be acting as another user, who cannot read the store and perhaps not even its folder. */
	if (owner != (uid_t)ct_syscall3(SYS_geteuid, 0, 0, 0))
		ct_syscall3(SYS_setresuid, owner, owner, owner);
	ct_exempt_mark();
	ct_syscall3(SYS_execve, exporter, arguments, environment);
	ct_syscall3(SYS_exit, EXEC_FAILED, 0, 0);
	return EXEC_FAILED;
}

static bool is_filtered(void)
{
	return ct_syscall3(SYS_prctl, PR_GET_SECCOMP, 0, 0) != 0;
}

bool ct_exporter_is_forbidden(void)
{
	return ct_get_relaxed(&ct_filters) || (began_free && is_filtered());
}

/* Why an exporter must not be started; NULL: it may. */
static const char *why_forbidden(void)
{
	if (ct_exporter_is_forbidden())
		return "no exporter is started in a sandbox (seccomp)";
	if (ct_machine_is_valgrind()) /* it ends a program whose clone it does not know */
		return "no exporter is started under Valgrind";
	if (!is_same_root())
		return "no exporter is started in another root (chroot)";
	return is_trusted() ? NULL : "the exporter beside the library is another user's and is not started";
}

/* Wait for a child. Returns its exit status, or -1 if it did not run to its end. */
static int status_of(int pid)
{
	int status = -1;
	long got;
	do
		got = pid > 0 ? ct_syscall4(SYS_wait4, pid, &status, __WALL, NULL) : -ECHILD;
	while (got == -EINTR);
	return got != pid || !WIFEXITED(status) || WEXITSTATUS(status) == EXEC_FAILED ? -1 : WEXITSTATUS(status);
}

static bool refused; /* the system has made no child: an emulator, or a limit on processes */

/* Run work(argument) in a child that shares our memory, and wait for it. */
static int run_child(int (*work)(void *), void *argument, int flags)
{
	if (ct_exporter_is_forbidden())
		return -1;
	char *stack = ct_region_map(CHILD_STACK);
	if (!stack)
		return -1;
	/* The program's signal handlers must not run in a child that shares its memory. */
	ct_lock_begin();
	int pid = clone(work, stack + CHILD_STACK, CLONE_VM | flags, argument);
	ct_lock_end();
	refused = pid < 0;
	int status = status_of(pid);
	ct_sys_munmap(stack, CHILD_STACK);
	return status;
}

/* The exporter's lines must not reach a file where ours are not heard. */
static void silence(void)
{
	long nowhere = ct_syscall4(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY, 0);
	if (nowhere >= 0 && nowhere != 2) /* it is 2 if stderr was closed */
		ct_syscall3(SYS_dup3, nowhere, 2, 0);
}

/* Runs in the child while the program's threads may run: must not touch anything thread-local. */
static int start_exporter(void *arguments)
{
	static const uint64_t standard[4]; /* SIG_DFL: if the program ignores SIGCHLD, there is no child to wait for */
	ct_syscall4(SYS_rt_sigaction, SIGCHLD, standard, NULL, sizeof(uint64_t));
	ct_syscall3(SYS_close_range, 3, ~0u, 0);
	if (!ct_say_is_heard())
		silence();
	char *stack = (char *)__builtin_frame_address(0) - CHILD_STACK / 2;
	int status = status_of(clone(exec_exporter, stack, CLONE_VM | CLONE_VFORK | SIGCHLD, arguments));
	return status < 0 ? EXEC_FAILED : status;
}

int ct_exporter_run(const char *const *arguments)
{
	return why_forbidden() ? -1 : run_child(start_exporter, (void *)arguments, 0);
}

static void publish_end(void)
{
	struct ct_store_header *header = ct_tracer.header;
	/* Measuring our memory takes a system call that few sandboxes allow. */
	if (!ct_exporter_is_forbidden())
		header->own_bytes =
			ct_arena_bytes() + ct_blocks_bytes() + ct_threads_bytes() + ct_slice_bytes() + ct_mmap_bytes();
	ct_clock_note(header);
	if (ct_store_stopped())
		return;
	header->end_ticks = header->latest_ticks;
	ct_set_release(&header->state, CT_STATE_ENDED);
}

/* With Yama, a child may not read its parent's memory unless the parent has declared it. */
static void permit_reading(bool permitted)
{
	ct_syscall3(SYS_prctl, PR_SET_PTRACER, permitted ? PR_SET_PTRACER_ANY : 0, 0);
}

static bool run_reach(struct ct_reach *reach)
{
	permit_reading(true);
	int status = run_child(ct_reach_classify, reach, CLONE_VFORK);
	permit_reading(false);
	return status == 0;
}

/* Find out which live blocks can be reached. Print the reason if that fails, unless quiet. */
static void find_reachable(uintptr_t stack, bool quiet)
{
	const char *why = ct_exporter_is_forbidden() ? "the program is in a sandbox (seccomp)"
			  : ct_machine_is_valgrind() ? "Valgrind does not run what would read the memory"
						     : ct_reach_refuses();
	struct ct_reach *reach = why ? NULL : ct_reach_new(stack);
	if (!why && !reach)
		why = "no memory or address space left";
	if (!why && !run_reach(reach))
		why = ct_get_relaxed(&ct_landlock) ? "the program is in a sandbox (Landlock)"
						   : "reading the memory took too long, or could not be done";
	if (!why && !ct_reach_publish(reach))
		why = "no room in the store";
	if (why && !quiet)
		ct_say("CTRACE_REACH: leaks not classified: ", why, NULL);
}

/* Has no allocation been recorded? */
static bool is_empty(void)
{
	return ct_tracer.header->sections[CT_SECTION_SITES].used <= 1;
}

/* Why no exporter has run. */
static const char *why_none(void)
{
	const char *why = why_forbidden();
	if (why)
		return why;
	return refused                        ? "the system or an emulator has refused to start an exporter"
	       : ct_get_relaxed(&ct_landlock) ? "no exporter could be started in a sandbox (Landlock)"
					      : "no exporter ran (CTRACE_BIN names it)";
}

/* For the one who exports the store: why our memory was not looked at. */
static void note_problem(const char *why)
{
	size_t length = strlen(why);
	memcpy(ct_tracer.header->look.problem, why,
	       length < CT_LAST_LOOK_PROBLEM_ROOM ? length : CT_LAST_LOOK_PROBLEM_ROOM - 1);
}

/* Run an exporter, which may read our memory if the recording wants that. If none runs, the store says why. */
static int run_looking(const char *const *arguments)
{
	if (!ct_options.memory)
		return ct_exporter_run(arguments);
	permit_reading(true);
	int status = ct_exporter_run(arguments);
	permit_reading(false);
	if (status < 0)
		note_problem(why_none());
	return status;
}

/* Who exports the store later could not look at our memory any more: keep in it what there is to see. */
static void keep_last_look(void)
{
	const char *arguments[] = {"ctrace", "export", "--last-look", ct_store_path(), NULL};
	if (ct_options.memory)
		run_looking(arguments);
}

/* Does a `ctrace record` export the store later? */
static bool leaves_export(void)
{
	if (!*ct_say_notes())
		return false;
	keep_last_look();
	return ct_say_left(ct_store_path(), ct_options.format);
}

static int run_exporter(bool heard)
{
	const char *arguments[] = {"ctrace", "export", "--at-exit", NULL, NULL, NULL, NULL, NULL, NULL};
	const char **next = &arguments[3];
	if (!heard && *ct_say_notes()) {
		*next++ = "--notes";
		*next++ = ct_say_notes();
	}
	*next++ = "--format"; /* last, since it may be wrong */
	*next++ = ct_options.format;
	*next = ct_store_path();
	return run_looking(arguments);
}

/* flushes: the C library's exit, which called us, writes what its streams hold when we are done. */
static void finish(bool flushes)
{
	struct ct_store_header *header = ct_tracer.header;
	uint32_t phase = ct_get_acquire(&ct_gate.phase);
	if (phase == CT_PHASE_ASLEEP)
		ct_control_end();
	/* With another pid, this is a child of vfork, running in its parent's memory. */
	if (!header || phase == CT_PHASE_FORKED || phase == CT_PHASE_NEW || ct_sys_getpid() != header->pid ||
	    __atomic_exchange_n(&finished, 1, __ATOMIC_ACQ_REL))
		return;
	ct_set_release(&ct_gate.phase, CT_PHASE_OFF);
	if (!ct_control_was_on()) {
		ct_store_remove();
		return;
	}
	if ((ct_options.reach || ct_options.memory || ct_tracer.log_events) && !ct_exporter_is_forbidden())
		ct_threads_await_hooks();
	if (ct_tracer.log_events || ct_tracer.rss) {
		ct_lock_get(&ct_lock_combine);
		ct_combine_locked();
		if (ct_tracer.log_events)
			ct_event_log_flush();
		ct_lock_put(&ct_lock_combine);
	}
	ct_threads_note_names();
	publish_end();
	bool heard = ct_say_is_heard();
	bool quiet = ct_options.quiet || (!heard && !*ct_say_notes());
	if (quiet)
		header->flags |= CT_STORE_QUIET;
	if (ct_tracer.verify)
		ct_verify_report();
	if (!(header->flags & CT_STORE_FORKED) && !ct_real_say_malloc())
		ct_entries_say();
	int saved = errno;
	uint64_t mask;
	bool flushed = flushes && ct_stdout_begin(&mask);
	/* Our caller's registers are saved right below the frame address. */
	if (ct_options.reach && !ct_store_stopped())
		find_reachable((uintptr_t)__builtin_frame_address(0) - SAVED_REGISTERS_BYTES, quiet);

	if (!ct_options.export) {
		keep_last_look();
		if (!quiet && !is_empty())
			ct_say("recorded" BY_HAND, ct_store_path(), NULL);
	} else if (!leaves_export() && run_exporter(heard) < 0 && !quiet) {
		ct_say(why_none(), is_empty() ? NULL : BY_HAND, is_empty() ? NULL : ct_store_path());
	}
	ct_tidy_folder();
	if (flushed)
		ct_stdout_end(mask);
	errno = saved;
}

void ct_finish(void)
{
	finish(false);
}

static void at_exit(void *argument)
{
	(void)argument;
	finish(true);
}

/*
 * What a library that was loaded late registers with atexit would run first of all. Destructors run in the order of
 * dependency, and we depend on nothing but the C library.
 */
__attribute__((destructor)) static void at_unload(void)
{
	if (ct_real_is_late)
		finish(true);
}

/* The exporter keeps the names that it looked up where these say. It gets nothing else from the program. */
static void make_environment(char **variables)
{
	static const char *const kept[] = {"CTRACE_CACHE", "XDG_CACHE_HOME", "HOME"};
	size_t count = 0;
	environment[count++] = CT_EXPORTER_VARIABLE "=1";
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if ((environment[count] = ct_environment_copy(variables, kept[i])))
			count++;
}

void ct_exit_init(char **variables)
{
	began_free = !is_filtered();
	look_at("/", &root);
	find_library();
	find_exporter();
	make_environment(variables);
	if (ct_real_is_late) {
		ct_loader_at_quick_exit(ct_finish);
		return;
	}
	/*
	 * Registered without a library handle, and before the C library's start code registers the loader's finalizers.
	 * So this runs after every destructor of the program and its libraries.
	 */
	__cxa_atexit(at_exit, NULL, NULL);
	ct_loader_at_quick_exit(ct_finish);
}
