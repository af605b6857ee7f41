/* SPDX-License-Identifier: MIT */
/*
 * A choice of sites by their blocks: sizes from --min-size to --max-size, and lifetimes from --older to below
 * --younger. A block that is live at the end counts with its age. A site stays if it has such blocks. All its numbers
 * stay, and its *matching* blocks are counted beside them: with limits of both sizes and lifetimes, the lower of the
 * two counts, since it is not known which sizes had which lifetimes.
 *
 * Sites are judged by their histograms. If a limit lies within a bucket, the smallest and largest block of the site may
 * decide; if not, the whole bucket matches, and the limit is rounded. Of live blocks only the times of the site's first
 * and latest allocation are known. If these do not decide, the blocks match.
 */
#ifndef CT_MODEL_BLOCK_FILTER_H
#define CT_MODEL_BLOCK_FILTER_H

#include "model/profile.h"

enum ct_block_limit { CT_LIMIT_MIN_SIZE, CT_LIMIT_MAX_SIZE, CT_LIMIT_OLDER, CT_LIMIT_YOUNGER, CT_BLOCK_LIMITS };

struct ct_block_filter {
	const char *texts[CT_BLOCK_LIMITS]; /* as the user wrote it; NULL: no such limit */
	double limits[CT_BLOCK_LIMITS]; /* bytes, nanoseconds */
};

/* What a filter could not decide. */
struct ct_block_doubt {
	double rounded[CT_BLOCK_LIMITS]; /* the edge that was taken instead of the limit; 0: the limit itself */
	uint64_t live_blocks; /* that match although they may be too young or too old */
};

/* The name of its option: "min-size". */
const char *ct_block_limit_name(enum ct_block_limit limit);

bool ct_block_filter_any(const struct ct_block_filter *filter);

/* Set a limit from "64k", "1.5 MiB", "10s" or "250 ms". False: it is not a size, or not a time. */
bool ct_block_filter_set(struct ct_block_filter *filter, enum ct_block_limit limit, const char *text);

/* The number of matching blocks of a site; doubts are added. */
uint64_t ct_block_filter_count(const struct ct_block_filter *filter, const struct ct_profile *profile,
			       const struct ct_site_row *site, struct ct_block_doubt *doubt);

#endif
