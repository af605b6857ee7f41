/* SPDX-License-Identifier: MIT */
/*
 * Writes tables as in RFC 4180: lines end in CR LF, and cells with commas or quotes are quoted. Numbers are plain
 * digits. Texts are untrusted: one that a spreadsheet could take for a formula gets a ' in front. So does a text that
 * already starts with ', so that readers can always remove one ' to get the original.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/threads.h"
#include "names/names.h"
#include "view/bars.h"
#include "view/order.h"
#include "view/view.h"

/*
 * The length of the first character, if it is one that importers strip from the start of a cell: a space, a zero-width
 * mark, a quote. 0: it is not.
 */
static size_t stripped_bytes(const char *text)
{
	static const char *const stripped[] = {" ",      "\t",     "\r",     "\n",     "\v",     "\f",     "\"",
					       "'",      "\u00a0", "\u00ad", "\u1680", "\u180e", "\u2028", "\u2029",
					       "\u202f", "\u205f", "\u2060", "\u3000", "\ufeff", "\ufffd"};
	for (size_t i = 0; i < sizeof(stripped) / sizeof(stripped[0]); i++)
		if (!strncmp(text, stripped[i], strlen(stripped[i])))
			return strlen(stripped[i]);
	unsigned char last = strncmp(text, "\xe2\x80", 2) ? 0 : (unsigned char)text[2];
	return last >= 0x80 && last <= 0x8f ? 3 : 0; /* U+2000 to U+200F */
}

/* The last four are full-width characters, which some importers convert to plain ones. */
static bool begins_formula(const char *text)
{
	static const char *const signs[] = {"=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"};
	for (size_t bytes; (bytes = stripped_bytes(text));)
		text += bytes;
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (!strncmp(text, signs[i], strlen(signs[i])))
			return true;
	return false;
}

void ct_csv_cell(FILE *out, const char *text)
{
	const char *mark = *text == '\'' || begins_formula(text) ? "'" : "";
	if (!strpbrk(text, ",;\"\r\n\t")) {
		fprintf(out, "%s%s", mark, text);
		return;
	}
	fprintf(out, "\"%s", mark);
	for (; *text; text++) {
		if (*text == '"')
			putc('"', out);
		putc(*text, out);
	}
	putc('"', out);
}

static void put_place(const struct ct_profile *profile, const struct ct_frame *frame, FILE *out)
{
	ct_csv_cell(out, profile->strings[frame->function]);
	putc(',', out);
	ct_csv_cell(out, profile->strings[frame->file]);
	putc(',', out);
	if (frame->line)
		fprintf(out, "%" PRIu32, frame->line);
	putc(',', out);
	ct_csv_cell(out, profile->strings[frame->module]);
}

static bool has(const struct ct_view *view, int metric, bool sums)
{
	bool is_max = metric == CT_METRIC_MAX_BYTES || metric == CT_METRIC_MAX_BLOCKS;
	return ct_metric_exists(view->profile, (enum ct_metric)metric) && !(sums && is_max);
}

static void put_heads(const struct ct_view *view, const char *prefix, bool sums)
{
	for (int i = 1; i < CT_METRIC_COUNT; i++)
		if (has(view, i, sums))
			fprintf(view->out, ",%s%s", prefix, ct_metric_name((enum ct_metric)i));
}

static void put_numbers(const struct ct_view *view, const struct ct_counters *counters, bool sums)
{
	for (int i = 1; i < CT_METRIC_COUNT; i++)
		if (has(view, i, sums))
			fprintf(view->out, ",%" PRIu64, ct_metric_value(counters, (enum ct_metric)i));
}

/* ",16:3 64:1": the start of a bucket, and its blocks. */
static void put_spread(const struct ct_bars *bars, uint32_t row, enum ct_histogram_kind kind, FILE *out)
{
	struct ct_spread spread = ct_bars_sum(bars, row, kind);
	const char *before = ",";
	for (unsigned i = 0; i < CT_BUCKETS; i++) {
		if (!spread.blocks[i])
			continue;
		fprintf(out, "%s%.0f:%" PRIu64, before, ct_bucket_start(bars->profile, kind, i), spread.blocks[i]);
		before = " ";
	}
	fputs(*before == ',' ? "," : "", out);
}

/* Rows differ in their tags: a label is the program's own frame. */
static void put_tag(const struct ct_profile *profile, const struct ct_site_row *site, FILE *out)
{
	char name[CT_TAG_ROOM];
	uint32_t thread, tag;
	ct_labels_of_site(profile, site, &thread, &tag);
	putc(',', out);
	if (tag)
		ct_csv_cell(out, ct_tag_text(profile->strings[tag], name));
}

