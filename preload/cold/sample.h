/* SPDX-License-Identifier: MIT */
#ifndef CT_COLD_SAMPLE_H
#define CT_COLD_SAMPLE_H

#include "sys/compiler.h"

/* Mean distance of the points, bytes; above it the weight of a byte would not fit into an event. */
#define CT_SAMPLE_BYTES_MAX (1ull << 27)

/* From here on only a sample is recorded; 0: everything is. */
CT_COLD void ct_sample_init(uint64_t mean_bytes);

#endif
