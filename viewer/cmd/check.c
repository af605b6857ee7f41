/* SPDX-License-Identifier: MIT */
/* ctrace check: checks a recording against a budget, and its growth against an older recording. */
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/check_input.h"
#include "cmd/config.h"
#include "cmd/shared_options.h"
#include "gate/gate.h"
#include "model/threads.h"
#include "util/message.h"
#include "write/file.h"

#define COMMAND "check"

enum format { FORMAT_TEXT, FORMAT_MARKDOWN, FORMAT_GITHUB, FORMAT_JUNIT, FORMAT_SARIF };

struct work {
	enum format format;
	enum ct_color_mode color;
	const char *output;
	struct ct_config config;
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

static void (*const writers[])(const struct ct_gate *, FILE *) = {
	[FORMAT_MARKDOWN] = ct_gate_markdown,
	[FORMAT_GITHUB] = ct_gate_github,
	[FORMAT_JUNIT] = ct_gate_junit,
	[FORMAT_SARIF] = ct_gate_sarif,
};

static int write_form(const struct work *work, const struct ct_gate *gate, FILE *out)
{
	struct ct_terminal terminal;
	if (writers[work->format]) {
		writers[work->format](gate, out);
		return 0;
	}
	ct_terminal_probe(&terminal, out, work->color);
	return ct_gate_text(gate, &terminal, out);
}

static int write_file(struct work *work, const struct ct_gate *gate)
{
	struct ct_out_file file;
	int code = ct_out_open(work->output, &file, &work->error);
	if (!code && write_form(work, gate, file.stream))
		code = ct_error_no_memory(&work->error);
	return ct_out_close(&file, code, &work->error);
}

/*
 * In a job of GitHub's, add the Markdown to the job's summary. Not if stdout is a file for another tool, or Markdown
 * already: then the user decides where it goes. A summary that cannot be written is no reason to fail the job.
 */
static void append_summary(const struct work *work, const struct ct_gate *gate)
{
	const char *path = getenv("GITHUB_STEP_SUMMARY");
	if (!path || !*path || (work->format != FORMAT_TEXT && work->format != FORMAT_GITHUB))
		return;
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "a");
	if (out)
		ct_gate_markdown(gate, out);
	if (!out || ferror(out) | fclose(out))
		ct_message("%s: the job's summary cannot be written: %s", path, strerror(errno));
	if (fd >= 0 && !out)
		close(fd);
}

static int print(struct work *work, const struct ct_verdict *verdicts)
{
	const struct ct_gate_case judged = {.budget = &work->budget,
					    .verdicts = verdicts,
					    .profile = &work->profiles[CT_DIFF_NEW],
					    .name = work->names[CT_DIFF_NEW],
					    .diff = work->names[CT_DIFF_OLD] ? &work->diff : NULL,
					    .strict = work->strict};
	struct ct_gate gate;
	int code = ct_gate_init(&gate, &judged) ? ct_error_no_memory(&work->error) : CT_OK;
	if (!code)
		code = write_file(work, &gate);
	if (!code)
		append_summary(work, &gate);
	work->passes = gate.passes;
	ct_gate_fini(&gate);
	return code;
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
			code = ct_check_load(COMMAND, work->names[side], &work->loaded[side], &work->error);
		if (!code && work->loaded[side])
			code = ct_threads_fold(work->loaded[side], &work->profiles[side], &work->error);
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

static const char *const formats[] = {"text", "md", "github", "junit", "sarif", NULL}; /* by enum format */

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
	{.letter = 'f',
	 .name = "format",
	 .argument = "FORMAT",
	 .help = "text, md (a Markdown table), github (annotations of a workflow), junit (XML) or sarif",
	 .standard = "text",
	 .set = ct_set_choice,
	 .at = offsetof(struct work, format),
	 .choices = formats},
	{.letter = 'o',
	 .name = "output",
	 .argument = "OUT",
	 .help = "write the result to a file instead of stdout",
	 .set = ct_set_text,
	 .at = offsetof(struct work, output),
	 .file = true},
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

/* The config's budget is for a command line without rules. */
static int configure(struct work *work)
{
	int code = ct_config_read(&work->config, &work->error);
	if (!code && work->config.budget && !work->budget.count)
		code = ct_budget_read(&work->budget, work->config.budget, &work->error);
	return code ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", work->error.line) : CT_EXIT_FINE;
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
	struct work work = {.output = "-"};
	int code, rest = ct_command_begin(&ct_command_check, &work, argc, argv, &code);
	if (rest >= 0)
		code = configure(&work);
	if (rest >= 0 && !code)
		code = check_usage(&work, argc - rest);
	if (rest >= 0 && !code) {
		setlocale(LC_CTYPE, "");
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
	ct_config_fini(&work.config);
	return code;
}

const struct ct_command ct_command_check = {
	.name = COMMAND,
	.summary = "fail a CI job when memory use breaks a budget or grows",
	.usage = "FILE --budget RULES\n"
		 "FILE --baseline OLD --max-growth 'peak 5%'",
	.about =
		"A gate for CI: prints the broken rules, each with the sites to look at first, and exits with 1. FILE and OLD are "
		"stores or reports, or folders of them: the sum of all processes. In a job of GitHub's, the result is also added to the job's summary.",
	.groups = {CT_OPTION_GROUP(options, 0), CT_OPTION_GROUP(ct_color_options, offsetof(struct work, color)),
		   CT_OPTION_GROUP(ct_sysroot_options, 0)},
	.print_more = print_rules,
	.run = run,
};
