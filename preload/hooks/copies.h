/* SPDX-License-Identifier: MIT */
#ifndef CT_HOOKS_COPIES_H
#define CT_HOOKS_COPIES_H

/* A recording begins: with CTRACE_COPY, have copies reported. Cold. */
void ct_copies_begin(void);

#endif
