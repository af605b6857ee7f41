/* SPDX-License-Identifier: MIT */
/* The C library's loader, started as a program: `ld-linux-x86-64.so.2 [OPTION...] PROGRAM [ARGUMENT...]`. */
#ifndef CT_RECORD_LOADER_H
#define CT_RECORD_LOADER_H

#include <stdbool.h>
#include <stddef.h>

/* Is this start of an ELF file that of glibc's loader, whatever the file's name is? */
bool ct_loader_is(const char *bytes, size_t length);

/* The position of PROGRAM in the loader's arguments, of which the first is its own name; 0: it starts none. */
size_t ct_loader_program(char *const *arguments);

#endif
