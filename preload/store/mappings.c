/* SPDX-License-Identifier: MIT */
#include "store/mappings.h"

#include <errno.h>

#include "ctrace/fold.h"
#include "ctrace/mapping_table.h"
#include "ctrace/note.h"
#include "hot/journal.h"
#include "hot/state.h"
#include "sys/lock.h"
#include "sys/page.h"
#include "sys/region.h"
#include "sys/sys.h"

#define FILL_BYTES 65536u

union row {
	struct ct_mapping_range range;
	struct ct_mapping_origin mapping;
	struct ct_mapping_thread thread;
	uint32_t next; /* of the free rows; 0: the last one */
};

struct ct_lock ct_lock_mappings;

/* All under ct_lock_mappings. */
static union row *rows __attribute__((used)); /* NULL: mappings are not recorded; row 0 is not used */
static uint32_t rows_used;
static uint32_t rows_filled __attribute__((used));
static uint32_t free_row; /* 0: none */
static uint32_t root __attribute__((used)); /* of the treap: below a range are those with a lower priority */
__asm__(CT_NOTE(CT_NOTE_OWNER, CT_NOTE_MAPPINGS, ".long rows - ., root - ., rows_filled - ."));
_Static_assert(sizeof(union row) == CT_MAPPING_ROW_BYTES, "as the viewer reads them");

static __thread uint32_t depth; /* of ct_mmap_lock */

bool ct_mmap_init(void)
{
	if (rows)
		return true;
	rows_used = 1;
	return (rows = ct_region_reserve(CT_MAPPING_ROWS_MAX * sizeof(*rows))) != NULL;
}

bool ct_mmap_are_on(void)
{
	return rows != NULL;
}

uint64_t ct_mmap_bytes(void)
{
	return (uint64_t)ct_get_relaxed(&rows_filled) * sizeof(*rows);
}

void ct_mmap_lock(void)
{
	if (!depth++)
		ct_lock_get(&ct_lock_mappings);
}

bool ct_mmap_is_locked(void)
{
	return depth != 0;
}

void ct_mmap_unlock(void)
{
	if (!--depth)
		ct_lock_put(&ct_lock_mappings);
}

/* --- counters --- */

/* Between the two, a kill leaves an undo record. */
static struct ct_site *change_begin(uint32_t id)
{
	struct ct_mapping_counters *mappings = &ct_tracer.header->mappings;
	struct ct_site *site = &ct_tracer.sites[id];
	mappings->undo_site = id;
	mappings->undo = *site;
	mappings->undo_totals = mappings->totals;
	ct_ordered();
	mappings->changes++;
	ct_ordered();
	ct_site_keep_peak(site, &mappings->totals);
	return site;
}

static void change_end(void)
{
	ct_ordered();
	ct_tracer.header->mappings.changes++;
}

/* A call has mapped, or mremap has left, this many bytes in one mapping. */
static void count_call(struct ct_site *site, uint64_t bytes, uint64_t ticks)
{
	struct ct_totals *totals = &ct_tracer.header->mappings.totals;
	ct_fold_details(site, &(struct ct_event){.ticks = ticks, .bytes = bytes});
	site->total_bytes += bytes;
	site->total_blocks++;
	totals->total_bytes += bytes;
	totals->total_blocks++;
}

static void count_bytes(struct ct_site *site, int64_t growth, uint64_t ticks)
{
	struct ct_totals *totals = &ct_tracer.header->mappings.totals;
	site->live_bytes += growth;
	totals->live_bytes += growth;
	ct_fold_extremes(site, totals, ticks);
}

static void count_new(uint32_t id, uint64_t bytes, uint64_t ticks)
{
	struct ct_site *site = change_begin(id);
	site->birth_ticks += ticks;
	site->live_blocks++;
	ct_tracer.header->mappings.totals.live_blocks++;
	count_call(site, bytes, ticks);
	count_bytes(site, (int64_t)bytes, ticks);
	change_end();
}

