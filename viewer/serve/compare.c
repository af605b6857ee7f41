/* SPDX-License-Identifier: MIT */
/* The difference of two processes, in the forms of `ctrace diff` and `ctrace html`. */
#include <stdlib.h>
#include <string.h>

#include "model/diff.h"
#include "model/threads.h"
#include "serve/answer.h"
#include "write/diff.h"

struct side {
	struct ct_served *served;
	struct ct_profile folded;
	char name[32];
};

static int read_side(struct side *side, int pid, struct ct_error_text *error)
{
	struct ct_profile *profile;
	snprintf(side->name, sizeof(side->name), "process %d", pid);
	int code = ct_served_profile(side->served, &profile, error);
	return code ? code : ct_threads_fold(profile, &side->folded, error);
}

static int compare(struct side sides[CT_DIFF_SIDES], const char *format, FILE *out, struct ct_error_text *error)
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

CT_ANSWER(diff)
{
	const char *asked = request->parameter(request->context, "format"), *format = asked ? asked : "html";
	struct side sides[CT_DIFF_SIDES] = {0};
	struct ct_error_text error;
	uint64_t with;
	if (strcmp(format, "html") && strcmp(format, "json") && strcmp(format, "folded")) {
		ct_answer_error(answer, 400, "format must be html, json or folded");
		return;
	}
	if (!ct_answer_number(request, answer, "with", 0, INT32_MAX, &with))
		return;
	sides[CT_DIFF_NEW].served = ct_answer_process(server, request, answer);
	if (!sides[CT_DIFF_NEW].served)
		return;
	sides[CT_DIFF_OLD].served = ct_fleet_find(&server->fleet, (int)with);
	if (!sides[CT_DIFF_OLD].served) {
		ct_answer_error(answer, 404, "with=PID must name the process to compare with; /processes lists them");
		return;
	}
	int code = CT_OK;
	for (int i = 0; i < CT_DIFF_SIDES && !code; i++)
		code = read_side(&sides[i], sides[i].served->pid, &error);
	if (!code)
		code = compare(sides, format, answer->out, &error);
	for (int i = 0; i < CT_DIFF_SIDES; i++)
		ct_threads_fini(&sides[i].folded);
	if (code) {
		ct_answer_error(answer, code == CT_ERR_USAGE ? 400 : 500, "%s", error.line);
	} else if (!strcmp(format, "html")) {
		answer->type = "text/html; charset=utf-8";
		strcpy(answer->policy, "frame-ancestors 'self'");
	} else if (!strcmp(format, "json")) {
		answer->type = "application/json";
	}
}
