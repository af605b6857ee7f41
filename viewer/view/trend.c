/* SPDX-License-Identifier: MIT */
#include "view/trend.h"

#include <string.h>

#include "view/change.h"
#include "view/line.h"

#define GAP 2
#define LABEL_MAX 32
#define SPARKS_MAX 60
#define SCALE_MIN 0.1 /* the smallest height of a scale, as a share of the largest value */

size_t ct_trend_shown(const struct ct_trend_view *view)
{
	size_t count = view->trend->site_count;
	return view->rows && view->rows < count ? view->rows : count;
}

const char *ct_trend_head(enum ct_metric metric)
{
	switch (metric) {
	case CT_METRIC_TOTAL_BYTES:
		return "total";
	case CT_METRIC_PEAK_BYTES:
		return "peak";
	case CT_METRIC_END_BYTES:
		return "at end";
	case CT_METRIC_TOTAL_BLOCKS:
		return "blocks";
	default:
		return ct_metric_name(metric);
	}
}

char *ct_trend_amount(const struct ct_trend *trend, enum ct_metric metric, uint64_t amount, char out[CT_NUMBER_ROOM])
{
	const struct ct_profile *profile = trend->profiles[CT_DIFF_OLD];
	if (metric == CT_METRIC_LIFETIME)
		return ct_number_time(out, (double)amount, profile->time_unit);
	if (!ct_metric_is_bytes(metric) || profile->mode == CT_MODE_AD_HOC)
		return ct_number_exact(out, amount);
	return ct_number_bytes(out, amount);
}

char *ct_trend_signed(const struct ct_trend *trend, enum ct_metric metric, int64_t change, char out[CT_NUMBER_ROOM])
{
	*out = change > 0 ? '+' : '-';
	ct_trend_amount(trend, metric, change > 0 ? (uint64_t)change : -(uint64_t)change, out + (change != 0));
	return out;
}

char *ct_trend_percent(int64_t change, uint64_t whole, char out[CT_NUMBER_ROOM])
{
	*out = '\0';
	double percent = whole ? (double)change / (double)whole * 100 : 0;
	if (whole)
		snprintf(out, CT_NUMBER_ROOM, "%+.*f %%", percent < 1000 ? 1 : 0, percent);
	return out;
}

char *ct_trend_site(const struct ct_trend *trend, const struct ct_trend_site *site, char out[CT_TREND_SITE_ROOM])
{
	const struct ct_profile *profile = trend->profiles[CT_DIFF_NEW];
	const struct ct_site_row *row = site->row->examples[CT_DIFF_NEW];
	const uint32_t *ids = profile->frame_ids + row->first_frame;
	char name[CT_NAME_ROOM];
	ct_name_short(profile, &profile->frames[ids[site->frame]], out);
	if (*ct_name_place(profile, &profile->frames[ids[site->frame]], name))
		strcat(strcat(out, " "), name);
	uint32_t caller = site->frame + 1;
	while (caller < row->frame_count && !profile->frames[ids[caller]].function)
		caller++;
	if (caller < row->frame_count && strlen(out) < CT_NAME_ROOM)
		strcat(strcat(out, " < "), ct_name_short(profile, &profile->frames[ids[caller]], name));
	return out;
}

double ct_trend_scale(const struct ct_trend *trend, enum ct_metric metric, double *top)
{
	double low = 0, high = 0;
	bool first = true;
	for (size_t i = 0; i < trend->count; i++) {
		double value = (double)trend->runs[i].values[metric];
		if (!trend->runs[i].has[metric])
			continue;
		low = first || value < low ? value : low;
		high = first || value > high ? value : high;
		first = false;
	}
	*top = high;
	return high - low < high * SCALE_MIN ? high * (1 - SCALE_MIN) : low;
}

enum { CHANGE = CT_TREND_METRICS_MAX, PERCENT, COLUMNS };

struct table {
	const struct ct_trend *trend;
	struct ct_line line;
	int label_width;
	int widths[COLUMNS];
	bool shown[COLUMNS];
};

