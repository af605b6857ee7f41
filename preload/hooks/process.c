/* SPDX-License-Identifier: MIT */
/*
 * The hooked functions by which a program changes itself: it unloads code, changes its root or user, enters a sandbox,
 * or ends. Cold; any thread.
 */
#include <dlfcn.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "heap/real.h"
#include "hot/record.h"
#include "hot/slow.h"
#include "life/control.h"
#include "life/exit.h"
#include "store/store_file.h"
#include "sys/machine.h"
#include "sys/sandbox.h"
#include "sys/sys.h"
#include "unwind/objects.h"

#define UNCHANGED ((uid_t)-1)

int prctl(int option, long a, long b, long c, long d);
long ct_sandbox_syscall(long number, long a, long b, long c, long d, long e, long f);

CT_EXPORT int dlclose(void *handle)
{
	if (!ct_real_resolve())
		return -1;
	int error = ct_real.dlclose(handle);
	ct_loader_changed();
	return error;
}

/* After chroot the store cannot be opened any more, so make room now. */
CT_EXPORT int chroot(const char *path)
{
	ct_real_resolve();
	ct_store_make_room();
	return ct_real.chroot(path);
}

/*
 * If a process changes its user for good, the new user becomes the store's owner: otherwise the store could not be
 * opened when it has to grow. If the process can change back, the owner stays. The store is mapped into the process, so
 * a user who may write to it could make a process that becomes root again do anything.
 */
static void change_user(uid_t real, uid_t effective, uid_t saved)
{
	uid_t now[3];
	uint32_t phase = ct_get_acquire(&ct_gate.phase);
	if ((phase != CT_PHASE_ON && phase != CT_PHASE_ASLEEP) ||
	    ct_syscall3(SYS_getresuid, &now[0], &now[1], &now[2]) != 0)
		return;
	real = real == UNCHANGED ? now[0] : real;
	effective = effective == UNCHANGED ? now[1] : effective;
	saved = saved == UNCHANGED ? now[2] : saved;
	if (real != effective || effective != saved)
		return;
	if (phase == CT_PHASE_ASLEEP)
		ct_control_give_to(effective);
	else
		ct_store_give_to(effective);
}

#define USER_HOOK(name, parameters, arguments, real, effective, saved)                                                 \
	CT_EXPORT int name parameters                                                                                  \
	{                                                                                                              \
		ct_real_resolve();                                                                                     \
		change_user(real, effective, saved);                                                                   \
		return ct_real.name arguments;                                                                         \
	}

USER_HOOK(setuid, (uid_t uid), (uid), uid, uid, uid)
USER_HOOK(seteuid, (uid_t effective), (effective), UNCHANGED, effective, UNCHANGED)
USER_HOOK(setreuid, (uid_t real, uid_t effective), (real, effective), real, effective,
	  real == UNCHANGED        ? UNCHANGED
	  : effective == UNCHANGED ? (uid_t)ct_syscall3(SYS_geteuid, 0, 0, 0)
				   : effective)
USER_HOOK(setresuid, (uid_t real, uid_t effective, uid_t saved), (real, effective, saved), real, effective, saved)

/*
 * Most programs enter a sandbox through syscall(). It must be a plain jump, except for the three calls that begin a
 * sandbox: a call such as vfork returns twice, and must not find that a frame of ours has changed.
 */
#define STRING(number) #number
#define NUMBER(number) STRING(number)
__asm__(CT_STUB_SYSCALL("syscall", NUMBER(SYS_seccomp), NUMBER(SYS_prctl), NUMBER(SYS_landlock_restrict_self),
			"ct_sandbox_syscall", "ct_next_syscall"));

/*
 * Do what may be impossible inside the sandbox: create the store of a forked child, find the bounds of this stack, make
 * the store grow.
 */
static void prepare_for_sandbox(void)
{
	if (!ct_enter())
		return;
	struct ct_thread *thread = ct_thread_current();
	if (thread)
		ct_stack_find_bounds(thread, (uintptr_t)__builtin_frame_address(0));
	ct_store_make_room();
	ct_leave();
}

/* Is this process never recorded, from start to end? Then we make no system calls that a sandbox could stop. */
static bool is_left_alone(void)
{
	return ct_get_acquire(&ct_gate.phase) == CT_PHASE_OFF && !ct_tracer.header;
}

/* landlock_restrict_self(): from now on the kernel refuses files and programs, but kills for nothing. */
static long begin_landlock(long ruleset, long flags)
{
	prepare_for_sandbox();
	long result = ct_real.syscall(SYS_landlock_restrict_self, ruleset, flags, 0, 0, 0, 0);
	if (result == 0)
		ct_set_relaxed(&ct_landlock, 1);
	return result;
}

static void stop_for_good(const char *why)
{
	ct_control_give_up();
	ct_store_stop(why);
	ct_sandbox_forbid();
}

/* prctl(PR_SET_TSC, PR_TSC_SIGSEGV), which the kernel may refuse. Signal handlers are not recorded meanwhile. */
static long forbid_time(void)
{
	bool entered = ct_enter();
	long result = ct_real.syscall(SYS_prctl, PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0, 0);
	if (result == 0)
		stop_for_good("the program forbids itself to read the time (PR_SET_TSC)");
	if (entered)
		ct_leave();
	return result;
}

/*
 * Handles prctl(PR_SET_SECCOMP, mode, program), prctl(PR_SET_TSC, mode), seccomp(operation, flags, program) and
 * landlock_restrict_self(). All other calls of prctl and seccomp pass through.
 */
long ct_sandbox_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	/* With flags or a program this call fails: libseccomp makes it to find out whether it exists. */
	bool strict = number == SYS_prctl ? a == PR_SET_SECCOMP && b == SECCOMP_MODE_STRICT
					  : a == SECCOMP_SET_MODE_STRICT && !b && !c;
	bool filtered =
		number == SYS_prctl ? a == PR_SET_SECCOMP && b == SECCOMP_MODE_FILTER : a == SECCOMP_SET_MODE_FILTER;
	bool landlock = number == SYS_landlock_restrict_self;
	bool timeless = number == SYS_prctl && a == PR_SET_TSC && b == PR_TSC_SIGSEGV;
	ct_real_resolve();
	if ((!strict && !filtered && !landlock && !timeless) || is_left_alone() || ct_store_is_lent())
		return ct_real.syscall(number, a, b, c, d, e, f);
	if (landlock)
		return begin_landlock(a, b);
	if (timeless)
		return forbid_time();
	if (strict) {
		stop_for_good("the program permits itself nothing but to read, write and exit (seccomp)");
		return ct_real.syscall(number, a, b, c, d, e, f);
	}
	prepare_for_sandbox();
	struct ct_filter *filter = ct_sandbox_prepare();
	long result = ct_real.syscall(number, a, b, c, d, e, f);
	ct_sandbox_begin(filter, result < 0 ? NULL : (const struct sock_fprog *)c);
	return result;
}

CT_EXPORT int prctl(int option, long a, long b, long c, long d)
{
	ct_real_resolve();
	if (option == PR_SET_SECCOMP || option == PR_SET_TSC)
		return (int)ct_sandbox_syscall(SYS_prctl, option, a, b, c, d, 0);
	return ct_real.prctl(option, a, b, c, d);
}

CT_EXPORT void _exit(int status)
{
	ct_finish();
	ct_real_resolve();
	ct_real._exit(status);
	__builtin_unreachable();
}

CT_EXPORT void _Exit(int status)
{
	_exit(status);
}
