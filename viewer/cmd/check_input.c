/* SPDX-License-Identifier: MIT */
#include "cmd/check_input.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/inputs.h"
#include "cmd/pick.h"
#include "load/load.h"
#include "model/merge.h"
#include "model/together.h"
#include "view/caveat.h"

struct sum {
	struct ct_merge merge;
	struct ct_life *lives;
	size_t count; /* of lives */
	bool all_known; /* each file has a timeline */
};

static int load(const char *path, struct ct_profile **profile, struct ct_error_text *error)
{
	int code = ct_load(path, profile, error);
	if (!code)
		ct_caveat_input(*profile, path);
	return code;
}

/* Add one file. Counts of the program's own events are left out. */
static int add_file(struct sum *sum, const char *path, struct ct_error_text *error)
{
	struct ct_profile *profile = NULL;
	int code = load(path, &profile, error);
	if (!code && profile->mode == CT_MODE_HEAP) {
		struct ct_life *life = &sum->lives[sum->count++];
		code = ct_merge_add(&sum->merge, profile, path, error);
		if (!code && ct_life_of_profile(profile, life))
			code = ct_error_no_memory(error);
		sum->all_known = sum->all_known && life->step_count;
	}
	ct_profile_free(profile);
	return code;
}

static int add_up(struct sum *sum, const struct ct_inputs *inputs, struct ct_error_text *error)
{
	struct ct_together together;
	int code = ct_merge_init(&sum->merge, error);
	sum->lives = calloc(inputs->count + 1, sizeof(*sum->lives));
	if (!code && !sum->lives)
		code = ct_error_no_memory(error);
	for (size_t i = 0; i < inputs->count && !code; i++)
		code = add_file(sum, inputs->paths[i], error);
	if (!code)
		code = ct_merge_end(&sum->merge, error);
	if (!code && ct_together_add_up(sum->lives, sum->count, &together))
		code = ct_error_no_memory(error);
	if (!code && sum->all_known && together.most_bytes < sum->merge.profile->totals.peak_bytes)
		sum->merge.profile->totals.peak_bytes = together.most_bytes;
	return code;
}

static int load_folder(const char *command, const char *path, struct ct_profile **profile, struct ct_error_text *error)
{
	struct ct_inputs inputs = {0};
	struct sum sum = {.all_known = true};
	char *folder = strdup(path);
	int code = folder ? ct_pick_folder(command, &folder, &inputs, error) : ct_error_no_memory(error);
	if (!code && inputs.count == 1) {
		code = load(inputs.paths[0], profile, error);
	} else if (!code) {
		code = add_up(&sum, &inputs, error);
		if (!code && !sum.merge.inputs)
			code = ct_error_set(error, CT_ERR_USAGE, "%s: no report of a heap in this folder", folder);
		if (!code) {
			*profile = sum.merge.profile;
			sum.merge.profile = NULL;
		}
		ct_merge_fini(&sum.merge);
	}
	for (size_t i = 0; i < sum.count; i++)
		free(sum.lives[i].steps);
	free(sum.lives);
	ct_inputs_fini(&inputs);
	free(folder);
	return code;
}

int ct_check_load(const char *command, const char *path, struct ct_profile **profile, struct ct_error_text *error)
{
	struct stat status;
	bool folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
	return folder ? load_folder(command, path, profile, error) : load(path, profile, error);
}