/* The text of a cell; run = count: the head. */
static char *cell(const struct ct_trend *trend, size_t run, int column, char out[CT_NUMBER_ROOM])
{
	int64_t change;
	bool head = run == trend->count;
	enum ct_metric metric = column < CHANGE ? trend->metrics[column] : trend->metric;
	if (head) {
		const char *text = column == CHANGE ? "CHANGE" : column == PERCENT ? "%" : ct_trend_head(metric);
		size_t i = 0;
		for (; text[i]; i++)
			out[i] = text[i] >= 'a' && text[i] <= 'z' ? text[i] - 'a' + 'A' : text[i];
		out[i] = '\0';
		return out;
	}
	if (column < CHANGE && !trend->runs[run].has[metric])
		return strcpy(out, "-");
	if (column < CHANGE)
		return ct_trend_amount(trend, metric, trend->runs[run].values[metric], out);
	if (!ct_trend_change(trend, run, metric, &change) || !change)
		return strcpy(out, "-");
	if (column == CHANGE)
		return ct_trend_signed(trend, metric, change, out);
	if (!*ct_trend_percent(change, trend->runs[run - 1].values[metric], out))
		return strcpy(out, "-");
	out[strlen(out) - 2] = '\0'; /* the head says % */
	return out;
}

static void measure(struct table *table)
{
	const struct ct_trend *trend = table->trend;
	const struct ct_terminal *terminal = table->line.terminal;
	char text[CT_NUMBER_ROOM];
	table->label_width = 3;
	for (size_t i = 0; i < trend->count; i++) {
		int width = ct_line_width(terminal, trend->runs[i].label);
		table->label_width = width > table->label_width ? width : table->label_width;
	}
	if (table->label_width > LABEL_MAX)
		table->label_width = LABEL_MAX;
	for (int column = 0; column < COLUMNS; column++) {
		table->shown[column] = column >= CHANGE || (size_t)column < trend->metric_count;
		for (size_t i = 0; i <= trend->count && table->shown[column]; i++) {
			int width = ct_line_width(terminal, cell(trend, i, column, text));
			table->widths[column] = width > table->widths[column] ? width : table->widths[column];
		}
	}
}

/* run = count: the heads. */
static void put_row(struct table *table, size_t run)
{
	const struct ct_trend *trend = table->trend;
	struct ct_line *line = &table->line;
	bool head = run == trend->count;
	char text[CT_NUMBER_ROOM];
	ct_line_style(line, head ? CT_STYLE_HEAD : CT_STYLE_STRONG);
	ct_line_add_cut(line, head ? "RUN" : trend->runs[run].label, table->label_width);
	ct_line_style(line, CT_STYLE_PLAIN);
	ct_line_add_blanks(line, table->label_width - line->columns);
	for (int column = 0; column < COLUMNS; column++) {
		bool changes = column >= CHANGE;
		enum ct_style style = CT_STYLE_PLAIN;
		int64_t change;
		if (!table->shown[column])
			continue;
		cell(trend, run, column, text);
		if (head)
			style = changes || trend->metrics[column] == trend->metric ? CT_STYLE_SORTED : CT_STYLE_HEAD;
		else if (changes && ct_trend_change(trend, run, trend->metric, &change))
			style = ct_change_style(change, (double)trend->runs[run - 1].values[trend->metric]);
		ct_line_add_blanks(line, GAP + table->widths[column] - ct_line_width(line->terminal, text));
		ct_line_style(line, style);
		ct_line_add(line, text);
		ct_line_style(line, CT_STYLE_PLAIN);
	}
	ct_line_end(line);
}

/* A bar for each run; if there are too many runs, for the largest value of several. */
static void add_sparks(const struct ct_trend *trend, enum ct_metric metric, struct ct_line *line)
{
	double top, low = ct_trend_scale(trend, metric, &top);
	size_t cells = trend->count < SPARKS_MAX ? trend->count : SPARKS_MAX;
	ct_line_style(line, CT_STYLE_BAR);
	for (size_t i = 0; i < cells; i++) {
		int height = 0;
		for (size_t run = i * trend->count / cells; run < (i + 1) * trend->count / cells; run++) {
			double value = (double)trend->runs[run].values[metric];
			double part = top > low ? (value - low) / (top - low) : 0;
			int bar = 1 + (int)(part * (CT_SPARK_MAX - 1) + 0.5);
			if (trend->runs[run].has[metric] && bar > height)
				height = bar;
		}
		ct_line_add_spark(line, height);
	}
	ct_line_style(line, CT_STYLE_PLAIN);
}

