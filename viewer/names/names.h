/* SPDX-License-Identifier: MIT */
/*
 * How frames are named on the screen. A *place* is "file.c:24" or "[libc.so.6]". The *leaf* of a stack is its first
 * frame outside the allocator. malloc, operator new, std::allocator and the like are in every stack and carry no
 * information, so only --full shows them.
 */
#ifndef CT_NAMES_NAMES_H
#define CT_NAMES_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "model/profile.h"

#define CT_NAME_ROOM 512

/* Is the frame part of an allocator? */
bool ct_name_is_allocator(const struct ct_profile *profile, const struct ct_frame *frame);

/* Flags for all frames that are part of an allocator: frame_count of them, to be freed; NULL when out of memory. */
bool *ct_names_find_allocators(const struct ct_profile *profile);

/* The index of the leaf in the site's frames. In a stack of allocators alone, it is the outermost frame. */
uint32_t ct_name_leaf(const struct ct_profile *profile, const bool *allocators, const struct ct_site_row *site);

/*
 * A number for each function, from 1 to 2 * string_count - 1. It does not change when strings are added. Frames of the
 * same function have the same number; unnamed code is one function per object file.
 */
uint32_t ct_name_key(const struct ct_frame *frame);

/* The function without parameters and with long template arguments as <…>; "[libc.so.6]" or "???" if not known. */
char *ct_name_short(const struct ct_profile *profile, const struct ct_frame *frame, char out[CT_NAME_ROOM]);

/* The frame's place; "" if nothing is known. */
char *ct_name_place(const struct ct_profile *profile, const struct ct_frame *frame, char out[CT_NAME_ROOM]);

/* The part of a path after its last slash. */
const char *ct_name_base(const char *path);

#endif
