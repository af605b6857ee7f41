/* SPDX-License-Identifier: MIT */
/* What a store says about its process in a few numbers, without names: for readers that look often at many stores. */
#ifndef CT_LOAD_STORE_STORE_NUMBERS_H
#define CT_LOAD_STORE_STORE_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "load/store/store_file.h"
#include "model/profile.h"

#define CT_CURVE_POINTS 64

struct ct_store_numbers {
	uint64_t total_bytes, total_blocks, live_bytes, live_blocks, peak_bytes, peak_blocks;
	uint64_t temporary_blocks, copied_bytes, slack_bytes; /* sums over the sites */
	uint64_t peak_unix_ns, start_unix_ns;
	uint64_t sites; /* with an allocation */
	uint64_t nodes;
	uint64_t own_bytes;
	uint64_t sample_bytes; /* 0: every allocation was recorded */
	uint32_t state; /* enum ct_store_state */
	uint32_t mode; /* enum ct_control_mode */
	uint32_t segment; /* number of the one that is recorded; its counters began at 0 */
	uint32_t request; /* the latest request of `ctrace ctl` that was done */
	bool paused; /* by `ctrace ctl` */
	bool has_details, has_slack; /* copied_bytes, slack_bytes are known */
	struct ct_losses losses;
	uint64_t curve[CT_CURVE_POINTS]; /* the most live bytes in equal parts of the run so far */
	size_t curve_count;
};

/* Fill in the numbers from a store that was read. */
void ct_store_numbers(const struct ct_store_file *store, struct ct_store_numbers *numbers);

/*
 * A number that changes whenever an event or anything else is written to the store. It costs two short readings, so an
 * idle store need not be read again. Taken before a reading, it belongs to that reading. 0 or < 0.
 */
int ct_store_mark(int fd, uint64_t *mark, struct ct_error_text *error);

#endif
