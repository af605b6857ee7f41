/* SPDX-License-Identifier: MIT */
/*
 * The store: one mapped file per traced process, written by the preload while the program runs and
 * read by every other part of ctrace, also after the program was killed.
 *
 * The file is a header followed by extents. An extent is a run of pages that belongs to one section;
 * the extents of a section, in the order of the directory, hold its elements back to back. Everything
 * refers to elements by index, never by address. All numbers are in the byte order of the machine;
 * byte_order says. docs/store-format.md has the byte pictures and the order of writes.
 *
 * Nouns: an *event* is one allocation, free or resize. A *node* is a frame in the call tree. A *site*
 * is a node that allocates, with its counters. A *ring* is one thread's journal of events not yet
 * folded into the sites. A *round* folds the events of all rings in order of time.
 */
#ifndef CTRACE_STORE_H
#define CTRACE_STORE_H

#include <stdint.h>

#define CT_STORE_MAGIC "ctrace\r\n"
#define CT_STORE_VERSION 3u
#define CT_STORE_BYTE_ORDER 0x01020304u
#define CT_STORE_PAGE 4096u

enum ct_section_id {
	CT_SECTION_STRINGS, /* bytes; struct ct_span points in here */
	CT_SECTION_MODULES, /* struct ct_module; element 0 = "no module" */
	CT_SECTION_NODES, /* struct ct_node; element 0 = root */
	CT_SECTION_SITES, /* struct ct_site; element 0 unused */
	CT_SECTION_RINGS, /* struct ct_ring */
	CT_SECTION_EVENTS, /* struct ct_event; ring i owns [i * CT_RING_EVENTS, (i + 1) * CT_RING_EVENTS) */
	CT_SECTION_SNAPSHOTS, /* struct ct_snapshot_row */
	CT_SECTION_MARKS, /* struct ct_mark_row */
	CT_SECTION_REACH, /* struct ct_reach_row */
	CT_SECTION_COUNT,
};

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

/* A string of the STRINGS section, not terminated. */
struct ct_span {
	uint32_t offset;
	uint32_t bytes;
};

#define CT_BUILD_ID_MAX 32

/* One object file, by path and build-id: the same file loaded again is the same module. */
struct ct_module {
	uint64_t bias; /* run-time address minus link-time address, of the latest load */
	uint64_t start; /* of the latest load, run-time address */
	uint64_t end;
	struct ct_span path;
	uint32_t loads; /* how often it was seen at a new place */
	uint32_t build_id_bytes;
	uint8_t build_id[CT_BUILD_ID_MAX];
	uint8_t reserved[24];
};

#define CT_MODULE_NONE 0u /* address is a run-time address of code in no file (JIT) */
#define CT_MODULE_PSEUDO 0xffffffffu /* not code: address is an enum ct_pseudo */

enum ct_pseudo {
	CT_PSEUDO_CUT = 1, /* frames left out here: the stack is deeper than the limit */
	CT_PSEUDO_LOST = 2, /* the unwinder could not go on: callers unknown */
	CT_PSEUDO_OTHER = 3, /* below the root: one site for all that came when there were CTRACE_MAX_SITES */
	CT_PSEUDO_THREAD = 4, /* below the root, with CTRACE_THREADS: what one thread did; see CT_PSEUDO_THREAD_FRAME */
	CT_PSEUDO_EVENT = 5, /* above the innermost frame: ctrace_event was called here; no allocation site */
};

#define CT_PSEUDO_MASK 0xffu /* of a mark's address: enum ct_pseudo */

/* Is a node's place this mark? */
static inline int ct_is_pseudo(uint32_t module, uint64_t address, enum ct_pseudo mark)
{
	return module == CT_MODULE_PSEUDO && (address & CT_PSEUDO_MASK) == mark;
}

/* A thread's mark: its number in the order of first events, from 1, and where its name stands in STRINGS. */
#define CT_PSEUDO_THREAD_FRAME(number, name) (CT_PSEUDO_THREAD | (uint64_t)(number) << 8 | (uint64_t)(name) << 32)
#define CT_THREADS_MAX ((1u << 24) - 1)
#define CT_THREAD_NAME_BYTES 16u /* as long as the kernel's, ended by NUL */

