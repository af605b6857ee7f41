/* SPDX-License-Identifier: MIT */
#include "attach/attach.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attach/filters.h"
#include "attach/inject.h"
#include "attach/pointers.h"
#include "attach/refuse.h"
#include "attach/safe.h"
#include "attach/remote.h"
#include "ctrace/attach.h"
#include "util/clock.h"
#include "util/library.h"

#define SEARCH_NS 20000000000ull /* for a thread that is at a safe point */
#define STOP_MS 10000u /* a thread that runs beside many others takes its time */
#define ROUND_US 1000u
#define SECOND_PASS_US 50000u
#define THREADS_MAX 4096u
#define RTLD_NOW_ 2u
#define DLOPEN_INSIDE 0x80000000u /* __libc_dlopen_mode wants it */
#define MEMORY_FILE "libctrace.so"

/* A thread, and where it was blocked when it was last found at a place that is not safe: it is not stopped there again.
 */
struct judged {
	int tid;
	char where[160];
};

struct attach {
	const struct ct_attach_order *order;
	struct ct_attach_done *done;
	struct ct_remote remote;
	struct ct_gadgets gadgets;
	struct ct_walker *walker;
	struct judged *judged;
	uint32_t judged_count;
	uint32_t action; /* enum ct_attach_action */
	char library[PATH_MAX];
	struct ct_image image; /* of the library in the process; base 0: not loaded */
	uint32_t state; /* of it; enum ct_attach_state */
	char why[192]; /* the latest thread was not at a safe point */
};

static int no_memory_left(struct attach *attach, struct ct_error_text *error)
{
	return ct_error_context(error, ct_error_no_memory(error), "process %d", attach->order->pid);
}

/* Find the library among the mappings, and read its state. */
static int find_library(struct attach *attach, struct ct_error_text *error)
{
	int code = ct_remote_read_maps(&attach->remote, error);
	if (code)
		return code;
	ct_image_free(&attach->image);
	for (size_t i = 0; i < attach->remote.map_count; i++) {
		const struct ct_remote_map *map = &attach->remote.maps[i];
		const char *base = strrchr(map->path, '/');
		if (map->offset || !base ||
		    (strncmp(base, "/libctrace.so", 13) != 0 && strncmp(base, "/memfd:libctrace", 16) != 0))
			continue;
		if (!ct_image_read(&attach->remote, map->start, &attach->image))
			continue;
		uint64_t state = ct_image_find(&attach->image, CT_ATTACH_STATE);
		if (!state || !ct_remote_read(&attach->remote, state, &attach->state, sizeof(attach->state)))
			return ct_error_set(error, CT_ERR_IO, "process %d has another version of libctrace.so",
					    attach->order->pid);
		return CT_OK;
	}
	return CT_OK;
}

static int check_library(struct attach *attach, struct ct_error_text *error)
{
	int pid = attach->order->pid;
	bool loaded = attach->image.base;
	if (loaded && attach->state == CT_ATTACH_PRELOADED)
		return ct_error_set(error, CT_ERR_USAGE,
				    "process %d was started with ctrace; 'ctrace ctl %d %s' switches it %s", pid, pid,
				    attach->order->detach ? "off" : "exact", attach->order->detach ? "off" : "on");
	if (attach->order->detach && (!loaded || attach->state != CT_ATTACH_ATTACHED))
		return ct_error_set(error, CT_ERR_USAGE, "process %d is not attached to", pid);
	if (!attach->order->detach && loaded && attach->state == CT_ATTACH_ATTACHED)
		return ct_error_set(error, CT_ERR_USAGE, "process %d is attached to; 'ctrace ctl %d' controls it", pid,
				    pid);
	return CT_OK;
}

