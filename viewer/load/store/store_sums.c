/* SPDX-License-Identifier: MIT */
/*
 * Checks whether the parts of a store fit together. They do in a store that its program left behind, no matter at
 * which instruction it was killed. They may not in a store that was copied while being written, whose pages are from
 * different moments. Each check takes time in proportion to the store's size.
 *
 * Sites and totals: each event changes a sum that never falls, or one that only falls.
 *
 * Rings: the number of events written to them is the number counted in the sites, unless a fork or sampling hides it.
 *
 * Events: each ring is in order of time, and unfolded events are later than all folded ones. There are two exceptions.
 * The first unfolded event may be earlier, since its thread may have read the clock before the fold and published
 * after it. A new block's event may be earlier than the event before it, if that is the free of an older block at the
 * same address whose own free was missed: the new block's time is read first.
 *
 * All other checks: what is referred to was written before the reference.
 */
#include <stdlib.h>
#include <string.h>

#include "ctrace/fold.h"
#include "load/store/store_steps.h"

#define CLOCK_SLACK_TICKS 65536 /* a processor may read the clock before others see its earlier stores */

const char *const ct_store_check_texts[CT_STORE_CHECKS] = {
	[CT_STORE_CHECK_TOTAL] = "totals of the sites = totals of the process",
	[CT_STORE_CHECK_END] = "live at end of the sites = of the process",
	[CT_STORE_CHECK_PEAK] = "at peak of the sites = of the process",
	[CT_STORE_CHECK_ORDER] = "at peak and at end <= max <= total, in each site",
	[CT_STORE_CHECK_BLOCKS] = "no more blocks at any moment than in total",
	[CT_STORE_CHECK_EVENTS] = "events of the threads = events of the sites, in order of time",
	[CT_STORE_CHECK_HISTOGRAMS] = "histograms of each site = its blocks, and those that were freed",
	[CT_STORE_CHECK_NAMES] = "everything that is referred to is written",
	[CT_STORE_CHECK_ROOTS] = "every stack reaches its root, or is counted as cut",
};

static void fail(struct ct_store_file *store, enum ct_store_check check, bool failed)
{
	store->failed |= (unsigned)failed << check;
}

/*
 * Sums over the sites. Ad-hoc events and copies are only in `events`, as they are not in the store's totals either. No
 * event changes the sites of mappings.
 */
struct sums {
	uint64_t total_bytes, total_blocks, live_bytes, live_blocks, peak_bytes, peak_blocks;
	uint64_t events; /* that led to these counters */
};

static void add_site(struct ct_store_file *store, const struct ct_site *site, struct sums *sums)
{
	const struct ct_totals *totals = &store->header->totals;
	if (ct_store_is_event(store, site)) {
		if (ct_store_site_mode(store, site) != CT_MODE_MAPPINGS)
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
	/* total_blocks counts allocations and resizes; every allocated block that is not live has been freed. */
	sums->events += 2 * site->total_blocks - site->resizes - live_blocks;
	/* A negative live number is huge here, since it is unsigned. */
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
	/*
	 * A forked child inherits its parent's counters but not its rings; a sample stands for several blocks; an
	 * earlier segment's events are not in the sites.
	 */
	bool counted =
		!header->sample_bytes && !(header->flags & CT_STORE_FORKED) && ct_segment_latest(header)->number == 1;
	fail(store, CT_STORE_CHECK_EVENTS, events != sums.events && counted);
}

/* Is a string not written yet? A written one contains no NUL. */
static bool is_blank(const struct ct_store_file *store, struct ct_span span)
{
	return memchr(store->strings + span.offset, '\0', span.bytes) != NULL;
}

static bool is_cut(const struct ct_node *node)
{
	return ct_is_pseudo(node->module, node->address, CT_PSEUDO_CUT) ||
	       ct_is_pseudo(node->module, node->address, CT_PSEUDO_LOST);
}

/* Parents come before their children. */
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

static void raise_to_zero(int64_t *number)
{
	if (*number < 0)
		*number = 0;
}

/*
 * In a torn copy, the free of a block may have come without its allocation. Fewer than no bytes cannot be live, and the
 * profile's numbers have no sign: they would be near 2^64.
 */
static void raise_negative_numbers(struct ct_store_file *store)
{
	struct ct_totals *totals = &store->header->totals;
	raise_to_zero(&totals->live_bytes);
	raise_to_zero(&totals->live_blocks);
	raise_to_zero((int64_t *)&totals->peak_bytes);
	raise_to_zero((int64_t *)&totals->peak_blocks);
	for (size_t i = 1; i < store->site_count; i++) {
		struct ct_site *site = &store->sites[i];
		raise_to_zero(&site->live_bytes);
		raise_to_zero(&site->live_blocks);
		raise_to_zero((int64_t *)&site->peak_bytes);
		raise_to_zero((int64_t *)&site->peak_blocks);
	}
}

int ct_store_check_sums(struct ct_store_file *store, struct ct_error_text *error)
{
	check_sums(store);
	fail(store, CT_STORE_CHECK_HISTOGRAMS, !ct_store_histograms_fit(store));
	if (store->failed)
		raise_negative_numbers(store);
	check_strings(store);
	return check_stacks(store, error);
}

/* The time of the latest folded allocation. Mappings are written down at once, without a fold. */
static uint64_t latest_folded(const struct ct_store_file *store)
{
	uint64_t latest = 0;
	for (size_t i = 1; i < store->site_count; i++)
		if (store->sites[i].latest_ticks > latest &&
		    ct_store_site_mode(store, &store->sites[i]) != CT_MODE_MAPPINGS)
			latest = store->sites[i].latest_ticks;
	return latest;
}

/* Is this a new block's event, and the event before it the free that was missed at the same address? */
static bool takes_place(const struct ct_event *before, const struct ct_event *event)
{
	uint32_t kind = event->kind & CT_EVENT_KIND;
	return (before->kind & CT_EVENT_KIND) == CT_EVENT_FREE && event->ticks < before->ticks &&
	       (kind == CT_EVENT_ALLOC || kind == CT_EVENT_RESIZE);
}

static void check_ring(struct ct_store_file *store, size_t ring, uint64_t tail, uint64_t limit, uint64_t head,
		       uint64_t latest)
{
	if (head - tail > ct_ring_events(ring)) {
		fail(store, CT_STORE_CHECK_EVENTS, true); /* overwritten */
		return;
	}
	uint64_t first = ct_store_knows_before(ring, tail, head) ? tail - 1 : tail;
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
