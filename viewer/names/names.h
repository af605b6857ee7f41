/* SPDX-License-Identifier: MIT */
/*
 * What a frame is called on the screen. A *place* is "file.c:24" or "[libc.so.6]". The *leaf* of a
 * stack is its first frame that is not the allocator itself: malloc, operator new, std::allocator and
 * their like are in every stack and say nothing, so only --full shows them.
 */
#ifndef CT_NAMES_NAMES_H
#define CT_NAMES_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "model/profile.h"

#define CT_NAME_ROOM 512

/* Is the frame part of an allocator? */
bool ct_name_is_allocator(const struct ct_profile *profile, const struct ct_frame *frame);

/* Whether each frame of the profile is one: frame_count flags for free(), NULL without memory. */
bool *ct_names_find_allocators(const struct ct_profile *profile);

/* Index in the site's frames of its leaf. A stack of nothing but allocators has its outermost frame. */
uint32_t ct_name_leaf(const struct ct_profile *profile, const bool *allocators, const struct ct_site_row *site);

/*
 * One number per function, from 1 to below twice string_count, which stays when strings are added: frames of one
 * function have the same, and code without a name is one function per object file.
 */
uint32_t ct_name_key(const struct ct_frame *frame);

/* The function without its parameters, long template arguments as <…>; "[libc.so.6]" or "???" when not known. */
char *ct_name_short(const struct ct_profile *profile, const struct ct_frame *frame, char out[CT_NAME_ROOM]);

/* The place; "" when nothing is known. */
char *ct_name_place(const struct ct_profile *profile, const struct ct_frame *frame, char out[CT_NAME_ROOM]);

/* The part of a path behind its last slash. */
const char *ct_name_base(const char *path);

#endif
