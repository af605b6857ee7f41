/* SPDX-License-Identifier: MIT */
/*
 * The store: one mapped file per traced process. The preload writes it while the program runs. Every other part of
 * ctrace reads it, also after the program was killed.
 *
 * The file is a header followed by extents. An extent is a run of pages that belongs to one section. The extents of a
 * section, in the order of the directory (ct_store_header.extents), hold its elements back to back. Elements refer to
 * each other by index, never by address. All numbers are in the machine's byte order, which the field byte_order shows.
 * docs/store-format.md describes each byte and the order of writes.
 *
 * Nouns: an *event* is one allocation, free or resize, or one call of ctrace_event. A *node* is a frame in the call
 * tree. A *site* is a node that allocates, with its counters. A *ring* is one thread's journal of events that are not
 * folded into the sites yet. A *round* folds the events of all rings in order of time. A *tick* is the unit of the
 * store's clock (enum ct_clock). Bytes are requested bytes.
 *
 * Writers: a thread writes its own ring and its events. Any thread adds strings and losses, by atomic operations. The
 * rest is written at start, at the end, or under the preload's locks (sys/lock.h). The functions here are pure, for any
 * thread.
 */
#ifndef CTRACE_STORE_H
#define CTRACE_STORE_H

#include <stdint.h>

#include "ctrace/control.h"
#include "ctrace/last_look.h"
#include "ctrace/pseudo.h"

#define CT_STORE_MAGIC "ctrace\r\n" /* written last: a file without it is not a store yet */
#define CT_STORE_VERSION 6u
#define CT_STORE_BYTE_ORDER 0x01020304u /* as the writing machine stores it */
#define CT_STORE_PAGE 4096u /* bytes */

enum ct_section_id {
	CT_SECTION_STRINGS, /* bytes; struct ct_span points into them */
	CT_SECTION_MODULES, /* struct ct_module; element 0 is "no module" */
	CT_SECTION_NODES, /* struct ct_node; element 0 is the root */
	CT_SECTION_SITES, /* struct ct_site; element 0 is not used */
	CT_SECTION_RINGS, /* struct ct_ring */
	CT_SECTION_EVENTS, /* struct ct_event; see ring.h */
	CT_SECTION_SNAPSHOTS, /* struct ct_snapshot_row */
	CT_SECTION_MARKS, /* struct ct_mark_row */
	CT_SECTION_REACH, /* struct ct_reach_row */
	CT_SECTION_SEGMENTS, /* struct ct_segment_head, each followed by struct ct_site */
	CT_SECTION_COUNTERS, /* uint64_t, for struct ct_histogram; empty: it could not grow, and there are none */
	CT_SECTION_COUNT,
};

/* A section's entry in the header. */
struct ct_section {
	uint64_t used; /* elements in use; written after the elements themselves */
	uint32_t element_bytes;
	uint32_t reserved;
};

struct ct_extent {
	uint64_t file_offset; /* bytes, a multiple of CT_STORE_PAGE */
	uint32_t pages;
	uint32_t section; /* enum ct_section_id */
};

#define CT_EXTENTS_MAX 1000u

/* A string in the STRINGS section, not terminated by NUL. */
struct ct_span {
	uint32_t offset; /* in the section, bytes */
	uint32_t bytes;
};

#define CT_BUILD_ID_MAX 32

/*
 * One object file, identified by path and build-id or, without a build-id, by the file as it was when first seen: the
 * same file loaded again is the same module.
 */
struct ct_module {
	uint64_t bias; /* run-time address minus link-time address, of the latest load */
	uint64_t start; /* run-time address of the latest load */
	uint64_t end; /* first address after it */
	struct ct_span path; /* absolute, unless the loader was given another name */
	uint32_t loads; /* how often it was seen at a new address */
	uint32_t build_id_bytes; /* 0: it has none */
	uint8_t build_id[CT_BUILD_ID_MAX];
	uint64_t inode; /* of the file; this and the next two are 0 if not known */
	uint64_t file_bytes; /* CT_MODULE_GONE: when first seen, its path led to another file or none */
	uint64_t modified_ns; /* Unix time */
};

#define CT_MODULE_GONE UINT64_MAX

/* A frame of the call tree. Two nodes of one parent never have the same module and address. */
struct ct_node {
	uint32_t parent; /* node of the caller, 0 = root; always less than the node's own index */
	uint32_t module; /* index in MODULES, CT_MODULE_NONE, or CT_MODULE_PSEUDO */
	uint64_t address; /* link-time address inside the call instruction (return address - 1) */
};

