/* SPDX-License-Identifier: MIT */
/*
 * Does a store fit together? One that its program left does, at every store instruction; one that was copied while
 * it was written has pages of several moments. Each check takes time in proportion to the store's size.
 *
 * Sites and totals: each event changes a sum that never falls, or only falls. Rings: the events that they have had
 * are those that the sites have counted, unless a fork or a sample hides their number. Events: in a ring they are
 * in order of time, and those that are not folded are later than all that are. The first of them may be earlier: its
 * thread has read the clock before the fold and published after it. So may a new block's event that stands behind
 * the free of an older block at its address, a free that was missed: its time is read first. The rest: what is
 * referred to is written before.
 */
#include <stdlib.h>
#include <string.h>

#include "ctrace/fold.h"
#include "load/store_parts.h"

#define CLOCK_SLACK_TICKS 65536 /* a processor reads the clock before its earlier stores are seen by others */

const char *const ct_store_check_texts[CT_STORE_CHECKS] = {
	[CT_STORE_CHECK_TOTAL] = "totals of the sites = totals of the process",
	[CT_STORE_CHECK_END] = "live at end of the sites = of the process",
	[CT_STORE_CHECK_PEAK] = "at peak of the sites = of the process",
	[CT_STORE_CHECK_ORDER] = "at peak and at end <= max <= total, in each site",
	[CT_STORE_CHECK_BLOCKS] = "no more blocks at any moment than in total",
	[CT_STORE_CHECK_EVENTS] = "events of the threads = events of the sites, in order of time",
	[CT_STORE_CHECK_NAMES] = "everything that is referred to is written",
	[CT_STORE_CHECK_ROOTS] = "every stack reaches its root, or is counted as cut",
};

static void fail(struct ct_store_file *store, enum ct_store_check check, bool failed)
{
	store->failed |= (unsigned)failed << check;
}

/* Totals do not count the program's own events. */
struct sums {
	uint64_t total_bytes, total_blocks, live_bytes, live_blocks, peak_bytes, peak_blocks;
	uint64_t events; /* that made these counters */
};

static void add_site(struct ct_store_file *store, const struct ct_site *site, struct sums *sums)
{
	const struct ct_totals *totals = &store->header->totals;
	if (ct_store_is_event(store, site)) {
		sums->events += site->total_blocks;
		return;
	}
	uint64_t live_bytes = (uint64_t)site->live_bytes, live_blocks = (uint64_t)site->live_blocks;
	uint64_t peak_bytes = ct_site_peak_bytes(site, totals), peak_blocks = ct_site_peak_blocks(site, totals);
	sums->total_bytes += site->total_bytes;
	sums->total_blocks += site->total_blocks;
	sums->live_bytes += live_bytes;
	sums->live_blocks += live_blocks;
	sums->peak_bytes += peak_bytes;
	sums->peak_blocks += peak_blocks;
	/* Allocations and resizes are blocks; what was allocated and does not live was freed. */
	sums->events += 2 * site->total_blocks - site->resizes - live_blocks;
	/* A negative number of what is live is a large one here. */
	fail(store, CT_STORE_CHECK_ORDER,
	     peak_bytes > site->max_bytes || live_bytes > site->max_bytes || site->max_bytes > site->total_bytes ||
		     (!live_blocks && (live_bytes || site->birth_ticks)));
	fail(store, CT_STORE_CHECK_BLOCKS,
	     peak_blocks > site->total_blocks || live_blocks > site->total_blocks ||
		     site->max_blocks > site->total_blocks);
}

static void check_sums(struct ct_store_file *store)
{
	const struct ct_store_header *header = store->header;
	const struct ct_totals *totals = &header->totals;
	struct sums sums = {0};
	uint64_t events = 0;
	for (size_t i = 1; i < store->site_count; i++)
		add_site(store, &store->sites[i], &sums);
	for (size_t i = 0; i < store->ring_count; i++)
		events += store->rings[i].head;
	fail(store, CT_STORE_CHECK_TOTAL,
	     sums.total_bytes != totals->total_bytes || sums.total_blocks != totals->total_blocks);
	fail(store, CT_STORE_CHECK_END,
	     sums.live_bytes != (uint64_t)totals->live_bytes || sums.live_blocks != (uint64_t)totals->live_blocks);
	fail(store, CT_STORE_CHECK_PEAK,
	     sums.peak_bytes != totals->peak_bytes || sums.peak_blocks != totals->peak_blocks);
	/* A child's rings are its own, and its counters began with its parent's; samples stand for several blocks. */
	fail(store, CT_STORE_CHECK_EVENTS,
	     events != sums.events && !header->sample_bytes && !(header->flags & CT_STORE_FORKED));
}

