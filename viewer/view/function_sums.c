/* SPDX-License-Identifier: MIT */
#include "view/function_sums.h"

#include <stdlib.h>

#include "view/names.h"

static void count_site(struct ct_function_sums *sums, const struct ct_profile *profile, const bool *allocators,
		       uint32_t number)
{
	const struct ct_site_row *site = &profile->sites[number - 1];
	uint32_t leaf = ct_name_leaf(profile, allocators, site);

	for (uint32_t i = leaf; i < site->frame_count; i++) {
		uint32_t frame = profile->frame_ids[site->first_frame + i];
		struct ct_function_sum *function = &sums->functions[ct_name_key(&profile->frames[frame])];

		if (!function->example)
			function->example = frame;
		if (i == leaf)
			ct_counters_add(&function->self, &site->counters);
		if (function->seen == number)
			continue;
		function->seen = number;
		ct_counters_add(&function->inclusive, &site->counters);
	}
}

int ct_function_sums_init(struct ct_function_sums *sums, const struct ct_profile *profile, const bool *allocators,
			  const bool *left_out)
{
	size_t slots = profile->string_count * 2 + 1;

	sums->functions = calloc(slots, sizeof(*sums->functions));
	sums->order = calloc(slots, sizeof(struct ct_function_sum *));
	sums->count = 0;
	if (!sums->functions || !sums->order)
		return -1;
	for (size_t i = 0; i < profile->site_count; i++) {
		if (!left_out || !left_out[i])
			count_site(sums, profile, allocators, (uint32_t)i + 1);
	}
	for (size_t i = 0; i < slots; i++) {
		if (sums->functions[i].example)
			sums->order[sums->count++] = &sums->functions[i];
	}
	return 0;
}

void ct_function_sums_fini(struct ct_function_sums *sums)
{
	free(sums->functions);
	free(sums->order);
}

static int compare(const void *a, const void *b, void *context)
{
	const struct ct_function_sum *first = *(struct ct_function_sum *const *)a;
	const struct ct_function_sum *second = *(struct ct_function_sum *const *)b;
	enum ct_column sort = *(enum ct_column *)context;
	double x = ct_column_value(&first->inclusive, sort), y = ct_column_value(&second->inclusive, sort);

	if (x != y)
		return x < y ? 1 : -1;
	/* among callers of one chain the outermost first */
	x = ct_column_value(&first->self, sort);
	y = ct_column_value(&second->self, sort);
	if (x != y)
		return x < y ? -1 : 1;
	return first->example < second->example ? 1 : first->example > second->example ? -1 : 0;
}

void ct_function_sums_sort(struct ct_function_sums *sums, enum ct_column column)
{
	qsort_r(sums->order, sums->count, sizeof(struct ct_function_sum *), compare, &column);
}