static inline uint32_t ct_thread_number(uint64_t mark)
{
	return (uint32_t)mark >> 8;
}

static inline uint32_t ct_thread_name(uint64_t mark)
{
	return (uint32_t)(mark >> 32);
}

struct ct_node {
	uint32_t parent; /* caller's node; 0 = root. Always below the node's own index */
	uint32_t module; /* index in MODULES, or CT_MODULE_PSEUDO */
	uint64_t address; /* link-time address inside the call instruction (return address - 1) */
};

/* 2^64 ticks are a million blocks that live for two hours. */
typedef unsigned __int128 ct_tick_sum;

/* Counters of one site. Bytes are requested bytes. Lifetimes are in ticks of the store's clock. */
struct ct_site {
	ct_tick_sum lifetime_ticks; /* summed over freed blocks */
	ct_tick_sum birth_ticks; /* summed births of live blocks: gives their age at the end */
	uint64_t total_bytes;
	uint64_t total_blocks;
	int64_t live_bytes;
	int64_t live_blocks;
	uint64_t max_bytes; /* the site's own maximum, latest on ties */
	uint64_t max_blocks; /* live blocks at that moment */
	uint64_t peak_bytes; /* at the peak number peak_epoch */
	uint64_t peak_blocks;
	uint64_t peak_epoch; /* when behind the totals' epoch: the live values are those at the peak */
	uint64_t temporary_blocks;
	uint64_t resizes;
	uint64_t moves; /* resizes that gave another address; not in samples, as what follows */
	uint64_t copied_bytes; /* by moves: the smaller of old and new size */
	uint64_t slack_bytes; /* summed over all blocks when they were allocated: usable minus requested bytes */
	uint64_t smallest_bytes; /* size of a block, 0 before the first */
	uint64_t largest_bytes;
	uint64_t first_ticks; /* the first allocation, and the latest */
	uint64_t latest_ticks;
	uint32_t node;
	uint32_t batch; /* the combiner's mark: changed in this batch already */
	uint64_t reserved;
};

/* The process's own counters, folded with the sites. */
struct ct_totals {
	uint64_t total_bytes;
	uint64_t total_blocks;
	int64_t live_bytes;
	int64_t live_blocks;
	uint64_t peak_bytes;
	uint64_t peak_blocks;
	uint64_t peak_ticks;
	uint64_t peak_epoch; /* rises at each new peak */
};

enum ct_event_kind {
	CT_EVENT_ALLOC = 1, /* bytes: size; other: slack */
	CT_EVENT_FREE = 2, /* bytes: size; other: birth */
	CT_EVENT_RESIZE = 3, /* bytes: new size; other: old size and slack */
	CT_EVENT_AD_HOC = 4, /* of ctrace_event. bytes: weight; other: 0 */
};

/* Parts of ct_event.kind. The two flags share a bit: no event is both a free and a resize. */
#define CT_EVENT_KIND 0xfu /* enum ct_event_kind */
#define CT_EVENT_TEMPORARY 0x10u /* of a free: by the allocating thread, before its next allocation */
#define CT_EVENT_MOVED 0x10u /* of a resize: to another address */
#define CT_EVENT_MORE_SHIFT 5 /* from this bit on: a sampled event stands for so many more blocks */

struct ct_event {
	uint64_t ticks;
	uint32_t site;
	uint32_t kind; /* enum ct_event_kind | CT_EVENT_TEMPORARY or CT_EVENT_MOVED | blocks - 1 << CT_EVENT_MORE_SHIFT
			*/
	uint64_t bytes;
	uint64_t other; /* of a free: birth, in ticks. Of the rest: old size | slack << CT_EVENT_SLACK_SHIFT */
};

#define CT_EVENT_SLACK_SHIFT 40
#define CT_EVENT_SLACK_MAX ((1u << 24) - 1) /* stands for more, too */

static inline enum ct_event_kind ct_event_kind(const struct ct_event *event)
{
	return (enum ct_event_kind)(event->kind & CT_EVENT_KIND);
}

