/* SPDX-License-Identifier: MIT */
/*
 * The difference of two processes, or of a process now and some seconds ago, in the forms of `ctrace diff` and `ctrace
 * html`.
 */
#include <stdlib.h>
#include <string.h>

#include "model/diff.h"
#include "model/threads.h"
#include "serve/answer.h"
#include "write/diff.h"

struct side {
	struct ct_profile whole; /* shares everything with the process's profile but the sites */
	struct ct_profile folded;
	struct ct_site_row *sites; /* of an earlier moment */
	char name[48];
};

static int read_side(struct side *side, struct ct_served *served, struct ct_error_text *error)
{
	struct ct_profile *profile;
	snprintf(side->name, sizeof(side->name), "process %d", served->pid);
	int code = ct_served_profile(served, &profile, error);
	if (!code)
		side->whole = *profile;
	return code;
}

/* The process as it was, as far as that was remembered: other numbers are those of now, and so have no difference. */
static int go_back(struct side *side, const struct side *now, const struct ct_seen *seen,
		   const struct ct_served *served, struct ct_error_text *error)
{
	struct ct_seen_site *seen_sites = ct_seen_match(seen, served);
	side->whole = now->whole;
	snprintf(side->name, sizeof(side->name), "%.32s before", now->name);
	side->sites = calloc(now->whole.site_count + 1, sizeof(*side->sites));
	if (!side->sites || !seen_sites) {
		free(seen_sites);
		return ct_error_no_memory(error);
	}
	side->whole.totals.total_bytes = side->whole.totals.total_blocks = 0;
	side->whole.totals.end_bytes = side->whole.totals.end_blocks = 0;
	for (size_t i = 0; i < now->whole.site_count; i++) {
		const struct ct_seen_site *before = &seen_sites[i];
		struct ct_site_row *row = &side->sites[i];
		*row = now->whole.sites[i];
		if (!before->total_blocks)
			row->counters = (struct ct_counters){0};
		row->counters.total_bytes = before->total_bytes;
		row->counters.total_blocks = before->total_blocks;
		row->counters.end_bytes = before->end_bytes;
		row->counters.end_blocks = before->end_blocks;
		side->whole.totals.total_bytes += before->total_bytes;
		side->whole.totals.total_blocks += before->total_blocks;
		side->whole.totals.end_bytes += before->end_bytes;
		side->whole.totals.end_blocks += before->end_blocks;
	}
	side->whole.sites = side->sites;
	free(seen_sites);
	return CT_OK;
}

static int write_diff(struct side sides[CT_DIFF_SIDES], const char *format, FILE *out, struct ct_error_text *error)
{
	const struct ct_profile *const profiles[] = {&sides[CT_DIFF_OLD].folded, &sides[CT_DIFF_NEW].folded};
	const char *const names[] = {sides[CT_DIFF_OLD].name, sides[CT_DIFF_NEW].name};
	struct ct_diff diff = {0};
	int code = ct_diff_init(&diff, profiles, names, CT_DIFF_OWN, error);
	if (!code)
		code = !strcmp(format, "html")   ? ct_write_diff_html(&diff, CT_METRIC_END_BYTES, out, error)
		       : !strcmp(format, "json") ? ct_write_diff_json(&diff, CT_METRIC_END_BYTES, out, error)
						 : ct_write_diff_folded(&diff, CT_METRIC_END_BYTES, out, error);
	ct_diff_fini(&diff);
	return code;
}

static int compare(struct side sides[CT_DIFF_SIDES], const char *format, FILE *out, struct ct_error_text *error)
{
	int code = CT_OK;
	for (int i = 0; i < CT_DIFF_SIDES && !code; i++)
		code = ct_threads_fold(&sides[i].whole, &sides[i].folded, error);
	return code ? code : write_diff(sides, format, out, error);
}

static void put_diff(struct side sides[CT_DIFF_SIDES], const char *format, struct ct_answer *answer)
{
	struct ct_error_text error;
	int code = compare(sides, format, answer->out, &error);
	if (code) {
		ct_answer_failure(answer, code, &error);
	} else if (!strcmp(format, "html")) {
		answer->type = "text/html; charset=utf-8";
		strcpy(answer->policy, "frame-ancestors 'self'");
	} else if (!strcmp(format, "json")) {
		answer->type = "application/json";
	}
}

/* With another process: now. False: the answer says why not. */
static bool read_other(struct ct_server *server, struct ct_answer *answer, int pid, struct side *side)
{
	struct ct_served *other = ct_fleet_find(&server->fleet, pid);
	struct ct_error_text error;
	if (!other) {
		ct_answer_error(
			answer, 404,
			"with=PID must name the process to compare with, or seconds=N a time; /processes lists them");
		return false;
	}
	int code = read_side(side, other, &error);
	if (code)
		ct_answer_failure(answer, code, &error);
	return !code;
}

CT_ANSWER(diff)
{
	const char *asked = request->parameter(request->context, "format"), *format = asked ? asked : "html";
	struct side sides[CT_DIFF_SIDES] = {0};
	const struct ct_wait *wait = answer->wait;
	struct ct_error_text error;
	uint64_t with, seconds;
	if (strcmp(format, "html") && strcmp(format, "json") && strcmp(format, "folded")) {
		ct_answer_error(answer, 400, "format must be html, json or folded");
		return;
	}
	if (!ct_answer_number(request, answer, "with", 0, INT32_MAX, &with) ||
	    !ct_answer_number(request, answer, "seconds", 0, CT_SECONDS_MAX, &seconds))
		return;
	if (with && seconds) {
		ct_answer_error(answer, 400, "with and seconds cannot be combined");
		return;
	}
	struct ct_served *served =
		wait->began ? ct_wait_process(server, answer) : ct_answer_profile(server, request, answer);
	if (!served)
		return;
	if (seconds && !wait->began) {
		if (ct_wait_add(server, answer, served))
			ct_wait_begin(answer, seconds);
		return;
	}
	int code = read_side(&sides[CT_DIFF_NEW], served, &error);
	if (!code && seconds)
		code = go_back(&sides[CT_DIFF_OLD], &sides[CT_DIFF_NEW], &wait->rows->seen, served, &error);
	if (code)
		ct_answer_failure(answer, code, &error);
	else if (seconds || read_other(server, answer, (int)with, &sides[CT_DIFF_OLD]))
		put_diff(sides, format, answer);
	for (int i = 0; i < CT_DIFF_SIDES; i++) {
		ct_threads_fini(&sides[i].folded);
		free(sides[i].sites);
	}
}
