/* SPDX-License-Identifier: MIT */
/* ctrace check: checks a recording against a budget, and its growth against an older recording. */
#include "cmd/cmd.h"
#include "view/caveat.h"

#include <stdlib.h>

#include "cmd/option.h"
#include "load/load.h"
#include "model/threads.h"
#include "view/check.h"
#include "write/file.h"

#define COMMAND "check"

struct work {
	struct ct_budget budget;
	struct ct_profile *loaded[CT_DIFF_SIDES];
	struct ct_profile profiles[CT_DIFF_SIDES]; /* their threads are folded */
	const char *names[CT_DIFF_SIDES];
	struct ct_diff diff;
	bool growth; /* a rule is about growth */
	bool strict;
	bool passes;
	struct ct_error_text error;
};

static int check_rule(struct work *work, const struct ct_budget_rule *rule)
{
	int code = CT_OK;
	for (int side = CT_DIFF_NEW; side >= (rule->growth ? CT_DIFF_OLD : CT_DIFF_NEW) && !code; side--)
		code = ct_rule_check(rule, &work->profiles[side], work->names[side], &work->error);
	/* The numbers of both sides must have the same unit. */
	if (!code && rule->growth && ct_metric_adds_up(rule->metric))
		code = ct_diff_check(&work->diff, rule->metric, &work->error);
	return code;
}

static int print(struct work *work, const struct ct_verdict *verdicts)
{
	const struct ct_check_view gate = {.budget = &work->budget,
					   .verdicts = verdicts,
					   .profile = &work->profiles[CT_DIFF_NEW],
					   .name = work->names[CT_DIFF_NEW],
					   .diff = work->names[CT_DIFF_OLD] ? &work->diff : NULL,
					   .strict = work->strict};
	struct ct_out_file file;
	int code = ct_out_open("-", &file, &work->error);
	if (!code && ct_view_gate(&gate, file.stream))
		code = ct_error_no_memory(&work->error);
	work->passes = ct_gate_passes(&gate);
	return ct_out_close(&file, code, &work->error);
}

static int judge(struct work *work)
{
	struct ct_verdict *verdicts = calloc(work->budget.count, sizeof(*verdicts));
	int code = verdicts ? CT_OK : ct_error_no_memory(&work->error);
	for (size_t i = 0; i < work->budget.count && !code; i++) {
		code = check_rule(work, &work->budget.rules[i]);
		if (!code && ct_rule_judge(&work->budget.rules[i], &work->profiles[CT_DIFF_NEW],
					   &work->profiles[CT_DIFF_OLD], &verdicts[i]))
			code = ct_error_no_memory(&work->error);
	}
	if (!code)
		code = print(work, verdicts);
	free(verdicts);
	return code;
}

static int check(struct work *work)
{
	int code = CT_OK;
	for (int side = 0; side < CT_DIFF_SIDES && !code; side++) {
		if (work->names[side])
			code = ct_load(work->names[side], &work->loaded[side], &work->error);
		if (!code && work->loaded[side]) {
			ct_caveat_torn(work->loaded[side], work->names[side]);
			code = ct_threads_fold(work->loaded[side], &work->profiles[side], &work->error);
		}
	}
	if (!code && work->names[CT_DIFF_OLD])
		code = ct_diff_init(
			&work->diff,
			(const struct ct_profile *const[]){&work->profiles[CT_DIFF_OLD], &work->profiles[CT_DIFF_NEW]},
			work->names, CT_DIFF_OWN, &work->error);
	return code ? code : judge(work);
}

static int set_budget(const struct ct_option *option, void *request, const char *value, struct ct_error_text *error)
{
	(void)option;
	return ct_budget_read(&((struct work *)request)->budget, value, error);
}

static int set_baseline(const struct ct_option *option, void *request, const char *value, struct ct_error_text *error)
{
	(void)option;
	struct work *work = request;
	if (work->names[CT_DIFF_OLD])
		return ct_error_set(error, CT_ERR_USAGE, "--baseline is given twice");
	work->names[CT_DIFF_OLD] = value;
	return CT_OK;
}

static int set_growth(const struct ct_option *option, void *request, const char *value, struct ct_error_text *error)
{
	(void)option;
	struct work *work = request;
	work->growth = true;
	return ct_budget_add_growth(&work->budget, value, error);
}

static const struct ct_option options[] = {
	{.letter = 'b',
	 .name = "budget",
	 .argument = "RULES",
	 .help = "a file of rules, one per line, # starts a comment; may be repeated",
	 .set = set_budget,
	 .file = true},
	{.name = "baseline",
	 .argument = "OLD",
	 .help = "what --max-growth compares with",
	 .set = set_baseline,
	 .file = true},
	{.name = "max-growth",
	 .argument = "RULE",
	 .help = "how much a number may grow; may be repeated",
	 .set = set_growth},
	{.name = "strict",
	 .help = "also fail if a rule matches no site, events were dropped, or a store was copied while it was written",
	 .set = ct_set_flag,
	 .at = offsetof(struct work, strict)},
};

static void print_rules(FILE *out)
{
	fputs("\n"
	      "Rules: METRIC OPERATOR LIMIT, for growth METRIC LIMIT, with 'function GLOB' or 'module GLOB' in front:\n"
	      "  peak <= 64 MiB        total-blocks < 10k        end == 0        function parse_* temporary <= 100\n"
	      "  growth: 'peak 5%'     'total 1 MiB'             'module libfoo.so* end 0'\n"
	      "Metrics: ",
	      out);
	ct_metric_list(out);
	putc('\n', out);
}

/* Without a rule, the check must not pass. */
static int check_usage(const struct work *work, int files)
{
	if (files != 1)
		return ct_cmd_fail_files(COMMAND, files);
	if (work->growth && !work->names[CT_DIFF_OLD])
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "--max-growth needs --baseline OLD");
	if (!work->growth && work->names[CT_DIFF_OLD])
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "--baseline needs --max-growth, as 'peak 5%%'");
	if (!work->budget.count)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE,
				   "nothing to check: add --budget RULES, or --baseline OLD --max-growth RULE");
	return CT_EXIT_FINE;
}

static int run(int argc, char **argv)
{
	struct work work = {.strict = false};
	int code, rest = ct_command_begin(&ct_command_check, &work, argc, argv, &code);
	if (rest >= 0)
		code = check_usage(&work, argc - rest);
	if (rest >= 0 && !code) {
		work.names[CT_DIFF_NEW] = argv[rest];
		code = check(&work);
		if (code)
			code = ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", work.error.line);
		else if (!work.passes)
			code = CT_EXIT_FINDINGS;
	}
	ct_diff_fini(&work.diff);
	for (int side = 0; side < CT_DIFF_SIDES; side++) {
		ct_threads_fini(&work.profiles[side]);
		ct_profile_free(work.loaded[side]);
	}
	ct_budget_fini(&work.budget);
	return code;
}

const struct ct_command ct_command_check = {
	.name = COMMAND,
	.summary = "fail a CI job when memory use breaks a budget or grows",
	.usage = "FILE --budget RULES\n"
		 "FILE --baseline OLD --max-growth 'peak 5%'",
	.about =
		"A gate for CI: prints broken rules as a Markdown table and exits with 1. FILE and OLD are stores or reports.",
	.groups = {CT_OPTION_GROUP(options, 0)},
	.print_more = print_rules,
	.run = run,
};
