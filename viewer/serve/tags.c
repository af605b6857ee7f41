/* SPDX-License-Identifier: MIT */
#include "serve/tags.h"

#include <stdlib.h>
#include <string.h>

#include "util/join.h"
#include "util/utf8.h"

static bool is_tag(const struct ct_node *node)
{
	return ct_is_pseudo(node->module, node->address, CT_PSEUDO_TAG);
}

/* By node, the number of the tag that it is below, from 1 on; 0: none. A parent comes before its children. */
static uint32_t *number_nodes(const struct ct_store_file *store, size_t *tags)
{
	uint32_t *tag_of = NULL, count = 0;
	for (size_t i = 1; i < store->node_count; i++) {
		const struct ct_node *node = &store->nodes[i];
		if (!tag_of && is_tag(node)) {
			tag_of = calloc(store->node_count, sizeof(*tag_of));
			if (!tag_of)
				return NULL;
		}
		if (tag_of)
			tag_of[i] = is_tag(node) ? ++count : tag_of[node->parent];
	}
	*tags = count;
	return tag_of;
}

/* A tag has a node for each thread that has pushed it, if threads are kept apart. */
static bool name_tags(const struct ct_store_file *store, struct ct_tag_sum *sums)
{
	size_t length, tag = 0;
	for (size_t i = 1; i < store->node_count; i++) {
		if (!is_tag(&store->nodes[i]))
			continue;
		struct ct_span name = ct_tag_name(store->nodes[i].address);
		sums[tag].name = ct_utf8_clean(store->strings + name.offset, name.bytes, &length);
		if (!sums[tag].name)
			return false;
		sums[tag].name[ct_utf8_fit(sums[tag].name, CT_TAG_NAME_MAX)] = '\0'; /* cleaning may make it longer */
		tag++;
	}
	return true;
}

static int by_name(const void *left, const void *right)
{
	const struct ct_tag_sum *a = left, *b = right;
	return strcmp(a->name, b->name);
}

static int by_bytes(const void *left, const void *right)
{
	const struct ct_tag_sum *a = left, *b = right;
	if (a->live_bytes != b->live_bytes)
		return a->live_bytes < b->live_bytes ? 1 : -1;
	if (a->total_bytes != b->total_bytes)
		return a->total_bytes < b->total_bytes ? 1 : -1;
	return by_name(left, right);
}

static void add_tag(void *to, void *from)
{
	struct ct_tag_sum *sum = to, *tag = from;
	sum->live_bytes += tag->live_bytes;
	sum->total_bytes += tag->total_bytes;
	free(tag->name);
}

void ct_tag_sums_read(struct ct_tag_sums *sums, const struct ct_store_file *store)
{
	size_t tags = 0;
	uint32_t *tag_of = number_nodes(store, &tags);
	struct ct_tag_sum *all = tag_of ? calloc(tags, sizeof(*all)) : NULL;
	bool memory = all && name_tags(store, all);
	ct_tag_sums_fini(sums);
	for (size_t i = 1; i < store->site_count && memory; i++) {
		const struct ct_site *site = &store->sites[i];
		uint32_t tag = tag_of[site->node];
		if (!tag || ct_store_is_event(store, site))
			continue;
		all[tag - 1].live_bytes += site->live_bytes > 0 ? (uint64_t)site->live_bytes : 0;
		all[tag - 1].total_bytes += site->total_bytes;
	}
	size_t count = memory ? ct_join(all, tags, sizeof(*all), by_name, add_tag) : 0;
	if (count)
		qsort(all, count, sizeof(*all), by_bytes);
	/* A tag in which only others are nested has nothing. Those come last. */
	while (sums->count < count && sums->count < CT_TOP_TAGS_MAX && all[sums->count].total_bytes)
		sums->count++;
	if (sums->count)
		memcpy(sums->top, all, sums->count * sizeof(*all));
	for (size_t i = sums->count; all && i < (memory ? count : tags); i++)
		free(all[i].name);
	free(all);
	free(tag_of);
}

void ct_tag_sums_fini(struct ct_tag_sums *sums)
{
	for (size_t i = 0; i < sums->count; i++)
		free(sums->top[i].name);
	sums->count = 0;
}
