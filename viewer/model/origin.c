/* SPDX-License-Identifier: MIT */
#include "model/origin.h"

#include <stdlib.h>
#include <string.h>

#include "names/origin.h"

/* One string may be the name of a function and of a file, so each role has its bits: KNOWN, and what was found << 1. */
enum role { FUNCTION = 0, FILE_PATH = 3, FILE_NAME = 6, MODULE = 9 };

#define KNOWN 1u

/* A frame that is no code, such as "[thread 1 main]". */
#define FROM_LABEL 4u

static unsigned look_up(struct ct_origins *origins, const struct ct_profile *profile, uint32_t string, enum role role,
			unsigned (*classify)(const char *))
{
	uint16_t *known = &origins->of_string[string];
	if (!string)
		return 0;
	if (!(*known >> role & KNOWN))
		*known = (uint16_t)(*known | (KNOWN | classify(profile->strings[string]) << 1) << role);
	return *known >> (role + 1) & (CT_FROM_ALLOCATOR | CT_FROM_LIBRARY);
}

static unsigned classify(struct ct_origins *origins, const struct ct_profile *profile, const struct ct_frame *frame)
{
	const char *label = profile->strings[frame->function ? frame->function : frame->text];
	if (!frame->module && *label == '[')
		return FROM_LABEL;
	unsigned origin = look_up(origins, profile, frame->function, FUNCTION, ct_origin_of_function);
	unsigned module = look_up(origins, profile, frame->module, MODULE, ct_origin_of_module);
	if (origins->rule == CT_ORIGIN_BY_NAME)
		module &= CT_FROM_ALLOCATOR;
	if (origins->rule == CT_ORIGIN_BY_NAME || !frame->module)
		origin |= look_up(origins, profile, frame->file, FILE_NAME, ct_origin_of_file_name);
	if (origins->rule != CT_ORIGIN_BY_NAME)
		origin |= look_up(origins, profile, frame->file, FILE_PATH, ct_origin_of_file);
	origin |= module;
	return origins->rule == CT_ORIGIN_NONE ? origin & CT_FROM_ALLOCATOR : origin;
}

int ct_origins_update(struct ct_origins *origins, const struct ct_profile *profile)
{
	size_t frames = profile->frame_count, strings = profile->string_count;
	uint8_t *of_frame = realloc(origins->of_frame, (frames + 1) * sizeof(*of_frame));
	if (!of_frame)
		return -1;
	origins->of_frame = of_frame;
	uint16_t *of_string = realloc(origins->of_string, (strings + 1) * sizeof(*of_string));
	if (!of_string)
		return -1;
	origins->of_string = of_string;
	if (strings > origins->string_count)
		memset(of_string + origins->string_count, 0, (strings - origins->string_count) * sizeof(*of_string));
	origins->string_count = strings;
	for (size_t i = origins->frame_count; i < frames; i++)
		of_frame[i] = i ? (uint8_t)classify(origins, profile, &profile->frames[i]) : 0;
	origins->frame_count = frames;
	return 0;
}

int ct_origins_init(struct ct_origins *origins, const struct ct_profile *profile, enum ct_origin_rule rule)
{
	*origins = (struct ct_origins){.rule = rule};
	return ct_origins_update(origins, profile);
}

void ct_origins_fini(struct ct_origins *origins)
{
	free(origins->of_frame);
	free(origins->of_string);
	*origins = (struct ct_origins){.rule = origins->rule, .split_threads = origins->split_threads};
}

bool ct_origin_is_own(const struct ct_origins *origins, uint32_t frame)
{
	unsigned others = CT_FROM_LIBRARY | (origins->split_threads ? 0 : FROM_LABEL);
	return !(origins->of_frame[frame] & others);
}

uint32_t ct_origin_leaf(const struct ct_profile *profile, const struct ct_origins *origins,
			const struct ct_site_row *site)
{
	const uint32_t *frames = profile->frame_ids + site->first_frame;
	uint32_t leaf = 0;
	while (leaf + 1 < site->frame_count) {
		bool allocator = origins->of_frame[frames[leaf]] & CT_FROM_ALLOCATOR;
		/* an unnamed function between malloc and sqlite3Malloc belongs to the allocator too */
		bool between = !profile->frames[frames[leaf]].function &&
			       origins->of_frame[frames[leaf + 1]] & CT_FROM_ALLOCATOR;
		if (!allocator && !between)
			break;
		leaf++;
	}
	return leaf;
}

uint32_t ct_origin_own(const struct ct_profile *profile, const struct ct_origins *origins,
		       const struct ct_site_row *site)
{
	const uint32_t *frames = profile->frame_ids + site->first_frame;
	uint32_t leaf = ct_origin_leaf(profile, origins, site);
	if (origins->rule == CT_ORIGIN_NONE)
		return leaf;
	for (uint32_t i = leaf; i < site->frame_count; i++)
		if (!origins->of_frame[frames[i]])
			return i;
	for (uint32_t i = leaf; i < site->frame_count; i++)
		if (profile->frames[frames[i]].function && origins->of_frame[frames[i]] != FROM_LABEL)
			return i;
	return leaf;
}

uint32_t ct_origin_call(const struct ct_profile *profile, const struct ct_origins *origins,
			const struct ct_site_row *site)
{
	uint32_t own = ct_origin_own(profile, origins, site);
	return own ? profile->frames[profile->frame_ids[site->first_frame + own - 1]].function : 0;
}