/* 64 bits are too few: a million blocks that live for two hours add up to 2^64 ticks. */
typedef unsigned __int128 ct_tick_sum;

/*
 * Which buckets a site's histograms have, and where their counters are: first those of lifetimes, then those of sizes.
 * histogram.h explains the buckets, and which of them are counted.
 */
struct ct_histogram {
	uint32_t base; /* index in COUNTERS; 0: no counters, since each range has one bucket at most */
	uint8_t sizes_low; /* the lowest bucket, and how many follow from there */
	uint8_t sizes;
	uint8_t lifetimes_low; /* of freed blocks */
	uint8_t lifetimes;
};

/* Counters of one site. Lifetimes and times are in ticks of the store's clock. */
struct ct_site {
	ct_tick_sum lifetime_ticks; /* sum over the freed blocks */
	ct_tick_sum birth_ticks; /* sum of the live blocks' allocation times; gives their age at the end */
	uint64_t total_bytes;
	uint64_t total_blocks;
	int64_t live_bytes;
	int64_t live_blocks;
	uint64_t max_bytes; /* the site's own maximum of live bytes */
	uint64_t max_blocks; /* live blocks at that moment; on ties the latest */
	uint64_t peak_bytes; /* live at the process's peak with the number peak_epoch */
	uint64_t peak_blocks;
	uint64_t peak_epoch; /* if less than the totals' epoch, the live values are those at the peak */
	uint64_t temporary_blocks; /* freed by their thread before its next allocation */
	uint64_t resizes;
	uint64_t moves; /* resizes that returned another address; samples do not count these, nor the next two */
	uint64_t copied_bytes; /* by moves: the smaller of the old and the new size */
	uint64_t slack_bytes; /* usable minus requested bytes, sum over all allocations and resizes */
	uint64_t smallest_bytes; /* smallest size of a block; 0 before the first block */
	uint64_t largest_bytes;
	uint64_t first_ticks; /* time of the first allocation, and of the latest */
	uint64_t latest_ticks;
	uint32_t node;
	uint32_t batch; /* the combiner's latest batch that changed this site */
	struct ct_histogram histogram;
};

/* The process's counters, folded together with the sites. */
struct ct_totals {
	uint64_t total_bytes;
	uint64_t total_blocks;
	int64_t live_bytes;
	int64_t live_blocks;
	uint64_t peak_bytes;
	uint64_t peak_blocks;
	uint64_t peak_ticks;
	uint64_t peak_epoch; /* counts the peaks so far */
	uint64_t start_ticks; /* start of the segment: blocks born before it do not count */
};

/* What an event's fields `bytes` and `other` mean for each kind. */
enum ct_event_kind {
	CT_EVENT_ALLOC = 1, /* bytes: size; other: slack, and with CT_EVENT_SIZED the block's size */
	CT_EVENT_FREE = 2, /* bytes: size; other: time of the allocation */
	CT_EVENT_RESIZE = 3, /* bytes: new size; other: old size and slack */
	CT_EVENT_AD_HOC = 4, /* from ctrace_event; bytes: weight; other: 0 */
};

/* The parts of ct_event.kind. The flags share a bit, since an event is of one kind. */
#define CT_EVENT_KIND 0xfu /* enum ct_event_kind */
#define CT_EVENT_TEMPORARY 0x10u /* in a free: by the thread that allocated, before its next allocation */
#define CT_EVENT_MOVED 0x10u /* in a resize: the block has another address now */
#define CT_EVENT_SIZED 0x10u /* in a sampled allocation: `other` has the size of the block that was sampled */
#define CT_EVENT_MORE_SHIFT 5 /* from this bit on: how many blocks a sampled event stands for, less 1 */

struct ct_event {
	uint64_t ticks;
	uint32_t site;
	uint32_t kind; /* enum ct_event_kind | a flag | blocks - 1 << CT_EVENT_MORE_SHIFT */
	uint64_t bytes;
	uint64_t other; /* in a free: time of the allocation; else: old size | slack << CT_EVENT_SLACK_SHIFT */
};

#define CT_EVENT_SLACK_SHIFT 40
#define CT_EVENT_OLD_BYTES (((uint64_t)1 << CT_EVENT_SLACK_SHIFT) - 1)
#define CT_EVENT_SLACK_MAX ((1u << 24) - 1) /* this much or more */

static inline enum ct_event_kind ct_event_kind(const struct ct_event *event)
{
	return (enum ct_event_kind)(event->kind & CT_EVENT_KIND);
}

