/* SPDX-License-Identifier: MIT */
/*
 * What libctrace.so and libctrace-copy.so say to each other. The second library has memcpy and its kin, so that the
 * first one need not have them: where copies are not recorded, none of them costs anything.
 */
#ifndef CT_COPY_H
#define CT_COPY_H

#include <stdint.h>

/* A copy of this many bytes is about to be made, for the function whose registers these are. */
typedef void ct_copy_recorder(uint64_t bytes, uintptr_t pc, uintptr_t sp, uintptr_t bp);

/* Let libctrace-copy.so report copies from now on. Weak: that library may be missing. */
__attribute__((weak, visibility("default"))) void ctrace_copy_begin(ct_copy_recorder *recorder);

#endif
