/* SPDX-License-Identifier: MIT */
#include "attach/filters.h"

#include <errno.h>
#include <linux/audit.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "ctrace/bpf.h"
#include "ctrace/machine.h"

#define GET_FILTER 0x420c /* PTRACE_SECCOMP_GET_FILTER */
#define FILTERS_MAX 1000u

#define INSTEAD "; start it with CTRACE_MODE=off in place of that"

static const struct call {
	int number;
	const char *name;
} calls[] = {
#define CALL(name)                                                                                                     \
	{                                                                                                              \
		SYS_##name, #name                                                                                      \
	}
	/* Without these, nothing works. */
	CALL(mmap),
	CALL(munmap),
	CALL(rt_sigreturn),
	CALL(mprotect),
	CALL(rt_sigprocmask),
#define NEEDED 5u
	/* These may fail. */
	CALL(openat),
	CALL(read),
	CALL(pread64),
	CALL(write),
	CALL(pwrite64),
	CALL(close),
	CALL(fstat),
	CALL(newfstatat),
	CALL(access),
	CALL(brk),
	CALL(clock_gettime),
	CALL(clone),
	CALL(close_range),
	CALL(dup3),
	CALL(execve),
	CALL(exit),
	CALL(fallocate),
	CALL(ftruncate),
	CALL(fchown),
	CALL(flock),
	CALL(futex),
	CALL(getcwd),
	CALL(getdents64),
	CALL(geteuid),
	CALL(getpid),
	CALL(getppid),
	CALL(getresuid),
	CALL(gettid),
	CALL(ioctl),
	CALL(madvise),
	CALL(membarrier),
	CALL(memfd_create),
	CALL(mincore),
	CALL(mlock2),
	CALL(mremap),
	CALL(msync),
	CALL(munlock),
	CALL(nanosleep),
	CALL(prctl),
	CALL(prlimit64),
	CALL(process_vm_readv),
	CALL(readlink),
	CALL(rt_sigaction),
	CALL(rt_sigpending),
	CALL(rt_sigtimedwait),
	CALL(sched_setscheduler),
	CALL(sched_yield),
	CALL(setresuid),
	CALL(tgkill),
	CALL(uname),
	CALL(unlink),
	CALL(wait4),
#undef CALL
};

/* The strictest answer of all filters, which as a signed number is the smallest. False: one cannot be read. */
static bool ask(int tid, int number, uint64_t argument, int32_t *strictest)
{
	static struct sock_filter code[BPF_MAXINSNS];
	struct seccomp_data data = {.nr = number, .arch = CT_MACHINE_AUDIT, .instruction_pointer = argument};
	for (size_t i = 0; i < sizeof(data.args) / sizeof(data.args[0]); i++)
		data.args[i] = argument;
	*strictest = (int32_t)SECCOMP_RET_ALLOW;
	for (unsigned long i = 0; i < FILTERS_MAX; i++) {
		long length = ptrace(GET_FILTER, tid, i, code);
		if (length < 0)
			return errno == ENOENT && i > 0;
		int32_t action = (int32_t)(ct_bpf_run(code, (uint32_t)length, &data) & SECCOMP_RET_ACTION_FULL);
		if (action < *strictest)
			*strictest = action;
	}
	return false;
}

int ct_filters_check(int pid, int tid, struct ct_error_text *error)
{
	/* What depends on arguments is asked for with two of them. */
	static const uint64_t arguments[] = {0, UINT64_MAX};
	int32_t action;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		for (size_t k = 0; k < sizeof(arguments) / sizeof(arguments[0]); k++) {
			if (!ask(tid, calls[i].number, arguments[k], &action))
				return ct_error_set(
					error, CT_ERR_IO,
					"process %d is in a sandbox (seccomp) whose filters only root can read" INSTEAD,
					pid);
			bool allowed = action == (int32_t)SECCOMP_RET_ALLOW || action == (int32_t)SECCOMP_RET_LOG;
			bool fails = action == (int32_t)SECCOMP_RET_ERRNO && i >= NEEDED;
			if (!allowed && !fails)
				return ct_error_set(
					error, CT_ERR_IO,
					"process %d is in a sandbox (seccomp) that would %s it for %s, which attaching or "
					"recording needs" INSTEAD,
					pid, action == (int32_t)SECCOMP_RET_ERRNO ? "fail" : "kill or stop",
					calls[i].name);
		}
	return CT_OK;
}
