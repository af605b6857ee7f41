/* SPDX-License-Identifier: MIT */
#include "memory/ranges.h"

#include <stdlib.h>
#include <string.h>

#include "ctrace/mapping_table.h"
#include "ctrace/note.h"
#include "memory/note.h"

/* A copy of the table. The process may change it meanwhile, so nothing in it is relied upon. */
struct table {
	char *rows;
	uint32_t count;
};

static uint32_t read_number(const struct ct_peer *peer, uint64_t address)
{
	uint32_t number = 0;
	return ct_peer_read(peer, address, &number, sizeof(number)) == sizeof(number) ? number : 0;
}

/* Pages that are not resident have rows of zeros. */
static bool copy_rows(struct ct_peer *peer, uint64_t address, struct table *table)
{
	uint64_t bytes = (uint64_t)table->count * CT_MAPPING_ROW_BYTES;
	table->rows = calloc(table->count + 1, CT_MAPPING_ROW_BYTES);
	for (uint64_t at = 0; table->rows && at < bytes; at += CT_PAGE)
		if (ct_peer_is_resident(peer, address + at))
			ct_peer_read(peer, address + at, table->rows + at, bytes - at < CT_PAGE ? bytes - at : CT_PAGE);
	return table->rows != NULL;
}

static void add_range(const struct table *table, const struct ct_mapping_range *range,
		      const struct ct_store_file *store, struct ct_mapped_ranges *ranges)
{
	struct ct_mapping_origin origin;
	if (range->mapping >= table->count || range->start >= range->end)
		return;
	memcpy(&origin, table->rows + (size_t)range->mapping * CT_MAPPING_ROW_BYTES, sizeof(origin));
	if (origin.site && origin.site < store->site_count)
		ranges->rows[ranges->count++] =
			(struct ct_mapped_range){range->start, range->end, origin.site, origin.is_stack != 0};
}

/* Each row is visited once at most. */
static int walk(const struct table *table, uint32_t root, const struct ct_store_file *store,
		struct ct_mapped_ranges *ranges)
{
	uint32_t *left = calloc(table->count + 1, sizeof(*left));
	bool *seen = calloc(table->count + 1, sizeof(*seen));
	size_t waiting = 0;
	ranges->rows = calloc(table->count + 1, sizeof(*ranges->rows));
	bool memory = left && seen && ranges->rows;
	if (memory)
		left[waiting++] = root;
	while (waiting) {
		uint32_t row = left[--waiting];
		struct ct_mapping_range range;
		if (!row || row >= table->count || seen[row])
			continue;
		seen[row] = true;
		memcpy(&range, table->rows + (size_t)row * CT_MAPPING_ROW_BYTES, sizeof(range));
		add_range(table, &range, store, ranges);
		/* A row that waits is not seen yet, and has one parent, unless the table is damaged. */
		if (waiting + 2 <= table->count) {
			left[waiting++] = range.left;
			left[waiting++] = range.right;
		}
	}
	free(left);
	free(seen);
	return memory ? 0 : -1;
}

static int by_start(const void *left, const void *right)
{
	const struct ct_mapped_range *a = left, *b = right;
	return a->start < b->start ? -1 : a->start > b->start;
}

static void put_in_order(struct ct_mapped_ranges *ranges)
{
	size_t kept = 0;
	if (ranges->count)
		qsort(ranges->rows, ranges->count, sizeof(*ranges->rows), by_start);
	for (size_t i = 0; i < ranges->count; i++)
		if (!kept || ranges->rows[kept - 1].end <= ranges->rows[i].start)
			ranges->rows[kept++] = ranges->rows[i];
	ranges->count = kept;
}

int ct_mapped_ranges_read(struct ct_peer *peer, const struct ct_store_file *store, struct ct_mapped_ranges *ranges)
{
	int32_t distances[3];
	uint64_t note = 0, rows = 0;
	*ranges = (struct ct_mapped_ranges){0};
	for (size_t i = 0; i < peer->area_count && !note; i++)
		note = ct_note_in(peer, &peer->areas[i], &(struct ct_note){CT_NOTE_MAPPINGS, 3, distances});
	if (!note || ct_peer_read(peer, note + (uint64_t)(int64_t)distances[0], &rows, sizeof(rows)) != sizeof(rows) ||
	    !rows)
		return 0;
	uint32_t root = read_number(peer, note + 4 + (uint64_t)(int64_t)distances[1]);
	struct table table = {.count = read_number(peer, note + 8 + (uint64_t)(int64_t)distances[2])};
	ranges->known = true;
	if (table.count > CT_MAPPING_ROWS_MAX || rows % CT_PAGE)
		return 0;
	int code = copy_rows(peer, rows, &table) ? walk(&table, root, store, ranges) : -1;
	free(table.rows);
	if (!code)
		put_in_order(ranges);
	return code;
}