/* How many blocks an event stands for: 1, except in samples. */
static inline uint64_t ct_event_blocks(const struct ct_event *event)
{
	return 1 + (event->kind >> CT_EVENT_MORE_SHIFT);
}

/* For a free: when its block was allocated, in ticks. */
static inline uint64_t ct_event_birth(const struct ct_event *event)
{
	return event->other;
}

/* For a resize: the size before it. */
static inline uint64_t ct_event_old_bytes(const struct ct_event *event)
{
	return event->other & CT_EVENT_OLD_BYTES;
}

/* For an allocation or resize: usable minus requested bytes, at most CT_EVENT_SLACK_MAX. */
static inline uint64_t ct_event_slack(const struct ct_event *event)
{
	return event->other >> CT_EVENT_SLACK_SHIFT;
}

/* A thread's journal. A new thread gets the ring of one that is gone. */
struct ct_ring {
	uint64_t head; /* events written since start; the owner's release pairs with the combiner's acquire */
	uint64_t pad[7]; /* keeps head alone on its cache line: the owner writes it at every event */
	uint64_t tail[2]; /* events folded; the entry with the parity of the round in progress is valid */
	uint64_t limit; /* where the round in progress stops */
	uint32_t tid; /* the owner's thread id, 0 = free */
	uint32_t reserved;
	uint64_t claimed; /* the program's own, like the next: events that are in a slice (preload/store/slice.h) */
	uint64_t folded; /* events that are folded for good, so that their place is free */
	uint64_t reserved1[2];
};

/*
 * What a reader needs after a kill in the middle of a round. A round goes like this: write all limits, then
 * limits_round; fold the events [tail, limit) of all rings in the order of merge.h; write the tails of the other
 * parity; then one store to `progress` ends the round. Events are folded in batches. `progress` advances at the end of
 * a batch. Until then the undo fields hold the totals as they were before the batch, and each site that the batch has
 * changed.
 */
#define CT_BATCH_EVENTS 128u

struct ct_progress {
	uint64_t progress; /* round << 32 | events of this round that are folded, in whole batches; CT_ROUND_BY_SITE */
	uint64_t limits_round; /* round + 1 if the limits of this round are complete */
	uint64_t undo_mark; /* progress + 1 while a batch is being folded; then undo the first undo_count sites */
	uint32_t undo_count;
	uint32_t rings; /* rings that take part in this round */
	struct ct_totals undo_totals;
	uint32_t undo_ids[CT_BATCH_EVENTS];
	struct ct_site undo_sites[CT_BATCH_EVENTS];
};

/* What ct_store_header.losses counts. */
enum ct_loss {
	CT_LOSS_DROPPED, /* events not recorded: no memory, no room in the store, or inside a signal handler */
	CT_LOSS_EARLY, /* calls while another thread was starting the recording */
	CT_LOSS_UNKNOWN_FREE, /* frees of blocks that were never recorded */
	CT_LOSS_TRUNCATED, /* events whose stack was cut at the depth limit */
	CT_LOSS_UNROOTED, /* events whose stack did not reach its root */
	CT_LOSS_FALLBACK, /* stacks that libunwind had to walk */
	CT_LOSS_LATE, /* calls after the recording had ended */
	CT_LOSS_PAUSED, /* allocations between ctrace_pause and ctrace_resume */
	CT_LOSS_MARKS, /* marks beyond CT_MARKS_MAX */
	CT_LOSS_COUNT,
};

enum ct_store_state {
	CT_STATE_RECORDING = 1, /* also after a kill */
	CT_STATE_ENDED = 2, /* the program ended, or its recording was closed, in order */
	CT_STATE_STOPPED = 3, /* the recording stopped early; stop_reason says why */
};

/* The clock that counts ticks. */
enum ct_clock {
	CT_CLOCK_TSC = 1, /* the processor's time stamp counter */
	CT_CLOCK_MONOTONIC = 2, /* a tick is a nanosecond */
};

#define CT_STORE_QUIET 1u /* no summary on stderr */
#define CT_STORE_KEEP 2u /* keep the store after a good export */
#define CT_STORE_FORKED 4u /* began as a copy of the parent's store, at a fork */
#define CT_STORE_SLACK 8u /* slack is known, since the allocator reports how large a block is */
#define CT_STORE_REACH 16u /* the REACH section is there and complete */
#define CT_STORE_MEMORY 32u /* the exporter at exit looks at the process's memory, which waits for it */
#define CT_STORE_BYPASSED_SHIFT 16 /* from this bit on: number of allocator functions that are not recorded */
#define CT_STORE_BYPASSED_MAX 0xffffu