/* Is a string, which has no NUL, not written yet? */
static bool is_blank(const struct ct_store_file *store, struct ct_span span)
{
	return memchr(store->strings + span.offset, '\0', span.bytes) != NULL;
}

static bool is_cut(const struct ct_node *node)
{
	return ct_is_mark(node->module, node->address, CT_MARK_CUT) ||
	       ct_is_mark(node->module, node->address, CT_MARK_LOST);
}

/* Parents stand before their children. */
static int check_stacks(struct ct_store_file *store, struct ct_error_text *error)
{
	const uint64_t *losses = store->header->losses;
	bool counted = losses[CT_LOSS_TRUNCATED] || losses[CT_LOSS_UNROOTED];
	bool *cut = calloc(store->node_count, sizeof(*cut));
	if (!cut)
		return ct_error_no_memory(error);
	for (size_t i = 1; i < store->node_count; i++) {
		const struct ct_node *node = &store->nodes[i];
		cut[i] = cut[node->parent] || is_cut(node);
		fail(store, CT_STORE_CHECK_NAMES, node->module == CT_MODULE_NONE && !node->address && !node->parent);
	}
	for (size_t i = 1; i < store->site_count && !counted; i++)
		fail(store, CT_STORE_CHECK_ROOTS, store->sites[i].total_blocks && cut[store->sites[i].node]);
	free(cut);
	return CT_OK;
}

static void check_strings(struct ct_store_file *store)
{
	const struct ct_store_header *header = store->header;
	bool blank = is_blank(store, header->exe) || is_blank(store, header->output) ||
		     is_blank(store, header->session) || is_blank(store, header->stop_reason);
	for (size_t i = 1; i < store->module_count; i++)
		blank = blank || !store->modules[i].path.bytes || is_blank(store, store->modules[i].path);
	for (size_t i = 0; i < store->mark_count; i++)
		blank = blank || is_blank(store, store->marks[i].name);
	fail(store, CT_STORE_CHECK_NAMES, blank);
}

int ct_store_check_sums(struct ct_store_file *store, struct ct_error_text *error)
{
	check_sums(store);
	check_strings(store);
	return check_stacks(store, error);
}

/* The latest time that an allocation has, of those that are folded. */
static uint64_t latest_folded(const struct ct_store_file *store)
{
	uint64_t latest = 0;
	for (size_t i = 1; i < store->site_count; i++)
		if (store->sites[i].latest_ticks > latest)
			latest = store->sites[i].latest_ticks;
	return latest;
}

/* Is this a new block's event, and the one before the free that was missed at its address? */
static bool takes_place(const struct ct_event *before, const struct ct_event *event)
{
	uint32_t kind = event->kind & CT_EVENT_KIND;
	return (before->kind & CT_EVENT_KIND) == CT_EVENT_FREE && event->ticks < before->ticks &&
	       (kind == CT_EVENT_ALLOC || kind == CT_EVENT_RESIZE);
}

static void check_ring(struct ct_store_file *store, size_t ring, uint64_t tail, uint64_t limit, uint64_t head,
		       uint64_t latest)
{
	if (head - tail > CT_RING_EVENTS) {
		fail(store, CT_STORE_CHECK_EVENTS, true); /* written over */
		return;
	}
	uint64_t first = ct_store_knows_before(tail, head) ? tail - 1 : tail;
	for (uint64_t at = first + 1; at < head; at++) {
		uint64_t ticks = ct_store_event(store, ring, at)->ticks;
		bool pair = takes_place(ct_store_event(store, ring, at - 1), ct_store_event(store, ring, at));
		uint64_t before = !pair ? at - 1 : at - 1 > first ? at - 2 : at;
		fail(store, CT_STORE_CHECK_EVENTS,
		     ticks < ct_store_event(store, ring, before)->ticks || (at > limit + pair && ticks < latest));
	}
}

void ct_store_check_order(struct ct_store_file *store, const uint64_t *tails, const uint64_t *limits,
			  const uint64_t *heads)
{
	uint64_t latest = latest_folded(store);
	latest = latest < CLOCK_SLACK_TICKS ? 0 : latest - CLOCK_SLACK_TICKS;
	for (size_t i = 0; i < store->ring_count; i++)
		check_ring(store, i, tails[i], limits[i], heads[i], latest);
}
