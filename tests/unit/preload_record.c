/* SPDX-License-Identifier: MIT */
/*
 * The recording without its hooks: synthetic blocks go through record, unwinder, map, journal and
 * combiner, also from several threads that free each other's blocks. A slow fold of the written event
 * list must give the same counters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctrace/ring.h"
#include "recording.h"
#include "store/store_file.h"

#define THREADS 4
#define SLOTS 512
#define STEPS 60000

static void test_counters_of_one_site(void **state)
{
	(void)state;
	struct ct_totals before = totals_now();
	volatile uintptr_t count = 3; /* volatile: an unrolled loop would have three sites */
	for (uintptr_t i = 0; i < count; i++)
		allocate(0x10000 + i * 64, 100);
	struct ct_site *site = newest_site();
	release(0x10000);
	resize(0x10000 + 64, 0x20000, 250);
	resize(0x20000, 0x20000, 60);
	resize(0x20000, 0x28000, 50);
	struct ct_totals after = totals_now();
	assert_int_equal(site->total_blocks, 6);
	assert_int_equal(site->total_bytes, 660);
	assert_int_equal(site->live_blocks, 2);
	assert_int_equal(site->live_bytes, 150);
	assert_int_equal(site->max_bytes, 350);
	assert_int_equal(site->max_blocks, 2);
	assert_int_equal(site->resizes, 3);
	assert_int_equal(site->temporary_blocks, 0);
	assert_int_equal(site->moves, 2);
	assert_int_equal(site->copied_bytes, 100 + 50);
	assert_int_equal(site->slack_bytes, 6 * SLACK);
	assert_int_equal(site->smallest_bytes, 50);
	assert_int_equal(site->largest_bytes, 250);
	assert_in_range(site->first_ticks, 1, site->latest_ticks - 1);
	assert_int_equal(after.total_bytes - before.total_bytes, 660);
	assert_int_equal(after.live_bytes - before.live_bytes, 150);
	release(0x28000);
	release(0x10000 + 128);
	assert_int_equal(totals_now().live_bytes, before.live_bytes);
}

static void test_temporary(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		allocate(0x30000, 8);
		release(0x30000);
	}
	combine();
	assert_int_equal(newest_site()->temporary_blocks, 10);
	assert_int_equal(newest_site()->max_blocks, 1);
}

static void test_failed_realloc_keeps_the_block(void **state)
{
	(void)state;
	allocate(0x40000, 40);
	resize(0x40000, 0, 4000); /* the real realloc returned NULL */
	release(0x40000);
	allocate(0x40000, 40);
	resize(0x40000, 0, 0); /* realloc(p, 0) */
	assert_int_equal(ct_block_take(0x40000), 0);
}

static void check_failed_realloc(uintptr_t block)
{
	struct ct_totals before = totals_now();
	resize(block, 0, 4000);
	assert_int_equal(totals_now().live_bytes, before.live_bytes);
	assert_int_equal(totals_now().live_blocks, before.live_blocks);
	release(block);
	assert_int_equal(totals_now().live_blocks, before.live_blocks - 1);
}

static void test_failed_realloc_in_a_pause(void **state)
{
	(void)state;
	allocate(0x42000, 40);
	allocate(0x43000, 40);
	allocate(0x44000, 40);
	struct ct_totals before = totals_now();
	ct_tracer.special = CT_SPECIAL_PAUSED;
	check_failed_realloc(0x42000);
	resize(0x43000, 0, 0); /* a free */
	resize(0x44000, 0x45000, 80); /* a free and an allocation that is left out */
	ct_tracer.special = 0;
	assert_int_equal(ct_block_take(0x43000), 0);
	assert_int_equal(ct_block_take(0x44000), 0);
	assert_int_equal(ct_block_take(0x45000), 0);
	assert_int_equal(totals_now().live_bytes, before.live_bytes - 120);
	assert_int_equal(totals_now().total_blocks, before.total_blocks);
}

/* With a point on each byte every block is sampled, and represents only itself. */
static void test_failed_realloc_in_a_sample(void **state)
{
	(void)state;
	ct_tracer.sample_bytes = 1;
	ct_tracer.special = CT_SPECIAL_SAMPLED;
	allocate(0x46000, 4000);
	check_failed_realloc(0x46000);
	assert_true(ct_sample_lacks((void *)0x46000));
	ct_tracer.sample_bytes = ct_tracer.special = 0;
	ct_tls.unsampled = 0;
}

