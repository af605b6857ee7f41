/* SPDX-License-Identifier: MIT */
/* The lines above every table: losses first, then the program, its totals, its peak and its timeline. */
#include "view/view.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "model/losses.h"
#include "names/names.h"
#include "names/number.h"
#include "view/ledger.h"

static void put_label(struct ct_line *line, const char *label)
{
	ct_line_style(line, CT_STYLE_QUIET);
	ct_line_add(line, label);
	ct_line_add_blanks(line, CT_LABEL_WIDTH - line->columns);
	ct_line_style(line, CT_STYLE_PLAIN);
}

static void put_losses(const struct ct_losses *losses, bool lost, struct ct_line *line)
{
	char text[CT_LOSS_ROOM];
	for (size_t i = 0; i < CT_LOSS_ROWS; i++)
		if ((ct_loss_rows[i].effect >= CT_EFFECT_EDGES) == lost && *ct_loss_text(losses, i, text))
			ct_line_put_remark(line, lost ? "lost" : "note", text);
}

void ct_summary_losses(const struct ct_profile *profile, struct ct_line *line)
{
	if (profile->torn)
		ct_line_put_remark(line, "lost",
				   "the store was copied while it was written: the numbers do not add up");
	put_losses(&profile->losses, true, line);
	put_losses(&profile->losses, false, line);
	if (profile->sample_bytes) {
		char number[CT_NUMBER_ROOM], text[CT_NAME_ROOM];

		snprintf(text, sizeof(text), "sampled, mean interval %s: the numbers are estimates",
			 ct_number_bytes(number, profile->sample_bytes));
		ct_line_put_remark(line, "note", text);
	}
	if (!profile->ended && !profile->recent_us)
		ct_line_put_remark(line, "note", "the program was killed or still runs: this is up to its last event");
}

/* Was the profile merged from several processes? No single process has pid 0. */
static bool is_merged(const struct ct_profile *profile)
{
	return profile->pid == 0 && !profile->foreign;
}

static void put_merged(const struct ct_profile *profile, struct ct_line *line)
{
	char number[CT_NUMBER_ROOM];
	ct_line_style(line, CT_STYLE_STRONG);
	ct_line_add(line, "merged");
	ct_line_style(line, CT_STYLE_PLAIN);
	ct_line_format(line, " · the longest ran %s · recorded by ",
		       ct_number_time(number, (double)profile->end_time, profile->time_unit));
	ct_line_add_rest(line, profile->producer);
	ct_line_end(line);
	put_label(line, "command");
	ct_line_add_rest(line, profile->command ? profile->command : "");
	ct_line_end(line);
}

/* In reports, control characters are blanks in the command, and this character in the program's path. */
#define REPLACED "\xef\xbf\xbd"

/* The bytes of the command that are this name; 0: it does not begin with the name. */
static size_t name_length(const char *command, const char *name)
{
	size_t length = 0;
	for (; *name && command[length]; length++) {
		size_t replaced = !strncmp(name, REPLACED, strlen(REPLACED)) ? strlen(REPLACED) : 0;
		bool blank = command[length] == ' ' && (replaced || isspace((unsigned char)*name));
		if (!blank && command[length] != *name)
			return 0;
		name += blank && replaced ? replaced : 1;
	}
	return *name || (command[length] && command[length] != ' ') ? 0 : length;
}

/*
 * The length of the command's first word, the program. It may have blanks, which separate the arguments too: then it
 * ends in the name of the program's file.
 */
static size_t program_length(const struct ct_profile *profile, const char *command)
{
	const char *name = profile->program ? ct_name_base(profile->program) : "";
	for (const char *at = command; *at && (strpbrk(name, " \t\n") || strstr(name, REPLACED)); at++) {
		size_t length = at == command || at[-1] == '/' ? name_length(at, name) : 0;
		if (length)
			return (size_t)(at - command) + length;
	}
	return strcspn(command, " ");
}

