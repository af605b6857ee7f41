/* SPDX-License-Identifier: MIT */
/*
 * Functions that not every C library has, or not under one symbol version. If a name or a version were missing, the
 * program could not start.
 *
 * Built for glibc: dlopen, dlsym, dlvsym and dladdr1 are linked by the versions that they have in libdl. libc.so.6
 * knows these versions too, since it took the functions over in 2.34. So the library is linked with both. What musl
 * lacks is weak: a traced program may start a musl program, which then gets the preload too and runs without being
 * recorded.
 *
 * Built for musl: what musl lacks is replaced here. The library names no C library that it needs, since glibc's loader
 * would not find it, and a glibc program that a musl program starts would not start.
 */
#ifndef CT_SYS_LOADER_H
#define CT_SYS_LOADER_H

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "sys/machine.h"

#define CT_WEAK __attribute__((weak))

extern struct r_debug _r_debug CT_WEAK; /* the list of loaded objects; musl has it under another name */

#ifdef __GLIBC__

__asm__(CT_MACHINE_LOADER);

#define CT_LOADER_OURS "glibc"

extern void *__libc_stack_end CT_WEAK;
int dladdr1(const void *address, Dl_info *info, void **extra, int flags) CT_WEAK;
void *dlvsym(void *handle, const char *name, const char *version) CT_WEAK;
int __cxa_at_quick_exit(void (*function)(void *), void *library) CT_WEAK;
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *library) CT_WEAK;
extern void *__dso_handle CT_HIDDEN;

/* Is it the C library that we were built for? If not, none of these functions may be called. */
static inline bool ct_loader_is_ours(void)
{
	return &__libc_stack_end && dladdr1 && __cxa_at_quick_exit && __register_atfork;
}

/* What the kernel has put at the end of the main thread's stack: argc, argv, NULL, environment, NULL. */
static inline const uintptr_t *ct_loader_stack(void)
{
	return __libc_stack_end;
}

/* Is the size of malloc's chunk in the word before a block? */
static inline bool ct_loader_has_chunks(void)
{
	return true;
}

static inline void ct_loader_at_quick_exit(void (*function)(void))
{
	__cxa_at_quick_exit((void (*)(void *))function, NULL);
}

/* Not pthread_atfork: that is linked statically, with a strong reference to __register_atfork. */
static inline void ct_loader_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	__register_atfork(prepare, parent, child, __dso_handle);
}

#else

#include <pthread.h>
#include <unistd.h>

int at_quick_exit(void (*function)(void)) CT_WEAK;
int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) CT_WEAK;
void *pvalloc(size_t bytes); /* a hook without a function behind it */

#define CT_LOADER_OURS "musl"

enum { RTLD_DL_SYMENT = 1, RTLD_DL_LINKMAP };

/* Symbols have no size here, and all are definitions. */
static inline int dladdr1(const void *address, Dl_info *info, void **extra, int flags)
{
	static const ElfW(Sym) definition = {.st_shndx = 1};
	*extra = (void *)&definition;
	return flags == RTLD_DL_SYMENT && dladdr(address, info);
}

static inline void *dlvsym(void *handle, const char *name, const char *version)
{
	(void)handle, (void)name, (void)version;
	return NULL;
}

/* glibc has these two in its static part. */
static inline bool ct_loader_is_ours(void)
{
	return at_quick_exit && pthread_atfork;
}

/* musl's loader sets environ before anything of ours can run, and the program has not replaced it at our start. */
static inline const uintptr_t *ct_loader_stack(void)
{
	static const uintptr_t *start;
	if (!start) {
		const uintptr_t *at = (const uintptr_t *)environ - 2; /* the last argument; a NULL is behind it */
		for (uintptr_t count = 0; *at != count; count++)
			at--;
		start = at;
	}
	return start;
}

static inline bool ct_loader_has_chunks(void)
{
	return false;
}

static inline void ct_loader_at_quick_exit(void (*function)(void))
{
	at_quick_exit(function);
}

static inline void ct_loader_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	pthread_atfork(prepare, parent, child);
}

#endif

#endif