static void test_missed_free_is_made_good(void **state)
{
	(void)state;
	struct ct_totals before = totals_now();
	allocate(0x50000, 10);
	allocate(0x50000, 20); /* the allocator used the address again, so we missed its free */
	assert_int_equal(totals_now().live_bytes - before.live_bytes, 20);
	release(0x50000);
	assert_int_equal(totals_now().live_bytes, before.live_bytes);
}

static void test_huge_block_is_dropped_and_counted(void **state)
{
	(void)state;
	uint64_t dropped = ct_tracer.header->losses[CT_LOSS_DROPPED];
	allocate(0x60000, (size_t)1 << 41);
	assert_int_equal(ct_tracer.header->losses[CT_LOSS_DROPPED], dropped + 1);
	assert_int_equal(ct_block_take(0x60000), 0);
}

/* The kernel gives a program addresses of 52 or 57 bits only if it asks for them. */
static void test_block_above_the_map_is_dropped_and_counted(void **state)
{
	(void)state;
	const uintptr_t low = 0x64000;
	uintptr_t highest = ((uintptr_t)1 << CT_ADDRESS_BITS) - 64;
	allocate(low, 10);
	allocate(highest, 20);
	for (unsigned bit = CT_ADDRESS_BITS; bit < 57; bit++) {
		struct ct_totals before = totals_now();
		uint64_t dropped = ct_tracer.header->losses[CT_LOSS_DROPPED];
		uintptr_t high = low | (uintptr_t)1 << bit;
		allocate(high, 30);
		assert_int_equal(ct_tracer.header->losses[CT_LOSS_DROPPED], dropped + 1);
		assert_int_equal(totals_now().live_bytes, before.live_bytes);
		assert_int_equal(ct_block_take(high), 0);
	}
	release(highest);
	release(low);
}

static uint32_t stack_of(uint32_t node, uint32_t *marks)
{
	uint32_t depth = 0;
	*marks = 0;
	for (; node; node = ct_tracer.nodes[node].parent) {
		assert_true(ct_tracer.nodes[node].parent < node);
		*marks += ct_tracer.nodes[node].module == CT_MODULE_PSEUDO;
		depth++;
	}
	return depth;
}

static void test_depth_limit(void **state)
{
	(void)state;
	uint32_t marks;
	recurse(200, 0x70000);
	assert_true(stack_of(newest_site()->node, &marks) > 200);
	assert_int_equal(marks, 0);
	uint64_t truncated = ct_tracer.header->losses[CT_LOSS_TRUNCATED];
	recurse(3000, 0x70020);
	assert_int_equal(stack_of(newest_site()->node, &marks), ct_tracer.depth_limit + 1);
	assert_int_equal(marks, 1);
	assert_int_equal(ct_tracer.header->losses[CT_LOSS_TRUNCATED], truncated + 1);
	release(0x70000);
	release(0x70020);
}

/* Blocks in flight between the threads. The thread that swaps an address out of a slot owns the block. */
static uintptr_t slots[SLOTS];

static void *worker(void *argument)
{
	uintptr_t base = ((uintptr_t)argument + 1) << 32;
	uint64_t random = (uintptr_t)argument * 977 + 1;
	for (uintptr_t i = 0; i < STEPS; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		uintptr_t fresh = base + i * 32;
		size_t bytes = random >> 50;
		if (random >> 33 & 1)
			allocate(fresh, bytes);
		else
			allocate(fresh, bytes / 3);
		if (random >> 36 & 1) /* the block stays live */
			resize(fresh, fresh, bytes / 5);
		uintptr_t old = __atomic_exchange_n(&slots[(random >> 40) % SLOTS], fresh, __ATOMIC_ACQ_REL);
		if (!old)
			continue;
		if (random >> 35 & 1)
			resize(old, old, bytes + 7);
		release(old);
	}
	return NULL;
}

struct reference {
	int64_t live, live_blocks, max, max_blocks, peak, peak_blocks;
	uint64_t total, blocks, lifetime;
};

