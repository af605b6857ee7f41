/* SPDX-License-Identifier: MIT */
/* The store reader while a program records: whatever the moment, the numbers that it reads fit together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "load/store/store_file.h"
#include "store_builder.h"

#define READS 400
#define SIZES 2u /* buckets */
#define PAIRS 32 /* in a batch */
#define NEW_SITES (BUILDER_SITES - 3)

/* One ring allocates and another one frees. There is never more than one block. */
#define ALLOCATING 0
#define FREEING 2

static char *const path = store_builder_path;

struct recorder {
	struct ct_store_header *header;
	char *file;
	bool stop;
	uint64_t ticks;
	uint64_t folded; /* allocations, by combine_allocations */
	uint64_t published[BUILDER_SITES]; /* blocks, by site */
};

/* The size of a site's block with this number, below 100 bytes. */
static uint64_t size_of(uint64_t number)
{
	return (uint64_t)1 << number % SIZES;
}

static void *section(const struct recorder *recorder, uint32_t id)
{
	return recorder->file + recorder->header->extents[id].file_offset;
}

#define release(where, value) __atomic_store_n(where, value, __ATOMIC_RELEASE)

static void publish(struct recorder *recorder, uint32_t ring_id, uint32_t site, uint32_t kind, uint64_t birth)
{
	struct ct_ring *ring = (struct ct_ring *)section(recorder, CT_SECTION_RINGS) + ring_id;
	struct ct_event *events = (struct ct_event *)section(recorder, CT_SECTION_EVENTS) + ct_ring_slots(ring_id);
	uint64_t *published = &recorder->published[site];
	uint64_t bytes = size_of(kind == CT_EVENT_ALLOC ? (*published)++ : *published - 1);
	events[ring->head % ct_ring_events(ring_id)] = (struct ct_event){recorder->ticks, site, kind, bytes, birth};
	release(&ring->head, ring->head + 1);
	recorder->ticks++;
}

static void keep_for_undo(struct ct_progress *progress, const struct ct_site *sites, uint32_t site)
{
	for (uint32_t i = 0; i < progress->undo_count; i++)
		if (progress->undo_ids[i] == site)
			return;
	progress->undo_ids[progress->undo_count] = site;
	progress->undo_sites[progress->undo_count] = sites[site];
	release(&progress->undo_count, progress->undo_count + 1);
}

/* A round as in store.h. */
static void combine(struct recorder *recorder)
{
	struct ct_progress *progress = &recorder->header->progress;
	struct ct_ring *rings = section(recorder, CT_SECTION_RINGS);
	struct ct_event *events = section(recorder, CT_SECTION_EVENTS);
	struct ct_site *sites = section(recorder, CT_SECTION_SITES);
	struct ct_section *counters = &recorder->header->sections[CT_SECTION_COUNTERS];
	uint64_t round = ct_round(progress);
	for (int i = 0; i < BUILDER_RINGS; i++)
		release(&rings[i].limit, rings[i].head);
	progress->rings = BUILDER_RINGS;
	release(&progress->limits_round, round + 1);
	for (uint64_t at = rings[ALLOCATING].tail[round & 1]; at < rings[ALLOCATING].limit;) {
		uint64_t end = at + PAIRS < rings[ALLOCATING].limit ? at + PAIRS : rings[ALLOCATING].limit;
		uint64_t done = 2 * (end - at);
		release(&progress->undo_count, 0);
		progress->undo_totals = recorder->header->totals;
		release(&progress->undo_mark, progress->progress + 1);
		for (; at < end; at++) {
			const struct ct_event *alloc = &events[ct_ring_slot(ALLOCATING, at)];
			const struct ct_event *gone = &events[ct_ring_slot(FREEING, at)];
			keep_for_undo(progress, sites, alloc->site);
			for (int i = 0; i < 2; i++)
				store_builder_fold(sites, &recorder->header->totals, counters,
						   section(recorder, CT_SECTION_COUNTERS), i ? gone : alloc);
		}
		release(&progress->progress, progress->progress + done);
	}
	for (int i = 0; i < BUILDER_RINGS; i++)
		release(&rings[i].tail[!(round & 1)], rings[i].limit);
	release(&progress->progress, (round + 1) << 32);
}