/* Add the program's name, the first word of the command without its folder. */
void ct_summary_program(const struct ct_profile *profile, struct ct_line *line)
{
	const char *command = profile->command ? profile->command : "";
	char word[CT_NAME_ROOM], number[CT_NUMBER_ROOM];
	size_t length = program_length(profile, command);
	if (length >= sizeof(word))
		length = sizeof(word) - 1;
	memcpy(word, command, length);
	word[length] = '\0';
	ct_line_style(line, CT_STYLE_STRONG);
	ct_line_add(line, *word ? ct_name_base(word) : "(no command line)");
	ct_line_style(line, CT_STYLE_PLAIN);
	if (profile->pid || !profile->foreign)
		ct_line_format(line, " · pid %llu", (unsigned long long)profile->pid);
	if (profile->end_time || !profile->foreign)
		ct_line_format(line, " · ran %s",
			       ct_number_time(number, (double)profile->end_time, profile->time_unit));
}

static void put_program(const struct ct_profile *profile, struct ct_line *line)
{
	ct_summary_program(profile, line);
	ct_line_add(line, profile->foreign ? " · from a file of " : " · recorded by ");
	ct_line_add_rest(line, profile->producer);
	ct_line_end(line);
	if (profile->foreign && !*profile->command)
		return;
	put_label(line, "command");
	ct_line_add_rest(line, profile->command ? profile->command : "");
	ct_line_end(line);
}

static const char *amount(const struct ct_view *view, uint64_t value, char out[CT_NUMBER_ROOM])
{
	if (view->exact || view->profile->mode == CT_MODE_AD_HOC)
		return ct_number_exact(out, value);
	return ct_number_bytes(out, value);
}

/* Add "12.3 MiB in 1,234 blocks". The metric after the one of bytes counts the blocks; not every file knows them. */
static void add_amount(const struct ct_view *view, struct ct_line *line, const struct ct_counters *counters,
		       enum ct_metric metric)
{
	uint64_t bytes = ct_metric_value(counters, metric), blocks = ct_metric_value(counters, metric + 1);
	bool named = view->exact || view->profile->mode == CT_MODE_AD_HOC;
	char number[CT_NUMBER_ROOM];
	ct_line_add(line, amount(view, bytes, number));
	if (named) {
		ct_line_add(line, " ");
		ct_line_add(line, view->profile->bytes_unit);
	}
	if (!ct_metric_exists(view->profile, metric + 1))
		return;
	ct_line_format(line, " in %s", ct_number_count(number, blocks, view->profile->blocks_unit));
}

/* Write the totals that the selection is a part of. */
static void put_whole(const struct ct_view *view, struct ct_line *line)
{
	const struct ct_selected *selected = view->selected;
	char number[CT_NUMBER_ROOM];
	put_label(line, "total");
	add_amount(view, line, &selected->totals, ct_metric_main(view->profile));
	ct_line_format(line, " at %s; percentages are of it", ct_number_count(number, selected->site_count, "sites"));
	ct_line_end(line);
}

/* Add ", 12.3 % of total: focus this or that, hide those". */
static void add_selection(const struct ct_view *view, struct ct_line *line)
{
	const struct ct_selected *selected = view->selected;
	const char *before = ":";
	char percent[CT_NUMBER_ROOM];
	enum ct_metric main = ct_metric_main(view->profile);
	ct_number_percent(percent, (double)ct_metric_value(&view->profile->totals, main),
			  (double)ct_metric_value(&selected->totals, main));
	ct_line_format(line, ", %s %% of total", percent);
	for (int i = 0; i < CT_SELECT_KINDS; i++) {
		const struct ct_patterns *patterns = &selected->selection->patterns[i];

		for (size_t j = 0; j < patterns->count; j++) {
			ct_line_format(line, "%s %s", j ? "" : before,
				       j ? "or" : ct_select_kind_name((enum ct_select_kind)i));
			ct_line_format(line, " %s", patterns->rows[j].text);
			before = ",";
		}
	}
	for (int i = 0; i < CT_BLOCK_LIMITS; i++) {
		const char *text = selected->selection->blocks.texts[i];
		if (!text)
			continue;
		ct_line_format(line, "%s %s %s", before, ct_block_limit_name((enum ct_block_limit)i), text);
		before = ",";
	}
}

