/* SPDX-License-Identifier: MIT */
#ifndef CT_HOOKS_MAPPINGS_H
#define CT_HOOKS_MAPPINGS_H

/* A recording begins: with CTRACE_MMAP, have mappings reported. Cold. */
void ct_mmap_begin(void);

#endif
