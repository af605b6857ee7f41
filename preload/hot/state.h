/* SPDX-License-Identifier: MIT */
/*
 * What the hooks must know, in two places. ct_gate says whether a call may be recorded; ct_tracer says where everything
 * is. Only cold code writes them, and any thread reads them.
 *
 * ct_gate has a page of the kernel's to itself, which the kernel wipes in a forked child. So a child that was made
 * without the atfork handlers finds CT_PHASE_NEW there, and cannot write into its parent's store.
 */
#ifndef CT_HOT_STATE_H
#define CT_HOT_STATE_H

#include "ctrace/ring.h"
#include "ctrace/store.h"
#include "hot/table.h"
#include "sys/compiler.h"
#include "sys/machine.h"

enum ct_phase {
	CT_PHASE_NEW, /* not started, or wiped by a fork */
	CT_PHASE_ASLEEP, /* CTRACE_MODE=off, and not switched on yet: there is no store, and calls pass through */
	CT_PHASE_STARTING, /* a thread is starting the recording: calls pass through and are counted */
	CT_PHASE_ON,
	CT_PHASE_FORKED, /* a forked child that has not recorded anything yet: its store opens at the first event */
	CT_PHASE_OFF, /* ended, stopped or never started: calls pass through */
};

struct ct_gate {
	char before[CT_STORE_PAGE / 4]; /* keeps `phase` off the start of the page, see struct ct_thread */
	uint32_t phase; /* enum ct_phase, atomic */
	char after[CT_MACHINE_PAGE_BYTES_MAX - CT_STORE_PAGE / 4 - sizeof(uint32_t)];
};

extern CT_HIDDEN struct ct_gate ct_gate;

#define CT_SPECIAL_SAMPLED 1u /* a sample is recorded */
#define CT_SPECIAL_PAUSED 2u /* ctrace_pause */
#define CT_SPECIAL_PAUSED_OUTSIDE 4u /* ctrace ctl pause */
#define CT_SPECIAL_OFF 8u /* ctrace ctl off */

struct ct_tracer {
	struct ct_store_header *header;
	struct ct_node *nodes; /* the sections; each keeps its address for the life of the process */
	struct ct_site *sites;
	struct ct_ring *rings;
	struct ct_event *events;
	uint64_t *counters;
	struct ct_table *code; /* key: epoch and lookup address; value: ct_code_pack */
	struct ct_table *tree; /* key: parent << 32 | place; value: site << 32 | node */
	uint32_t **node_hashes; /* by node, in chunks of CT_HASHES_CHUNK; see ct_hash_below */
	uintptr_t stack_top; /* where the main thread's outermost frame begins */
	uint32_t depth_limit; /* frames; CTRACE_DEPTH */
	uint64_t sample_bytes; /* mean distance of sampling points; 0: everything is recorded */
	uint32_t sample; /* number of the sample, counted from 1; 0: there was none */
	uint32_t special; /* CT_SPECIAL_*; not 0: some allocations must not be recorded; see ct_words */
	uint64_t segment_ticks; /* start of the segment, and of the one before it; see ct_is_stale */
	uint64_t segment_ticks_before;
	uint32_t event_place; /* place of CT_PSEUDO_EVENT in the call tree; 0: not needed yet */
	uint32_t copy_place; /* the same for CT_PSEUDO_COPY */
	bool partial; /* there may be blocks that were left out on purpose */
	size_t (*usable_bytes)(void *block); /* usable size of a block; NULL: glibc_blocks, or not known */
	bool glibc_blocks; /* malloc is glibc's: the chunk's size is in the word before a block */
	struct {
		uintptr_t start, end; /* 0: glibc's, or not known */
	} allocator; /* the object that malloc behind us is in */
	uint32_t loader_epoch; /* rises when code may have been unloaded: everything read from code is void */
	uint64_t start_unix_ns;
	uint64_t clock_base; /* the clock's reading at start */
	uint64_t clock_step; /* ticks that the clock may stand still and then skip */
	bool clock_tsc; /* ticks are the TSC's, else nanoseconds */
	bool verify; /* CTRACE_DEBUG=verify */
	bool log_events; /* CTRACE_DEBUG=events */
	bool rss; /* CTRACE_RSS */
	uint32_t mapping_place; /* as event_place, for CT_PSEUDO_MAPPING and CT_PSEUDO_STACK */
	uint32_t stack_place;
};

extern CT_HIDDEN struct ct_tracer ct_tracer;

/* The slot of a ring's event, counted from the ring's first. */
static inline struct ct_event *ct_event_at(uint32_t ring, uint64_t event)
{
	return &ct_tracer.events[ct_ring_slot(ring, event)];
}

/*
 * Does a block with this birth belong to an earlier segment than an event at this time? Its events must not change the
 * counters. A segment's start is published before it comes, so a thread that has read a time after it sees it. Frees
 * need no look here, since the fold leaves out those of stale blocks.
 */
static inline bool ct_is_stale(uint64_t birth, uint64_t ticks)
{
	uint64_t start = ct_get_acquire(&ct_tracer.segment_ticks); /* before segment_ticks_before */
	return birth < (ticks < start ? ct_get_relaxed(&ct_tracer.segment_ticks_before) : start);
}

/* Count a loss. Any thread, at any time; before the start it does nothing. */
static inline void ct_count_loss(enum ct_loss loss)
{
	if (ct_tracer.header)
		__atomic_fetch_add(&ct_tracer.header->losses[loss], 1, __ATOMIC_RELAXED);
}

#endif
