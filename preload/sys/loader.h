/* SPDX-License-Identifier: MIT */
/*
 * Functions that not every C library has, or not under one symbol version. If a name or a version were missing, the
 * program could not start.
 *
 * dlopen, dlsym, dlvsym and dladdr1 are linked by the versions that they have in libdl. libc.so.6 knows these versions
 * too, since it took the functions over in 2.34. So the library is linked with both. What musl lacks is weak: a traced
 * program may start a musl program, which then gets the preload too and runs without being recorded.
 */
#ifndef CT_SYS_LOADER_H
#define CT_SYS_LOADER_H

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>

#include "sys/machine.h"

__asm__(CT_MACHINE_LOADER);

#define CT_WEAK __attribute__((weak))

extern void *__libc_stack_end CT_WEAK; /* argc, argv, NULL, environment, NULL */
extern struct r_debug _r_debug CT_WEAK; /* the list of loaded objects */
int dladdr1(const void *address, Dl_info *info, void **extra, int flags) CT_WEAK;
void *dlvsym(void *handle, const char *name, const char *version) CT_WEAK;
int __cxa_at_quick_exit(void (*function)(void *), void *library) CT_WEAK;
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *library) CT_WEAK;

/* If false, none of these functions may be called. */
static inline bool ct_loader_is_glibc(void)
{
	return &__libc_stack_end && dladdr1 && __cxa_at_quick_exit && __register_atfork;
}

#endif
