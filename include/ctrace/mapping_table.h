/* SPDX-License-Identifier: MIT */
/*
 * The program's mappings in the traced process (CTRACE_MMAP): rows of 32 bytes, numbered from 1 on. A note in the
 * library says where three variables are: the pointer to the rows, the number of the treap's root, and the number of
 * rows that have memory. The viewer reads them in a running process.
 */
#ifndef CTRACE_MAPPING_TABLE_H
#define CTRACE_MAPPING_TABLE_H

#include <stdint.h>

/* A run of addresses of one mapping. */
struct ct_mapping_range {
	uint64_t start, end;
	uint32_t left, right; /* rows of lower and of higher ranges; 0: none */
	uint32_t mapping; /* its row */
};

/* What one call has mapped. */
struct ct_mapping_origin {
	uint64_t birth; /* ticks */
	uint32_t site;
	uint32_t ranges;
	uint32_t is_stack; /* not bool: the viewer reads any number there */
};

#define CT_MAPPING_ROW_BYTES 32
#define CT_MAPPING_ROWS_MAX (1u << 20)

#endif
