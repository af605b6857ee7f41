/* SPDX-License-Identifier: MIT */
/* Checks that a store's header, extents and references are valid. */
#include <elf.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "load/store/store_steps.h"

/* The kernel's paths are shorter, even with what /proc/PID/maps adds to them. A path is repeated in many frames. */
#define MODULE_PATH_MAX (2 * PATH_MAX)

#define STACK_FRAMES_MAX 8192 /* no recording has deeper stacks, since CTRACE_DEPTH is at most 4096 */

const uint32_t ct_store_element_bytes[CT_SECTION_COUNT] = {
	[CT_SECTION_STRINGS] = 1,
	[CT_SECTION_MODULES] = sizeof(struct ct_module),
	[CT_SECTION_NODES] = sizeof(struct ct_node),
	[CT_SECTION_SITES] = sizeof(struct ct_site),
	[CT_SECTION_RINGS] = sizeof(struct ct_ring),
	[CT_SECTION_EVENTS] = sizeof(struct ct_event),
	[CT_SECTION_SNAPSHOTS] = sizeof(struct ct_snapshot_row),
	[CT_SECTION_MARKS] = sizeof(struct ct_mark_row),
	[CT_SECTION_REACH] = sizeof(struct ct_reach_row),
	[CT_SECTION_SEGMENTS] = sizeof(struct ct_segment_head),
	[CT_SECTION_COUNTERS] = sizeof(uint64_t),
};

static const char *const section_names[CT_SECTION_COUNT] = {
	[CT_SECTION_STRINGS] = "strings",
	[CT_SECTION_MODULES] = "modules",
	[CT_SECTION_NODES] = "nodes",
	[CT_SECTION_SITES] = "sites",
	[CT_SECTION_RINGS] = "rings",
	[CT_SECTION_EVENTS] = "events",
	[CT_SECTION_SNAPSHOTS] = "snapshots",
	[CT_SECTION_MARKS] = "marks",
	[CT_SECTION_REACH] = "rows of reachability",
	[CT_SECTION_SEGMENTS] = "rows of segments",
	[CT_SECTION_COUNTERS] = "counters",
};

int ct_store_damaged(struct ct_error_text *error, const char *what)
{
	return ct_error_set(error, CT_ERR_DAMAGED, "damaged store: %s", what);
}

int ct_store_check_header(const struct ct_store_header *header, struct ct_error_text *error)
{
	if (memcmp(header->magic, CT_STORE_MAGIC, sizeof(header->magic)))
		return ct_error_set(error, CT_ERR_DAMAGED, "not a ctrace store (or one whose recording never began)");
	if (header->byte_order != CT_STORE_BYTE_ORDER)
		return ct_error_set(error, CT_ERR_DAMAGED,
				    "store of a machine with another byte order; export it there");
	if (header->version != CT_STORE_VERSION)
		return ct_error_set(
			error, CT_ERR_DAMAGED,
			"store version %u, but this ctrace reads version %u; export it with the ctrace that wrote it",
			header->version, CT_STORE_VERSION);
	if (header->machine != EM_X86_64 && header->machine != EM_AARCH64)
		return ct_error_set(error, CT_ERR_DAMAGED, "store of an unknown machine (ELF number %u)",
				    header->machine);
	if (header->header_bytes != CT_STORE_HEADER_BYTES)
		return ct_store_damaged(error, "wrong header size");
	if (header->state < CT_STATE_RECORDING || header->state > CT_STATE_STOPPED)
		return ct_store_damaged(error, "unknown state");
	if (header->clock != CT_CLOCK_TSC && header->clock != CT_CLOCK_MONOTONIC)
		return ct_store_damaged(error, "unknown clock");
	if (header->extent_count > CT_EXTENTS_MAX || header->timeline_half > 1 || header->segment_half > 1)
		return ct_store_damaged(error, "count out of range");
	for (int i = 0; i < 2; i++)
		if (header->timeline[i].used > CT_TIMELINE_BUCKETS || header->timeline[i].shift > 63)
			return ct_store_damaged(error, "bad timeline");
	for (int i = 0; i < CT_SECTION_COUNT; i++)
		if (header->sections[i].element_bytes != ct_store_element_bytes[i])
			return ct_store_damaged(error, "wrong element size");
	return CT_OK;
}

