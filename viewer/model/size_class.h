/* SPDX-License-Identifier: MIT */
/*
 * Size classes: how many bytes an allocator takes for a block of a size. The bytes that it takes beside the requested
 * ones are the block's *slack*; a header is part of it. The tables are in model/size_classes.def.
 */
#ifndef CT_MODEL_SIZE_CLASS_H
#define CT_MODEL_SIZE_CLASS_H

#include <stdint.h>

enum ct_allocator {
#define CT_ALLOCATOR(name, ...) CT_ALLOCATOR_##name,
#include "model/size_classes.def"
	CT_ALLOCATORS,
};

/* "jemalloc". */
const char *ct_allocator_title(enum ct_allocator allocator);

/* The bytes of each block that hold the allocator's own words. */
uint64_t ct_allocator_header(enum ct_allocator allocator);

/* What the allocator takes for a block of this many bytes, its header included. */
uint64_t ct_class_bytes(enum ct_allocator allocator, uint64_t bytes);

/* The largest size that is in a smaller class than this size; 0: none. */
uint64_t ct_class_below(enum ct_allocator allocator, uint64_t bytes);

/* The average slack of a block, in bytes, if all sizes from low to high are equally frequent. */
double ct_class_slack(enum ct_allocator allocator, uint64_t low, uint64_t high);

#endif
