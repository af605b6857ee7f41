/* SPDX-License-Identifier: MIT */
/* The C library's loader, started as a program: `ld-linux-x86-64.so.2 [OPTION...] PROGRAM [ARGUMENT...]`. */
#ifndef CT_RECORD_LOADER_H
#define CT_RECORD_LOADER_H

#include <stdbool.h>
#include <stddef.h>

enum ct_loader {
	CT_LOADER_NONE, /* not a loader */
	CT_LOADER_GLIBC,
	CT_LOADER_MUSL, /* musl's C library is its own loader */
};

/* Which loader is this, whatever its name is? The bytes are the first segment of an ELF file that needs no loader. */
enum ct_loader ct_loader_kind(const char *bytes, size_t length);

/* The position of PROGRAM in the loader's arguments, of which the first is its own name; 0: it starts none. */
size_t ct_loader_program(char *const *arguments);

#endif