/* Some bytes of a mapping are gone; if it has no range any more, all of it. */
static void count_gone(const struct ct_mapping_origin *mapping, uint64_t bytes, uint64_t ticks)
{
	struct ct_totals *totals = &ct_tracer.header->mappings.totals;
	struct ct_site *site = change_begin(mapping->site);
	site->live_bytes -= (int64_t)bytes;
	totals->live_bytes -= (int64_t)bytes;
	if (!mapping->ranges) {
		site->lifetime_ticks += ticks - mapping->birth;
		site->birth_ticks -= mapping->birth;
		site->live_blocks--;
		totals->live_blocks--;
	}
	change_end();
}

static void count_resize(const struct ct_mapping_origin *mapping, uint64_t before, uint64_t now, bool moved,
			 uint64_t ticks)
{
	struct ct_site *site = change_begin(mapping->site);
	site->resizes++;
	site->moves += moved;
	count_call(site, now, ticks);
	count_bytes(site, (int64_t)(now - before), ticks);
	change_end();
}

static void count_dropped(void)
{
	__atomic_fetch_add(&ct_tracer.header->mappings.dropped, 1, __ATOMIC_RELAXED);
}

/* --- rows --- */

static uint32_t row_new(void)
{
	uint32_t row = free_row;
	if (row) {
		free_row = rows[row].next;
		return row;
	}
	if (rows_used >= rows_filled) {
		if (rows_filled >= CT_MAPPING_ROWS_MAX || !ct_region_fill(rows + rows_filled, FILL_BYTES, -1, 0))
			return 0;
		ct_set_relaxed(&rows_filled, rows_filled + FILL_BYTES / (uint32_t)sizeof(*rows));
	}
	return rows_used++;
}

static void row_put(uint32_t row)
{
	rows[row].next = free_row;
	free_row = row;
}

/* --- the treap --- */

static uint32_t priority(uint32_t row)
{
	return row * 2654435769u;
}

/* Ranges that start below `at` go to *below, the others to *above. */
static void split(uint32_t tree, uintptr_t at, uint32_t *below, uint32_t *above)
{
	while (tree) {
		struct ct_mapping_range *range = &rows[tree].range;
		if (range->start < at) {
			*below = tree;
			below = &range->right;
			tree = *below;
		} else {
			*above = tree;
			above = &range->left;
			tree = *above;
		}
	}
	*below = *above = 0;
}

/* All ranges of `above` are higher than those of `below`. */
static uint32_t join(uint32_t below, uint32_t above)
{
	uint32_t tree, *to = &tree;
	while (below && above) {
		if (priority(below) > priority(above)) {
			*to = below;
			to = &rows[below].range.right;
			below = *to;
		} else {
			*to = above;
			to = &rows[above].range.left;
			above = *to;
		}
	}
	*to = below ? below : above;
	return tree;
}

/* The range that holds an address. 0: none. */
static uint32_t find(uintptr_t address)
{
	uint32_t row = root;
	while (row && (address < rows[row].range.start || address >= rows[row].range.end))
		row = address < rows[row].range.start ? rows[row].range.left : rows[row].range.right;
	return row;
}

/* The lowest range that ends above an address. 0: none. */
static uint32_t find_from(uintptr_t address)
{
	uint32_t row = root, found = 0;
	while (row) {
		if (address < rows[row].range.end) {
			found = row;
			row = rows[row].range.left;
		} else {
			row = rows[row].range.right;
		}
	}
	return found;
}

/* The highest range that has an address in this range. 0: none. */
static uint32_t find_last(uintptr_t start, uintptr_t end)
{
	uint32_t row = root, found = 0;
	while (row) {
		if (rows[row].range.start < end) {
			found = row;
			row = rows[row].range.right;
		} else {
			row = rows[row].range.left;
		}
	}
	return found && rows[found].range.end > start ? found : 0;
}

static void place(uint32_t row)
{
	uint32_t below, above;
	rows[row].range.left = rows[row].range.right = 0;
	split(root, rows[row].range.start, &below, &above);
	root = join(join(below, row), above);
}