/* How many blocks an event stands for: 1, except in samples. */
static inline uint64_t ct_event_blocks(const struct ct_event *event)
{
	return 1 + (event->kind >> CT_EVENT_MORE_SHIFT);
}

/* Of a free: when its block was allocated. */
static inline uint64_t ct_event_birth(const struct ct_event *event)
{
	return event->other;
}

/* Of a resize. */
static inline uint64_t ct_event_old_bytes(const struct ct_event *event)
{
	return event->other & (((uint64_t)1 << CT_EVENT_SLACK_SHIFT) - 1);
}

/* Of an allocation or resize: what the allocator gave more than was asked for. */
static inline uint64_t ct_event_slack(const struct ct_event *event)
{
	return event->other >> CT_EVENT_SLACK_SHIFT;
}

#define CT_RING_EVENTS 1024u /* a power of two */

struct ct_ring {
	uint64_t head; /* events written since start; the owner's release store pairs with the combiner's acquire */
	uint64_t pad[7]; /* head alone on its cache line: the owner writes it at every event */
	uint64_t tail[2]; /* events folded; the one of the current round's parity counts */
	uint64_t limit; /* where the round in progress ends */
	uint32_t tid; /* owner, 0 = free */
	uint32_t reserved;
	uint64_t reserved1[4];
};

/*
 * What a kill in the middle of a round needs. A round: write all limits, then limits_round; fold the
 * events [tail, limit) of all rings in the order of merge.h; write the other parity's tails; then one
 * store of progress ends the round. Events are folded in batches: progress moves on at a batch's end,
 * and until then undo holds the totals as they were before the batch, and each site that it has changed.
 */
#define CT_BATCH_EVENTS 128u

struct ct_progress {
	uint64_t progress; /* round << 32 | events of this round folded, in whole batches */
	uint64_t limits_round; /* == round + 1 when the limits of this round are complete */
	uint64_t undo_mark; /* == progress + 1 while a batch is being folded: undo the first undo_count sites */
	uint32_t undo_count;
	uint32_t rings; /* rings that take part in this round */
	struct ct_totals undo_totals;
	uint32_t undo_ids[CT_BATCH_EVENTS];
	struct ct_site undo_sites[CT_BATCH_EVENTS];
};

/* The round in progress, or the next one. */
static inline uint64_t ct_round(const struct ct_progress *progress)
{
	return progress->progress >> 32;
}

/* Which of a ring's tails counts. */
static inline uint32_t ct_round_parity(const struct ct_progress *progress)
{
	return ct_round(progress) & 1;
}

/* How many events of the round are folded, in whole batches. */
static inline uint32_t ct_round_folded(const struct ct_progress *progress)
{
	return (uint32_t)progress->progress;
}

/* Are its limits complete? */
static inline int ct_round_begun(const struct ct_progress *progress)
{
	return progress->limits_round == ct_round(progress) + 1;
}

/* The first event of a ring that is not folded, apart from those of a round in progress. */
static inline uint64_t ct_ring_tail(const struct ct_ring *ring, const struct ct_progress *progress)
{
	return ring->tail[ct_round_parity(progress)];
}

enum ct_loss {
	CT_LOSS_DROPPED, /* events not recorded: no memory, no room in the store, inside a signal handler */
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
	CT_STATE_RECORDING = 1, /* also what a killed program leaves */
	CT_STATE_ENDED = 2, /* the program ended or the recording was closed in order */
	CT_STATE_STOPPED = 3, /* recording stopped early; stop_reason says why */
};

enum ct_clock {
	CT_CLOCK_TSC = 1,
	CT_CLOCK_MONOTONIC = 2, /* a tick is a nanosecond */
};

#define CT_STORE_QUIET 1u /* no summary on stderr */
#define CT_STORE_KEEP 2u /* keep the store after a good export */
#define CT_STORE_FORKED 4u /* copied from a parent's store by fork */
#define CT_STORE_SLACK 8u /* slack is known: the allocator reports how large a block is */
#define CT_STORE_REACH 16u /* section REACH is there, whole */

/* Timeline: live bytes and blocks over time; buckets double in width when they run out. */
#define CT_TIMELINE_BUCKETS 256u

