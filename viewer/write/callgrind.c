/* SPDX-License-Identifier: MIT */
/*
 * Writes Callgrind's format, for kcachegrind, qcachegrind and callgrind_annotate. The events are bytes and blocks. The
 * number of calls is not known; the number of blocks that were allocated below a call takes its place.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctrace/version.h"
#include "model/functions.h"
#include "write/calls.h"
#include "write/put_json.h"
#include "write/write.h"

static const struct {
	enum ct_metric metric;
	const char *event, *name;
} events[CT_CALLS_VALUES_MAX] = {
	{CT_METRIC_TOTAL_BYTES, "TotalBytes", "Total bytes"},
	{CT_METRIC_TOTAL_BLOCKS, "TotalBlocks", "Total blocks"},
	{CT_METRIC_PEAK_BYTES, "PeakBytes", "Bytes at the peak"},
	{CT_METRIC_END_BYTES, "EndBytes", "Bytes at the end"},
};

#define BLOCKS 1 /* index in events, and in the values of each call */

struct callgrind {
	const struct ct_profile *profile;
	FILE *out;
	struct ct_functions functions;
	struct ct_calls calls;
	/* A name is written once, with a number; later the number alone. */
	bool *file_written, *object_written; /* by string id */
	bool *function_written; /* by function */
};

static void put_string(struct callgrind *callgrind, const char *key, bool *written, uint32_t id)
{
	fprintf(callgrind->out, "%s=(%" PRIu32 ")", key, id + 1);
	if (!written[id])
		fprintf(callgrind->out, " %s", id ? callgrind->profile->strings[id] : "???");
	written[id] = true;
	putc('\n', callgrind->out);
}

/* The lines that name a function: prefix is "" or, for one that is called, "c". */
static void put_function(struct callgrind *callgrind, const char *prefix, uint32_t number)
{
	const struct ct_function *function = &callgrind->functions.rows[number];
	char room[CT_FUNCTION_NAME_ROOM], key[8];
	snprintf(key, sizeof(key), "%sob", prefix);
	put_string(callgrind, key, callgrind->object_written, function->module);
	snprintf(key, sizeof(key), "%s", *prefix ? "cfi" : "fl");
	put_string(callgrind, key, callgrind->file_written, function->file);
	fprintf(callgrind->out, "%sfn=(%" PRIu32 ")", prefix, number + 1);
	if (!callgrind->function_written[number])
		fprintf(callgrind->out, " %s", ct_function_name(callgrind->profile, function, room));
	callgrind->function_written[number] = true;
	putc('\n', callgrind->out);
}

static void put_values(struct callgrind *callgrind, const struct ct_call *call)
{
	fprintf(callgrind->out, "%" PRIu32, call->line);
	for (size_t i = 0; i < callgrind->calls.metric_count; i++)
		fprintf(callgrind->out, " %" PRIu64, call->values[i]);
	putc('\n', callgrind->out);
}

static void put_calls(struct callgrind *callgrind)
{
	const struct ct_call *before = NULL;
	uint32_t file = 0;
	for (size_t i = 0; i < callgrind->calls.count; i++) {
		const struct ct_call *call = &callgrind->calls.rows[i];
		if (!before || before->caller != call->caller) {
			putc('\n', callgrind->out);
			put_function(callgrind, "", call->caller);
			file = callgrind->functions.rows[call->caller].file;
		}
		if (file != call->file)
			put_string(callgrind, "fi", callgrind->file_written, call->file);
		file = call->file;
		if (call->callee != CT_CALLS_SELF) {
			put_function(callgrind, "c", call->callee);
			fprintf(callgrind->out, "calls=%" PRIu64 " %" PRIu32 "\n", call->values[BLOCKS],
				callgrind->functions.rows[call->callee].line);
		}
		put_values(callgrind, call);
		before = call;
	}
}

static void put_head(struct callgrind *callgrind)
{
	const struct ct_profile *profile = callgrind->profile;
	FILE *out = callgrind->out;
	fprintf(out, "# callgrind format\nversion: 1\ncreator: ctrace-" CTRACE_VERSION "\n");
	if (profile->pid)
		fprintf(out, "pid: %" PRIu64 "\n", profile->pid);
	fprintf(out, "cmd: %s\npart: 1\n\ndesc: Trigger: Program termination\n", profile->command);
	if (profile->torn)
		fputs("desc: " CT_TORN_TEXT "\n", out);
	if (profile->sample_bytes)
		fprintf(out, "desc: " CT_SAMPLED_TEXT "\n", profile->sample_bytes);
	fputs("\npositions: line\n", out);
	for (size_t i = 0; i < callgrind->calls.metric_count; i++)
		fprintf(out, "event: %s : %s\n", events[i].event, events[i].name);
	fputs("events:", out);
	for (size_t i = 0; i < callgrind->calls.metric_count; i++)
		fprintf(out, " %s", events[i].event);
	fputs("\nsummary:", out);
	for (size_t i = 0; i < callgrind->calls.metric_count; i++)
		fprintf(out, " %" PRIu64, ct_metric_value(&profile->totals, events[i].metric));
	putc('\n', out);
}

int ct_write_callgrind(const struct ct_profile *profile, enum ct_metric metric, FILE *out, struct ct_error_text *error)
{
	(void)metric;
	struct callgrind callgrind = {.profile = profile,
				      .out = out,
				      .file_written = calloc(profile->string_count, 1),
				      .object_written = calloc(profile->string_count, 1)};
	enum ct_metric metrics[CT_CALLS_VALUES_MAX];
	size_t count = 0;
	while (count < CT_CALLS_VALUES_MAX && ct_metric_exists(profile, events[count].metric)) {
		metrics[count] = events[count].metric;
		count++;
	}
	bool memory = ct_functions_init(&callgrind.functions, profile) == 0 && callgrind.file_written &&
		      callgrind.object_written;
	callgrind.function_written = calloc(callgrind.functions.count + 1, 1);
	callgrind.calls = (struct ct_calls){.profile = profile,
					    .labels = callgrind.functions.of_frame,
					    .metrics = metrics,
					    .metric_count = count,
					    .lines = true};
	memory = memory && callgrind.function_written && ct_calls_init(&callgrind.calls) == 0;
	errno = 0;
	if (memory) {
		put_head(&callgrind);
		put_calls(&callgrind);
	}
	ct_calls_fini(&callgrind.calls);
	ct_functions_fini(&callgrind.functions);
	free(callgrind.file_written);
	free(callgrind.object_written);
	free(callgrind.function_written);
	return memory ? ct_put_end(out, error) : ct_error_no_memory(error);
}
