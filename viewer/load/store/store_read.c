/* SPDX-License-Identifier: MIT */
/*
 * Reads a store that its program may still be writing. Nodes, modules and strings only grow, so they can be read at
 * any time. Sites, rings and events are read again until the file stood still, that is until the combiner took no step
 * (struct ct_progress) during a reading.
 *
 * Threads may still publish events meanwhile, some into rings that have been read and some into rings that have not.
 * The result could be a free without its allocation. So events later than T, the latest time in the first reading, are
 * cut off. Readings are repeated until everything that one takes is folded or was already taken by the reading before
 * it.
 *
 * The events taken are then closed: if a free F is among them, so is its allocation A. If F is folded, A is folded too
 * (store/combine.c). Otherwise the previous reading saw F published. A was published before F, in A's hook, and this
 * reading loads after the previous one, so this reading has seen A. A's time is below F's, so A is not cut off. F's
 * time alone would not prove this: F's thread may have read the clock before it learnt of the block, and A's thread
 * may have been delayed between reading the clock and publishing. The same holds for resizes, whose times lie between
 * those two, and for the sites of events.
 *
 * T does not change, so the readings end: each thread has at most one event in flight that is not later than T. If a
 * second look at the heads finds them unchanged, everything is taken, and that look counts as the last reading.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load/store/store_numbers.h"
#include "load/store/store_steps.h"
#include "util/hash.h"
#include "util/read.h"

#define LIVE_TRIES 500

/* Read exactly this many bytes; a file that ends earlier is damaged. */
static int read_at(int fd, void *buffer, size_t bytes, uint64_t offset, struct ct_error_text *error)
{
	ssize_t got = ct_read_at(fd, buffer, bytes, (off_t)offset);
	if (got < 0)
		return ct_error_set(error, CT_ERR_IO, "cannot read: %s", strerror(errno));
	if ((size_t)got < bytes)
		return ct_store_damaged(error, "the file is shorter than its header says");
	/* Nothing that is read later may be older: the preload writes the file in order, too (ct_ordered). */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return CT_OK;
}

/* Read part of a section, which may be spread over several extents. */
static int read_bytes(int fd, const struct ct_store_header *header, uint32_t section, uint64_t from, size_t bytes,
		      char *to, struct ct_error_text *error)
{
	for (uint32_t i = 0; i < header->extent_count && bytes; i++) {
		const struct ct_extent *extent = &header->extents[i];
		uint64_t room = (uint64_t)extent->pages * CT_STORE_PAGE;
		if (extent->section != section)
			continue;
		if (from >= room) {
			from -= room;
			continue;
		}
		size_t part = bytes < room - from ? bytes : room - from;
		int code = read_at(fd, to, part, extent->file_offset + from, error);
		if (code)
			return code;
		to += part;
		bytes -= part;
		from = 0;
	}
	return CT_OK;
}

/* Read the used part of a section into one block, plus one zeroed element, so that it is never NULL. */
static int read_section(int fd, const struct ct_store_header *header, uint32_t section, void *memory, size_t *count,
			struct ct_error_text *error)
{
	uint32_t element_bytes = ct_store_element_bytes[section];
	*count = header->sections[section].used;
	char *data = calloc(*count + 1, element_bytes);
	if (!data)
		return ct_error_no_memory(error);
	memcpy(memory, &data, sizeof(data));
	return read_bytes(fd, header, section, 0, *count * element_bytes, data, error);
}

/*
 * Read a ring's unfolded events and, if they are still intact, some events before them. If all events are folded, the
 * last one has the ring's latest time.
 */
static int read_ring(int fd, struct ct_store_file *store, size_t ring, struct ct_error_text *error)
{
	uint64_t head = store->rings[ring].head, slots = ct_ring_events(ring);
	uint64_t at = ct_ring_tail(&store->rings[ring], &store->header->progress);
	if (at > head || head - at > slots)
		return CT_OK; /* the replay reports it, unless the file is changing */
	at = ct_store_first_known(ring, at, head);
	while (at < head) {
		uint64_t first = ct_ring_slot(ring, at), to_end = slots - (at & (slots - 1));
		uint64_t count = head - at < to_end ? head - at : to_end;
		int code = read_bytes(fd, store->header, CT_SECTION_EVENTS, first * sizeof(struct ct_event),
				      count * sizeof(struct ct_event), (char *)&store->events[first], error);
		if (code)
			return code;
		at += count;
	}
	return CT_OK;
}