static void put_sparks(struct table *table)
{
	const struct ct_trend *trend = table->trend;
	struct ct_line *line = &table->line;
	char first_text[CT_NUMBER_ROOM], last_text[CT_NUMBER_ROOM], percent[CT_NUMBER_ROOM];
	for (size_t i = 0; i < trend->metric_count; i++) {
		enum ct_metric metric = trend->metrics[i];
		size_t first, last;
		if (!ct_trend_ends(trend, metric, &first, &last))
			continue;
		uint64_t old = trend->runs[first].values[metric], new = trend->runs[last].values[metric];
		int64_t change = (int64_t)(new - old);
		ct_line_style(line, CT_STYLE_QUIET);
		ct_line_add(line, ct_trend_head(metric));
		ct_line_style(line, CT_STYLE_PLAIN);
		ct_line_add_blanks(line, CT_LABEL_WIDTH - line->columns);
		ct_line_add_blanks(line, line->columns < CT_LABEL_WIDTH ? 0 : 1);
		add_sparks(trend, metric, line);
		ct_line_format(line, "  %s to %s  ", ct_trend_amount(trend, metric, old, first_text),
			       ct_trend_amount(trend, metric, new, last_text));
		ct_line_style(line, ct_change_style(change, (double)old));
		ct_line_add(line, change ? ct_trend_percent(change, old, percent) : "no change");
		ct_line_style(line, CT_STYLE_PLAIN);
		ct_line_end(line);
	}
	ct_line_end(line);
}

static void put_sites(struct table *table, const struct ct_trend_view *view)
{
	const struct ct_trend *trend = view->trend;
	struct ct_line *line = &table->line;
	size_t shown = ct_trend_shown(view);
	char number[CT_NUMBER_ROOM], percent[CT_NUMBER_ROOM], text[CT_TREND_SITE_ROOM];
	uint64_t old = trend->runs[0].values[trend->metric];
	int width = 0;
	if (!trend->compared)
		return;
	ct_line_format(line, "%s in %s from ", shown ? "grown most" : "no site has grown",
		       ct_trend_head(trend->metric));
	ct_line_add(line, trend->runs[0].label);
	ct_line_add(line, " to ");
	ct_line_add(line, trend->runs[trend->count - 1].label);
	ct_line_end(line);
	for (size_t i = 0; i < shown; i++) {
		int wide = ct_line_width(line->terminal,
					 ct_trend_signed(trend, trend->metric, trend->sites[i].change, number));
		width = wide > width ? wide : width;
	}
	for (size_t i = 0; i < shown; i++) {
		ct_line_add_blanks(line, GAP);
		ct_line_add_right(line, ct_trend_signed(trend, trend->metric, trend->sites[i].change, number), width);
		ct_line_add_right(line, ct_trend_percent(trend->sites[i].change, old, percent), 11);
		ct_line_add_blanks(line, GAP);
		ct_line_add_rest(line, ct_trend_site(trend, &trend->sites[i], text));
		ct_line_end(line);
	}
}

int ct_trend_text(const struct ct_trend_view *view, const struct ct_terminal *terminal, FILE *out)
{
	struct table table = {.trend = view->trend};
	ct_line_init(&table.line, terminal, out);
	measure(&table);
	put_row(&table, view->trend->count);
	for (size_t i = 0; i < view->trend->count; i++)
		put_row(&table, i);
	ct_line_end(&table.line);
	if (view->trend->count > 1)
		put_sparks(&table);
	put_sites(&table, view);
	ct_line_fini(&table.line);
	return table.line.failed ? -1 : 0;
}
