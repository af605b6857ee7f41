/* SPDX-License-Identifier: MIT */
/*
 * Simulated threads for tests of slices: rings that are filled by hand, with times that the test chooses. Included
 * after recording.h.
 */
#ifndef SLICES_H
#define SLICES_H

#include <string.h>

#include "recording.h"

#include "ctrace/histogram.h"
#include "ctrace/timeline.h"
#include "store/slice_table.h"
#include "store/store_file.h"

#define SIM_THREADS 64
#define SIM_LIVE 512
#define SIM_AD_HOC_SITES 2 /* the first ones; a site has ad-hoc events or blocks, never both */
#define SIM_FUTURE ((uint64_t)1 << 44) /* ticks: how far the clock is ahead of the simulated one */

struct sim_block {
	uint32_t site, more;
	uint64_t bytes, birth;
};

static struct sim {
	uint64_t random, clock;
	uint32_t threads, first_site, sites;
	struct ct_thread thread[SIM_THREADS];
	struct ct_event late[SIM_THREADS]; /* its time is read, but it is not published yet; kind 0: none */
	struct sim_block live[SIM_LIVE];
	uint32_t live_count, most_live;
	bool plain; /* no ad-hoc events, and each event stands for one block */
	bool sampled; /* all allocations have the size of the block that was sampled, and there are no resizes */
} sim;

static inline uint32_t sim_draw(uint32_t below)
{
	sim.random = sim.random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(sim.random >> 33) % below;
}

static inline void sim_add_ring(struct ct_thread *thread)
{
	struct ct_section *rings = &ct_tracer.header->sections[CT_SECTION_RINGS];
	uint64_t index = rings->used, events = ct_ring_slots(index + 1);
	assert_true(index < ct_store_capacity(CT_SECTION_RINGS) || ct_store_grow(CT_SECTION_RINGS, index + 1));
	assert_true(events <= ct_store_capacity(CT_SECTION_EVENTS) || ct_store_grow(CT_SECTION_EVENTS, events));
	*thread = (struct ct_thread){.ring = &ct_tracer.rings[index], .ring_index = (uint32_t)index + 1};
	ct_tracer.header->sections[CT_SECTION_EVENTS].used = events;
	ct_set_release(&rings->used, index + 1);
}

/* After recording_start: make rings and sites, and let the clock be far ahead. */
static inline void sim_start(uint32_t threads, uint32_t sites)
{
	uint32_t before = (uint32_t)ct_tracer.header->sections[CT_SECTION_SITES].used;
	for (uint32_t i = 0; i < sites; i++) {
		recurse(i, 0x900000 + 64 * i);
		release(0x900000 + 64 * i);
	}
	combine();
	sim.first_site = before;
	sim.sites = sites;
	for (uint32_t i = 0; i < threads; i++)
		sim_add_ring(&sim.thread[i]);
	sim.clock = ct_ticks();
	ct_tracer.clock_base -= SIM_FUTURE;
}

/* Forget all numbers and blocks, so that maxima are reached again. */
static inline void sim_reset(uint32_t most_live)
{
	combine();
	for (uint32_t i = 0; i < sim.sites; i++) {
		struct ct_site *site = &ct_tracer.sites[sim.first_site + i];
		*site = (struct ct_site){.node = site->node};
	}
	ct_tracer.header->totals = (struct ct_totals){0};
	sim.live_count = 0;
	sim.most_live = most_live;
}

static inline struct ct_event *sim_event_at(const struct ct_ring *ring, uint64_t at)
{
	return &ct_tracer.events[ct_ring_slot((uint64_t)(ring - ct_tracer.rings), at)];
}

static inline void sim_publish(struct ct_thread *thread, const struct ct_event *event)
{
	*sim_event_at(thread->ring, thread->head) = *event;
	ct_set_release(&thread->ring->head, ++thread->head);
}

static inline bool sim_has_room(const struct ct_thread *thread)
{
	return thread->head - thread->ring->folded < ct_ring_events(thread->ring_index - 1);
}

