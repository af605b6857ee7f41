/* SPDX-License-Identifier: MIT */
/*
 * Writes speedscope's own JSON: one sampled profile for each number, all with the same table of frames. A frame is a
 * function, since speedscope would show two entries for one function as two functions.
 */
#include <errno.h>
#include <string.h>

#include "ctrace/version.h"
#include "model/functions.h"
#include "write/put_json.h"
#include "write/stacks.h"
#include "write/write.h"

static const enum ct_metric standard[] = {
	CT_METRIC_TOTAL_BYTES, CT_METRIC_TOTAL_BLOCKS, CT_METRIC_PEAK_BYTES,       CT_METRIC_PEAK_BLOCKS,
	CT_METRIC_END_BYTES,   CT_METRIC_END_BLOCKS,   CT_METRIC_TEMPORARY_BLOCKS,
};

#define PROFILES_MAX (sizeof(standard) / sizeof(standard[0]) + 1)

/* Collect the standard metrics that the profile has, and the chosen one. Returns the index of the chosen one. */
static size_t choose(const struct ct_profile *profile, enum ct_metric chosen, enum ct_metric *metrics, size_t *count)
{
	size_t place = PROFILES_MAX;
	*count = 0;
	for (size_t i = 0; i < PROFILES_MAX; i++) {
		enum ct_metric metric = i < PROFILES_MAX - 1 ? standard[i] : chosen;
		if ((i == PROFILES_MAX - 1 && place < PROFILES_MAX) || !ct_metric_exists(profile, metric))
			continue;
		if (metric == chosen)
			place = *count;
		metrics[(*count)++] = metric;
	}
	return place;
}

/* speedscope refuses units that are not in its schema. */
static const char *unit_of(const struct ct_profile *profile, enum ct_metric metric)
{
	if (ct_metric_is_bytes(metric))
		return profile->mode == CT_MODE_AD_HOC ? "none" : "bytes";
	return metric == CT_METRIC_LIFETIME && !strcmp(profile->time_unit, "µs") ? "microseconds" : "none";
}

static void put_frames(const struct ct_profile *profile, const struct ct_functions *functions, FILE *out)
{
	char room[CT_FUNCTION_NAME_ROOM];
	fputs(",\n\"shared\":{\"frames\":[", out);
	for (size_t i = 0; i < functions->count; i++) {
		const struct ct_function *function = &functions->rows[i];
		fputs(i ? ",\n{\"name\":" : "\n{\"name\":", out);
		ct_put_text(out, ct_function_name(profile, function, room));
		if (function->file)
			ct_put_text_member(out, "file", profile->strings[function->file]);
		if (function->line)
			ct_put_number_member(out, "line", function->line);
		putc('}', out);
	}
	fputs("]}", out);
}

static void put_stack(const struct ct_stacks *stacks, const struct ct_site_row *site, FILE *out)
{
	for (uint32_t i = 0; i < site->frame_count; i++) {
		putc_unlocked(i ? ',' : '[', out);
		ct_put_number(out, stacks->labels[ct_stack_frame(stacks->profile, site, i)]);
	}
	putc_unlocked(']', out);
}

static void put_profile(const struct ct_stacks *stacks, enum ct_metric metric, FILE *out)
{
	const struct ct_site_row *site;
	uint64_t value, sum = 0;
	char sampled[64], name[160];
	fputs("{\"type\":\"sampled\"", out); /* speedscope's name for stacks with weights */
	snprintf(sampled, sizeof(sampled), stacks->profile->sample_bytes ? ", " CT_SAMPLED_TEXT : "",
		 stacks->profile->sample_bytes);
	snprintf(name, sizeof(name), "%s%s%s", ct_metric_name(metric), stacks->profile->torn ? ", " CT_TORN_TEXT : "",
		 sampled);
	ct_put_text_member(out, "name", name);
	ct_put_text_member(out, "unit", unit_of(stacks->profile, metric));
	fputs(",\"samples\":[", out);
	for (size_t at = 0; (site = ct_stacks_next(stacks, &at, metric, &value)); sum += value) {
		fputs(sum ? ",\n" : "\n", out);
		put_stack(stacks, site, out);
	}
	fputs("],\n\"weights\":[", out);
	for (size_t at = 0, first = 1; ct_stacks_next(stacks, &at, metric, &value); first = 0) {
		if (!first)
			putc_unlocked(',', out);
		ct_put_number(out, value);
	}
	putc(']', out);
	ct_put_number_member(out, "startValue", 0);
	ct_put_number_member(out, "endValue", sum);
	putc('}', out);
}

int ct_write_speedscope(const struct ct_profile *profile, enum ct_metric metric, FILE *out, struct ct_error_text *error)
{
	struct ct_functions functions;
	struct ct_stacks stacks = {0};
	enum ct_metric metrics[PROFILES_MAX];
	size_t count, active = choose(profile, metric, metrics, &count);
	bool memory = ct_functions_init(&functions, profile) == 0 &&
		      ct_stacks_init(&stacks, profile, functions.of_frame) == 0;
	errno = 0;
	if (memory) {
		fputs("{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\"", out);
		ct_put_text_member(out, "exporter", "ctrace " CTRACE_VERSION);
		ct_put_text_member(out, "name", profile->command);
		ct_put_number_member(out, "activeProfileIndex", active);
		put_frames(profile, &functions, out);
		fputs(",\n\"profiles\":[", out);
		for (size_t i = 0; i < count; i++) {
			fputs(i ? ",\n" : "\n", out);
			put_profile(&stacks, metrics[i], out);
		}
		fputs("]}\n", out);
	}
	ct_stacks_fini(&stacks);
	ct_functions_fini(&functions);
	return memory ? ct_put_end(out, error) : ct_error_no_memory(error);
}