int ct_store_check_extents(struct ct_store_header *header, uint64_t file_bytes, struct ct_error_text *error)
{
	uint64_t capacity[CT_SECTION_COUNT] = {0};
	/* Extents must not overlap, so together they are at most as large as the file. This bounds our memory. */
	uint64_t all = CT_STORE_HEADER_BYTES;
	if (header->extent_count > CT_EXTENTS_MAX)
		return ct_store_damaged(error, "count out of range");
	for (uint32_t i = 0; i < header->extent_count; i++) {
		const struct ct_extent *extent = &header->extents[i];
		uint64_t bytes = (uint64_t)extent->pages * CT_STORE_PAGE;
		if (extent->section >= CT_SECTION_COUNT)
			return ct_store_damaged(error, "extent of an unknown section");
		if (extent->file_offset % CT_STORE_PAGE || extent->file_offset < CT_STORE_HEADER_BYTES ||
		    extent->file_offset > file_bytes || bytes > file_bytes - extent->file_offset)
			return ct_store_damaged(error, "extent outside the file (was it cut short?)");
		capacity[extent->section] += bytes;
		all += bytes;
	}
	if (all > file_bytes)
		return ct_store_damaged(error, "overlapping extents");
	/* A string's bytes are claimed before the section grows. A kill in between leaves them beyond its capacity. */
	if (header->sections[CT_SECTION_STRINGS].used > capacity[CT_SECTION_STRINGS])
		header->sections[CT_SECTION_STRINGS].used = capacity[CT_SECTION_STRINGS];
	for (uint32_t i = 0; i < CT_SECTION_COUNT; i++)
		if (header->sections[i].used > capacity[i] / ct_store_element_bytes[i])
			return ct_error_set(error, CT_ERR_DAMAGED, "damaged store: more %s than there is room for",
					    section_names[i]);
	return CT_OK;
}

bool ct_store_span_fits(const struct ct_store_file *store, struct ct_span span)
{
	return span.offset <= store->string_bytes && span.bytes <= store->string_bytes - span.offset;
}

static struct ct_span thread_name(const struct ct_node *node)
{
	return (struct ct_span){ct_thread_name(node->address), CT_THREAD_NAME_BYTES};
}

/* Parents come before their children, so one pass checks all stacks. Their depth is limited too. */
static int check_tree(const struct ct_store_file *store, struct ct_error_text *error)
{
	uint16_t *depth = calloc(store->node_count, sizeof(*depth));
	int code = depth ? CT_OK : ct_error_no_memory(error);
	for (size_t i = 1; i < store->node_count && !code; i++) {
		const struct ct_node *node = &store->nodes[i];
		if (node->parent >= i || (node->module >= store->module_count && node->module != CT_MODULE_PSEUDO))
			code = ct_store_damaged(error, "bad node in the call tree");
		else if (!node->parent && ct_node_mode(node) != CT_MODE_HEAP)
			code = ct_store_damaged(error, "an event without a stack");
		else if (ct_is_pseudo(node->module, node->address, CT_PSEUDO_THREAD) &&
			 !ct_store_span_fits(store, thread_name(node)))
			code = ct_store_damaged(error, "a thread's name outside the strings");
		else if (ct_is_pseudo(node->module, node->address, CT_PSEUDO_TAG) &&
			 (!ct_store_span_fits(store, ct_tag_name(node->address)) ||
			  ct_tag_name(node->address).bytes > CT_TAG_NAME_MAX))
			code = ct_store_damaged(error, "a tag's name outside the strings");
		else if (depth[node->parent] >= STACK_FRAMES_MAX)
			code = ct_store_damaged(error, "endless stack in the call tree");
		else
			depth[i] = depth[node->parent] + 1;
	}
	free(depth);
	return code;
}

int ct_store_check_references(const struct ct_store_file *store, struct ct_error_text *error)
{
	const struct ct_store_header *header = store->header;
	if (!store->module_count || !store->node_count || !store->site_count)
		return ct_store_damaged(error, "a section lacks its first element");
	if (!ct_store_span_fits(store, header->exe) || !ct_store_span_fits(store, header->command) ||
	    !ct_store_span_fits(store, header->output) || !ct_store_span_fits(store, header->session) ||
	    !ct_store_span_fits(store, header->stop_reason))
		return ct_store_damaged(error, "string outside the strings");
	for (size_t i = 1; i < store->module_count; i++)
		if (!ct_store_span_fits(store, store->modules[i].path) ||
		    store->modules[i].path.bytes > MODULE_PATH_MAX ||
		    store->modules[i].build_id_bytes > CT_BUILD_ID_MAX)
			return ct_store_damaged(error, "bad module");
	for (size_t i = 1; i < store->site_count; i++)
		if (store->sites[i].node >= store->node_count || !store->sites[i].node)
			return ct_store_damaged(error, "site without a stack");
	for (size_t i = 0; i < store->reach_rows; i++)
		if (store->reach[i].site >= store->site_count ||
		    (i && store->reach[i].site <= store->reach[i - 1].site))
			return ct_store_damaged(error, "reachability of an unknown site, or out of order");
	return check_tree(store, error);
}
