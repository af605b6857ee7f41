/* SPDX-License-Identifier: MIT */
/* Finds the stacks of threads among a process's mappings. */
#ifndef CT_MEMORY_STACKS_H
#define CT_MEMORY_STACKS_H

#include "memory/peer.h"

/*
 * The end of the thread's stack that begins where the area begins; 0: none does. glibc's stacks lie above a page
 * without access, and end in the thread's descriptor; a stack whose thread has ended is kept for the next one. What was
 * mapped behind it may be part of the same area.
 */
uint64_t ct_stack_end(const struct ct_peer *peer, const struct ct_area *area);

#endif
