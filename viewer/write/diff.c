/* SPDX-License-Identifier: MIT */
#include "write/diff.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctrace/version.h"
#include "model/functions.h"
#include "names/names.h"
#include "util/progress.h"
#include "write/put_json.h"
#include "write/put_profile.h"
#include "write/write.h"

#define VERSION 1

static const char *const side_names[CT_DIFF_SIDES] = {"old", "new"};

static void put_values(const struct ct_diff *diff, const uint64_t *values, FILE *out)
{
	bool more = false;
	for (int i = 1; i < CT_METRIC_COUNT; i++) {
		if (!ct_diff_compares(diff, (enum ct_metric)i))
			continue;
		fprintf(out, "%s\"%s\":", more ? "," : "", ct_metric_member((enum ct_metric)i));
		ct_put_number(out, values[i]);
		more = true;
	}
}

static void put_profile(const struct ct_diff *diff, enum ct_diff_side side, FILE *out)
{
	const struct ct_profile *profile = diff->profiles[side];
	uint64_t totals[CT_METRIC_COUNT] = {0};
	for (int i = 1; i < CT_METRIC_COUNT; i++)
		totals[i] = ct_metric_value(&profile->totals, (enum ct_metric)i);
	fprintf(out, ",\n\"%s\":{\"file\":", side_names[side]);
	ct_put_text(out, diff->names[side]);
	ct_put_text_member(out, "producer", profile->producer);
	ct_put_text_member(out, "command", profile->command);
	ct_put_text_member(out, "timeUnit", profile->time_unit);
	ct_put_number_member(out, "dropped", profile->losses.dropped);
	ct_put_number_member(out, "sampleBytes", profile->sample_bytes);
	ct_put_bool_member(out, "ended", profile->ended);
	ct_put_bool_member(out, "torn", profile->torn);
	fputs(",\"totals\":{", out);
	put_values(diff, totals, out);
	fputs("}}", out);
}

const char *ct_diff_cause_member(enum ct_cause cause)
{
	static const char *const names[CT_CAUSES] = {
		[CT_CAUSE_BLOCKS] = "moreBlocks", [CT_CAUSE_SIZE] = "biggerBlocks", [CT_CAUSE_LIFE] = "longerLife"};
	return names[cause];
}

static void put_causes(const struct ct_diff *diff, const struct ct_diff_row *row, enum ct_metric metric, FILE *out)
{
	int64_t parts[CT_CAUSES];
	bool more = false;
	ct_diff_causes(row, metric, parts);
	fputs(",\"causes\":{", out);
	for (int i = 0; i < CT_CAUSES; i++) {
		if (!ct_diff_knows_cause(diff, metric, (enum ct_cause)i))
			continue;
		fprintf(out, "%s\"%s\":", more ? "," : "", ct_diff_cause_member((enum ct_cause)i));
		ct_put_signed(out, parts[i]);
		more = true;
	}
	putc('}', out);
}

static void put_chain(const struct ct_diff *diff, uint32_t index, FILE *out)
{
	const struct ct_profile *chains = diff->chains.profile;
	const struct ct_site_row *chain = &chains->sites[index];
	fputs(",\"chain\":[", out);
	for (uint32_t i = 0; i < chain->frame_count; i++) {
		if (i)
			putc(',', out);
		ct_put_text(out, ct_chain_label(&diff->chains, index, i));
	}
	putc(']', out);
}

static void put_row(const struct ct_diff *diff, size_t index, enum ct_metric metric, FILE *out)
{
	const struct ct_diff_row *row = &diff->rows[index];
	enum ct_diff_side shown = ct_diff_shown_side(row);
	const struct ct_profile *profile = diff->profiles[shown];
	putc('{', out);
	ct_put_frame_members(profile, ct_diff_leaf(diff, row), "function", "place", out);
	putc(',', out);
	ct_put_frame_members(profile, ct_diff_own(diff, row), "ownFunction", "ownPlace", out);
	ct_put_text_member(out, "state", row->examples[!shown] ? "both" : shown == CT_DIFF_NEW ? "new" : "gone");
	fputs(",\"change\":", out);
	ct_put_signed(out, ct_diff_change(row, metric));
	put_causes(diff, row, metric, out);
	for (int side = 0; side < CT_DIFF_SIDES; side++) {
		fprintf(out, ",\"%s\":{", side_names[side]);
		put_values(diff, row->values[side], out);
		putc('}', out);
	}
	put_chain(diff, row->chain, out);
	putc('}', out);
}

static void put_rows(const struct ct_diff *diff, enum ct_metric metric, const uint32_t *order, FILE *out)
{
	size_t same = 0;
	bool more = false;
	fputs(",\n\"rows\":[", out);
	for (size_t i = 0; i < diff->row_count && !ferror(out); i++) {
		ct_progress_at(i, diff->row_count);
		if (!ct_diff_row_differs(diff, &diff->rows[order[i]])) {
			same++;
			continue;
		}
		fputs(more ? ",\n" : "\n", out);
		put_row(diff, order[i], metric, out);
		more = true;
	}
	fputs("],\n\"unchanged\":", out);
	ct_put_number(out, same);
	fputs("}\n", out);
}

int ct_write_diff_json(const struct ct_diff *diff, enum ct_metric metric, FILE *out, struct ct_error_text *error)
{
	uint32_t *order = ct_diff_order(diff, metric);
	errno = 0;
	if (order) {
		fprintf(out, "{\"format\":\"ctrace-diff\",\"version\":%d,\"writtenBy\":\"ctrace " CTRACE_VERSION "\"",
			VERSION);
		ct_put_text_member(out, "metric", ct_metric_member(metric));
		put_profile(diff, CT_DIFF_OLD, out);
		put_profile(diff, CT_DIFF_NEW, out);
		fputs(",\n\"change\":", out);
		ct_put_signed(out, ct_diff_total_change(diff, metric));
		put_rows(diff, metric, order, out);
	}
	bool memory = order != NULL;
	free(order);
	return memory ? ct_put_end(out, error) : ct_error_no_memory(error);
}

/* Write all stacks, even unchanged ones: the new numbers are the widths in the graph. */
int ct_write_diff_folded(const struct ct_diff *diff, enum ct_metric metric, FILE *out, struct ct_error_text *error)
{
	errno = 0;
	for (size_t i = 0; i < diff->row_count && !ferror(out); i++) {
		const struct ct_diff_row *row = &diff->rows[i];
		ct_progress_at(i, diff->row_count);
		const uint64_t old = row->values[CT_DIFF_OLD][metric], new = row->values[CT_DIFF_NEW][metric];
		if (!old && !new)
			continue;
		for (uint32_t j = diff->chains.profile->sites[row->chain].frame_count; j-- > 0;) {
			char *label = ct_folded_label(ct_chain_label(&diff->chains, row->chain, j));
			if (!label)
				return ct_error_no_memory(error);
			fprintf(out, "%s%s", label, j ? ";" : "");
			free(label);
		}
		fprintf(out, " %" PRIu64 " %" PRIu64 "\n", old, new);
	}
	return ct_put_end(out, error);
}
