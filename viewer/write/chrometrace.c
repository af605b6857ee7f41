/* SPDX-License-Identifier: MIT */
/*
 * Writes Trace Event JSON, for Perfetto and chrome://tracing: live memory over time, as counters. Trace viewers stack
 * the series of one counter, so each number is a counter of its own, whose events all have the same key. A counter
 * keeps its value until its next event.
 *
 * The timeline consists of intervals: each has what was live at its end, and its maximum. The peak has its exact time.
 */
#include <errno.h>
#include <inttypes.h>

#include "write/put_json.h"
#include "write/write.h"

struct trace {
	const struct ct_profile *profile;
	FILE *out;
};

static void put_event(struct trace *trace, const char *name, uint64_t time, const char *key, uint64_t value)
{
	fprintf(trace->out,
		",\n{\"name\":\"%s\",\"ph\":\"C\",\"ts\":%" PRIu64 ",\"pid\":%" PRIu64
		",\"tid\":1,\"args\":{\"%s\":%" PRIu64 "}}",
		name, time, trace->profile->pid, key, value);
}

static void put_name(struct trace *trace, const char *before, const char *what, const char *name)
{
	fprintf(trace->out,
		"%s\n{\"name\":\"%s\",\"ph\":\"M\",\"pid\":%" PRIu64 ",\"tid\":1,\"args\":{\"name\":", before, what,
		trace->profile->pid);
	ct_put_text(trace->out, name);
	fputs("}}", trace->out);
}

static void put_live(struct trace *trace)
{
	const struct ct_profile *profile = trace->profile;
	uint64_t time = 0;
	bool peak_shown = false;
	put_event(trace, "live bytes", 0, "bytes", 0);
	for (size_t i = 0; i < profile->timeline_count; i++) {
		const struct ct_timeline_point *point = &profile->timeline[i];
		if (!peak_shown && profile->peak_time <= point->time) {
			put_event(trace, "live bytes", profile->peak_time, "bytes", profile->totals.peak_bytes);
			peak_shown = true;
		}
		put_event(trace, "live bytes", point->time, "bytes", point->last_bytes);
	}
	bool blocks = ct_profile_has_live_blocks(profile);
	if (blocks)
		put_event(trace, "live blocks", 0, "blocks", 0);
	for (size_t i = 0; i < profile->timeline_count && blocks; i++)
		put_event(trace, "live blocks", profile->timeline[i].time, "blocks", profile->timeline[i].last_blocks);
	for (size_t i = 0; i < profile->timeline_count; i++) {
		put_event(trace, "most live bytes", time, "bytes", profile->timeline[i].max_bytes);
		time = profile->timeline[i].time;
	}
	put_event(trace, "most live bytes", time, "bytes", profile->totals.end_bytes);
	if (!ct_profile_has_rss(profile))
		return;
	time = 0;
	for (size_t i = 0; i < profile->timeline_count; i++) {
		put_event(trace, "resident bytes", time, "bytes", profile->timeline[i].rss_bytes);
		time = profile->timeline[i].time;
	}
}

/* Write marks as instants of the process, which are shown as a line over its whole height. */
static void put_marks(struct trace *trace)
{
	const struct ct_profile *profile = trace->profile;
	for (size_t i = 0; i < profile->mark_count; i++) {
		const struct ct_profile_mark *mark = &profile->marks[i];
		fputs(",\n{\"name\":", trace->out);
		ct_put_text(trace->out, *mark->name ? mark->name : "(mark)");
		fprintf(trace->out,
			",\"ph\":\"i\",\"s\":\"p\",\"ts\":%" PRIu64 ",\"pid\":%" PRIu64
			",\"tid\":1,\"args\":{\"live bytes\":%" PRIu64 ",\"total bytes\":%" PRIu64 "}}",
			mark->time, profile->pid, mark->live_bytes, mark->total_bytes);
	}
}

int ct_write_chrometrace(const struct ct_profile *profile, enum ct_metric metric, FILE *out,
			 struct ct_error_text *error)
{
	struct trace trace = {profile, out};
	char sampled[64], name[128];
	(void)metric; /* the file has both bytes and blocks */
	errno = 0;
	fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", out);
	put_name(&trace, "", "process_name", profile->command);
	snprintf(sampled, sizeof(sampled), profile->sample_bytes ? ", " CT_SAMPLED_TEXT : "", profile->sample_bytes);
	snprintf(name, sizeof(name), "heap%s%s", profile->torn ? ", " CT_TORN_TEXT : "", sampled);
	put_name(&trace, ",", "thread_name", name);
	put_live(&trace);
	put_marks(&trace);
	fputs("]}\n", out);
	return ct_put_end(out, error);
}