struct ct_timeline_bucket {
	uint64_t min_bytes;
	uint64_t max_bytes;
	uint64_t last_bytes;
	uint64_t last_blocks;
	uint64_t rss_bytes; /* resident memory of the process at some time in it; 0 = not read */
};

struct ct_timeline {
	uint32_t shift; /* a bucket is 2^shift ticks wide */
	uint32_t used; /* buckets up to the latest event */
	struct ct_timeline_bucket bucket[CT_TIMELINE_BUCKETS];
};

/*
 * Snapshots: what was live at some moments, site by site. One is a row with site 0, its time in `bytes`
 * and the number of the rows that follow in `blocks`; then a row for each site with live blocks.
 */
struct ct_snapshot_row {
	uint32_t site;
	uint32_t blocks;
	uint64_t bytes;
};

/* A snapshot at each begin of 2^so many timeline buckets: more often while the program is young. */
#define CT_SNAPSHOT_SHIFT 4u

/* A moment that the program has named (ctrace_mark), in order of time, with the totals then. */
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

/* What became of a block that was live at the end, in Valgrind's words. */
enum ct_reach_class {
	CT_REACH_LOST, /* definitely: no pointer to it */
	CT_REACH_INDIRECT, /* only pointers from lost blocks */
	CT_REACH_POSSIBLE, /* only pointers into it, or into what leads to it */
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

struct ct_store_header {
	char magic[8];
	uint32_t version;
	uint32_t byte_order;
	uint32_t header_bytes; /* sizeof(struct ct_store_header) rounded up to pages; extents follow */
	uint32_t machine; /* EM_X86_64, ... */
	uint32_t state; /* enum ct_store_state */
	uint32_t flags; /* CT_STORE_* */
	uint32_t pid;
	uint32_t parent_pid;
	uint32_t clock; /* enum ct_clock */
	uint32_t depth_limit;
	uint64_t boot_ns; /* CLOCK_MONOTONIC when this boot's clock was read: CLOCK_MONOTONIC at start_ticks */
	uint64_t start_unix_ns; /* CLOCK_REALTIME at start */
	uint64_t start_ticks; /* ticks at start, time 0 of the report */
	uint64_t latest_ticks; /* a later reading of both clocks: their ratio */
	uint64_t latest_ns; /* CLOCK_MONOTONIC at latest_ticks */
	uint64_t end_ticks; /* when state is CT_STATE_ENDED */
	uint64_t sample_bytes; /* mean distance of the sampled points; 0: everything is recorded */
	uint64_t own_bytes; /* memory of the preload itself, without this file */
	struct ct_span exe; /* absolute path of the program */
	struct ct_span command; /* its arguments, each ended by NUL */
	struct ct_span output; /* absolute path of the report */
	struct ct_span session; /* CTRACE_SESSION of the recording wrapper, may be empty */
	struct ct_span stop_reason;
	uint64_t losses[CT_LOSS_COUNT];
	struct ct_section sections[CT_SECTION_COUNT];
	uint32_t extent_count; /* written after the extent itself */
	uint32_t timeline_half; /* which half of timeline[] is valid */
	struct ct_extent extents[CT_EXTENTS_MAX];
	struct ct_totals totals;
	struct ct_progress progress;
	struct ct_timeline timeline[2];
};

_Static_assert(sizeof(struct ct_module) == 96, "store layout");
_Static_assert(sizeof(struct ct_node) == 16, "store layout");
_Static_assert(sizeof(struct ct_site) == 192, "store layout");
_Static_assert(sizeof(struct ct_event) == 32, "store layout");
_Static_assert(sizeof(struct ct_ring) == 128, "store layout");
_Static_assert(sizeof(struct ct_snapshot_row) == 16, "store layout");
_Static_assert(sizeof(struct ct_mark_row) == 64, "store layout");
_Static_assert(sizeof(struct ct_reach_row) == 72, "store layout");

#define CT_STORE_HEADER_BYTES ((sizeof(struct ct_store_header) + CT_STORE_PAGE - 1) / CT_STORE_PAGE * CT_STORE_PAGE)

#endif