/* False: no memory. */
static bool insert(uintptr_t start, uintptr_t end, uint32_t mapping)
{
	uint32_t row = row_new();
	if (!row)
		return false;
	rows[row].range = (struct ct_mapping_range){.start = start, .end = end, .mapping = mapping};
	rows[mapping].mapping.ranges++;
	place(row);
	return true;
}

/* Take a range out of its mapping. Returns the mapping's row. */
static uint32_t leave(uint32_t row)
{
	uint32_t mapping = rows[row].range.mapping;
	rows[mapping].mapping.ranges--;
	row_put(row);
	return mapping;
}

static void lose(uint32_t row, uint64_t ticks)
{
	uint64_t bytes = rows[row].range.end - rows[row].range.start;
	uint32_t mapping = leave(row);
	count_gone(&rows[mapping].mapping, bytes, ticks);
	if (!rows[mapping].mapping.ranges)
		row_put(mapping);
}

/* Make a range that holds bytes on both sides of an address two ranges. */
static void cut(uintptr_t at)
{
	uint32_t row = find(at);
	if (!row || rows[row].range.start == at)
		return;
	uintptr_t end = rows[row].range.end;
	rows[row].range.end = at;
	if (insert(at, end, rows[row].range.mapping))
		return;
	count_gone(&rows[rows[row].range.mapping].mapping, end - at, ct_ticks());
	count_dropped();
}

/* Take the ranges from start to end out of the treap, as a treap of their own. */
static uint32_t take(uintptr_t start, uintptr_t end)
{
	uint32_t below, inside, above;
	cut(start);
	cut(end);
	split(root, start, &below, &inside);
	split(inside, end, &inside, &above);
	root = join(below, above);
	return inside;
}

static uint32_t pop(uint32_t *tree)
{
	uint32_t row = *tree;
	*tree = join(rows[row].range.left, rows[row].range.right);
	return row;
}

/* --- what the program does --- */

void ct_mmap_remove(uintptr_t start, size_t bytes)
{
	uint64_t ticks = ct_ticks();
	uint32_t gone = take(start, start + bytes);
	while (gone)
		lose(pop(&gone), ticks);
}

static bool is_there(uintptr_t start, size_t bytes)
{
	return ct_syscall3(SYS_msync, start, bytes, MS_ASYNC) != -ENOMEM;
}

void ct_mmap_doubt(uintptr_t start, size_t bytes)
{
	uintptr_t at = start, end = start + bytes;
	for (uint32_t row; (row = find_from(at)) && rows[row].range.start < end;) {
		struct ct_mapping_range range = rows[row].range;
		bool whole = is_there(range.start, range.end - range.start);
		for (at = range.start; at < range.end; at += ct_page_bytes)
			if (!whole && !is_there(at, ct_page_bytes))
				ct_mmap_remove(at, ct_page_bytes);
		at = range.end;
	}
}

static void add(uint32_t site, uintptr_t start, size_t bytes, bool is_stack)
{
	uint64_t ticks = ct_ticks();
	ct_mmap_remove(start, bytes);
	if (!site)
		return;
	uint32_t mapping = row_new();
	if (mapping) {
		rows[mapping].mapping = (struct ct_mapping_origin){.birth = ticks, .site = site, .is_stack = is_stack};
		if (insert(start, start + bytes, mapping)) {
			count_new(site, bytes, ticks);
			return;
		}
		row_put(mapping);
	}
	count_dropped();
}

void ct_mmap_add(uint32_t site, uintptr_t start, size_t bytes)
{
	add(site, start, bytes, false);
}

/*
 * Let ranges have the same places relative to another address. Gaps stay gaps; what was at their place there may be
 * gone. Returns the row of the highest range, 0: there is none.
 */
static uint32_t shift(uintptr_t from, size_t bytes, uintptr_t to)
{
	uint32_t moved = take(from, from + bytes), highest = 0;
	ct_mmap_doubt(to, bytes);
	while (moved) {
		uint32_t row = pop(&moved);
		struct ct_mapping_range *range = &rows[row].range;
		range->start += to - from;
		range->end += to - from;
		ct_mmap_remove(range->start, range->end - range->start);
		place(row);
		if (!highest || range->start > rows[highest].range.start)
			highest = row;
	}
	return highest;
}