/* Fold the first events of the ring of allocations that are not folded yet. */
static void combine_allocations(struct recorder *recorder, uint64_t count)
{
	const struct ct_event *events = section(recorder, CT_SECTION_EVENTS);
	for (uint64_t i = 0; i < count; i++)
		store_builder_fold(section(recorder, CT_SECTION_SITES), &recorder->header->totals,
				   &recorder->header->sections[CT_SECTION_COUNTERS],
				   section(recorder, CT_SECTION_COUNTERS), &events[recorder->folded++]);
}

static void new_site(struct recorder *recorder)
{
	struct ct_section *sections = recorder->header->sections;
	struct ct_node *nodes = section(recorder, CT_SECTION_NODES);
	struct ct_site *sites = section(recorder, CT_SECTION_SITES);
	uint64_t node = sections[CT_SECTION_NODES].used, site = sections[CT_SECTION_SITES].used;
	nodes[node] = (struct ct_node){1, 1, 0x4000 + node};
	release(&sections[CT_SECTION_NODES].used, node + 1);
	sites[site].node = (uint32_t)node;
	release(&sections[CT_SECTION_SITES].used, site + 1);
}

static void *record(void *argument)
{
	struct recorder *recorder = argument;
	const struct ct_section *sites = &recorder->header->sections[CT_SECTION_SITES];
	for (uint64_t i = 1; !__atomic_load_n(&recorder->stop, __ATOMIC_RELAXED); i++) {
		if (i % 5000 == 0 && i / 5000 <= NEW_SITES)
			new_site(recorder);
		uint32_t site = 1 + (uint32_t)(i % (sites->used - 1));
		uint64_t birth = recorder->ticks;
		publish(recorder, ALLOCATING, site, CT_EVENT_ALLOC, 0);
		publish(recorder, FREEING, site, CT_EVENT_FREE, birth);
		if (i % (CT_RING_EVENTS_SHORT - 1) == 0)
			combine(recorder);
		for (volatile int pause = 0; pause < 20; pause++)
			;
	}
	return NULL;
}

static void assert_sizes(const struct ct_store_file *store)
{
	for (size_t i = 1; i < store->site_count; i++) {
		struct store_builder_blocks by = store_builder_blocks(&store->sites[i], store->counters);
		uint64_t blocks = store->sites[i].total_blocks;
		for (uint64_t bucket = 0; bucket < SIZES; bucket++)
			assert_int_equal(by.sizes[bucket], (blocks + SIZES - 1 - bucket) / SIZES);
	}
}

static uint64_t read_once(void)
{
	struct ct_store_file store;
	struct ct_error_text error;
	int64_t bytes = 0;
	uint64_t blocks = 0;
	if (ct_store_file_open(path, &store, &error))
		fail_msg("%s", error.line);
	for (size_t i = 1; i < store.site_count; i++) {
		assert_in_range(store.sites[i].live_bytes, 0, 100);
		assert_in_range(store.sites[i].max_bytes, 0, 100);
		bytes += store.sites[i].live_bytes;
		blocks += store.sites[i].total_blocks;
	}
	assert_sizes(&store);
	const struct ct_totals *totals = &store.header->totals;
	assert_in_range(totals->live_bytes, 0, 100);
	assert_int_equal(bytes, totals->live_bytes);
	assert_int_equal(blocks, totals->total_blocks);
	ct_store_file_close(&store);
	return blocks;
}