static int read_header(int fd, struct ct_store_header *header, struct ct_error_text *error)
{
	struct stat file;
	int code = read_at(fd, header, CT_STORE_HEADER_BYTES, 0, error);
	if (!code)
		code = ct_store_check_header(header, error);
	/* Take the size only now: the file may have grown just before its directory was read. */
	if (!code && fstat(fd, &file) < 0)
		code = ct_error_set(error, CT_ERR_IO, "cannot stat: %s", strerror(errno));
	return code ? code : ct_store_check_extents(header, (uint64_t)file.st_size, error);
}

/* Read the sections that a fold changes. */
static int read_counters(int fd, struct ct_store_file *store, struct ct_error_text *error)
{
	struct ct_store_header *header = store->header = calloc(1, CT_STORE_HEADER_BYTES);
	int code = header ? read_header(fd, header, error) : ct_error_no_memory(error);
	if (!code)
		code = read_section(fd, header, CT_SECTION_SNAPSHOTS, &store->snapshots, &store->snapshot_rows, error);
	if (!code)
		code = read_section(fd, header, CT_SECTION_MARKS, &store->marks, &store->mark_count, error);
	if (!code)
		code = read_section(fd, header, CT_SECTION_REACH, &store->reach, &store->reach_rows, error);
	if (!code)
		code = read_section(fd, header, CT_SECTION_SEGMENTS, &store->segments, &store->segment_rows, error);
	if (!code)
		code = read_section(fd, header, CT_SECTION_SITES, &store->sites, &store->site_count, error);
	if (!code)
		code = read_section(fd, header, CT_SECTION_COUNTERS, &store->counters, &store->counter_count, error);
	store->counter_room = store->counter_count;
	if (!code)
		code = read_section(fd, header, CT_SECTION_RINGS, &store->rings, &store->ring_count, error);
	if (!code)
		ct_store_clear_counters(store);
	if (!code && ct_ring_slots(store->ring_count) > header->sections[CT_SECTION_EVENTS].used)
		code = ct_store_damaged(error, "rings without events");
	if (code)
		return code;
	store->events = calloc(ct_ring_slots(store->ring_count) + 1, sizeof(*store->events));
	if (!store->events)
		return ct_error_no_memory(error);
	for (size_t i = 0; i < store->ring_count && !code; i++)
		code = read_ring(fd, store, i, error);
	return code;
}

/*
 * Read the sections that only grow. The size of a section is taken before that of the section it refers to, so that
 * every reference leads to an element.
 */
static int read_tree(int fd, struct ct_store_file *store, struct ct_error_text *error)
{
	static const uint32_t order[] = {CT_SECTION_NODES, CT_SECTION_MODULES, CT_SECTION_STRINGS};
	struct ct_store_header *header = store->header;
	struct ct_store_header *now = malloc(CT_STORE_HEADER_BYTES);
	int code = now ? CT_OK : ct_error_no_memory(error);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]) && !code; i++) {
		code = read_header(fd, now, error);
		header->sections[order[i]] = now->sections[order[i]];
	}
	if (!code) {
		header->extent_count = now->extent_count;
		memcpy(header->extents, now->extents, sizeof(header->extents));
		code = read_section(fd, header, CT_SECTION_NODES, &store->nodes, &store->node_count, error);
	}
	if (!code)
		code = read_section(fd, header, CT_SECTION_MODULES, &store->modules, &store->module_count, error);
	if (!code)
		code = read_section(fd, header, CT_SECTION_STRINGS, &store->strings, &store->string_bytes, error);
	free(now);
	return code;
}

/* Has the combiner taken no step? Every step changes one of these. */
static bool same_progress(const struct ct_progress *a, const struct ct_progress *b)
{
	return a->progress == b->progress && a->limits_round == b->limits_round && a->undo_mark == b->undo_mark &&
	       a->undo_count == b->undo_count;
}