static void put_peak(const struct ct_view *view, struct ct_line *line)
{
	const struct ct_profile *profile = view->profile;
	char time[CT_NUMBER_ROOM], percent[CT_NUMBER_ROOM];
	put_label(line, view->selected ? "at peak" : "peak");
	add_amount(view, line, &profile->totals, CT_METRIC_PEAK_BYTES);
	if (is_merged(profile))
		ct_line_add(line, ", the processes' peaks added up");
	else if (profile->peak_time || !profile->foreign)
		ct_line_format(line, " at %s (%s %% of the run)",
			       ct_number_time(time, (double)profile->peak_time, profile->time_unit),
			       ct_number_percent(percent, (double)profile->peak_time, (double)profile->end_time));
	ct_line_end(line);
}

static void put_end(const struct ct_view *view, struct ct_line *line)
{
	const struct ct_profile *profile = view->profile;
	put_label(line, profile->recent_us ? "now" : "at end");
	add_amount(view, line, &profile->totals, CT_METRIC_END_BYTES);
	ct_line_add(line,
		    profile->totals.end_bytes || profile->totals.end_blocks ? " still live" : ", nothing still live");
	ct_line_end(line);
}

/* What the main number is called. */
static const char *main_label(const struct ct_profile *profile)
{
	enum ct_metric main = ct_metric_main(profile);
	return main == CT_METRIC_TOTAL_BYTES ? "total" : main == CT_METRIC_END_BYTES ? "at end" : "at peak";
}

static void put_totals(const struct ct_view *view, struct ct_line *line)
{
	const struct ct_profile *profile = view->profile;
	const struct ct_counters *totals = &profile->totals;
	enum ct_metric main = ct_metric_main(profile);
	size_t sites = view->leaks ? view->leaks->site_count : profile->site_count;
	char time[CT_NUMBER_ROOM];
	if (view->selected)
		put_whole(view, line);
	put_label(line, view->selected ? "selected" : main_label(profile));
	add_amount(view, line, totals, main);
	ct_line_format(line, " at %s site%s", ct_number_exact(time, sites), sites == 1 ? "" : "s");
	if (totals->threads)
		ct_line_format(line, " on %s thread%s", ct_number_exact(time, totals->threads),
			       totals->threads == 1 ? "" : "s");
	if (view->selected)
		add_selection(view, line);
	ct_line_end(line);
	if (main != CT_METRIC_PEAK_BYTES && ct_metric_exists(profile, CT_METRIC_PEAK_BYTES))
		put_peak(view, line);
	if (main != CT_METRIC_END_BYTES && ct_metric_exists(profile, CT_METRIC_END_BYTES))
		put_end(view, line);
	if (profile->own_bytes && !profile->ledger.rss_bytes) { /* the ledger has more of it: files, too */
		put_label(line, "own cost");
		ct_line_format(line, "%s of memory, taken by ctrace", ct_number_bytes(time, profile->own_bytes));
		ct_line_end(line);
	}
}

/* Fill cells of equal time, from start to end of the run, with the timeline's maxima. Returns the highest one. */
static uint64_t fill_sparks(const struct ct_profile *profile, uint64_t sparks[CT_SPARKS_MAX], int count)
{
	const struct ct_timeline_point *last = &profile->timeline[profile->timeline_count - 1];
	double end = (double)(last->time > profile->end_time ? last->time : profile->end_time);
	uint64_t highest = 0, start = 0;
	int cell = 0;
	memset(sparks, 0, sizeof(sparks[0]) * (size_t)count);
	for (size_t i = 0; i < profile->timeline_count && end > 0; i++) {
		const struct ct_timeline_point *point = &profile->timeline[i];
		int until = (int)((double)point->time / end * count);

		cell = (int)((double)start / end * count);
		do {
			if (cell < count && sparks[cell] < point->max_bytes)
				sparks[cell] = point->max_bytes;
		} while (++cell < until);
		if (highest < point->max_bytes)
			highest = point->max_bytes;
		if (highest < point->last_bytes)
			highest = point->last_bytes;
		start = point->time;
	}
	for (; cell < count; cell++)
		sparks[cell] = last->last_bytes;
	return highest;
}