static void test_while_it_records(void **state)
{
	(void)state;
	struct store_builder *builder = store_builder_new();
	size_t bytes = (size_t)store_builder_write(builder, path);
	int fd = open(path, O_RDWR);
	struct recorder recorder = {.ticks = 1};
	pthread_t thread;
	recorder.file = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(recorder.file != MAP_FAILED);
	recorder.header = (struct ct_store_header *)recorder.file;
	assert_int_equal(pthread_create(&thread, NULL, record, &recorder), 0);
	uint64_t before = 0;
	int later = 0;
	while (later < READS) { /* the recorder runs meanwhile */
		uint64_t now = read_once();
		assert_true(now >= before);
		if (now > before)
			later++;
		else
			usleep(100);
		before = now;
	}
	__atomic_store_n(&recorder.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_true(read_once() >= before);
	munmap(recorder.file, bytes);
	close(fd);
	free(builder);
}

/*
 * The same with fixed steps: something happens whenever the reader reads the header or the heads. A busy ring gets an
 * event between any two reads of the heads, so that the store is never at rest.
 */
#define BUSY 1
#define T 1000
#define BIRTH 500

static struct script {
	struct recorder *recorder; /* NULL: nothing happens */
	bool busy;
	int pair_at; /* the read of the heads, from 1, in which a pair is published */
	int site_at; /* the read of the header, from 1, in which a site is made; 0: none */
	int heads_read; /* how often so far; twice per reading */
	int header_read; /* three times per reading */
	bool in_batch; /* counters change while they are read */
	int counters_read;
} script;

static ssize_t read_plainly(int fd, char *to, size_t bytes, off_t at)
{
	return syscall(SYS_pread64, fd, to, bytes, at);
}

static void publish_at(uint64_t ticks, uint32_t ring, uint32_t site, uint32_t kind, uint64_t other)
{
	script.recorder->ticks = ticks;
	publish(script.recorder, ring, site, kind, other);
}

/* After the head of ALLOCATING was read, both threads publish events whose times are long ago: a block and its free. */
static ssize_t read_heads(int fd, char *to, size_t bytes, off_t at)
{
	const size_t first = sizeof(struct ct_ring);
	script.heads_read++;
	if (script.busy && (script.heads_read == 1 || script.heads_read % 2 == 0))
		publish_at(T + (uint64_t)script.heads_read - 1, BUSY, 1, CT_EVENT_ALLOC, 0);
	if (script.heads_read != script.pair_at)
		return read_plainly(fd, to, bytes, at);
	assert_int_equal(read_plainly(fd, to, first, at), first);
	publish_at(BIRTH, ALLOCATING, 1, CT_EVENT_ALLOC, 0);
	publish_at(BIRTH + 1, FREEING, 1, CT_EVENT_FREE, BIRTH);
	return (ssize_t)first + read_plainly(fd, to + first, bytes - first, at + (off_t)first);
}

/* Between the number of sites and the round there is a new site, its block, and the start of a round. */
static ssize_t read_header(int fd, char *to, size_t bytes, off_t at)
{
	const size_t first = offsetof(struct ct_store_header, progress);
	struct ct_store_header *header = script.recorder->header;
	struct ct_ring *rings = section(script.recorder, CT_SECTION_RINGS);
	if (++script.header_read != script.site_at)
		return read_plainly(fd, to, bytes, at);
	assert_int_equal(read_plainly(fd, to, first, at), first);
	publish_at(BIRTH, ALLOCATING, (uint32_t)header->sections[CT_SECTION_SITES].used, CT_EVENT_ALLOC, 0);
	new_site(script.recorder);
	for (int i = 0; i < BUILDER_RINGS; i++)
		rings[i].limit = rings[i].head;
	header->progress.rings = BUILDER_RINGS;
	header->progress.limits_round = 1;
	return (ssize_t)first + read_plainly(fd, to + first, bytes - first, at + (off_t)first);
}

/* Site 1 has a run of counters. Then a batch begins, whose events are one for each of the counters of sizes. */
static void begin_batch(struct recorder *recorder)
{
	struct ct_progress *progress = &recorder->header->progress;
	struct ct_ring *ring = section(recorder, CT_SECTION_RINGS);
	struct ct_site *sites = section(recorder, CT_SECTION_SITES);
	for (int i = 0; i < 2; i++)
		publish(recorder, ALLOCATING, 1, CT_EVENT_ALLOC, 0);
	combine_allocations(recorder, 2);
	ring->tail[0] = 2;
	progress->progress = 0;
	for (int i = 0; i < 2; i++)
		publish(recorder, ALLOCATING, 1, CT_EVENT_ALLOC, 0);
	ring->limit = ring->head;
	progress->rings = 1;
	progress->limits_round = 1;
	progress->undo_totals = recorder->header->totals;
	progress->undo_mark = 1;
	keep_for_undo(progress, sites, 1);
}

/* Between the two counters of sizes, the batch adds to both. */
static ssize_t read_counters(int fd, char *to, size_t bytes, off_t at)
{
	const struct ct_site *sites = section(script.recorder, CT_SECTION_SITES);
	const size_t first = (sites[1].histogram.base + 1) * sizeof(uint64_t);
	if (script.counters_read++)
		return read_plainly(fd, to, bytes, at);
	assert_int_equal(read_plainly(fd, to, first, at), first);
	combine_allocations(script.recorder, 2);
	return (ssize_t)first + read_plainly(fd, to + first, bytes - first, at + (off_t)first);
}

/* The pread that the reader calls. */
ssize_t pread(int fd, void *to, size_t bytes, off_t at)
{
	const struct ct_store_header *header = script.recorder ? script.recorder->header : NULL;
	if (header && (uint64_t)at == header->extents[CT_SECTION_RINGS].file_offset)
		return read_heads(fd, to, bytes, at);
	if (header && (uint64_t)at == header->extents[CT_SECTION_COUNTERS].file_offset && script.in_batch)
		return read_counters(fd, to, bytes, at);
	return header && !at ? read_header(fd, to, bytes, at) : read_plainly(fd, to, bytes, at);
}

/* Read while that happens, and check the numbers of live blocks and of all blocks. */
static void read_meanwhile(struct script now, uint64_t live_blocks, uint64_t total_blocks)
{
	struct store_builder *builder = store_builder_new();
	size_t bytes = (size_t)store_builder_write(builder, path);
	int fd = open(path, O_RDWR);
	struct recorder recorder = {.ticks = 1};
	struct ct_store_file store;
	struct ct_error_text error;
	recorder.file = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(recorder.file != MAP_FAILED);
	recorder.header = (struct ct_store_header *)recorder.file;
	if (now.in_batch)
		begin_batch(&recorder);
	script = now;
	script.recorder = &recorder;
	if (ct_store_file_open(path, &store, &error))
		fail_msg("%s", error.line);
	script.recorder = NULL;
	assert_int_equal(store.failed, 0);
	assert_int_equal(store.header->totals.live_blocks, live_blocks);
	assert_int_equal(store.header->totals.total_blocks, total_blocks);
	if (now.in_batch)
		assert_sizes(&store);
	ct_store_file_close(&store);
	munmap(recorder.file, bytes);
	close(fd);
	free(builder);
}

/* The first reading sees T, the second the free, the third its block. The fourth finds nothing new. */
static void test_free_read_before_its_allocation(void **state)
{
	(void)state;
	read_meanwhile((struct script){.busy = true, .pair_at = 3}, 1, 2);
	assert_int_equal(script.heads_read, 8);
}

static void test_event_of_a_site_not_read(void **state)
{
	(void)state;
	read_meanwhile((struct script){.site_at = 1}, 1, 1);
	assert_int_equal(script.heads_read, 4);
	read_meanwhile((struct script){.busy = true, .site_at = 4}, 3, 3);
}

static void test_counters_within_a_batch(void **state)
{
	(void)state;
	read_meanwhile((struct script){.in_batch = true}, 4, 4);
	assert_true(script.counters_read > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_while_it_records),
		cmocka_unit_test(test_free_read_before_its_allocation),
		cmocka_unit_test(test_event_of_a_site_not_read),
		cmocka_unit_test(test_counters_within_a_batch),
	};
	return cmocka_run_group_tests_name("viewer_live", tests, store_builder_make_path, store_builder_remove_path);
}