/* Was the header's start whole? It was written before the magic, but one reading has no order in itself. */
static bool same_start(const struct ct_store_header *a, const struct ct_store_header *b)
{
	size_t names = offsetof(struct ct_store_header, stop_reason) - offsetof(struct ct_store_header, exe);
	return a->pid == b->pid && a->clock == b->clock && a->boot_ns == b->boot_ns && !memcmp(&a->exe, &b->exe, names);
}

/* Has no segment begun? While one is being begun, its counters are 0, whatever was read. */
static bool same_segment(const struct ct_store_header *a, const struct ct_store_header *b)
{
	return a->segment_half == b->segment_half && ct_segment_latest(a)->number == ct_segment_latest(b)->number;
}

/*
 * Have the counters stood still? A batch undoes its sites, but what it adds to the counters stays, and the replay needs
 * to know which events it has added. Each counter only grows. So if two readings are equal, all counters had these
 * values between the two.
 */
static bool same_counters(int fd, const struct ct_store_file *store)
{
	const struct ct_progress *progress = &store->header->progress;
	struct ct_error_text ignored;
	uint64_t *now = NULL;
	size_t count;
	if (progress->undo_mark != progress->progress + 1)
		return true;
	bool same = !read_section(fd, store->header, CT_SECTION_COUNTERS, &now, &count, &ignored) &&
		    !memcmp(now, store->counters, count * sizeof(*now));
	free(now);
	return same;
}

static bool same_sections(const struct ct_store_header *a, const struct ct_store_header *b)
{
	return a->extent_count == b->extent_count && !memcmp(a->sections, b->sections, sizeof(a->sections));
}

static bool same_heads(const struct ct_store_file *a, const struct ct_store_file *b)
{
	if (a->ring_count != b->ring_count)
		return false;
	for (size_t i = 0; i < a->ring_count; i++)
		if (a->rings[i].head != b->rings[i].head)
			return false;
	return true;
}

enum stillness {
	CHANGED, /* the parts that were read do not fit together */
	GREW, /* only events were added meanwhile */
	STOOD_STILL,
};

/* What has happened to the file since the store was read from it; `code` is the result of that reading. */
static enum stillness look_again(int fd, const struct ct_store_file *store, int code)
{
	struct ct_error_text ignored;
	struct ct_store_file now = {.header = malloc(CT_STORE_HEADER_BYTES)};
	enum stillness result = CHANGED;
	if (!now.header || read_at(fd, now.header, CT_STORE_HEADER_BYTES, 0, &ignored))
		result = STOOD_STILL; /* another reading would not do better */
	else if (code)
		result = same_sections(store->header, now.header) &&
					 same_progress(&store->header->progress, &now.header->progress)
				 ? STOOD_STILL
				 : CHANGED;
	else if (same_counters(fd, store) && same_start(store->header, now.header) &&
		 same_progress(&store->header->progress, &now.header->progress) &&
		 same_segment(store->header, now.header) && !read_header(fd, now.header, &ignored) &&
		 !read_section(fd, now.header, CT_SECTION_RINGS, &now.rings, &now.ring_count, &ignored))
		result = same_heads(store, &now) && store->site_count == now.header->sections[CT_SECTION_SITES].used
				 ? STOOD_STILL
				 : GREW;
	free(now.header);
	free(now.rings);
	return result;
}

static uint64_t latest_ticks(const struct ct_store_file *store)
{
	uint64_t latest = 0;
	for (size_t i = 0; i < store->ring_count; i++) {
		uint64_t head = store->rings[i].head;
		if (head && ct_store_event(store, i, head - 1)->ticks > latest)
			latest = ct_store_event(store, i, head - 1)->ticks;
	}
	return latest;
}

/* What the readings take from a growing store. */
struct cut {
	uint64_t ticks; /* T */
	uint64_t *ends; /* by ring: the first event that the latest reading did not take; NULL: no reading yet */
	size_t rings;
};

/* Have the sites of all these events been read? */
static bool knows_sites(const struct ct_store_file *store, size_t ring, uint64_t at, uint64_t end)
{
	while (at < end && ct_store_event(store, ring, at)->site < store->site_count)
		at++;
	return at == end;
}

