/* SPDX-License-Identifier: MIT */
/*
 * Histograms of rows as small bars: a column for each bucket, the highest one for the bucket with most blocks. The bars
 * of a table share their axis. Below a whole stack there is a line for each histogram, with its own range.
 */
#ifndef CT_VIEW_BARS_H
#define CT_VIEW_BARS_H

#include "model/fold.h"
#include "model/histogram.h"
#include "view/line.h"

struct ct_bars {
	const struct ct_profile *profile;
	uint32_t *sites; /* sorted by row */
	uint32_t *starts; /* by row: its first one in sites; one more at the end */
	struct {
		unsigned first, last; /* buckets */
		unsigned step; /* buckets in a column */
		int width; /* columns, at least those of the head; 0: not shown */
	} axes[CT_HISTOGRAM_KINDS];
};

/* left_out flags the sites that are in no row; NULL: all are. 0, or < 0 when out of memory; call fini in both cases. */
int ct_bars_init(struct ct_bars *bars, const struct ct_profile *profile, const struct ct_fold *fold,
		 const bool *left_out);
void ct_bars_fini(struct ct_bars *bars);

/* Show the bars of this kind in a table of these rows, and say in a line what their axis is. */
void ct_bars_show(struct ct_bars *bars, enum ct_histogram_kind kind, const uint32_t *rows, size_t count,
		  struct ct_line *line);

/* The columns that the bars fill, with the gaps behind them; their heads; and the bars of a row. */
int ct_bars_width(const struct ct_bars *bars);
void ct_bars_heads(const struct ct_bars *bars, struct ct_line *line);
void ct_bars_row(const struct ct_bars *bars, uint32_t row, struct ct_line *line);

/* The sum of a row's sites. */
struct ct_spread ct_bars_sum(const struct ct_bars *bars, uint32_t row, enum ct_histogram_kind kind);

/* Add a histogram with its numbers: "sizes      ▂█▁  16 B to 128 B, 62.0 % from 32 B to 64 B". */
void ct_line_add_spread(struct ct_line *line, const struct ct_profile *profile, enum ct_histogram_kind kind,
			const struct ct_spread *spread);

#endif