/* A simple fold, which copies the whole table after each new peak. */
static void fold_slowly(FILE *events, struct reference *sites, uint32_t count, struct reference *all)
{
	struct ct_event event;
	while (fread(&event, sizeof(event), 1, events) == 1) {
		struct reference *both[2] = {&sites[event.site], all};
		assert_in_range(event.site, 1, count - 1);
		for (int i = 0; i < 2; i++) {
			struct reference *to = both[i];
			if ((event.kind & CT_EVENT_KIND) == CT_EVENT_FREE) {
				to->live -= (int64_t)event.bytes;
				to->live_blocks--;
				to->lifetime += event.ticks - event.other;
				continue;
			}
			bool resized = (event.kind & CT_EVENT_KIND) == CT_EVENT_RESIZE;
			to->live += (int64_t)event.bytes - (resized ? (int64_t)(event.other & CT_BLOCK_BYTES_MAX) : 0);
			to->live_blocks += !resized;
			to->total += event.bytes;
			to->blocks++;
			if (to->live >= to->max) {
				to->max = to->live;
				to->max_blocks = to->live_blocks;
			}
		}
		assert_true(all->live >= 0);
		if ((event.kind & CT_EVENT_KIND) != CT_EVENT_FREE && all->live == all->max)
			for (uint32_t i = 0; i < count; i++) {
				sites[i].peak = sites[i].live;
				sites[i].peak_blocks = sites[i].live_blocks;
			}
	}
}

