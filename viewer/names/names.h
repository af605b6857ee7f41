/* SPDX-License-Identifier: MIT */
/* How frames are named on the screen. A *place* is "file.c:24" or "[libc.so.6]". */
#ifndef CT_NAMES_NAMES_H
#define CT_NAMES_NAMES_H

#include <stddef.h>

#include "model/profile.h"

#define CT_NAME_ROOM 512

/*
 * A number for each function, from 1 to 2 * string_count - 1. It does not change when strings are added. Frames of the
 * same function have the same number; unnamed code is one function per object file.
 */
uint32_t ct_name_key(const struct ct_frame *frame);

/* The function without parameters and with long template arguments as <…>; "[libc.so.6]" or "???" if not known. */
char *ct_name_short(const struct ct_profile *profile, const struct ct_frame *frame, char out[CT_NAME_ROOM]);

/* The function in two words at most, for a call that is named beside its caller: "vector::emplace_back", "fopen". */
char *ct_name_call(const struct ct_profile *profile, const struct ct_frame *frame, char out[CT_NAME_ROOM]);

/* The length without " [clone .cold]" and the like at the end. */
size_t ct_name_without_clones(const char *name, size_t length);

/* The function's name in a demangled symbol, after its return type. */
const char *ct_name_start(const char *name);

/* The length of a demangled symbol without its parameters and marks. */
size_t ct_name_length(const char *name);

/* The frame's place; "" if nothing is known. */
char *ct_name_place(const struct ct_profile *profile, const struct ct_frame *frame, char out[CT_NAME_ROOM]);

/* The part of a path after its last slash. */
const char *ct_name_base(const char *path);

#endif
