/* SPDX-License-Identifier: MIT */
/* ctrace merge: combines reports and stores of many processes or hosts into one report. */
#include "cmd/cmd.h"
#include "view/caveat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/inputs.h"
#include "cmd/shared_options.h"
#include "export/export.h"
#include "model/merge.h"
#include "names/number.h"
#include "util/message.h"
#include "util/progress.h"

#define COMMAND "merge"
#define LOADING 0.8 /* of the time that a merge takes */

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
		double count = (double)work->inputs.count / LOADING;
		struct ct_progress_part all = ct_progress_enter((double)i / count, (double)(i + 1) / count);
		profile = NULL;
		code = ct_export_load(path, &profile, &work->error);
		if (!code)
			ct_caveat_input(profile, path);
		if (!code)
			code = ct_merge_add(&work->merge, profile, path, &work->error);
		ct_profile_free(profile);
		ct_progress_leave(all);
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
	struct ct_input input = {.path = "the merged profile", .fd = -1};
	struct ct_export job = {.input = &input, .metric = work->metric};
	int code = CT_OK;
	ct_progress_enter(LOADING, 1);
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
	fprintf(stderr, ": total %s in %s at %s\n", b,
		ct_number_count(c, profile->totals.total_blocks, profile->blocks_unit),
		ct_number_count(d, profile->site_count, "sites"));
	ct_message("report %s", work->output);
}

static int merge(struct work *work, char **words)
{
	int code = CT_OK;
	for (; *words && !code; words++)
		code = ct_inputs_add(&work->inputs, *words, work->output, &work->error);
	if (!code && ct_inputs_drop_twins(&work->inputs, &work->error) < 0)
		code = CT_ERR_MEMORY;
	ct_cmd_begin_work("merging", NULL);
	if (!code)
		code = ct_merge_init(&work->merge, &work->error);
	if (!code)
		code = add_inputs(work);
	if (!code)
		code = write_outputs(work);
	ct_cmd_end_work();
	if (!code && !work->quiet && strcmp(work->output, "-"))
		print_summary(work);
	ct_merge_fini(&work->merge);
	ct_inputs_fini(&work->inputs);
	return code ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", work->error.line) : CT_EXIT_FINE;
}

static const struct ct_option options[] = {
	{.letter = 'o',
	 .name = "output",
	 .argument = "FILE",
	 .help = "the report to write; - is stdout",
	 .set = ct_set_text,
	 .at = offsetof(struct work, output),
	 .file = true},
	{.letter = 'f',
	 .name = "format",
	 .argument = "FORMAT",
	 .help = "as in ctrace export; with several, each file gets its own suffix",
	 .standard = "dhat",
	 .set = ct_set_formats,
	 .at = offsetof(struct work, formats),
	 .value = ct_values_formats,
	 .list = true},
	{.letter = 'm',
	 .name = "metric",
	 .argument = "METRIC",
	 .help = "as in ctrace export",
	 .set = ct_set_metric,
	 .at = offsetof(struct work, metric),
	 .value = ct_values_metrics},
	{.name = "skip-damaged",
	 .help = "skip inputs that cannot be read, with a line for each",
	 .set = ct_set_flag,
	 .at = offsetof(struct work, skip_damaged)},
	{.letter = 'q',
	 .name = "quiet",
	 .help = "no summary on stderr",
	 .set = ct_set_flag,
	 .at = offsetof(struct work, quiet)},
};

static int run(int argc, char **argv)
{
	struct work work = {0};
	int code, rest = ct_command_begin(&ct_command_merge, &work, argc, argv, &code);
	if (rest < 0)
		return code;
	if (rest >= argc)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "no input files; see ctrace merge --help");
	if (!work.output || !*work.output)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "name the report to write with -o");
	if (!work.formats.count)
		work.formats = (struct ct_format_set){{ct_formats}, 1};
	if (work.formats.count > 1 && !strcmp(work.output, "-"))
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "stdout takes one format, and there are several");
	return merge(&work, argv + rest);
}

const struct ct_command ct_command_merge = {
	.name = COMMAND,
	.summary = "combine reports and stores of many processes or hosts",
	.usage = "[options] -o OUT INPUT...",
	.about =
		"Combine the reports or stores of many processes or hosts. INPUT is a file, a folder (all reports and stores in "
		"it) or a pattern ('heap.*.json'). Sites whose stacks differ only in addresses are merged. Sums are exact; max and "
		"peak add up what the processes had at different times and are upper bounds.",
	.groups = {CT_OPTION_GROUP(options, 0), CT_OPTION_GROUP(ct_sysroot_options, 0)},
	.run = run,
};