void ct_mmap_move(uint32_t site, uintptr_t from, size_t bytes, uintptr_t to, size_t new_bytes)
{
	uint64_t ticks = ct_ticks();
	bool shrinks = new_bytes < bytes;
	if (shrinks) {
		ct_mmap_remove(from + new_bytes, bytes - new_bytes);
		bytes = new_bytes;
		if (from == to)
			return;
	}
	uintptr_t end = to + bytes, new_end = to + new_bytes;
	uint32_t last = from == to ? find_last(to, end) : shift(from, bytes, to);
	if (!last) {
		ct_mmap_add(site, to, new_bytes);
		return;
	}
	ct_mmap_remove(end, new_end - end);
	uint32_t mapping = rows[last].range.mapping;
	if (rows[last].range.end == end)
		rows[last].range.end = new_end;
	else if (new_end > end && !insert(end, new_end, mapping))
		count_dropped();
	count_resize(&rows[mapping].mapping, bytes, new_bytes, from != to, ticks);
}

void ct_mmap_copy(uint32_t site, uintptr_t from, size_t bytes, uintptr_t to)
{
	uintptr_t end = from + bytes;
	uint32_t row = find_from(from), mapping = site ? row_new() : 0;
	uint64_t ticks = ct_ticks(), copied = 0;
	if (!mapping || !row || rows[row].range.start >= end) {
		if (mapping)
			row_put(mapping);
		ct_mmap_add(site, to, bytes);
		return;
	}
	rows[mapping].mapping = (struct ct_mapping_origin){.birth = ticks, .site = site, .ranges = 1};
	ct_mmap_doubt(to, bytes);
	for (uintptr_t at = from; at < end && (row = find_from(at)) && rows[row].range.start < end;) {
		uintptr_t first = rows[row].range.start > from ? rows[row].range.start : from;
		at = rows[row].range.end < end ? rows[row].range.end : end;
		ct_mmap_remove(first - from + to, at - first);
		if (insert(first - from + to, at - from + to, mapping))
			copied += at - first;
	}
	rows[mapping].mapping.ranges--;
	if (copied)
		count_new(site, copied, ticks);
	else
		row_put(mapping);
}

uint32_t ct_mmap_thread_new(const struct ct_mapping_thread *thread)
{
	uint32_t number = row_new();
	if (number)
		rows[number].thread = *thread;
	else
		count_dropped();
	return number;
}

struct ct_mmap_thread ct_mmap_thread_begin(uint32_t number, uintptr_t stack_end, bool counts)
{
	struct ct_mapping_thread thread = rows[number].thread;
	size_t bytes = (size_t)thread.stack_pages * ct_page_bytes;
	row_put(number);
	if (counts)
		add(thread.site, stack_end - bytes, bytes, true);
	return thread.does;
}

void ct_mmap_thread_end(uintptr_t stack_end)
{
	uint32_t row = find(stack_end - 1);
	if (row && rows[rows[row].range.mapping].mapping.is_stack && rows[row].range.end == stack_end)
		ct_mmap_remove(rows[row].range.start, stack_end - rows[row].range.start);
}

void ct_mmap_forget(void)
{
	while (root) {
		uint32_t mapping = leave(pop(&root));
		if (!rows[mapping].mapping.ranges)
			row_put(mapping);
	}
	ct_tracer.header->mappings.totals = (struct ct_totals){0};
}

void ct_mmap_forked(uintptr_t own_stack)
{
	uintptr_t at = 0;
	for (uint32_t row; (row = find_from(at));) {
		struct ct_mapping_range range = rows[row].range;
		at = range.end;
		if (rows[range.mapping].mapping.is_stack && (own_stack < range.start || own_stack >= range.end))
			ct_mmap_remove(range.start, range.end - range.start);
	}
}