/* May the process load the library by its path? Not if its mount namespace shows another file there, or none. */
static bool is_visible(const struct attach *attach)
{
	char path[PATH_MAX];
	struct stat here, there;
	return snprintf(path, sizeof(path), "root%s", attach->library) < (int)sizeof(path) &&
	       stat(attach->library, &here) == 0 && fstatat(attach->remote.process.folder, path, &there, 0) == 0 &&
	       here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

/* Copy the library into a file in memory of the process. */
static bool copy_library(const struct attach *attach, int64_t remote)
{
	char path[64], bytes[1 << 16];
	snprintf(path, sizeof(path), "fd/%lld", (long long)remote);
	int from = open(attach->library, O_RDONLY | O_CLOEXEC);
	int to = openat(attach->remote.process.folder, path, O_WRONLY | O_CLOEXEC);
	ssize_t got = from < 0 || to < 0 ? -1 : 1;
	while (got > 0 && (got = read(from, bytes, sizeof(bytes))) > 0)
		if (write(to, bytes, (size_t)got) != got)
			got = -1;
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return got == 0;
}

static int read_reason(struct ct_injection *injection, struct ct_error_text *error)
{
	struct ct_remote *remote = injection->remote;
	struct ct_error_text ignored;
	uint64_t function = ct_image_find(&remote->libc, "dlerror"), text = 0;
	char line[400] = "";
	if (function && !ct_inject_call(injection, function, 0, 0, &text, &ignored))
		for (size_t i = 0;
		     text && i < sizeof(line) - 1 && ct_remote_read(remote, text + i, line + i, 1) && line[i]; i++)
			;
	line[sizeof(line) - 1] = '\0';
	const char *reason = strrchr(line, ':'); /* behind the path; maybe translated */
	const char *help =
		strstr(reason ? reason : line, "TLS")
			? "; start it with GLIBC_TUNABLES=glibc.rtld.optional_static_tls=4096, or with CTRACE_MODE=off"
			: "";
	return ct_error_set(error, CT_ERR_IO, "process %d cannot load the library: %s%s", remote->process.pid,
			    *line ? line : "its loader has refused", help);
}

/* Let the thread load the file of this name. */
static int load_file(struct attach *attach, struct ct_injection *injection, const char *name,
		     struct ct_error_text *error)
{
	uint64_t room = ct_inject_room(injection), mode = RTLD_NOW_, handle;
	uint64_t function = ct_image_find(&attach->remote.libc, "dlopen");
	if (!function) {
		function = ct_image_find(&attach->remote.libc, "__libc_dlopen_mode");
		mode |= DLOPEN_INSIDE;
	}
	if (!function)
		return ct_error_set(error, CT_ERR_IO, "process %d: its C library has no dlopen", attach->order->pid);
	if (!ct_remote_write(&attach->remote, room, name, strlen(name) + 1))
		return ct_error_set(error, CT_ERR_IO, "process %d has ended", attach->order->pid);
	int code = ct_inject_call(injection, function, room, mode, &handle, error);
	if (!code)
		code = find_library(attach, error);
	return code || attach->image.base ? code : read_reason(injection, error);
}

static int load_copy(struct attach *attach, struct ct_injection *injection, struct ct_error_text *error)
{
	struct ct_error_text ignored;
	uint64_t room = ct_inject_room(injection);
	char path[64];
	int64_t fd = -1, result;
	if (!ct_remote_write(&attach->remote, room, MEMORY_FILE, sizeof(MEMORY_FILE)))
		return ct_error_set(error, CT_ERR_IO, "process %d has ended", attach->order->pid);
	const uint64_t create[7] = {SYS_memfd_create, room, MFD_CLOEXEC};
	int code = ct_inject_syscall(injection, create, &fd, error);
	if (code)
		return code;
	if (fd < 0)
		return ct_error_set(
			error, CT_ERR_IO,
			"process %d does not see %s in its mount namespace, and can make no file in memory: %s",
			attach->order->pid, attach->library, strerror((int)-fd));
	if (!copy_library(attach, fd))
		code = ct_error_set(error, CT_ERR_IO, "process %d: %s cannot be copied into its memory",
				    attach->order->pid, attach->library);
	snprintf(path, sizeof(path), "/proc/self/fd/%lld", (long long)fd);
	if (!code)
		code = load_file(attach, injection, path, error);
	const uint64_t close_it[7] = {SYS_close, (uint64_t)fd};
	if (!injection->gone && ct_inject_syscall(injection, close_it, &result, code ? &ignored : error) && !code)
		code = CT_ERR_IO;
	return code;
}

static int read_answer(struct attach *attach, uint64_t at, struct ct_error_text *error)
{
	struct ct_attach_call call;
	int pid = attach->order->pid;
	if (!ct_remote_read(&attach->remote, at, &call, sizeof(call)) || call.answer == CT_ATTACH_NONE)
		return ct_error_set(error, CT_ERR_IO, "process %d has ended", pid);
	if (call.answer == CT_ATTACH_NOT_STARTED)
		return ct_error_set(
			error, CT_ERR_IO,
			"process %d has loaded the library, but the recording could not start; the reason is on its "
			"stderr",
			pid);
	if (call.answer != CT_ATTACH_DONE)
		return ct_error_set(error, CT_ERR_USAGE, "process %d was started with ctrace; see ctrace ctl", pid);
	attach->done->slots += call.slots;
	attach->done->objects = call.objects;
	attach->done->locked += call.locked;
	attach->done->started |= call.started;
	return CT_OK;
}

static int call_library(struct attach *attach, struct ct_injection *injection, struct ct_error_text *error)
{
	const struct ct_attach_order *order = attach->order;
	uint64_t room = ct_inject_room(injection), ignored;
	uint64_t function = ct_image_find(&attach->image, CT_ATTACH_CALL);
	struct ct_attach_call call = {.action = attach->action};
	if (!function)
		return ct_error_set(error, CT_ERR_IO, "process %d has another version of libctrace.so", order->pid);
	if (!ct_remote_write(&attach->remote, room, &call, sizeof(call)) ||
	    !ct_remote_write(&attach->remote, room + sizeof(call), order->variables, order->variables_bytes))
		return ct_error_set(error, CT_ERR_IO, "process %d has ended", order->pid);
	int code = ct_inject_call(injection, function, room, 0, &ignored, error);
	return code ? code : read_answer(attach, room, error);
}

static int work_in(struct attach *attach, int tid, struct ct_error_text *error)
{
	struct ct_injection injection = {.remote = &attach->remote, .gadgets = &attach->gadgets, .tid = tid};
	struct ct_error_text other;
	int code = ct_inject_begin(&injection, error);
	bool visible = is_visible(attach);
	if (!code && !attach->image.base)
		code = visible ? load_file(attach, &injection, attach->library, error)
			       : load_copy(attach, &injection, error);
	/* Its user may not be allowed to read the file. The reason is in the program's language, or not known. */
	if (code && visible && !injection.gone && !attach->image.base && !load_copy(attach, &injection, &other))
		code = CT_OK;
	if (!code)
		code = call_library(attach, &injection, error);
	int end = ct_inject_end(&injection, code ? &other : error);
	return code ? code : end;
}

/* The line of /proc/PID/task/TID/syscall, and what it says. */
static int64_t read_call(const struct attach *attach, int tid, char where[160])
{
	char path[64];
	snprintf(path, sizeof(path), "task/%d/syscall", tid);
	int fd = openat(attach->remote.process.folder, path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, where, 159);
	if (fd >= 0)
		close(fd);
	where[got > 0 ? got : 0] = '\0';
	return *where >= '0' && *where <= '9' ? strtol(where, NULL, 10) : -1;
}

/* A thread in an uninterruptible wait, such as the parent of vfork, does not stop. */
static bool can_stop(const struct attach *attach, int tid)
{
	char path[64], text[512];
	snprintf(path, sizeof(path), "task/%d/stat", tid);
	int fd = openat(attach->remote.process.folder, path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[got > 0 ? got : 0] = '\0';
	const char *state = strrchr(text, ')');
	return state && state[1] == ' ' && strchr("RS", state[2]);
}

static struct judged *judgement(struct attach *attach, int tid)
{
	for (uint32_t i = 0; i < attach->judged_count; i++)
		if (attach->judged[i].tid == tid)
			return &attach->judged[i];
	if (attach->judged_count == THREADS_MAX)
		return NULL;
	struct judged *judged = &attach->judged[attach->judged_count++];
	*judged = (struct judged){.tid = tid};
	return judged;
}

/* Would a filter of the thread kill it? */
static int check_filters(const struct attach *attach, int tid, struct ct_error_text *error)
{
	char mode[16];
	if (!ct_remote_status(&attach->remote, "Seccomp", mode, sizeof(mode)) || *mode == '0')
		return CT_OK;
	return ct_filters_check(attach->order->pid, tid, error);
}

/* Look at a stopped thread, and use it if it is at a safe point. 1: not safe; 0: done; < 0. Lets it run in any case. */
static int use_stopped(struct attach *attach, int tid, int status, struct judged *judged, const char *where,
		       struct ct_error_text *error)
{
	struct user_regs_struct registers;
	const char *why = status >> 16 != PTRACE_EVENT_STOP ? "about to get a signal"
			  : WSTOPSIG(status) != SIGTRAP     ? "stopped"
							    : NULL;
	int signal = status >> 16 ? 0 : WSTOPSIG(status);
	bool known = ct_inject_get(tid, &registers);
	int code = 1;
	if (!why)
		why = known ? ct_walker_refuses(attach->walker, tid, &registers) : "gone";
	if (!why)
		why = ct_inject_refuses(&attach->remote, &registers);
	if (!why && !(code = check_filters(attach, tid, error)))
		return work_in(attach, tid, error);
	if (why)
		snprintf(attach->why, sizeof(attach->why), "thread %d was %s", tid, why);
	if (judged)
		snprintf(judged->where, sizeof(judged->where), "%s", where);
	/* The kernel would end these waits with EINTR, which the program has no reason to expect. */
	if (known && !signal && (int64_t)registers.rax == -EINTR &&
	    ct_suits((int64_t)registers.orig_rax) == CT_SUITS_LATE) {
		ct_inject_restart(&registers);
		ct_inject_set(tid, &registers);
	}
	ptrace(PTRACE_DETACH, tid, 0, signal);
	return code;
}

/* 1: not this thread, not now; 0: done; < 0. */
static int try_thread(struct attach *attach, int tid, enum ct_suits wanted, struct ct_error_text *error)
{
	char where[160];
	int status;
	struct judged *judged = judgement(attach, tid);
	enum ct_suits suits = ct_suits(read_call(attach, tid, where));
	bool blocked = *where >= '0' && *where <= '9';
	if (suits != wanted || !can_stop(attach, tid) || (blocked && judged && !strcmp(judged->where, where)))
		return 1;
	if (ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD) != 0) {
		/* A thread that is ending gives EPERM too. */
		if (errno != EPERM || !can_stop(attach, tid))
			return 1;
		int code = ct_attach_check_process(&attach->remote, error);
		return code ? code : ct_attach_explain_rights(&attach->remote, error);
	}
	uint64_t start = ct_now_ns();
	attach->done->stops++;
	ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	int got = ct_inject_wait(tid, &status, STOP_MS);
	if (got == 0)
		return ct_error_set(error, CT_ERR_IO, "process %d: its thread %d does not stop; try again",
				    attach->order->pid, tid);
	int code = got < 0 ? 1 : use_stopped(attach, tid, status, judged, where, error);
	attach->done->stopped_ns += ct_now_ns() - start;
	return code;
}

static uint32_t list_threads(const struct attach *attach, int tids[THREADS_MAX])
{
	uint32_t count = 0;
	int fd = openat(attach->remote.process.folder, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	while (folder && count < THREADS_MAX && (entry = readdir(folder)))
		if (*entry->d_name != '.')
			tids[count++] = atoi(entry->d_name);
	if (folder)
		closedir(folder);
	return count;
}

/* Let one thread do the action, one that suits well if there is one. */
static int act(struct attach *attach, uint32_t action, struct ct_error_text *error)
{
	static int tids[THREADS_MAX];
	uint64_t end = ct_now_ns() + SEARCH_NS;
	attach->action = action;
	for (uint32_t round = 0; ct_now_ns() < end; round++) {
		uint32_t count = list_threads(attach, tids);
		if (!count || !ct_process_lives(&attach->remote.process))
			return ct_error_set(error, CT_ERR_IO, "process %d has ended", attach->order->pid);
		for (int suits = CT_SUITS_WELL; suits <= (round ? CT_SUITS_LATE : CT_SUITS_BUSY); suits++)
			for (uint32_t i = 0; i < count; i++) {
				int code = try_thread(attach, tids[i], (enum ct_suits)suits, error);
				if (code <= 0)
					return code;
			}
		usleep(ROUND_US);
	}
	return ct_error_set(error, CT_ERR_IO, "process %d: no thread was at a safe point within %llu s; last, %s",
			    attach->order->pid, SEARCH_NS / 1000000000ull,
			    *attach->why ? attach->why : "none could be stopped");
}

static int prepare(struct attach *attach, struct ct_error_text *error)
{
	struct ct_remote *remote = &attach->remote;
	int code = ct_remote_open(attach->order->pid, remote, error);
	if (!code)
		code = ct_attach_check_process(remote, error);
	if (!code && ct_remote_open_memory(remote, error) != 0)
		code = remote->memory < 0 ? ct_attach_explain_rights(remote, error) : CT_ERR_IO;
	if (!code)
		code = ct_attach_check_program(remote, error);
	if (!code)
		code = find_library(attach, error);
	if (!code)
		code = check_library(attach, error);
	if (!code && !attach->image.base)
		code = ct_library_find(NULL, attach->library, error);
	if (!code)
		code = ct_gadgets_find(remote, &attach->gadgets, error);
	if (code)
		return code;
	attach->walker = ct_walker_new(remote);
	attach->judged = calloc(THREADS_MAX, sizeof(*attach->judged));
	return attach->walker && attach->judged ? CT_OK : no_memory_left(attach, error);
}

int ct_attach(const struct ct_attach_order *order, struct ct_attach_done *done, struct ct_error_text *error)
{
	struct attach attach = {.order = order, .done = done, .remote = {.process = {.folder = -1}, .memory = -1}};
	struct ct_error_text ignored;
	sigset_t child, before;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &before);
	*done = (struct ct_attach_done){0};
	int code = prepare(&attach, error);
	if (!code && order->allowed)
		order->allowed(order);
	if (!code)
		code = act(&attach, order->detach ? CT_ATTACH_DETACH : CT_ATTACH_ATTACH, error);
	if (!code && !order->detach) {
		/* An object that a thread was about to load, and slots that a thread was about to fill. */
		usleep(SECOND_PASS_US);
		act(&attach, CT_ATTACH_AGAIN, &ignored);
	}
	if (!code && !order->detach)
		ct_pointers_count(&attach.remote, done);
	ct_walker_free(attach.walker);
	ct_image_free(&attach.image);
	free(attach.judged);
	ct_remote_close(&attach.remote);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return code;
}
