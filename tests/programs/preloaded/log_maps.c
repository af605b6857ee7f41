/* SPDX-License-Identifier: MIT */
/*
 * Preloaded in front of the library under test: writes each call of mmap, munmap and mremap to the file MAPS_LOG.PID,
 * as five words: the call's letter, address, bytes, new bytes, result. A process's threads write whole lines.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static void put(char call, const void *address, size_t bytes, size_t new_bytes, const void *result)
{
	int saved = errno;
	const char *folder = getenv("MAPS_LOG");
	char name[4096], line[128];
	snprintf(name, sizeof(name), "%s.%d", folder ? folder : "/dev/null", getpid());
	int fd = (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int length = snprintf(line, sizeof(line), "%c %lu %zu %zu %ld\n", call, (unsigned long)(uintptr_t)address,
			      bytes, new_bytes, (long)(intptr_t)result);
	if (syscall(SYS_write, fd, line, length) != length && folder)
		abort();
	syscall(SYS_close, fd);
	errno = saved;
}

void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	void *(*next)(void *, size_t, int, int, int, off_t) = dlsym(RTLD_NEXT, "mmap");
	void *result = next(address, bytes, protection, flags, fd, offset);
	put('m', address, bytes, 0, result);
	return result;
}

void *mmap64(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	return mmap(address, bytes, protection, flags, fd, offset);
}

int munmap(void *address, size_t bytes)
{
	int (*next)(void *, size_t) = dlsym(RTLD_NEXT, "munmap");
	put('u', address, bytes, 0, NULL); /* before another thread can get the addresses */
	return next(address, bytes);
}

void *mremap(void *address, size_t bytes, size_t new_bytes, int flags, ...)
{
	void *(*next)(void *, size_t, size_t, int, ...) = dlsym(RTLD_NEXT, "mremap");
	va_list list;
	va_start(list, flags);
	void *to = flags & MREMAP_FIXED ? va_arg(list, void *) : NULL;
	va_end(list);
	void *result = next(address, bytes, new_bytes, flags, to);
	put('r', address, bytes, new_bytes, result);
	return result;
}
