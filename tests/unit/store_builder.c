/* SPDX-License-Identifier: MIT */
#include "store_builder.h"

#include "ctrace/fold.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ct_span add_string(struct store_builder *builder, const char *string)
{
	struct ct_section *strings = &builder->header.sections[CT_SECTION_STRINGS];
	struct ct_span span = {(uint32_t)strings->used, (uint32_t)strlen(string)};
	memcpy(builder->strings + span.offset, string, span.bytes);
	strings->used += span.bytes;
	return span;
}

static uint32_t add_node(struct store_builder *builder, uint32_t parent, uint64_t address)
{
	uint32_t id = (uint32_t)builder->header.sections[CT_SECTION_NODES].used++;
	builder->nodes[id] = (struct ct_node){parent, 1, address};
	return id;
}

struct store_builder *store_builder_new(void)
{
	struct store_builder *builder = calloc(1, sizeof(*builder));
	struct ct_store_header *header = &builder->header;
	memcpy(header->magic, CT_STORE_MAGIC, sizeof(header->magic));
	header->version = CT_STORE_VERSION;
	header->byte_order = CT_STORE_BYTE_ORDER;
	header->header_bytes = CT_STORE_HEADER_BYTES;
	header->machine = EM_X86_64;
	header->state = CT_STATE_RECORDING;
	header->pid = 4242;
	header->clock = CT_CLOCK_MONOTONIC;
	header->boot_ns = 1000;
	header->latest_ns = 1000 + 5000000;
	header->latest_ticks = 5000000;
	header->segment[0].number = header->cleared = 1;
	header->exe = add_string(builder, "/nowhere/app");
	header->command = add_string(builder, "app");
	header->output = add_string(builder, "/nowhere/out.json");
	for (int i = CT_SECTION_MODULES; i <= CT_SECTION_SITES; i++)
		header->sections[i].used = 1;
	builder->modules[1].path = header->exe;
	header->sections[CT_SECTION_MODULES].used = 2;
	uint32_t root = add_node(builder, 0, 0x1000);
	builder->sites[1].node = add_node(builder, root, 0x2000);
	builder->sites[2].node = add_node(builder, root, 0x3000);
	header->sections[CT_SECTION_SITES].used = 3;
	header->sections[CT_SECTION_COUNTERS].used = 1;
	header->sections[CT_SECTION_RINGS].used = BUILDER_RINGS;
	header->sections[CT_SECTION_EVENTS].used = BUILDER_EVENTS;
	return builder;
}

void store_builder_event(struct store_builder *builder, uint32_t ring, uint64_t ticks, uint32_t site, uint32_t kind,
			 uint64_t bytes, uint64_t other)
{
	uint64_t at = builder->rings[ring].head++;
	builder->events[ct_ring_slot(ring, at)] = (struct ct_event){ticks, site, kind, bytes, other};
}

void store_builder_fold(struct ct_site *sites, struct ct_totals *totals, struct ct_section *section, uint64_t *counters,
			const struct ct_event *event)
{
	struct ct_site *site = &sites[event->site];
	if (ct_fold_event(site, totals, counters, event))
		return;
	struct ct_histogram wider = ct_histogram_wider(site, event);
	section->used += ct_histogram_place(&wider, section->used);
	if (section->used > BUILDER_COUNTERS)
		abort();
	ct_histogram_widen(site, counters, wider, event);
}

struct store_builder_blocks store_builder_blocks(const struct ct_site *site, const uint64_t *counters)
{
	const struct ct_histogram *histogram = &site->histogram;
	const uint64_t *first = &counters[histogram->base];
	struct store_builder_blocks blocks = {{0}, {0}};
	for (unsigned i = 0; i < histogram->lifetimes; i++)
		blocks.lifetimes[histogram->lifetimes_low + i] =
			histogram->base ? first[i] : ct_site_freed_blocks(site);
	for (unsigned i = 0; i < histogram->sizes; i++)
		blocks.sizes[histogram->sizes_low + i] =
			histogram->sizes > 1 ? first[histogram->lifetimes + i] : site->total_blocks;
	return blocks;
}