/* Cut off one ring's events later than T. False: what remains has events that the previous reading did not take. */
static bool cut_ring(struct ct_store_file *store, size_t i, struct cut *cut)
{
	const struct ct_store_header *header = store->header;
	struct ct_ring *ring = &store->rings[i];
	uint64_t tail = ct_ring_tail(ring, &header->progress), least = tail;
	uint64_t end_before = i < cut->rings ? cut->ends[i] : 0;
	cut->ends[i] = ring->head;
	/* The limits of a round in progress are such a cut already, and the replay needs all events up to them. */
	if (ct_round_begun(&header->progress) && i < header->progress.rings)
		least = ring->limit;
	if (tail > least || least > ring->head || ring->head - tail > ct_ring_events(i))
		return true; /* damaged; the replay reports it */
	while (ring->head > least && ct_store_event(store, i, ring->head - 1)->ticks > cut->ticks)
		ring->head--;
	cut->ends[i] = ring->head;
	return (ring->head == least || ring->head <= end_before) && knows_sites(store, i, tail, ring->head);
}

/* Cut off the events later than T. 1: the events taken are closed; 0: read again; < 0: out of memory. */
static int cut_off(struct ct_store_file *store, struct cut *cut)
{
	bool closed = cut->ends != NULL;
	if (!closed)
		cut->ticks = latest_ticks(store);
	uint64_t *ends = reallocarray(cut->ends, store->ring_count + 1, sizeof(*ends));
	if (!ends)
		return -1;
	cut->ends = ends;
	for (size_t i = 0; i < store->ring_count; i++)
		closed = cut_ring(store, i, cut) && closed;
	cut->rings = store->ring_count;
	return closed;
}

static int read_steadily(int fd, struct ct_store_file *store, struct cut *cut, struct ct_error_text *error)
{
	for (int tries = 0; tries < LIVE_TRIES; tries++) {
		ct_store_file_close(store);
		if (tries)
			usleep((useconds_t)(tries * 37 % 1000));
		int code = read_counters(fd, store, error);
		if (code == CT_ERR_MEMORY || code == CT_ERR_IO || !store->header)
			return code;
		enum stillness stillness = look_again(fd, store, code);
		if (stillness == STOOD_STILL)
			return code;
		if (code)
			continue;
		store->live = true;
		int closed = cut_off(store, cut);
		if (closed < 0)
			return ct_error_no_memory(error);
		if (stillness == GREW && closed)
			return CT_OK;
	}
	return ct_error_set(error, CT_ERR_IO,
			    "pid %u is still running and records faster than this can read; "
			    "try again, or stop it for a moment (kill -STOP)",
			    store->header->pid);
}

int ct_store_read(int fd, struct ct_store_file *store, struct ct_error_text *error)
{
	struct cut cut = {0};
	int code = read_steadily(fd, store, &cut, error);
	free(cut.ends);
	return code ? code : read_tree(fd, store, error);
}

/* All that is hashed consists of whole words. */
static void add_to_mark(uint64_t *mark, const void *data, size_t bytes)
{
	for (size_t at = 0; at + sizeof(uint64_t) <= bytes; at += sizeof(uint64_t)) {
		uint64_t word;
		memcpy(&word, (const char *)data + at, sizeof(word));
		*mark = ct_hash_add(*mark, word);
		*mark ^= *mark >> 29;
	}
}

int ct_store_mark(int fd, uint64_t *mark, struct ct_error_text *error)
{
	struct ct_store_file store = {.header = malloc(CT_STORE_HEADER_BYTES)};
	int code = store.header ? read_header(fd, store.header, error) : ct_error_no_memory(error);
	if (!code)
		code = read_section(fd, store.header, CT_SECTION_RINGS, &store.rings, &store.ring_count, error);
	*mark = CT_HASH_START;
	if (!code) {
		const struct ct_store_header *header = store.header;
		uint64_t state = header->state;
		add_to_mark(mark, &state, sizeof(state));
		add_to_mark(mark, &header->look.bytes, sizeof(header->look.bytes));
		add_to_mark(mark, header->losses, sizeof(header->losses));
		add_to_mark(mark, header->sections, sizeof(header->sections));
		add_to_mark(mark, &header->progress, offsetof(struct ct_progress, undo_totals));
		for (size_t i = 0; i < store.ring_count; i++)
			add_to_mark(mark, &store.rings[i].head, sizeof(store.rings[i].head));
	}
	ct_store_file_close(&store);
	return code;
}