static void test_threads_against_reference(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, worker, (void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	combine();

	struct ct_store_header *header = ct_tracer.header;
	uint32_t count = (uint32_t)header->sections[CT_SECTION_SITES].used;
	struct reference *sites = calloc(count, sizeof(*sites));
	struct reference all = {0};
	FILE *events = recording_events();
	fold_slowly(events, sites, count, &all);
	fclose(events);

	assert_int_equal(header->losses[CT_LOSS_UNROOTED], 0);
	assert_int_equal(header->totals.total_bytes, all.total);
	assert_int_equal(header->totals.live_bytes, all.live);
	assert_int_equal(header->totals.peak_bytes, all.max);
	assert_int_equal(header->totals.peak_blocks, all.max_blocks);
	for (uint32_t i = 1; i < count; i++) {
		const struct ct_site *site = &ct_tracer.sites[i];
		assert_int_equal(site->total_bytes, sites[i].total);
		assert_int_equal(site->total_blocks, sites[i].blocks);
		assert_int_equal(site->lifetime_ticks, sites[i].lifetime);
		assert_int_equal(site->live_bytes, sites[i].live);
		assert_int_equal(site->live_blocks, sites[i].live_blocks);
		assert_int_equal(site->max_bytes, sites[i].max);
		assert_int_equal(site->max_blocks, sites[i].max_blocks);
		assert_int_equal(ct_site_peak_bytes(site, &header->totals), sites[i].peak);
		assert_int_equal(ct_site_peak_blocks(site, &header->totals), sites[i].peak_blocks);
	}
	free(sites);
}

#define FAKE_PAIRS 200000

#define FAKE_EVENTS 64 /* published between two checks for room; divides the ring's size */

/* Is there no room for FAKE_EVENTS? Checked under the lock, as in a thread whose ring is full. */
static bool is_full(const struct ct_ring *ring)
{
	ct_lock_get(&ct_lock_combine);
	bool full = ring->head - ring->tail[ct_tracer.header->progress.progress >> 32 & 1] >
		    CT_RING_EVENTS_SHORT - FAKE_EVENTS;
	ct_lock_put(&ct_lock_combine);
	return full;
}

static void publish(uint32_t ring, uint32_t kind, uint64_t ticks, uint64_t other)
{
	struct ct_ring *to = &ct_tracer.rings[ring];
	uint64_t head = to->head;
	while (head % FAKE_EVENTS == 0 && is_full(to))
		sched_yield();
	ct_tracer.events[ct_ring_slot(ring, head)] = (struct ct_event){
		.ticks = ticks,
		.site = 1,
		.kind = kind,
		.bytes = 1,
		.other = other,
	};
	ct_set_release(&to->head, head + 1);
}

/* Like a thread that is interrupted between reading the clock and writing its journal: all times are long ago. */
static void *allocate_and_free_late(void *done)
{
	for (uint64_t i = 0; i < FAKE_PAIRS; i++) {
		publish(1, CT_EVENT_ALLOC, UINT32_MAX + 2 * i, 0);
		publish(2, CT_EVENT_FREE, UINT32_MAX + 2 * i + 1, UINT32_MAX + 2 * i);
	}
	__atomic_store_n((bool *)done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Two rings of ended threads: the first is read first, and its allocations are freed in the second. */
static void test_no_free_is_folded_before_its_allocation(void **state)
{
	(void)state;
	bool done = false;
	pthread_t thread;
	combine();
	int64_t live = ct_tracer.header->totals.live_blocks;
	assert_true(ct_tracer.header->sections[CT_SECTION_RINGS].used > 2);
	while (ct_ticks() < UINT32_MAX + 3ull * FAKE_PAIRS)
		sched_yield();
	pthread_create(&thread, NULL, allocate_and_free_late, &done);
	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE))
		assert_true(totals_now().live_blocks >= live);
	pthread_join(thread, NULL);
	assert_int_equal(totals_now().live_blocks, live);
}

#define RESIZED 0x3000000
#define CLOCK_AHEAD (1u << 28)

/* The time of this thread's latest event. */
static uint64_t latest_event(void)
{
	return ct_tls.thread->slot[-1].ticks;
}

/* times: those of the block's birth and of its latest resize */
static void *resize_and_free(void *times)
{
	uint64_t birth = ((const uint64_t *)times)[0], later = ((const uint64_t *)times)[1];
	resize(RESIZED, RESIZED + 4096, 60);
	assert_true(latest_event() > later);
	later = latest_event();
	release(RESIZED + 4096);
	assert_true(latest_event() > later);
	assert_int_equal(ct_event_birth(&ct_tls.thread->slot[-1]), birth);
	return NULL;
}

/* The clock of the processor that resized a block is ahead of the one that later resizes and frees it. */
static void test_free_comes_after_resizes(void **state)
{
	(void)state;
	pthread_t thread;
	struct ct_totals before = totals_now();
	allocate(RESIZED, 100);
	uint64_t times[] = {latest_event(), 0};
	ct_tls.thread->last_ticks = ct_ticks() + CLOCK_AHEAD;
	resize(RESIZED, RESIZED, 250);
	uint64_t resized = times[1] = latest_event();
	assert_int_equal(resized, ct_tls.thread->last_ticks);
	assert_int_equal(pthread_create(&thread, NULL, resize_and_free, times), 0);
	pthread_join(thread, NULL);
	while (ct_ticks() < resized + 2)
		sched_yield();
	struct ct_totals after = totals_now();
	assert_int_equal(after.total_blocks - before.total_blocks, 3);
	assert_int_equal(after.live_bytes, before.live_bytes);
	/* The next block, which is not resized, uses the same row. */
	allocate(RESIZED, 1);
	uint64_t birth = latest_event();
	release(RESIZED);
	assert_int_equal(ct_event_birth(&ct_tls.thread->slot[-1]), birth);
}

#define SHORT_STRINGS 500

static void *fail_to_grow(void *stop)
{
	static char large[1 << 20];
	do
		assert_int_equal(ct_store_string(large, sizeof(large)).bytes, 0);
	while (!__atomic_load_n((bool *)stop, __ATOMIC_ACQUIRE));
	return NULL;
}

/* Strings that fit are stored, each at its own offset, while those of another thread do not fit. This must be the last
 * test, since recording stops. */
static void test_strings_beside_a_failed_growth(void **state)
{
	(void)state;
	struct rlimit limit, before;
	struct stat store;
	bool stop_thread = false;
	pthread_t thread;
	assert_int_equal(stat(ct_store_path(), &store), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = (rlim_t)store.st_size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	pthread_create(&thread, NULL, fail_to_grow, &stop_thread);
	while (!ct_store_stopped())
		sched_yield();
	struct ct_span spans[SHORT_STRINGS];
	for (uint32_t i = 0; i < SHORT_STRINGS; i++) {
		spans[i] = ct_store_string((const char *)&i, sizeof(i));
		sched_yield();
	}
	__atomic_store_n(&stop_thread, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	const char *strings = ct_store_base(CT_SECTION_STRINGS);
	for (uint32_t i = 0; i < SHORT_STRINGS; i++) {
		assert_int_equal(spans[i].bytes, sizeof(i));
		assert_memory_equal(strings + spans[i].offset, &i, sizeof(i));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters_of_one_site),
		cmocka_unit_test(test_temporary),
		cmocka_unit_test(test_failed_realloc_keeps_the_block),
		cmocka_unit_test(test_failed_realloc_in_a_pause),
		cmocka_unit_test(test_failed_realloc_in_a_sample),
		cmocka_unit_test(test_missed_free_is_made_good),
		cmocka_unit_test(test_huge_block_is_dropped_and_counted),
		cmocka_unit_test(test_block_above_the_map_is_dropped_and_counted),
		cmocka_unit_test(test_depth_limit),
		cmocka_unit_test(test_threads_against_reference),
		cmocka_unit_test(test_no_free_is_folded_before_its_allocation),
		cmocka_unit_test(test_free_comes_after_resizes),
		cmocka_unit_test(test_strings_beside_a_failed_growth),
	};
	return cmocka_run_group_tests_name("preload_record", tests, recording_start, recording_stop);
}