struct store_builder_blocks store_builder_expected(const struct store_builder *builder, uint32_t site)
{
	struct store_builder_blocks blocks = {{0}, {0}};
	for (uint32_t ring = 0; ring < BUILDER_RINGS; ring++)
		for (uint64_t i = 0; i < builder->rings[ring].head; i++) {
			const struct ct_event *event = &builder->events[ct_ring_slot(ring, i)];
			unsigned bucket = 63;
			uint64_t number = event->bytes;
			bool freed = ct_event_kind(event) == CT_EVENT_FREE;
			if (event->site != site || (freed && ct_fold_is_stale(&builder->header.totals, event)))
				continue;
			if (freed)
				number = event->ticks - event->other < 1024 ? 1024 : event->ticks - event->other;
			while (bucket && number < (uint64_t)1 << bucket)
				bucket--;
			if (freed)
				blocks.lifetimes[bucket]++;
			else
				blocks.sizes[bucket]++;
		}
	return blocks;
}

long store_builder_write(struct store_builder *builder, const char *path)
{
	static const char zeros[CT_STORE_HEADER_BYTES];
	struct ct_store_header *header = &builder->header;
	const struct {
		const void *data;
		size_t bytes;
		uint32_t element;
	} parts[CT_SECTION_COUNT] = {
		[CT_SECTION_STRINGS] = {builder->strings, sizeof(builder->strings), 1},
		[CT_SECTION_MODULES] = {builder->modules, sizeof(builder->modules), sizeof(struct ct_module)},
		[CT_SECTION_NODES] = {builder->nodes, sizeof(builder->nodes), sizeof(struct ct_node)},
		[CT_SECTION_SITES] = {builder->sites, sizeof(builder->sites), sizeof(struct ct_site)},
		[CT_SECTION_RINGS] = {builder->rings, sizeof(builder->rings), sizeof(struct ct_ring)},
		[CT_SECTION_EVENTS] = {builder->events, sizeof(builder->events), sizeof(struct ct_event)},
		[CT_SECTION_SNAPSHOTS] = {builder->snapshots, sizeof(builder->snapshots),
					  sizeof(struct ct_snapshot_row)},
		[CT_SECTION_MARKS] = {builder->marks, sizeof(builder->marks), sizeof(struct ct_mark_row)},
		[CT_SECTION_REACH] = {builder->reach, sizeof(builder->reach), sizeof(struct ct_reach_row)},
		[CT_SECTION_SEGMENTS] = {builder->segments, sizeof(builder->segments), sizeof(struct ct_site)},
		[CT_SECTION_COUNTERS] = {builder->counters, sizeof(builder->counters), sizeof(uint64_t)},
	};
	uint64_t offset = CT_STORE_HEADER_BYTES;
	header->extent_count = CT_SECTION_COUNT;
	for (uint32_t i = 0; i < CT_SECTION_COUNT; i++) {
		uint32_t pages = (uint32_t)((parts[i].bytes + CT_STORE_PAGE - 1) / CT_STORE_PAGE);
		header->sections[i].element_bytes = parts[i].element;
		header->extents[i] = (struct ct_extent){offset, pages, i};
		offset += (uint64_t)pages * CT_STORE_PAGE;
	}
	FILE *file = fopen(path, "wb");
	fwrite(header, sizeof(*header), 1, file);
	fwrite(zeros, CT_STORE_HEADER_BYTES - sizeof(*header), 1, file);
	for (uint32_t i = 0; i < CT_SECTION_COUNT; i++) {
		fwrite(parts[i].data, parts[i].bytes, 1, file);
		fwrite(zeros, (size_t)header->extents[i].pages * CT_STORE_PAGE - parts[i].bytes, 1, file);
	}
	fclose(file);
	return (long)offset;
}

char store_builder_path[] = "/tmp/ctrace-unit-store-XXXXXX";

int store_builder_make_path(void **state)
{
	(void)state;
	int fd = mkstemp(store_builder_path);
	return fd < 0 ? -1 : close(fd);
}

int store_builder_remove_path(void **state)
{
	(void)state;
	return unlink(store_builder_path);
}
