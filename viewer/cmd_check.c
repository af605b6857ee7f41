/* SPDX-License-Identifier: MIT */
/* ctrace check: does a recording keep its budget, and what has grown against an older one. */
#include "cmd.h"

#include <getopt.h>
#include <stdlib.h>

#include "load/load.h"
#include "view/gate.h"
#include "write/file.h"

#define COMMAND "check"

static void print_help(FILE *out)
{
	fputs("usage: ctrace check FILE --budget RULES\n"
	      "       ctrace check FILE --baseline OLD --max-growth 'peak 5%'\n"
	      "A gate for CI: exit 1 and a Markdown table of the rules that do not hold. FILE and OLD are stores or reports.\n"
	      "\n"
	      "  -b, --budget RULES      a file of rules, one a line, # comments; may be given again\n"
	      "      --baseline OLD      what --max-growth compares with\n"
	      "      --max-growth RULE   by how much a number may grow; may be given again\n"
	      "      --strict            fail also when a rule matches no site, events were dropped, or a store was copied\n"
	      "                          while it was written\n"
	      "  -h, --help              this text\n"
	      "\n"
	      "Rules: METRIC OPERATOR LIMIT, for growth METRIC LIMIT, with 'function GLOB' or 'module GLOB' in front:\n"
	      "  peak <= 64 MiB        total-blocks < 10k        end == 0        function parse_* temporary <= 100\n"
	      "  growth: 'peak 5%'     'total 1 MiB'             'module libfoo.so* end 0'\n"
	      "Metrics: ",
	      out);
	ct_metric_list(out);
	putc('\n', out);
}

enum option_value { OPT_BASELINE = 256, OPT_GROWTH, OPT_STRICT };

static const struct option options[] = {
	{"budget", required_argument, NULL, 'b'},
	{"baseline", required_argument, NULL, OPT_BASELINE},
	{"max-growth", required_argument, NULL, OPT_GROWTH},
	{"strict", no_argument, NULL, OPT_STRICT},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct work {
	struct ct_budget budget;
	struct ct_profile *profiles[CT_DIFF_SIDES];
	const char *names[CT_DIFF_SIDES];
	struct ct_diff diff;
	bool growth; /* a rule asks for it */
	bool strict;
	bool passes;
	struct ct_error_text error;
};

static int check_rule(struct work *work, const struct ct_rule *rule)
{
	int code = CT_OK;
	for (int side = CT_DIFF_NEW; side >= (rule->growth ? CT_DIFF_OLD : CT_DIFF_NEW) && !code; side--)
		code = ct_rule_check(rule, work->profiles[side], work->names[side], &work->error);
	/* Numbers of both sides must be of one unit. */
	if (!code && rule->growth && ct_metric_adds_up(rule->metric))
		code = ct_diff_check(&work->diff, rule->metric, &work->error);
	return code;
}

static int print(struct work *work, const struct ct_verdict *verdicts)
{
	const struct ct_gate gate = {.budget = &work->budget,
				     .verdicts = verdicts,
				     .profile = work->profiles[CT_DIFF_NEW],
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
		if (!code && ct_rule_judge(&work->budget.rules[i], work->profiles[CT_DIFF_NEW],
					   work->profiles[CT_DIFF_OLD], &verdicts[i]))
			code = ct_error_no_memory(&work->error);
	}
	if (!code)
		code = print(work, verdicts);
	free(verdicts);
	return code;
}

static int run(struct work *work)
{
	int code = CT_OK;
	for (int side = 0; side < CT_DIFF_SIDES && !code; side++) {
		if (work->names[side])
			code = ct_load(work->names[side], &work->profiles[side], &work->error);
		if (work->profiles[side])
			ct_cmd_warn_torn(work->profiles[side], work->names[side]);
	}
	if (!code && work->names[CT_DIFF_OLD])
		code = ct_diff_init(&work->diff, (const struct ct_profile *const *)work->profiles, work->names,
				    &work->error);
	return code ? code : judge(work);
}

/* One option; an exit code when the line about it has been printed. */
static int apply(struct work *work, int option, const char *value)
{
	int code = CT_OK;
	switch (option) {
	case 'b':
		code = ct_budget_read(&work->budget, value, &work->error);
		break;
	case OPT_BASELINE:
		if (work->names[CT_DIFF_OLD])
			return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "one baseline at a time");
		work->names[CT_DIFF_OLD] = value;
		break;
	case OPT_GROWTH:
		work->growth = true;
		code = ct_budget_add_growth(&work->budget, value, &work->error);
		break;
	case OPT_STRICT:
		work->strict = true;
		break;
	default:
		return CT_EXIT_USAGE;
	}
	return code ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", work->error.line) : CT_EXIT_FINE;
}

/* A gate that was asked for nothing must not hold. */
static int check_usage(const struct work *work, int files)
{
	if (files != 1)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s; see ctrace check --help",
				   files ? "one file at a time" : "which file?");
	if (work->growth && !work->names[CT_DIFF_OLD])
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "--max-growth needs --baseline OLD");
	if (!work->growth && work->names[CT_DIFF_OLD])
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "--baseline needs --max-growth, as 'peak 5%%'");
	if (!work->budget.count)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE,
				   "what is to hold? --budget RULES, or --baseline OLD --max-growth RULE");
	return CT_EXIT_FINE;
}

int ct_cmd_check(int argc, char **argv)
{
	struct work work = {.strict = false};
	int option, code = CT_EXIT_FINE;

	argv[0] = "ctrace " COMMAND; /* for getopt's messages */
	optind = 0;
	while (!code && (option = getopt_long(argc, argv, "b:h", options, NULL)) != -1) {
		if (option == 'h') {
			print_help(stdout);
			ct_budget_fini(&work.budget);
			return CT_EXIT_FINE;
		}
		code = apply(&work, option, optarg);
	}
	if (!code)
		code = check_usage(&work, argc - optind);
	if (!code) {
		work.names[CT_DIFF_NEW] = argv[optind];
		code = run(&work);
		code = code          ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", work.error.line)
		       : work.passes ? CT_EXIT_FINE
				     : CT_EXIT_FINDINGS;
	}
	ct_diff_fini(&work.diff);
	for (int side = 0; side < CT_DIFF_SIDES; side++)
		ct_profile_free(work.profiles[side]);
	ct_budget_fini(&work.budget);
	return code;
}