/* Timeline: live bytes and blocks over time. When the buckets run out, their width doubles (timeline.h). */
#define CT_TIMELINE_BUCKETS 256u

struct ct_timeline_bucket {
	uint64_t min_bytes;
	uint64_t max_bytes;
	uint64_t last_bytes;
	uint64_t last_blocks;
	uint64_t rss_bytes; /* resident memory of the process at some time in the bucket; 0 = not read */
};

struct ct_timeline {
	uint32_t shift; /* a bucket is 2^shift ticks wide */
	uint32_t used; /* buckets up to that of the latest event */
	struct ct_timeline_bucket bucket[CT_TIMELINE_BUCKETS];
};

/*
 * Snapshots: what was live at some moments, by site. A snapshot is a row with site 0, its time in `bytes`, and in
 * `blocks` the number of rows that follow: one for each site with live blocks. If the first of them has site 0, the
 * snapshot is partial: the others are the sites with at least one part in CT_SNAPSHOT_PARTS of the live bytes, and that
 * row has the sum of the rest.
 */
struct ct_snapshot_row {
	uint32_t site;
	uint32_t blocks;
	uint64_t bytes;
};

/*
 * A snapshot is taken at the start of every 2^CT_SNAPSHOT_SHIFT-th timeline bucket: more often while the program is
 * young.
 */
#define CT_SNAPSHOT_SHIFT 4u

/*
 * Partial snapshots are taken in between, at the start of every 2^CT_PARTIAL_SHIFT-th bucket, so that a chart over time
 * is smooth. Looking at a site takes some 20 ticks. So that all sites together take at most a hundredth of the time,
 * the distance to the snapshot before is at least CT_PARTIAL_TICKS for each site.
 */
#define CT_PARTIAL_SHIFT 1u
#define CT_PARTIAL_TICKS 2048u
#define CT_SNAPSHOT_PARTS 1024u

/* A moment that the program named with ctrace_mark, and the totals at that moment. Rows are in order of time. */
struct ct_mark_row {
	uint64_t ticks;
	uint64_t total_bytes;
	uint64_t total_blocks;
	uint64_t live_bytes;
	uint64_t live_blocks;
	struct ct_span name;
	uint64_t reserved[2];
};

#define CT_MARKS_MAX 4096u
#define CT_MARK_NAME_MAX 255u /* bytes */

/*
 * A *segment* is a part of a recording with counters of its own: from where it was switched on or reset, to where
 * it was switched off, or the next segment begins. What was allocated before it does not exist for it. Sites, totals,
 * timeline and snapshots are those of the latest segment.
 */
struct ct_segment {
	uint32_t number; /* from 1 on */
	uint32_t mode; /* enum ct_control_mode */
	uint64_t sample_bytes; /* mean distance of sampling points; 0: everything is recorded */
	uint64_t start_ticks;
	uint64_t end_ticks; /* 0: it goes on */
	struct ct_span name; /* that `ctrace ctl` gave it; may be empty */
};

/* An earlier segment, in SEGMENTS: its head, then a row for each of its sites, whose `batch` is the site's number. */
struct ct_segment_head {
	struct ct_segment segment;
	struct ct_totals totals;
	uint32_t rows;
	uint32_t reserved[19];
};

/* Whether a block that was live at the end could still be reached, in Valgrind's terms. */
enum ct_reach_class {
	CT_REACH_LOST, /* definitely lost: no pointer to it */
	CT_REACH_INDIRECT, /* indirectly lost: only lost blocks point to it */
	CT_REACH_POSSIBLE, /* possibly lost: every chain of pointers to it leads through the middle of a block */
	CT_REACH_REACHABLE,
	CT_REACH_CLASSES,
};

/* With CTRACE_REACH: a row for each site with live blocks, written at the end. */
struct ct_reach_row {
	uint32_t site;
	uint32_t reserved;
	uint64_t bytes[CT_REACH_CLASSES];
	uint64_t blocks[CT_REACH_CLASSES];
};

/*
 * With CTRACE_MMAP: the program's mappings. Their sites are in SITES, with CT_PSEUDO_MAPPING or CT_PSEUDO_STACK. No
 * event changes these sites, and the process's totals know nothing of them.
 */
struct ct_mapping_counters {
	struct ct_totals totals; /* of these sites */
	struct ct_totals undo_totals; /* as they were before the latest change, like the next */
	struct ct_site undo;
	uint32_t undo_site;
	uint32_t reserved;
	uint64_t changes; /* odd while one is made: then it is to be undone */
	uint64_t dropped; /* calls that could not be recorded */
};