int ct_summary_spark_count(const struct ct_line *line)
{
	int count = ct_line_left(line) - CT_LABEL_WIDTH - 20;
	return count < CT_SPARKS_MAX ? count : CT_SPARKS_MAX;
}

void ct_summary_sparks(struct ct_line *line, const char *label, const uint64_t *sparks, int count, uint64_t highest)
{
	put_label(line, label);
	ct_line_style(line, CT_STYLE_BAR);
	for (int i = 0; i < count; i++) {
		int height = highest ? (int)((double)sparks[i] / (double)highest * CT_SPARK_MAX + 0.5) : 0;

		ct_line_add_spark(line, height == 0 && sparks[i] ? 1 : height);
	}
	ct_line_style(line, CT_STYLE_PLAIN);
}

void ct_summary_timeline(const struct ct_view *view, struct ct_line *line)
{
	uint64_t sparks[CT_SPARKS_MAX], highest;
	char number[CT_NUMBER_ROOM];
	int count = ct_summary_spark_count(line);
	if (view->profile->timeline_count < 2 || count < 1)
		return;
	highest = fill_sparks(view->profile, sparks, count);
	ct_summary_sparks(line, "live", sparks, count, highest);
	ct_line_format(line, " up to %s", amount(view, highest, number));
	ct_line_end(line);
}

/* Write the names of the first marks, as many as fit. */
static void put_marks(const struct ct_view *view, struct ct_line *line)
{
	const struct ct_profile *profile = view->profile;
	char number[CT_NUMBER_ROOM];
	if (!profile->mark_count)
		return;
	put_label(line, "marks");
	ct_line_format(line, "%s (--marks): ", ct_number_exact(number, profile->mark_count));
	for (size_t i = 0; i < profile->mark_count && ct_line_left(line) > 2; i++) {
		ct_line_add(line, i ? ", " : "");
		ct_line_add_rest(line, profile->marks[i].name);
	}
	ct_line_end(line);
}

void ct_summary_memory(const struct ct_profile *profile, struct ct_line *line)
{
	char text[CT_LEDGER_ROOM];
	if (!profile->ledger.rss_bytes)
		return;
	put_label(line, "memory");
	ct_line_put_ledger_brief(line, &profile->ledger);
	put_label(line, "heap");
	ct_line_put_wrapped(line, ct_ledger_fragmentation(&profile->ledger, text), CT_LABEL_WIDTH);
}

int ct_view_summary(const struct ct_view *view, struct ct_error_text *error)
{
	struct ct_line line;
	ct_line_init(&line, view->terminal, view->out);
	ct_summary_losses(view->profile, &line);
	if (is_merged(view->profile))
		put_merged(view->profile, &line);
	else
		put_program(view->profile, &line);
	put_totals(view, &line);
	ct_summary_memory(view->profile, &line);
	ct_summary_timeline(view, &line);
	put_marks(view, &line);
	ct_line_end(&line);
	ct_line_fini(&line);
	return ct_view_check(&line, error);
}

int ct_view_brief_summary(const struct ct_view *view, struct ct_error_text *error)
{
	struct ct_line line;
	ct_line_init(&line, view->terminal, view->out);
	ct_summary_losses(view->profile, &line);
	if (is_merged(view->profile))
		ct_line_add(&line, "merged");
	else
		ct_summary_program(view->profile, &line);
	ct_line_format(&line, " · %s ", main_label(view->profile));
	add_amount(view, &line, &view->profile->totals, ct_metric_main(view->profile));
	if (view->selected)
		add_selection(view, &line);
	ct_line_end(&line);
	ct_line_end(&line);
	ct_line_fini(&line);
	return ct_view_check(&line, error);
}
