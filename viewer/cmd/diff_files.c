/* SPDX-License-Identifier: MIT */
#include "cmd/diff_files.h"

#include "cmd/cmd.h"
#include "cmd/shared_options.h"
#include "live/process.h"
#include "load/load.h"
#include "model/threads.h"
#include "util/progress.h"
#include "view/caveat.h"
#include "write/file.h"

/* Of the time that a comparison takes: loading one side, and everything before the output. */
#define LOADING 0.25
#define COMPARED 0.8

static int select_parts(struct ct_diff_files *files, struct ct_error_text *error)
{
	struct ct_selected selected[CT_DIFF_SIDES];
	int code = CT_OK;
	if (!ct_selection_any(files->selection))
		return CT_OK;
	for (int side = 0; side < CT_DIFF_SIDES && !code; side++)
		code = ct_select(files->profiles[side], files->selection, &selected[side], error);
	if (code)
		return code;
	for (int kind = 0; kind < CT_SELECT_KINDS; kind++)
		selected[CT_DIFF_NEW].met[kind] |= selected[CT_DIFF_OLD].met[kind];
	ct_caveat_selected(&selected[CT_DIFF_NEW]);
	return CT_OK;
}

static enum ct_metric common_metric(const struct ct_diff *diff)
{
	static const enum ct_metric metrics[] = {CT_METRIC_TOTAL_BYTES, CT_METRIC_PEAK_BYTES, CT_METRIC_END_BYTES};
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		if (ct_diff_has(diff, metrics[i]))
			return metrics[i];
	return CT_METRIC_TOTAL_BYTES;
}

/* Load the store of a running process, as it is now. */
static int load_process(struct ct_diff_files *files, struct ct_profile **profile, struct ct_error_text *error)
{
	struct ct_input input = {
		.path = files->store, .fd = ct_process_open_store(files->pid, files->store, error), .is_store = true};
	files->paths[CT_DIFF_NEW] = files->store;
	int code = input.fd < 0 ? input.fd : ct_load_store(&input, profile, error);
	ct_input_close(&input);
	return code;
}

int ct_diff_files_load(struct ct_diff_files *files, enum ct_metric *metric, struct ct_error_text *error)
{
	int code = CT_OK;
	for (int side = 0; side < CT_DIFF_SIDES && !code; side++) {
		struct ct_progress_part all = ct_progress_enter(side * LOADING, (side + 1) * LOADING);
		code = files->pid && side == CT_DIFF_NEW ? load_process(files, &files->profiles[side], error)
							 : ct_load(files->paths[side], &files->profiles[side], error);
		if (!code)
			ct_caveat_input(files->profiles[side], files->paths[side]);
		ct_progress_leave(all);
	}
	struct ct_progress_part all = ct_progress_enter(CT_DIFF_SIDES * LOADING, COMPARED);
	if (!code)
		code = select_parts(files, error);
	const struct ct_profile *compared[CT_DIFF_SIDES];
	for (int side = 0; side < CT_DIFF_SIDES && !code; side++) {
		bool folds = !files->split_threads && files->profiles[side]->has_threads;
		compared[side] = folds ? &files->folded[side] : files->profiles[side];
		code = folds ? ct_threads_fold(files->profiles[side], &files->folded[side], error) : CT_OK;
	}
	if (!code)
		code = ct_diff_init(&files->diff, compared, files->paths, files->stacks, error);
	ct_progress_leave(all);
	if (code)
		return code;
	if (!*metric)
		*metric = common_metric(&files->diff);
	return ct_diff_check(&files->diff, *metric, error);
}

void ct_diff_files_fini(struct ct_diff_files *files)
{
	ct_diff_fini(&files->diff);
	for (int side = 0; side < CT_DIFF_SIDES; side++) {
		ct_threads_fini(&files->folded[side]);
		ct_profile_free(files->profiles[side]);
	}
}

int ct_diff_files_page(const struct ct_diff_files *files, enum ct_metric metric, const char *output,
		       struct ct_error_text *error)
{
	struct ct_out_file file;
	struct ct_progress_part all = ct_progress_enter(COMPARED, 1);
	int code = ct_out_open(output, &file, error);
	if (!code)
		code = ct_write_diff_page(&files->diff, metric, files->html, file.stream, error);
	ct_progress_leave(all);
	return ct_out_close(&file, code, error);
}