/* The start of the file. */
struct ct_store_header {
	char magic[8]; /* CT_STORE_MAGIC, without the NUL */
	uint32_t version; /* CT_STORE_VERSION */
	uint32_t byte_order; /* CT_STORE_BYTE_ORDER */
	uint32_t header_bytes; /* CT_STORE_HEADER_BYTES; the extents follow */
	uint32_t machine; /* EM_X86_64, ... */
	uint32_t state; /* enum ct_store_state */
	uint32_t flags; /* CT_STORE_* */
	uint32_t pid;
	uint32_t parent_pid;
	uint32_t clock; /* enum ct_clock */
	uint32_t depth_limit; /* frames; CTRACE_DEPTH */
	uint64_t boot_ns; /* CLOCK_MONOTONIC at start_ticks */
	uint64_t start_unix_ns; /* CLOCK_REALTIME at start */
	uint64_t start_ticks; /* ticks at start: time 0 of the report */
	uint64_t latest_ticks; /* latest reading of the clock; gives its rate, with latest_ns */
	uint64_t latest_ns; /* CLOCK_MONOTONIC at latest_ticks */
	uint64_t end_ticks; /* time of the end, if state is CT_STATE_ENDED */
	uint64_t sample_bytes; /* mean distance of sampling points; 0: everything is recorded */
	uint64_t own_bytes; /* memory that the preload itself uses, without this file */
	struct ct_span exe; /* absolute path of the program */
	struct ct_span command; /* its arguments, each NUL-terminated */
	struct ct_span output; /* absolute path of the report */
	struct ct_span session; /* value of CTRACE_SESSION, by which `ctrace record` finds its stores; may be empty */
	struct ct_span stop_reason; /* empty unless state is CT_STATE_STOPPED */
	uint64_t losses[CT_LOSS_COUNT];
	struct ct_section sections[CT_SECTION_COUNT];
	uint32_t extent_count; /* written after the extent itself */
	uint32_t timeline_half; /* which half of timeline[] is valid */
	struct ct_extent extents[CT_EXTENTS_MAX];
	struct ct_totals totals;
	struct ct_progress progress;
	struct ct_timeline timeline[2];
	/* with CT_STORE_FORKED */
	uint64_t forked_ns; /* CLOCK_MONOTONIC at the child's first event */
	uint64_t forked_blocks; /* total_blocks of the totals at the fork */
	/* what `ctrace ctl` has asked for, as far as it was done */
	struct ct_segment segment[2];
	uint32_t segment_half; /* which half of segment[] is valid */
	uint32_t cleared; /* number of the segment that the counters are of; if it is not the valid one's, all are 0 */
	uint32_t mode; /* enum ct_control_mode */
	uint32_t request; /* the latest request that was done; see struct ct_control */
	uint32_t paused; /* by `ctrace ctl` */
	uint32_t segments_dropped; /* earlier segments that there was no room for */
	uint64_t copies_dropped; /* with CTRACE_COPY: copies that could not be recorded, as CT_LOSS_DROPPED counts
				    events */
	struct ct_mapping_counters mappings;
	struct ct_last_look look; /* with CT_STORE_MEMORY */
};

_Static_assert(sizeof(struct ct_module) == 96, "store layout");
_Static_assert(sizeof(struct ct_node) == 16, "store layout");
_Static_assert(sizeof(struct ct_site) == 192, "store layout");
_Static_assert(sizeof(struct ct_event) == 32, "store layout");
_Static_assert(sizeof(struct ct_ring) == 128, "store layout");
_Static_assert(sizeof(struct ct_snapshot_row) == 16, "store layout");
_Static_assert(sizeof(struct ct_mark_row) == 64, "store layout");
_Static_assert(sizeof(struct ct_reach_row) == 72, "store layout");
_Static_assert(sizeof(struct ct_segment_head) == sizeof(struct ct_site), "store layout");

/* The segment that the header's counters are of. */
static inline const struct ct_segment *ct_segment_latest(const struct ct_store_header *header)
{
	return &header->segment[header->segment_half & 1];
}

/* The control page (struct ct_control) ends the header. It begins at a multiple of 64 KiB, the largest page of kernels.
 */
#define CT_STORE_CONTROL_OFFSET ((sizeof(struct ct_store_header) + 65535u) / 65536u * 65536u)
#define CT_STORE_HEADER_BYTES (CT_STORE_CONTROL_OFFSET + CT_CONTROL_BYTES)

#endif
