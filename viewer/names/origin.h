/* SPDX-License-Identifier: MIT */
/*
 * Where code comes from, told from one name: the runtime and standard library of C, C++ and Rust, an allocator, or the
 * program itself and other libraries. model/origin.h combines what the parts of a frame say.
 */
#ifndef CT_NAMES_ORIGIN_H
#define CT_NAMES_ORIGIN_H

#include <stdint.h>

enum {
	CT_FROM_ALLOCATOR = 1,
	CT_FROM_LIBRARY = 2,
};

/* By the name of a function, as demangled. */
unsigned ct_origin_of_function(const char *name);

/* By the path of a source file. */
unsigned ct_origin_of_file(const char *path);

/* By a source file of which only the name is known, as in Valgrind's reports. */
unsigned ct_origin_of_file_name(const char *path);

/* By the path of an object file. */
unsigned ct_origin_of_module(const char *path);

#endif
