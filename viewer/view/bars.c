/* SPDX-License-Identifier: MIT */
#include "view/bars.h"

#include <stdlib.h>
#include <string.h>

#include "names/number.h"

#define COLUMNS_MAX 16
#define GAP 2
#define NS_PER_US 1e3

static const char *const names[CT_HISTOGRAM_KINDS] = {"sizes", "lifetimes"};
static const char *const heads[CT_HISTOGRAM_KINDS] = {"SIZES", "LIFETIMES"};

int ct_bars_init(struct ct_bars *bars, const struct ct_profile *profile, const struct ct_fold *fold,
		 const bool *left_out)
{
	*bars = (struct ct_bars){.profile = profile,
				 .sites = calloc(profile->site_count + 1, sizeof(*bars->sites)),
				 .starts = calloc(fold->count + 2, sizeof(*bars->starts))};
	if (!bars->sites || !bars->starts)
		return -1;
	uint32_t *ends = bars->starts + 1; /* first the ends of the rows before, then their own */
	for (size_t i = 0; i < fold->count; i++)
		ends[i + 1] = ends[i] + fold->rows[i].site_count;
	for (size_t i = 0; i < profile->site_count; i++)
		if (!(left_out && left_out[i]))
			bars->sites[ends[fold->row_of[i]]++] = (uint32_t)i;
	return 0;
}

void ct_bars_fini(struct ct_bars *bars)
{
	free(bars->sites);
	free(bars->starts);
}

struct ct_spread ct_bars_sum(const struct ct_bars *bars, uint32_t row, enum ct_histogram_kind kind)
{
	struct ct_spread spread = {{0}};
	for (uint32_t i = bars->starts[row]; i < bars->starts[row + 1]; i++)
		ct_spread_add(&spread, bars->profile, &bars->profile->sites[bars->sites[i]], kind);
	return spread;
}

/* "64 KiB" or "12.3 ms": where a bucket begins. */
static char *format_start(const struct ct_profile *profile, enum ct_histogram_kind kind, unsigned bucket,
			  char out[CT_NUMBER_ROOM])
{
	double start = ct_bucket_start(profile, kind, bucket);
	if (kind == CT_HISTOGRAM_LIFETIMES)
		return ct_number_time(out, start / NS_PER_US, "µs");
	return profile->mode == CT_MODE_AD_HOC ? ct_number_exact(out, (uint64_t)start)
					       : ct_number_bytes(out, (uint64_t)start);
}

static void add_range(struct ct_line *line, const struct ct_profile *profile, enum ct_histogram_kind kind,
		      unsigned first, unsigned last)
{
	char from[CT_NUMBER_ROOM], to[CT_NUMBER_ROOM];
	format_start(profile, kind, first, from);
	if (last + 1 == CT_BUCKETS)
		ct_line_format(line, "from %s", from);
	else
		ct_line_format(line, "%s to %s", from, format_start(profile, kind, last + 1, to));
}

static void add_columns(struct ct_line *line, const struct ct_spread *spread, unsigned first, unsigned last,
			unsigned step)
{
	double columns[CT_BUCKETS] = {0}, most = 0;
	for (unsigned i = first; i <= last; i++) {
		double *column = &columns[(i - first) / step];
		*column += (double)spread->blocks[i];
		most = *column > most ? *column : most;
	}
	ct_line_style(line, CT_STYLE_BAR);
	for (unsigned i = 0; i <= (last - first) / step; i++) {
		int height = columns[i] > 0 ? (int)(columns[i] / most * CT_SPARK_MAX + 0.5) : 0;
		ct_line_add_spark(line, columns[i] > 0 && !height ? 1 : height);
	}
	ct_line_style(line, CT_STYLE_PLAIN);
}

void ct_bars_show(struct ct_bars *bars, enum ct_histogram_kind kind, const uint32_t *rows, size_t count,
		  struct ct_line *line)
{
	struct ct_spread all = {{0}};
	unsigned first, last, step = 1;
	for (size_t i = 0; i < count; i++) {
		struct ct_spread spread = ct_bars_sum(bars, rows[i], kind);
		for (unsigned j = 0; j < CT_BUCKETS; j++)
			all.blocks[j] |= spread.blocks[j];
	}
	if (!ct_spread_range(&all, &first, &last))
		return;
	while ((last - first) / step >= COLUMNS_MAX)
		step++;
	int columns = (int)((last - first) / step) + 1, head = (int)strlen(heads[kind]);
	bars->axes[kind].first = first;
	bars->axes[kind].last = last;
	bars->axes[kind].step = step;
	bars->axes[kind].width = columns > head ? columns : head;
	ct_line_style(line, CT_STYLE_QUIET);
	ct_line_add(line, names[kind]);
	ct_line_style(line, CT_STYLE_PLAIN);
	ct_line_add_blanks(line, CT_LABEL_WIDTH - line->columns);
	add_range(line, bars->profile, kind, first, last);
	ct_line_format(line, "; each column of a bar is a factor of %u", 1u << step);
	ct_line_end(line);
}

int ct_bars_width(const struct ct_bars *bars)
{
	int width = 0;
	for (int i = 0; i < CT_HISTOGRAM_KINDS; i++)
		width += bars->axes[i].width ? bars->axes[i].width + GAP : 0;
	return width;
}

void ct_bars_heads(const struct ct_bars *bars, struct ct_line *line)
{
	for (int i = 0; i < CT_HISTOGRAM_KINDS; i++) {
		int end = line->columns + bars->axes[i].width + GAP;
		if (!bars->axes[i].width)
			continue;
		ct_line_style(line, CT_STYLE_HEAD);
		ct_line_add(line, heads[i]);
		ct_line_style(line, CT_STYLE_PLAIN);
		ct_line_add_blanks(line, end - line->columns);
	}
}

void ct_bars_row(const struct ct_bars *bars, uint32_t row, struct ct_line *line)
{
	for (int i = 0; i < CT_HISTOGRAM_KINDS; i++) {
		int end = line->columns + bars->axes[i].width + GAP;
		if (!bars->axes[i].width)
			continue;
		struct ct_spread spread = ct_bars_sum(bars, row, (enum ct_histogram_kind)i);
		add_columns(line, &spread, bars->axes[i].first, bars->axes[i].last, bars->axes[i].step);
		ct_line_add_blanks(line, end - line->columns);
	}
}

void ct_line_add_spread(struct ct_line *line, const struct ct_profile *profile, enum ct_histogram_kind kind,
			const struct ct_spread *spread)
{
	unsigned first, last, most;
	double sum = 0;
	char percent[CT_NUMBER_ROOM];
	ct_line_style(line, CT_STYLE_QUIET);
	ct_line_add(line, names[kind]);
	ct_line_style(line, CT_STYLE_PLAIN);
	ct_line_add_blanks(line, 2 + (int)(strlen(names[CT_HISTOGRAM_LIFETIMES]) - strlen(names[kind])));
	if (!ct_spread_range(spread, &first, &last)) {
		ct_line_add(line, kind == CT_HISTOGRAM_LIFETIMES ? "none was freed" : "none");
		return;
	}
	most = first;
	for (unsigned i = first; i <= last; i++) {
		sum += (double)spread->blocks[i];
		most = spread->blocks[i] > spread->blocks[most] ? i : most;
	}
	if (last > first) {
		add_columns(line, spread, first, last, 1);
		ct_line_add(line, "  ");
	}
	add_range(line, profile, kind, first, last);
	if (last > first) {
		ct_line_format(line, ", %s %% ", ct_number_percent(percent, (double)spread->blocks[most], sum));
		add_range(line, profile, kind, most, most);
	}
}
