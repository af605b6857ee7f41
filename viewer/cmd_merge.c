/* SPDX-License-Identifier: MIT */
/* ctrace merge: reports and stores of many processes or hosts become one report. */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export.h"
#include "load/inputs.h"
#include "model/merge.h"
#include "view/number.h"

#define COMMAND "merge"

static void print_help(FILE *out)
{
	fputs("usage: ctrace merge [options] -o OUT INPUT...\n"
	      "Add up the reports or stores of many processes or hosts. INPUT: a file, a folder (all reports and stores\n"
	      "in it) or a pattern ('heap.*.json'). Sites with equal stacks, but for addresses, become one.\n"
	      "Sums are exact; max and peak are sums of what the processes had at different times, upper bounds.\n"
	      "\n"
	      "  -o, --output FILE    the report to write; - is stdout\n"
	      "  -f, --format FORMAT  as of ctrace export; of several, each has its suffix in place of .json (dhat)\n"
	      "  -m, --metric METRIC  as of ctrace export\n"
	      "      --skip-damaged   leave out what cannot be read, and say so\n"
	      "  -q, --quiet          no summary on stderr\n"
	      "  -h, --help           this text\n",
	      out);
}

enum option_value { OPT_SKIP_DAMAGED = 256 };

static const struct option options[] = {
	{"output", required_argument, NULL, 'o'},
	{"format", required_argument, NULL, 'f'},
	{"metric", required_argument, NULL, 'm'},
	{"skip-damaged", no_argument, NULL, OPT_SKIP_DAMAGED},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct work {
	struct ct_inputs inputs;
	struct ct_merge merge;
	struct ct_format_set formats;
	enum ct_metric metric;
	const char *output;
	bool skip_damaged;
	bool quiet;
	size_t skipped;
	struct ct_error_text error;
};

static int add_inputs(struct work *work)
{
	struct ct_profile *profile;
	int code = CT_OK;
	for (size_t i = 0; i < work->inputs.count && !code; i++) {
		const char *path = work->inputs.paths[i];
		profile = NULL;
		code = ct_export_load(path, &profile, &work->error);
		if (!code)
			ct_cmd_warn_torn(profile, path);
		if (!code)
			code = ct_merge_add(&work->merge, profile, path, &work->error);
		ct_profile_free(profile);
		if (work->skip_damaged && (code == CT_ERR_DAMAGED || code == CT_ERR_IO)) {
			ct_cmd_fail(COMMAND, 0, "left out: %s", work->error.line);
			work->skipped++;
			code = CT_OK;
		}
	}
	if (!code && !work->merge.inputs)
		code = ct_error_set(&work->error, CT_ERR_DAMAGED, "nothing is left to merge");
	return code ? code : ct_merge_end(&work->merge, &work->error);
}

static int write_outputs(struct work *work)
{
	struct ct_export job = {.input = "the merged profile", .metric = work->metric};
	int code = CT_OK;
	for (size_t i = 0; i < work->formats.count && !code; i++) {
		job.format = work->formats.formats[i];
		char *name = work->formats.count > 1 ? ct_export_name(work->output, job.format, work->metric)
						     : strdup(work->output);
		if (!name)
			return ct_error_no_memory(&work->error);
		code = ct_export_write(&job, work->merge.profile, name, &work->error);
		free(name);
	}
	return code;
}

static void print_summary(const struct work *work)
{
	const struct ct_profile *profile = work->merge.profile;
	char a[CT_NUMBER_ROOM], b[CT_NUMBER_ROOM], c[CT_NUMBER_ROOM], d[CT_NUMBER_ROOM];
	fprintf(stderr, "ctrace: merged %s file%s", ct_number_exact(a, work->merge.inputs),
		work->merge.inputs == 1 ? "" : "s");
	if (work->skipped)
		fprintf(stderr, " (%s damaged left out)", ct_number_exact(a, work->skipped));
	if (profile->mode == CT_MODE_AD_HOC)
		ct_number_exact(b, profile->totals.total_bytes);
	else
		ct_number_bytes(b, profile->totals.total_bytes);
	fprintf(stderr, ": total %s in %s %s at %s sites\n", b, ct_number_exact(c, profile->totals.total_blocks),
		profile->blocks_unit, ct_number_exact(d, profile->site_count));
	ct_cmd_say("report %s", work->output);
}

static int run(struct work *work, char **words)
{
	int code = CT_OK;
	for (; *words && !code; words++)
		code = ct_inputs_add(&work->inputs, *words, work->output, &work->error);
	if (!code && ct_inputs_drop_stores(&work->inputs, &work->error) < 0)
		code = CT_ERR_MEMORY;
	if (!code)
		code = ct_merge_init(&work->merge, &work->error);
	if (!code)
		code = add_inputs(work);
	if (!code)
		code = write_outputs(work);
	if (!code && !work->quiet && strcmp(work->output, "-"))
		print_summary(work);
	ct_merge_fini(&work->merge);
	ct_inputs_fini(&work->inputs);
	return code ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", work->error.line) : CT_EXIT_FINE;
}

static int set_metric(struct work *work, const char *name)
{
	work->metric = ct_metric_find(name);
	if (work->metric)
		return CT_EXIT_FINE;
	return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "unknown metric '%s'; see ctrace export --help", name);
}

int ct_cmd_merge(int argc, char **argv)
{
	struct work work = {0};
	int option, code = CT_EXIT_FINE;
	argv[0] = "ctrace " COMMAND; /* for getopt's messages */
	optind = 1;
	while (!code && (option = getopt_long(argc, argv, "o:f:m:qh", options, NULL)) != -1) {
		switch (option) {
		case 'o':
			work.output = optarg;
			break;
		case 'f':
			if (ct_format_parse(optarg, &work.formats, &work.error))
				code = ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s", work.error.line);
			break;
		case 'm':
			code = set_metric(&work, optarg);
			break;
		case OPT_SKIP_DAMAGED:
			work.skip_damaged = true;
			break;
		case 'q':
			work.quiet = true;
			break;
		case 'h':
			print_help(stdout);
			return CT_EXIT_FINE;
		default:
			return CT_EXIT_USAGE;
		}
	}
	if (code)
		return code;
	if (optind >= argc)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "which files? see ctrace merge --help");
	if (!work.output || !*work.output)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "name the report to write with -o");
	if (!work.formats.count)
		work.formats = (struct ct_format_set){{ct_formats}, 1};
	if (work.formats.count > 1 && !strcmp(work.output, "-"))
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "stdout takes one format, and there are several");
	return run(&work, argv + optind);
}
