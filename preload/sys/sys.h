/* SPDX-License-Identifier: MIT */
/*
 * System calls without the C library: they leave errno alone, are not cancellation points and cannot be hooked by other
 * libraries. Results are the kernel's: negative errno values on failure. Any thread.
 */
#ifndef CT_SYS_SYS_H
#define CT_SYS_SYS_H

#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "sys/compiler.h"
#include "sys/machine.h"

#ifndef SYS_landlock_restrict_self /* kernels before 5.13 fail it */
#define SYS_landlock_restrict_self 446
#endif
#ifndef SYS_close_range /* C libraries before 2.34 do not define it; kernels before 5.9 fail it */
#define SYS_close_range 436
#endif

/* The program's own seccomp filters, newest first; NULL: none. See sys/sandbox.h. */
extern struct ct_filter *ct_filters;

/* The system call, or -EPERM if a filter would do worse than fail it with an error. */
CT_COLD long ct_syscall_filtered(long number, long a, long b, long c, long d, long e, long f);

static inline long ct_syscall6(long number, long a, long b, long c, long d, long e, long f)
{
	return ct_unlikely(ct_get_relaxed(&ct_filters) != NULL) ? ct_syscall_filtered(number, a, b, c, d, e, f)
								: ct_machine_syscall(number, a, b, c, d, e, f);
}

#define ct_syscall3(n, a, b, c) ct_syscall6((n), (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define ct_syscall4(n, a, b, c, d) ct_syscall6((n), (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

/* NULL on failure. */
static inline void *ct_sys_mmap(void *at, size_t bytes, int protection, int flags, int fd, uint64_t offset)
{
	long result = ct_syscall6(SYS_mmap, (long)at, (long)bytes, protection, flags, fd, (long)offset);
	return result < 0 && result > -4096 ? NULL : (void *)result;
}

static inline void ct_sys_munmap(void *at, size_t bytes)
{
	ct_syscall3(SYS_munmap, at, bytes, 0);
}

static inline int ct_sys_open(const char *path, int flags, int mode)
{
	return (int)ct_syscall4(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}

static inline void ct_sys_close(int fd)
{
	ct_syscall3(SYS_close, fd, 0, 0);
}

static inline long ct_sys_read(int fd, void *buffer, size_t bytes)
{
	return ct_syscall3(SYS_read, fd, buffer, bytes);
}

/* False: not as many bytes. */
static inline bool ct_sys_read_at(int fd, void *buffer, size_t bytes, uint64_t offset)
{
	return ct_syscall4(SYS_pread64, fd, buffer, bytes, offset) == (long)bytes;
}

static inline long ct_sys_write(int fd, const void *buffer, size_t bytes)
{
	return ct_syscall3(SYS_write, fd, buffer, bytes);
}

/* The calls that take a folder: later processors have no others. */
static inline void ct_sys_unlink(const char *path)
{
	ct_syscall3(SYS_unlinkat, AT_FDCWD, path, 0);
}

static inline long ct_sys_readlink(const char *path, char *to, size_t bytes)
{
	return ct_syscall4(SYS_readlinkat, AT_FDCWD, path, to, bytes);
}

static inline uint32_t ct_sys_getpid(void)
{
	return (uint32_t)ct_syscall3(SYS_getpid, 0, 0, 0);
}

static inline uint32_t ct_sys_gettid(void)
{
	return (uint32_t)ct_syscall3(SYS_gettid, 0, 0, 0);
}

/* Copy memory that may not be mapped, of this process or of one that it may trace. The number of bytes copied. */
static inline long ct_sys_read_memory(uint32_t pid, uintptr_t from, void *to, size_t bytes)
{
	struct iovec local = {to, bytes}, remote = {(void *)from, bytes};
	return ct_syscall6(SYS_process_vm_readv, pid, (long)&local, 1, (long)&remote, 1, 0);
}

#endif
