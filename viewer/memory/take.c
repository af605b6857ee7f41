/* SPDX-License-Identifier: MIT */
#include "memory/take.h"

#include <stdlib.h>
#include <unistd.h>

#include "memory/blocks.h"
#include "memory/ranges.h"
#include "memory/slack.h"
#include "memory/stacks.h"
#include "util/clock.h"

#define TRIES 3
#define ARENA_BYTES (UINT64_C(64) << 20) /* glibc: the size and alignment of a thread's arena */

/* The page that is looked at, on which several blocks may lie. */
struct page {
	uint64_t start;
	uint64_t used; /* bytes of it */
	size_t block; /* the first on it */
	uint32_t site; /* of its blocks */
	bool any, mixed; /* mixed: of several sites */
};

struct sweep {
	struct ct_taken *taken;
	struct ct_ledger *ledger; /* the taken one */
	struct ct_peer *peer;
	const struct ct_live_blocks *blocks;
	size_t block; /* the next one */
	const struct ct_page_runs *runs; /* that the blocks are in */
	size_t run, page_run; /* where blocks and pages are in the runs */
	struct page page;
	bool heap; /* what lies between the blocks is the allocator's */
	uint64_t swapped; /* scratch: swapped parts of what is not a block */
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Split the page's free bytes over the sites of its blocks, by what each block has of the page. */
static void share_page(struct sweep *sweep)
{
	const struct page *page = &sweep->page;
	uint64_t end = page->start + CT_PAGE, left = CT_PAGE - least(page->used, CT_PAGE), used = page->used;
	sweep->ledger->pinned_bytes += left;
	for (size_t i = page->block; i <= sweep->block && i < sweep->blocks->count && used; i++) {
		const struct ct_live_block *block = &sweep->blocks->rows[i];
		uint64_t from = block->start > page->start ? block->start : page->start, to = least(block->end, end);
		uint64_t bytes = from < to ? least(to - from, used) : 0, share = left * bytes / used;
		sweep->taken->sites[block->site].share += share;
		left -= share;
		used -= bytes;
	}
}

/* The page is complete. */
static void end_page(struct sweep *sweep)
{
	struct page *page = &sweep->page;
	if (page->any &&
	    ct_runs_resident(sweep->runs, &sweep->page_run, page->start, page->start + CT_PAGE, &sweep->swapped)) {
		if (sweep->heap)
			share_page(sweep);
		if (!page->mixed)
			sweep->taken->sites[page->site].alone += CT_PAGE;
	}
	page->any = false;
}

static void touch_page(struct sweep *sweep, uint64_t start, uint32_t site, uint64_t bytes)
{
	struct page *page = &sweep->page;
	if (page->any && page->start != start)
		end_page(sweep);
	if (!page->any)
		*page = (struct page){.start = start, .block = sweep->block, .site = site, .any = true};
	page->mixed = page->mixed || page->site != site;
	page->used += bytes;
}

/* Count the pages that a block lies on. Those in its middle are its own. */
static void touch_pages(struct sweep *sweep, const struct ct_live_block *block)
{
	uint64_t first = block->start & -CT_PAGE, last = (block->end - (block->end > block->start)) & -CT_PAGE;
	touch_page(sweep, first, block->site, least(block->end, first + CT_PAGE) - block->start);
	if (last == first)
		return;
	end_page(sweep);
	sweep->taken->sites[block->site].alone +=
		ct_runs_resident(sweep->runs, &sweep->page_run, first + CT_PAGE, last, &sweep->swapped);
	touch_page(sweep, last, block->site, block->end - last);
}

static void count_block(struct sweep *sweep, const struct ct_live_block *block)
{
	struct ct_ledger *ledger = sweep->ledger;
	struct ct_taken_site *site = &sweep->taken->sites[block->site];
	bool headed = sweep->blocks->glibc && !block->foreign;
	uint64_t end = block->address + block->bytes, swapped = 0;
	uint64_t head = ct_runs_resident(sweep->runs, &sweep->run, block->start, block->address, &sweep->swapped);
	uint64_t live = ct_runs_resident(sweep->runs, &sweep->run, block->address, end, &swapped);
	uint64_t slack = 0;
	if (block->end > end)
		slack = ct_runs_resident(sweep->runs, &sweep->run, end, block->end, &sweep->swapped);
	site->live += block->bytes;
	site->blocks++;
	site->resident += live;
	site->swapped += swapped;
	site->untouched += block->bytes - live - swapped;
	ledger->bytes[CT_LEDGER_LIVE] += (int64_t)live;
	ledger->bytes[CT_LEDGER_SLACK] += (int64_t)slack;
	if (headed)
		ledger->bytes[CT_LEDGER_HEADS] += (int64_t)head;
	touch_pages(sweep, block);
}

/*
 * Is all of the area the allocator's? If glibc's, that holds for [heap], for the windows of thread arenas, and for
 * other areas with blocks that have no mapping of their own. A mapping that was made for one block is that block. If a
 * block reaches from the heap into the area, the area is heap, too, even if the program has protected it.
 */
static bool is_heap(const struct sweep *sweep, const struct ct_area *area)
{
	const struct ct_live_blocks *blocks = sweep->blocks;
	if (area->kind == CT_AREA_HEAP)
		return true;
	if (area->kind != CT_AREA_ANONYMOUS)
		return false;
	if (sweep->heap && sweep->block && blocks->rows[sweep->block - 1].end > area->start)
		return true;
	if (!area->writable)
		return false;
	for (size_t i = sweep->block; i < blocks->count && blocks->rows[i].start < area->end; i++)
		if (!blocks->rows[i].mapped && !blocks->rows[i].foreign && blocks->rows[i].address >= area->start)
			return true;
	const struct ct_area *next = area + 1;
	return blocks->glibc && area->start % ARENA_BYTES == 0 && next < sweep->peer->areas + sweep->peer->area_count &&
	       next->start == area->end && next->kind == CT_AREA_ANONYMOUS && !next->readable && !next->writable &&
	       next->end >= area->start + ARENA_BYTES;
}

static enum ct_ledger_row row_of(const struct ct_area *area)
{
	switch (area->kind) {
	case CT_AREA_FILE:
		return CT_LEDGER_FILES;
	case CT_AREA_SHARED_MEMORY:
		return CT_LEDGER_SHARED;
	case CT_AREA_STACK:
		return CT_LEDGER_STACKS;
	case CT_AREA_OWN:
		return CT_LEDGER_CTRACE;
	default:
		return CT_LEDGER_MAPPED;
	}
}

static int64_t in_blocks(const struct ct_ledger *ledger)
{
	return ledger->bytes[CT_LEDGER_LIVE] + ledger->bytes[CT_LEDGER_SLACK] + ledger->bytes[CT_LEDGER_HEADS];
}

/* The resident part of the thread's stack that an area begins with, if it does. */
static uint64_t stack_bytes(const struct ct_peer *peer, const struct ct_area *area)
{
	const struct ct_page_runs runs = {.rows = peer->runs.rows + area->first_run, .count = area->run_count};
	uint64_t end = ct_stack_end(peer, area), ignored = 0;
	size_t at = 0;
	return end ? ct_runs_resident(&runs, &at, area->start, end, &ignored) : 0;
}

/* Count the blocks that begin in an area. What is left of it is the allocator's free memory, or not of blocks. */
static void count_blocks(struct sweep *sweep, const struct ct_area *area)
{
	const struct ct_live_blocks *blocks = sweep->blocks;
	struct ct_ledger *ledger = sweep->ledger;
	int64_t before = in_blocks(ledger), stack = (int64_t)stack_bytes(sweep->peer, area);
	for (; sweep->block < blocks->count && blocks->rows[sweep->block].start < area->end; sweep->block++)
		if (blocks->rows[sweep->block].start >= area->start)
			count_block(sweep, &blocks->rows[sweep->block]);
	end_page(sweep);
	int64_t counted = in_blocks(ledger) - before, rest = (int64_t)area->resident_bytes - counted - stack;
	ledger->bytes[CT_LEDGER_STACKS] += stack;
	ledger->bytes[sweep->heap ? CT_LEDGER_FREE : row_of(area)] += rest;
	ledger->heap_bytes += (uint64_t)(sweep->heap ? counted + rest : counted);
}

static bool holds_block(const struct sweep *sweep, const struct ct_area *area)
{
	return sweep->block < sweep->blocks->count && sweep->blocks->rows[sweep->block].start < area->end;
}

/*
 * The anonymous areas share their runs of pages, since a block may reach from one into the next. A pool of the
 * program's in a file or in shared memory has runs of its own.
 */
static int sweep_area(struct sweep *sweep, const struct ct_area *area)
{
	struct ct_page_runs other = {0};
	struct sweep before = *sweep;
	bool apart = area->kind != CT_AREA_ANONYMOUS && area->kind != CT_AREA_HEAP && holds_block(sweep, area);
	if (apart) {
		if (ct_peer_pages(sweep->peer, area->start, area->end, &other))
			return -1;
		sweep->runs = &other;
		sweep->run = sweep->page_run = 0;
	}
	count_blocks(sweep, area);
	if (apart) {
		sweep->runs = before.runs;
		sweep->run = before.run;
		sweep->page_run = before.page_run;
		free(other.rows);
	}
	return 0;
}

/* All areas, in the order of addresses, with the blocks in them. */
static int sweep_all(struct sweep *sweep)
{
	int code = 0;
	for (size_t i = 0; i < sweep->peer->area_count && !code; i++) {
		struct ct_area *area = &sweep->peer->areas[i];
		while (holds_block(sweep, area) && sweep->blocks->rows[sweep->block].start < area->start)
			sweep->block++; /* its mapping is gone by now */
		sweep->ledger->swapped_bytes += area->swapped_bytes;
		sweep->heap = area->heap = is_heap(sweep, area);
		code = sweep_area(sweep, area);
	}
	return code;
}

/*
 * The anonymous pages of the program's ranges that are not the heap's. Blocks in a range are a pool of the program's,
 * or the range is an allocator's, and then it is heap.
 */
static void count_ranges(const struct sweep *sweep, const struct ct_mapped_ranges *ranges)
{
	const struct ct_live_blocks *blocks = sweep->blocks;
	size_t block = 0, run = 0, block_run = 0;
	uint64_t ignored = 0;
	for (size_t i = 0; i < ranges->count; i++) {
		const struct ct_mapped_range *range = &ranges->rows[i];
		const struct ct_area *area = ct_peer_area(sweep->peer, range->start);
		struct ct_taken_mapping *mapping = &sweep->taken->mappings[range->site];
		uint64_t pooled = 0;
		for (; block < blocks->count && blocks->rows[block].start < range->end; block++)
			if (blocks->rows[block].start >= range->start)
				pooled += ct_runs_resident(&sweep->peer->runs, &block_run, blocks->rows[block].start,
							   blocks->rows[block].end, &ignored);
		if (!area || area->heap)
			continue;
		uint64_t resident = ct_runs_resident(&sweep->peer->runs, &run, range->start, range->end, &ignored);
		mapping->mapped += range->end - range->start;
		mapping->resident += resident - least(pooled, resident);
		mapping->stack = range->stack;
	}
}

/* Move bytes between rows of the allocator, at most as many as there are. */
static void move(struct ct_ledger *ledger, enum ct_ledger_row from, enum ct_ledger_row to, uint64_t bytes)
{
	uint64_t there = ledger->bytes[from] > 0 ? (uint64_t)ledger->bytes[from] : 0;
	ledger->bytes[from] -= (int64_t)least(bytes, there);
	ledger->bytes[to] += (int64_t)least(bytes, there);
}

/* Of an unknown allocator. Resizes are among the blocks. */
static uint64_t guess_slack(const struct ct_taken *taken, const struct ct_store_file *store)
{
	double slack = 0;
	for (size_t i = 1; i < taken->site_count; i++) {
		const struct ct_site *site = &store->sites[i];
		int64_t live = store->header->sample_bytes ? site->live_blocks : (int64_t)taken->sites[i].blocks;
		if (site->total_blocks && live > 0)
			slack += (double)site->slack_bytes / (double)site->total_blocks * (double)live;
	}
	return (uint64_t)slack;
}

/* The blocks are those of a sample; what they stand for is in the store. */
static void estimate_live(struct ct_ledger *ledger, const struct ct_totals *totals)
{
	move(ledger, CT_LEDGER_LIVE, CT_LEDGER_FREE, UINT64_MAX);
	move(ledger, CT_LEDGER_SLACK, CT_LEDGER_FREE, UINT64_MAX);
	move(ledger, CT_LEDGER_HEADS, CT_LEDGER_FREE, UINT64_MAX);
	move(ledger, CT_LEDGER_FREE, CT_LEDGER_LIVE, totals->live_bytes > 0 ? (uint64_t)totals->live_bytes : 0);
	ledger->live_bytes = totals->live_bytes > 0 ? (uint64_t)totals->live_bytes : 0;
	ledger->live_blocks = totals->live_blocks > 0 ? (uint64_t)totals->live_blocks : 0;
	ledger->pinned_bytes = 0;
	ledger->live_swapped_bytes = ledger->live_untouched_bytes = 0;
}

/* classes: the slack of each block is known by its size class. */
static void finish(struct ct_taken *taken, const struct ct_store_file *store, bool glibc, bool classes)
{
	struct ct_ledger *ledger = &taken->ledger;
	for (size_t i = 0; i < taken->site_count; i++) {
		const struct ct_taken_site *site = &taken->sites[i];
		ledger->live_bytes += site->live;
		ledger->live_blocks += site->blocks;
		ledger->live_swapped_bytes += site->swapped;
		ledger->live_untouched_bytes += site->untouched;
	}
	ledger->late = store->segment.number > 1;
	ledger->has_sites = !store->header->sample_bytes;
	ledger->slack_estimated = !ledger->has_sites || !glibc;
	if (!ledger->has_sites)
		estimate_live(ledger, &store->header->totals);
	if (ledger->slack_estimated && !(classes && ledger->has_sites)) {
		uint64_t slack = guess_slack(taken, store), pinned = least(slack, ledger->pinned_bytes);
		move(ledger, CT_LEDGER_FREE, CT_LEDGER_SLACK, slack);
		for (size_t i = 0; i < taken->site_count && pinned; i++)
			taken->sites[i].share -= (uint64_t)((double)taken->sites[i].share * (double)pinned /
							    (double)ledger->pinned_bytes);
		ledger->pinned_bytes -= pinned;
	}
	int64_t whole = ledger->bytes[CT_LEDGER_FREE] - (int64_t)ledger->pinned_bytes;
	ledger->whole_bytes = ledger->has_sites && whole > 0 ? (uint64_t)whole : 0;
	ct_ledger_balance(ledger);
}

static int take_once(const struct ct_process *process, const struct ct_store_file *store, struct ct_taken *taken,
		     struct ct_error_text *error)
{
	struct ct_peer peer;
	struct ct_live_blocks blocks = {0};
	struct ct_mapped_ranges ranges = {0};
	enum ct_allocator allocator;
	*taken = (struct ct_taken){.site_count = store->site_count};
	taken->sites = calloc(store->site_count + 1, sizeof(*taken->sites));
	taken->mappings = calloc(store->site_count + 1, sizeof(*taken->mappings));
	int code = ct_peer_open(process, &peer, error);
	if (!code)
		code = ct_live_blocks_read(&peer, store, &blocks, error);
	struct sweep sweep = {
		.taken = taken, .ledger = &taken->ledger, .peer = &peer, .blocks = &blocks, .runs = &peer.runs};
	bool classes = !code && !blocks.glibc && ct_slack_find_allocator(store, &allocator);
	if (classes)
		ct_slack_by_class(&blocks, allocator);
	if (!code && (!taken->sites || !taken->mappings || (blocks.glibc && ct_live_blocks_measure(&peer, &blocks)) ||
		      sweep_all(&sweep) || ct_mapped_ranges_read(&peer, store, &ranges)))
		code = ct_error_no_memory(error);
	if (!code && !ct_process_lives(process))
		code = ct_error_set(error, CT_ERR_IO, "process %d has ended", process->pid);
	if (!code) {
		count_ranges(&sweep, &ranges);
		taken->ledger.knows_mappings = ranges.known;
		taken->ledger.rss_bytes = peer.rss_bytes;
		finish(taken, store, blocks.glibc, classes);
	}
	free(blocks.rows);
	free(ranges.rows);
	ct_peer_close(&peer);
	return code;
}

/* If the process has grown or shrunk in between, another try is likely to be better. */
int ct_take(const struct ct_process *process, const struct ct_store_file *store, struct ct_taken *taken,
	    struct ct_error_text *error)
{
	uint64_t begin = ct_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	int code = take_once(process, store, taken, error);
	for (int i = 1; i < TRIES && !code && !ct_ledger_is_explained(&taken->ledger); i++) {
		ct_taken_fini(taken);
		code = take_once(process, store, taken, error);
	}
	taken->ledger.took_ns = ct_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begin;
	return code;
}

/* Did the same process, in the same life, begin both stores? */
static bool is_same(const struct ct_store_file *store, int fd)
{
	uint64_t start_unix_ns;
	return pread(fd, &start_unix_ns, sizeof(start_unix_ns), offsetof(struct ct_store_header, start_unix_ns)) ==
		       sizeof(start_unix_ns) &&
	       start_unix_ns == store->header->start_unix_ns;
}

int ct_take_by_store(const struct ct_store_file *store, struct ct_taken *taken, struct ct_error_text *error)
{
	struct ct_process process;
	char name[PATH_MAX];
	int code = ct_process_open((int)store->header->pid, &process, error);
	if (code)
		return code;
	int fd = ct_process_store(&process, name, error);
	if (fd < 0)
		code = fd;
	else if (!is_same(store, fd))
		code = ct_error_set(error, CT_ERR_IO, "process %d records into another store", process.pid);
	else
		code = ct_take(&process, store, taken, error);
	if (fd >= 0)
		close(fd);
	close(process.folder);
	return code;
}

/* There may be an older one in them. */
static void clear(struct ct_counters *counters)
{
	counters->resident_bytes = counters->swapped_bytes = counters->untouched_bytes = 0;
	counters->pinned_bytes = counters->share_bytes = 0;
}

void ct_taken_put(const struct ct_taken *taken, struct ct_store_builder *builder)
{
	struct ct_profile *profile = ct_store_builder_profile(builder);
	profile->ledger = taken->ledger;
	profile->has_memory = taken->ledger.has_sites;
	profile->no_memory[0] = '\0';
	for (size_t i = 0; i < profile->site_count; i++)
		clear(&profile->sites[i].counters);
	clear(&profile->totals);
	for (size_t i = 1; i < taken->site_count && profile->has_memory; i++) {
		const struct ct_taken_site *from = &taken->sites[i];
		uint32_t site = ct_store_builder_site(builder, i);
		if (site >= profile->site_count)
			continue;
		struct ct_counters *to[] = {&profile->sites[site].counters, &profile->totals};
		for (int j = 0; j < 2; j++) {
			to[j]->resident_bytes += from->resident;
			to[j]->swapped_bytes += from->swapped;
			to[j]->untouched_bytes += from->untouched;
			to[j]->pinned_bytes += from->alone;
			to[j]->share_bytes += from->share;
		}
	}
}

void ct_taken_fini(struct ct_taken *taken)
{
	free(taken->sites);
	free(taken->mappings);
	taken->sites = NULL;
	taken->mappings = NULL;
}
