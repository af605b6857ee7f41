/* SPDX-License-Identifier: MIT */
/* What belongs to an allocator: malloc and its kin, operator new, private parts of libstdc++'s containers. */
#ifndef CT_NAMES_ALLOCATORS_H
#define CT_NAMES_ALLOCATORS_H

#include <stdbool.h>

bool ct_allocator_has_function(const char *function);
bool ct_allocator_has_file(const char *path);

#endif
