/* SPDX-License-Identifier: MIT */
/* Writes a store back to a file. All events are folded, so the rings are empty. Each section is one extent. */
#include <stdlib.h>
#include <string.h>

#include "load/store/store_last_look.h"
#include "load/store/store_steps.h"

static const char zeros[CT_STORE_PAGE];

static size_t pages_of(size_t bytes)
{
	return (bytes + CT_STORE_PAGE - 1) / CT_STORE_PAGE;
}

/* A section's data; NULL: zeros. */
static const void *section_of(const struct ct_store_file *store, uint32_t section, size_t *count)
{
	const struct {
		const void *data;
		size_t count;
	} sections[CT_SECTION_COUNT] = {
		[CT_SECTION_STRINGS] = {store->strings, store->string_bytes},
		[CT_SECTION_MODULES] = {store->modules, store->module_count},
		[CT_SECTION_NODES] = {store->nodes, store->node_count},
		[CT_SECTION_SITES] = {store->sites, store->site_count},
		[CT_SECTION_RINGS] = {store->rings, store->ring_count},
		[CT_SECTION_EVENTS] = {NULL, ct_ring_slots(store->ring_count)},
		[CT_SECTION_SNAPSHOTS] = {store->snapshots, store->snapshot_rows},
		[CT_SECTION_MARKS] = {store->marks, store->mark_count},
		[CT_SECTION_REACH] = {store->reach, store->reach_rows},
		[CT_SECTION_SEGMENTS] = {store->segments, store->segment_rows},
		[CT_SECTION_COUNTERS] = {store->counters, store->counter_count},
	};
	*count = sections[section].count;
	return sections[section].data;
}

/* The copy's header, to be freed; NULL when out of memory. */
static struct ct_store_header *make_header(const struct ct_store_file *store)
{
	struct ct_store_header *header = calloc(1, CT_STORE_HEADER_BYTES);
	uint64_t offset = CT_STORE_HEADER_BYTES;
	if (!header)
		return NULL;
	*header = *store->header;
	memset(&header->progress, 0, sizeof(header->progress));
	memset(header->extents, 0, sizeof(header->extents));
	header->look.bytes = 0;
	header->extent_count = CT_SECTION_COUNT;
	for (uint32_t i = 0; i < CT_SECTION_COUNT; i++) {
		size_t count;
		section_of(store, i, &count);
		size_t pages = pages_of(count * ct_store_element_bytes[i]);
		header->sections[i].used = count;
		header->extents[i] = (struct ct_extent){.file_offset = offset, .pages = (uint32_t)pages, .section = i};
		offset += pages * CT_STORE_PAGE;
	}
	/* Keep the time of the latest event, since no ring has it any more. */
	if (store->end_ticks > header->latest_ticks) {
		long double us = (long double)(store->end_ticks - header->start_ticks) * store->us_per_tick;
		header->latest_ticks = store->end_ticks;
		header->latest_ns = header->boot_ns + (uint64_t)(us * 1000);
	}
	return header;
}

static void put_section(const struct ct_store_file *store, uint32_t section, FILE *out)
{
	size_t count;
	const char *data = section_of(store, section, &count);
	size_t bytes = count * ct_store_element_bytes[section], pages = pages_of(bytes);
	if (data) {
		fwrite(data, 1, bytes, out);
		fwrite(zeros, 1, pages * CT_STORE_PAGE - bytes, out);
	}
	for (size_t i = 0; i < pages && !data; i++)
		fwrite(zeros, 1, sizeof(zeros), out);
}

int ct_store_file_write(struct ct_store_file *store, FILE *out, struct ct_error_text *error)
{
	struct ct_store_header *header = make_header(store);
	char *look = NULL;
	if (header && store->look)
		look = ct_store_last_look_pack(store->look, &header->look.bytes);
	if (!header || (store->look && !look)) {
		free(header);
		return ct_error_no_memory(error);
	}
	for (size_t i = 0; i < store->ring_count; i++) {
		struct ct_ring *ring = &store->rings[i];
		ring->tail[0] = ring->tail[1] = ring->limit = ring->head;
	}
	fwrite(header, 1, CT_STORE_HEADER_BYTES, out);
	for (uint32_t i = 0; i < CT_SECTION_COUNT; i++)
		put_section(store, i, out);
	if (look)
		fwrite(look, 1, header->look.bytes, out);
	free(look);
	free(header);
	return ferror(out) ? ct_error_set(error, CT_ERR_IO, "cannot write the copy") : CT_OK;
}
