/* SPDX-License-Identifier: MIT */
/* Names the parts of a ledger. */
#include <stdlib.h>
#include <string.h>

#include "memory/take.h"
#include "model/origin.h"
#include "names/names.h"
#include "util/clock.h"
#include "util/join.h"
#include "util/utf8.h"

#define NAMED_MAX 1000 /* sites of a row that are named; the parts are the largest names of them */

struct part {
	uint32_t site; /* of the profile */
	uint64_t resident, mapped;
};

/* The most resident bytes first, then the most mapped ones. */
static int compare_bytes(uint64_t left_resident, uint64_t left_mapped, uint64_t right_resident, uint64_t right_mapped)
{
	if (left_resident != right_resident)
		return left_resident < right_resident ? 1 : -1;
	return left_mapped < right_mapped ? 1 : left_mapped > right_mapped ? -1 : 0;
}

/* As by_bytes, of sites that have no names yet. */
static int by_bytes_and_site(const void *left, const void *right)
{
	const struct part *a = left, *b = right;
	int order = compare_bytes(a->resident, a->mapped, b->resident, b->mapped);
	return order ? order : a->site < b->site ? -1 : a->site > b->site;
}

static int by_name(const void *left, const void *right)
{
	const struct ct_ledger_part *a = left, *b = right;
	return strcmp(a->name, b->name);
}

static int by_bytes(const void *left, const void *right)
{
	const struct ct_ledger_part *a = left, *b = right;
	int order = compare_bytes(a->resident, a->mapped, b->resident, b->mapped);
	return order ? order : by_name(left, right);
}

static void add_part(void *to, void *from)
{
	struct ct_ledger_part *sum = to;
	const struct ct_ledger_part *part = from;
	sum->resident += part->resident;
	sum->mapped += part->mapped;
}

/* "map_table table.c:24 < main": the program's own function, its place, and the one that has called it. */
static void name_site(const struct ct_profile *profile, const struct ct_origins *origins, uint32_t index,
		      char out[CT_LEDGER_PART_ROOM])
{
	const struct ct_site_row *site = &profile->sites[index];
	char function[CT_NAME_ROOM], place[CT_NAME_ROOM], caller[CT_NAME_ROOM] = "";
	char text[3 * CT_NAME_ROOM + 4]; /* with " " and " < " */
	uint32_t own = ct_origin_own(profile, origins, site);
	const struct ct_frame *frame = &profile->frames[profile->frame_ids[site->first_frame + own]];
	const struct ct_frame *next =
		own + 1 < site->frame_count ? &profile->frames[profile->frame_ids[site->first_frame + own + 1]] : NULL;
	if (next && next->module == frame->module && next->file)
		ct_name_short(profile, next, caller);
	ct_name_short(profile, frame, function);
	ct_name_place(profile, frame, place);
	snprintf(text, sizeof(text), "%s%s%s%s%s", function, *place && strcmp(place, function) != 0 ? " " : "",
		 strcmp(place, function) ? place : "", *caller ? " < " : "", caller);
	snprintf(out, CT_LEDGER_PART_ROOM, "%.*s", (int)ct_utf8_fit(text, CT_LEDGER_PART_ROOM - 1), text);
}

static int add_parts(struct ct_taken *taken, struct ct_store_builder *builder, const struct ct_origins *origins,
		     struct part *sites, bool stack)
{
	const struct ct_profile *profile = ct_store_builder_profile(builder);
	struct ct_ledger *ledger = &taken->ledger;
	size_t count = 0;
	for (size_t i = 1; i < taken->site_count; i++) {
		const struct ct_taken_mapping *mapping = &taken->mappings[i];
		uint32_t site = ct_store_builder_site(builder, i);
		if (mapping->mapped && mapping->stack == stack && site < profile->site_count)
			sites[count++] = (struct part){site, mapping->resident, mapping->mapped};
	}
	if (!count)
		return 0;
	qsort(sites, count, sizeof(*sites), by_bytes_and_site);
	count = count < NAMED_MAX ? count : NAMED_MAX;
	struct ct_ledger_part *parts = calloc(count, sizeof(*parts));
	if (!parts)
		return -1;
	for (size_t i = 0; i < count; i++) {
		parts[i].row = stack ? CT_LEDGER_STACKS : CT_LEDGER_MAPPED;
		parts[i].resident = sites[i].resident;
		parts[i].mapped = sites[i].mapped;
		name_site(profile, origins, sites[i].site, parts[i].name);
	}
	count = ct_join(parts, count, sizeof(*parts), by_name, add_part);
	qsort(parts, count, sizeof(*parts), by_bytes);
	for (size_t i = 0; i < count && i < CT_LEDGER_PARTS_OF_ROW; i++)
		ledger->parts[ledger->part_count++] = parts[i];
	free(parts);
	return 0;
}

int ct_taken_name(struct ct_taken *taken, const struct ct_store_file *store, struct ct_error_text *error)
{
	taken->ledger.part_count = 0;
	if (!taken->ledger.knows_mappings)
		return CT_OK;
	uint64_t begin = ct_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	struct ct_origins origins;
	struct ct_store_builder *builder = ct_store_builder_new_of(CT_MODE_MAPPINGS);
	struct part *parts = calloc(taken->site_count + 1, sizeof(*parts));
	int code = builder && parts ? ct_store_builder_update(builder, store, error) : ct_error_no_memory(error);
	if (!code && ct_origins_init(&origins, ct_store_builder_profile(builder), CT_ORIGIN_RULE)) {
		code = ct_error_no_memory(error);
	} else if (!code) {
		if (add_parts(taken, builder, &origins, parts, true) ||
		    add_parts(taken, builder, &origins, parts, false))
			code = ct_error_no_memory(error);
		ct_origins_fini(&origins);
	}
	free(parts);
	ct_store_builder_free(builder);
	taken->ledger.took_ns += ct_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begin;
	return code;
}