static inline struct ct_event sim_new_block(void)
{
	struct sim_block block = {
		.site = sim.first_site + SIM_AD_HOC_SITES + sim_draw(sim.sites - SIM_AD_HOC_SITES),
		.more = sim.plain || sim_draw(8) ? 0 : sim_draw(5),
		.bytes = sim_draw(3) * 100, /* often equal, so that there are ties */
		.birth = sim.clock,
	};
	sim.live[sim.live_count++] = block;
	uint32_t kind = CT_EVENT_ALLOC | block.more << CT_EVENT_MORE_SHIFT | (sim.sampled ? CT_EVENT_SIZED : 0);
	uint64_t sampled = sim.sampled ? 1u << sim_draw(12) : 0;
	return (struct ct_event){sim.clock, block.site, kind, block.bytes,
				 (uint64_t)sim_draw(30) << CT_EVENT_SLACK_SHIFT | sampled};
}

static inline struct ct_event sim_new_event(void)
{
	uint32_t kind = sim_draw(100);
	if (!sim.live_count || (kind < 50 && sim.live_count < sim.most_live))
		return sim_new_block();
	if (kind < 53 && !sim.plain)
		return (struct ct_event){sim.clock, sim.first_site + sim_draw(SIM_AD_HOC_SITES), CT_EVENT_AD_HOC, kind,
					 0};
	struct sim_block *block = &sim.live[sim_draw(sim.live_count)];
	if (kind < 65 && !sim.sampled) {
		uint64_t old = block->bytes;
		block->bytes = sim_draw(4) * 100;
		return (struct ct_event){sim.clock, block->site, CT_EVENT_RESIZE | (kind & 1 ? CT_EVENT_MOVED : 0),
					 block->bytes, old | (uint64_t)kind << CT_EVENT_SLACK_SHIFT};
	}
	struct sim_block freed = *block;
	*block = sim.live[--sim.live_count];
	return (struct ct_event){sim.clock, freed.site,
				 CT_EVENT_FREE | (kind & 1 ? CT_EVENT_TEMPORARY : 0) |
					 freed.more << CT_EVENT_MORE_SHIFT,
				 freed.bytes, freed.birth};
}

/* A thread's next event. late: some events are published only after later ones of other threads. */
static inline void sim_step(uint32_t index, bool late, uint64_t most_ticks)
{
	struct ct_thread *thread = &sim.thread[index];
	struct ct_event *waiting = &sim.late[index];
	if (!sim_has_room(thread))
		return;
	if (waiting->kind) {
		sim_publish(thread, waiting);
		waiting->kind = 0;
		return;
	}
	sim.clock += sim_draw(50) ? sim_draw(20) : most_ticks ? sim_draw((uint32_t)most_ticks) : 0;
	struct ct_event event = sim_new_event();
	if (late && !sim_draw(10))
		*waiting = event;
	else
		sim_publish(thread, &event);
}

/* The unclaimed events of all rings, in order. Written from the definition of the order. Returns how many. */
static inline size_t sim_merge(struct ct_event *to)
{
	uint32_t rings = (uint32_t)ct_tracer.header->sections[CT_SECTION_RINGS].used;
	uint64_t at[SIM_THREADS + 8];
	size_t count = 0;
	for (uint32_t i = 0; i < rings; i++)
		at[i] = ct_tracer.rings[i].claimed;
	for (;;) {
		const struct ct_event *first = NULL;
		uint32_t from = 0;
		for (uint32_t i = 0; i < rings; i++) {
			const struct ct_event *event = sim_event_at(&ct_tracer.rings[i], at[i]);
			if (at[i] < ct_tracer.rings[i].head && (!first || event->ticks < first->ticks)) {
				first = event;
				from = i;
			}
		}
		if (!first)
			return count;
		to[count++] = *first;
		at[from]++;
	}
}

/* What a fold of events one after the other gives. */
struct reference {
	struct ct_store_header *header;
	struct ct_site *sites;
	uint64_t *counters;
	size_t counter_count, counter_room;
};

