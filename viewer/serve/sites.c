/* SPDX-License-Identifier: MIT */
#include "serve/sites.h"

#include <stdlib.h>
#include <string.h>

#include "model/chain.h"
#include "names/names.h"

#define NAMES_MAX 200000 /* of all processes together; beyond, they are looked up again */

/* The row of a hash, or the free one where it belongs. */
static struct ct_site_name *find_name(const struct ct_site_names *names, uint64_t hash)
{
	size_t at = hash & (names->room - 1);
	while (names->rows[at].hash && names->rows[at].hash != hash)
		at = (at + 1) & (names->room - 1);
	return &names->rows[at];
}

const char *ct_site_name(const struct ct_site_names *names, uint64_t hash)
{
	const char *text = names->room ? find_name(names, hash)->text : NULL;
	return text ? text : "";
}

/* At most half of the rows are in use. */
static bool make_room(struct ct_site_names *names)
{
	struct ct_site_names larger = {.room = names->room ? names->room * 2 : 1024, .count = names->count};
	if (2 * (names->count + 1) <= names->room)
		return true;
	larger.rows = calloc(larger.room, sizeof(*larger.rows));
	if (!larger.rows)
		return false;
	for (size_t i = 0; i < names->room; i++)
		if (names->rows[i].hash)
			*find_name(&larger, names->rows[i].hash) = names->rows[i];
	free(names->rows);
	*names = larger;
	return true;
}

void ct_site_names_fini(struct ct_site_names *names)
{
	for (size_t i = 0; i < names->room; i++)
		free(names->rows[i].text);
	free(names->rows);
	*names = (struct ct_site_names){0};
}

/* Remember the names of a profile's sites. */
static bool add_names(struct ct_site_names *names, const struct ct_profile *profile, const uint64_t *hashes)
{
	struct ct_origins origins;
	char name[CT_NAME_ROOM];
	bool memory = !ct_origins_init(&origins, profile, CT_ORIGIN_RULE);
	for (size_t i = 0; i < profile->site_count && memory; i++) {
		const struct ct_site_row *site = &profile->sites[i];
		memory = make_room(names);
		struct ct_site_name *row = memory ? find_name(names, hashes[i]) : NULL;
		if (!row || row->hash)
			continue;
		uint32_t own = ct_origin_own(profile, &origins, site);
		ct_name_short(profile, &profile->frames[profile->frame_ids[site->first_frame + own]], name);
		row->text = strdup(name);
		memory = row->text != NULL;
		row->hash = memory ? hashes[i] : 0;
		names->count += memory;
	}
	ct_origins_fini(&origins);
	return memory;
}

/* Make the process's numbers for its sites, from its profile. */
static bool make_cache(struct ct_site_names *names, struct ct_served *served)
{
	struct ct_profile *profile;
	struct ct_error_text ignored;
	if (ct_served_profile(served, &profile, &ignored))
		return false;
	uint64_t *hashes = ct_chain_numbers(profile);
	struct ct_site_cache *cache = hashes ? ct_site_cache_new(served->builder, hashes) : NULL;
	if (cache && !add_names(names, profile, hashes)) {
		ct_site_cache_free(cache);
		cache = NULL;
	}
	free(hashes);
	ct_site_cache_free(served->sites);
	served->sites = cache;
	return cache;
}

bool ct_top_sites(struct ct_site_names *names, struct ct_served *served)
{
	bool known = served->sites && !served->sites->stale;
	for (size_t i = 0; known && i < served->sites->top_count; i++)
		known = *ct_site_name(names, served->sites->top[i].hash);
	if (!known && names->count > NAMES_MAX)
		ct_site_names_fini(names);
	return known || make_cache(names, served);
}
