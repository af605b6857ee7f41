/* SPDX-License-Identifier: MIT */
/*
 * Parses a DHAT frame string:
 *   0x109478: node_new (sample.c:24)          Valgrind, ctrace
 *   0x48417B4: malloc (in /usr/lib/libx.so)   no line information
 *   0x109478: ??? (in ???)                    nothing known
 *   0x7f0: alloc::alloc (src/alloc.rs:87:14)  dhat-rs, with a column
 * Any other text is a function's name as a whole.
 */
#ifndef CT_LOAD_DHAT_DHAT_FRAME_H
#define CT_LOAD_DHAT_DHAT_FRAME_H

#include <stddef.h>

#include "model/profile.h"

/* Fill frame and intern its strings; inlined is false. 0, or < 0 when out of memory. */
int ct_dhat_frame_parse(struct ct_profile *profile, const char *text, size_t length, struct ct_frame *frame);

#endif