int ct_view_csv_sites(const struct ct_view *view, struct ct_error_text *error)
{
	const struct ct_profile *profile = view->profile;
	struct ct_origins origins;
	struct ct_fold fold;
	struct ct_bars bars = {0};
	bool memory = ct_view_fold(view, &origins, &fold) == 0 && ct_bars_init(&bars, profile, &fold, NULL) == 0;
	bool threads = profile->threads_folded;
	uint32_t *order = memory ? ct_order_rows(view, &fold) : NULL;
	size_t shown = order ? ct_order_shown(view, fold.count) : 0;
	if (order) {
		fputs("function,file,line,module", view->out);
		put_heads(view, "", false);
		fputs(threads ? ",threads" : "", view->out);
		fputs(profile->has_tags ? ",tag" : "", view->out);
		fputs(profile->has_histograms ? ",sizes,lifetimes-ns\r\n" : "\r\n", view->out);
	}
	for (size_t i = 0; i < shown; i++) {
		const struct ct_fold_row *row = &fold.rows[order[i]];
		const struct ct_site_row *site = &profile->sites[row->site];
		uint32_t own = site->first_frame + ct_origin_own(profile, &origins, site);

		put_place(profile, &profile->frames[profile->frame_ids[own]], view->out);
		put_numbers(view, row->counters, false);
		if (threads)
			fprintf(view->out, ",%" PRIu32, row->thread_count);
		if (profile->has_tags)
			put_tag(profile, site, view->out);
		for (int kind = 0; kind < CT_HISTOGRAM_KINDS && profile->has_histograms; kind++)
			put_spread(&bars, order[i], (enum ct_histogram_kind)kind, view->out);
		fputs("\r\n", view->out);
	}
	memory = memory && order;
	ct_bars_fini(&bars);
	ct_fold_fini(&fold);
	ct_origins_fini(&origins);
	free(order);
	return memory ? CT_OK : ct_error_no_memory(error);
}

static const char *column_heads(enum ct_group_by by)
{
	static const char *const heads[CT_BY_COUNT] = {
		[CT_BY_FUNCTION] = "function,module",
		[CT_BY_FILE] = "file,module",
		[CT_BY_LINE] = "file,line,function",
		[CT_BY_MODULE] = "module",
		[CT_BY_THREAD] = "thread",
		[CT_BY_TAG] = "tag",
	};
	return heads[by];
}

static void put_names(const struct ct_view *view, const struct ct_group *group)
{
	const struct ct_profile *profile = view->profile;
	const struct ct_frame *frame = &profile->frames[group->example];
	FILE *out = view->out;
	switch (view->by) {
	case CT_BY_THREAD:
		ct_csv_cell(out, group->example ? ct_thread_label(profile, frame) : "");
		return;
	case CT_BY_TAG:
		ct_csv_cell(out, group->example ? ct_tag_label(profile, frame) : "");
		return;
	case CT_BY_LINE:
		ct_csv_cell(out, profile->strings[frame->file]);
		if (frame->line)
			fprintf(out, ",%" PRIu32 ",", frame->line);
		else
			fputs(",,", out);
		ct_csv_cell(out, profile->strings[frame->function]);
		return;
	case CT_BY_FUNCTION:
	case CT_BY_FILE:
		ct_csv_cell(out, profile->strings[view->by == CT_BY_FILE ? frame->file : frame->function]);
		putc(',', out);
		break;
	default:
		break;
	}
	ct_csv_cell(out, profile->strings[frame->module]);
}

int ct_view_csv_groups(const struct ct_view *view, struct ct_error_text *error)
{
	const struct ct_group **order = NULL;
	struct ct_groups groups;
	size_t count = 0;
	int code = ct_groups_init(&groups, view->profile, view->by, error);
	if (code == 0) {
		ct_groups_count(&groups, view->profile, view->by, NULL, false);
		order = ct_order_groups(view, &groups, &count);
		code = order ? CT_OK : ct_error_no_memory(error);
	}
	if (code == 0) {
		fputs(column_heads(view->by), view->out);
		put_heads(view, "", true);
		put_heads(view, "cum-", true);
		fputs("\r\n", view->out);
		count = ct_order_shown(view, count);
	}
	for (size_t i = 0; code == 0 && i < count; i++) {
		put_names(view, order[i]);
		put_numbers(view, &order[i]->self, true);
		put_numbers(view, &order[i]->cumulative, true);
		fputs("\r\n", view->out);
	}
	free(order);
	ct_groups_fini(&groups);
	return code;
}
