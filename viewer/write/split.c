/* SPDX-License-Identifier: MIT */
#include "write/split.h"

#include <stdlib.h>
#include <string.h>

#include "model/threads.h"

static int compare_labels(const void *left, const void *right, void *argument)
{
	const struct ct_profile *profile = argument;
	const struct ct_frame *a = &profile->frames[*(const uint32_t *)left];
	const struct ct_frame *b = &profile->frames[*(const uint32_t *)right];
	return strverscmp(ct_thread_label(profile, a), ct_thread_label(profile, b));
}

static uint32_t root_of(const struct ct_profile *profile, const struct ct_site_row *site)
{
	return profile->frame_ids[site->first_frame + site->frame_count - 1];
}

/* Take the labels off the stacks. A stack of nothing but the label keeps it. */
static bool take_labels(struct ct_split *split, const struct ct_profile *from)
{
	uint32_t *number = calloc(from->frame_count, sizeof(*number));
	if (!number)
		return false;
	memcpy(split->profile.sites, from->sites, from->site_count * sizeof(*from->sites));
	for (size_t i = 0; i < from->site_count; i++) {
		uint32_t label = root_of(from, &from->sites[i]);
		if (ct_thread_of_site(from, &from->sites[i]) && !number[label]++)
			split->labels[split->label_count++] = label;
	}
	qsort_r(split->labels, split->label_count, sizeof(*split->labels), compare_labels, (void *)from);
	for (size_t i = 0; i < split->label_count; i++)
		number[split->labels[i]] = (uint32_t)i + 1;
	for (size_t i = 0; i < from->site_count; i++) {
		struct ct_site_row *site = &split->profile.sites[i];
		split->thread[i] = number[root_of(from, site)];
		site->frame_count -= split->thread[i] && site->frame_count > 1;
	}
	free(number);
	return true;
}

int ct_split_init(struct ct_split *split, const struct ct_profile *from, struct ct_error_text *error)
{
	size_t sites = from->site_count + 1;
	*split = (struct ct_split){.profile = *from};
	split->profile.sites = calloc(sites, sizeof(*split->profile.sites));
	split->thread = calloc(sites, sizeof(*split->thread));
	split->labels = calloc(sites, sizeof(*split->labels));
	split->site_of = calloc(sites, sizeof(*split->site_of));
	if (!split->profile.sites || !split->thread || !split->labels || !split->site_of || !take_labels(split, from))
		return ct_error_no_memory(error);
	int code = ct_threads_fold(from, &split->folded, error);
	/* A folded site has the frames of the first of its sites, and the order is that of the first ones. */
	for (size_t i = 0, next = 0; !code && i < from->site_count && next < split->folded.site_count; i++)
		if (split->folded.sites[next].first_frame == from->sites[i].first_frame)
			split->site_of[next++] = (uint32_t)i;
	return code;
}

void ct_split_fini(struct ct_split *split)
{
	ct_threads_fini(&split->folded);
	free(split->profile.sites);
	free(split->thread);
	free(split->labels);
	free(split->site_of);
}
