/* SPDX-License-Identifier: MIT */
/*
 * Segments: parts of a recording with counters of their own. Call tree, modules and names go on; sites, totals,
 * timeline and snapshots begin again. The counters of an earlier segment are kept in the section SEGMENTS.
 *
 * A segment begins at a time. Events before it belong to the segment before, whatever thread they are of, and blocks
 * that were born before it are stale: frees of them are left out by the fold. The caller of these functions holds
 * ct_lock_combine.
 */
#ifndef CT_STORE_SEGMENT_H
#define CT_STORE_SEGMENT_H

#include "ctrace/store.h"
#include "sys/compiler.h"

/* The first segment, at start. */
CT_COLD void ct_segment_init(uint32_t mode, uint64_t sample_bytes, struct ct_span name);

/*
 * Begin a segment now. If there is no room for the counters of the one before, they are dropped, which the header
 * counts. No hook may begin to record meanwhile.
 */
CT_COLD void ct_segment_begin(uint32_t mode, uint64_t sample_bytes, struct ct_span name);

/* The recording is off: the segment ends now. */
CT_COLD void ct_segment_end(void);

#endif
