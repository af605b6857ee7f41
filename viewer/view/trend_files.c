/* SPDX-License-Identifier: MIT */
/* A trend for other programs: Markdown, CSV, JSON. */
#include <inttypes.h>
#include <string.h>

#include "ctrace/version.h"
#include "view/trend.h"
#include "view/view.h"
#include "write/put_json.h"
#include "write/put_markdown.h"

#define VERSION 1

void ct_trend_markdown(const struct ct_trend_view *view, FILE *out)
{
	const struct ct_trend *trend = view->trend;
	char text[CT_TREND_SITE_ROOM];
	fputs("| run |", out);
	for (size_t i = 0; i < trend->metric_count; i++)
		fprintf(out, " %s |", ct_trend_head(trend->metrics[i]));
	fprintf(out, " change of %s | |\n| --- |", ct_trend_head(trend->metric));
	for (size_t i = 0; i < trend->metric_count + 2; i++)
		fputs(" ---: |", out);
	putc('\n', out);
	for (size_t i = 0; i < trend->count; i++) {
		const struct ct_trend_run *run = &trend->runs[i];
		int64_t change = 0;
		fputs("| ", out);
		ct_put_plain(run->label, out);
		for (size_t j = 0; j < trend->metric_count; j++) {
			enum ct_metric metric = trend->metrics[j];
			fputs(" | ", out);
			if (run->has[metric])
				ct_put_plain(ct_trend_amount(trend, metric, run->values[metric], text), out);
		}
		bool known = ct_trend_change(trend, i, trend->metric, &change) && change;
		fputs(" | ", out);
		if (known)
			ct_put_plain(ct_trend_signed(trend, trend->metric, change, text), out);
		fprintf(out, " | %s |\n",
			known ? ct_trend_percent(change, trend->runs[i - 1].values[trend->metric], text) : "");
	}
	if (!ct_trend_shown(view))
		return;
	fprintf(out, "\nGrown most in %s:\n\n", ct_trend_head(trend->metric));
	for (size_t i = 0; i < ct_trend_shown(view); i++) {
		fputs("- ", out);
		ct_put_plain(ct_trend_signed(trend, trend->metric, trend->sites[i].change, text), out);
		putc(' ', out);
		ct_put_code(ct_trend_site(trend, &trend->sites[i], text), out);
		putc('\n', out);
	}
}

void ct_trend_csv(const struct ct_trend_view *view, FILE *out)
{
	const struct ct_trend *trend = view->trend;
	fputs("run,start-unix-ms", out);
	for (size_t i = 0; i < trend->metric_count; i++)
		fprintf(out, ",%s", ct_metric_name(trend->metrics[i]));
	fputs(",change\r\n", out);
	for (size_t i = 0; i < trend->count; i++) {
		const struct ct_trend_run *run = &trend->runs[i];
		int64_t change;
		ct_csv_cell(out, run->label);
		putc(',', out);
		if (run->start_unix_ns)
			fprintf(out, "%" PRIu64, run->start_unix_ns / 1000000);
		for (size_t j = 0; j < trend->metric_count; j++) {
			putc(',', out);
			if (run->has[trend->metrics[j]])
				fprintf(out, "%" PRIu64, run->values[trend->metrics[j]]);
		}
		putc(',', out);
		if (ct_trend_change(trend, i, trend->metric, &change))
			fprintf(out, "%" PRId64, change);
		fputs("\r\n", out);
	}
}

static void put_site(const struct ct_trend *trend, const struct ct_trend_site *site, FILE *out)
{
	const struct ct_profile *profile = trend->profiles[CT_DIFF_NEW];
	const struct ct_site_row *row = site->row->examples[CT_DIFF_NEW];
	const struct ct_frame *frame = &profile->frames[profile->frame_ids[row->first_frame + site->frame]];
	char name[CT_NAME_ROOM];
	fputs("{\"function\":", out);
	ct_put_text(out, ct_name_short(profile, frame, name));
	ct_put_text_member(out, "place", ct_name_place(profile, frame, name));
	ct_put_text_member(out, "file", profile->strings[frame->file]);
	ct_put_number_member(out, "line", frame->line);
	ct_put_number_member(out, "old", site->row->values[CT_DIFF_OLD][trend->metric]);
	ct_put_number_member(out, "new", site->row->values[CT_DIFF_NEW][trend->metric]);
	ct_put_number_member(out, "change", (uint64_t)site->change);
	fputs(",\"stack\":[", out);
	for (uint32_t i = 0; i < row->frame_count; i++) {
		fputs(i ? "," : "", out);
		ct_put_text(out, profile->strings[profile->frames[profile->frame_ids[row->first_frame + i]].text]);
	}
	fputs("]}", out);
}

void ct_trend_json(const struct ct_trend_view *view, FILE *out)
{
	const struct ct_trend *trend = view->trend;
	fprintf(out, "{\"format\":\"ctrace-trend\",\"version\":%d,\"writtenBy\":\"ctrace " CTRACE_VERSION "\"",
		VERSION);
	ct_put_text_member(out, "metric", ct_metric_member(trend->metric));
	fputs(",\n\"runs\":[", out);
	for (size_t i = 0; i < trend->count; i++) {
		const struct ct_trend_run *run = &trend->runs[i];
		fputs(i ? ",\n{\"run\":" : "\n{\"run\":", out);
		ct_put_text(out, run->label);
		ct_put_number_member(out, "startUnixMs", run->start_unix_ns / 1000000);
		for (int j = 1; j < CT_METRIC_COUNT; j++)
			if (run->has[j])
				ct_put_number_member(out, ct_metric_member((enum ct_metric)j), run->values[j]);
		putc('}', out);
	}
	fputs("],\n\"grown\":[", out);
	for (size_t i = 0; i < ct_trend_shown(view); i++) {
		fputs(i ? ",\n" : "\n", out);
		put_site(trend, &trend->sites[i], out);
	}
	fputs("]}\n", out);
}