static inline struct reference reference_new(void)
{
	const struct ct_section *sections = ct_tracer.header->sections;
	struct reference reference = {
		.header = malloc(CT_STORE_HEADER_BYTES),
		.sites = malloc(sections[CT_SECTION_SITES].used * sizeof(struct ct_site)),
		.counters = malloc(sections[CT_SECTION_COUNTERS].used * sizeof(uint64_t)),
		.counter_count = sections[CT_SECTION_COUNTERS].used,
	};
	*reference.header = *ct_tracer.header;
	memcpy(reference.sites, ct_tracer.sites, sections[CT_SECTION_SITES].used * sizeof(struct ct_site));
	memcpy(reference.counters, ct_tracer.counters, reference.counter_count * sizeof(uint64_t));
	return reference;
}

static inline void reference_fold(struct reference *reference, const struct ct_event *event)
{
	struct ct_site *site = &reference->sites[event->site];
	if (!ct_fold_event(site, &reference->header->totals, reference->counters, event)) {
		struct ct_histogram wider = ct_histogram_wider(site, event);
		reference->counter_count += ct_histogram_place(&wider, reference->counter_count);
		if (reference->counter_count > reference->counter_room) {
			reference->counter_room = 2 * reference->counter_count;
			reference->counters = reallocarray(reference->counters, reference->counter_room,
							   sizeof(*reference->counters));
		}
		ct_histogram_widen(site, reference->counters, wider, event);
	}
	ct_timeline_add(reference->header, event->ticks);
}

static inline void reference_free(struct reference *reference)
{
	free(reference->header);
	free(reference->sites);
	free(reference->counters);
}

/* Only the number of peaks may differ (ctrace/slice.h). */
static inline struct ct_site without_epoch(const struct ct_site *site, const struct ct_totals *totals)
{
	struct ct_site copy = *site;
	copy.peak_bytes = ct_site_peak_bytes(site, totals);
	copy.peak_blocks = ct_site_peak_blocks(site, totals);
	copy.peak_epoch = 0;
	return copy;
}

static inline bool same_site(const struct ct_site *a, const struct ct_totals *a_totals, const uint64_t *a_counters,
			     const struct ct_site *b, const struct ct_totals *b_totals, const uint64_t *b_counters)
{
	struct ct_site one = without_epoch(a, a_totals), other = without_epoch(b, b_totals);
	one.batch = other.batch = 0;
	one.histogram.base = other.histogram.base = 0;
	uint32_t counters = a->histogram.lifetimes + (a->histogram.sizes > 1 ? a->histogram.sizes : 0);
	return !memcmp(&one, &other, sizeof(one)) && (!a->histogram.base == !b->histogram.base) &&
	       (!a->histogram.base || !memcmp(a_counters + a->histogram.base, b_counters + b->histogram.base,
					      counters * sizeof(*a_counters)));
}

static inline bool same_totals(struct ct_totals a, struct ct_totals b)
{
	a.peak_epoch = b.peak_epoch = 0;
	return !memcmp(&a, &b, sizeof(a));
}

static inline bool same_timeline(const struct ct_store_header *a, const struct ct_store_header *b)
{
	const struct ct_timeline *one = &a->timeline[a->timeline_half], *other = &b->timeline[b->timeline_half];
	return one->shift == other->shift && one->used == other->used &&
	       !memcmp(one->bucket, other->bucket, one->used * sizeof(*one->bucket));
}

#define TOTALS_DIFFER UINT32_MAX
#define TIMELINE_DIFFERS (UINT32_MAX - 1)

/* The number of the first site that differs, or one of these; 0: everything is the same. */
static inline uint32_t reference_difference(const struct reference *reference, const struct ct_store_header *header,
					    const struct ct_site *sites, const uint64_t *counters)
{
	for (uint32_t i = 1; i < header->sections[CT_SECTION_SITES].used; i++)
		if (!same_site(&reference->sites[i], &reference->header->totals, reference->counters, &sites[i],
			       &header->totals, counters))
			return i;
	if (!same_totals(reference->header->totals, header->totals))
		return TOTALS_DIFFER;
	return same_timeline(reference->header, header) ? 0 : TIMELINE_DIFFERS;
}

#endif
