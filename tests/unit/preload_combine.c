/* SPDX-License-Identifier: MIT */
/* The combiner: the order of its fold, what it keeps of the peak, and how a kill within a batch is undone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "ctrace/ring.h"
#include "recording.h"
#include "store/snapshot.h"
#include "store/store_file.h"

#define THREADS 7
#define BURSTS 40
#define BURST 5 /* blocks; a round holds all events of a thread */

/* What was live at the peak stays known, whatever kind of event changes the site first after the peak. */
static void test_changes_after_the_peak(void **state)
{
	(void)state;
	allocate(0x200000, (size_t)1 << 30);
	struct ct_site *resized = newest_site();
	allocate(0x210000, (size_t)1 << 30);
	struct ct_site *freed = newest_site();
	allocate(0x220000, (size_t)1 << 30);
	struct ct_site *unchanged = newest_site();
	resize(0x200000, 0x230000, 10);
	release(0x210000);
	combine();
	const struct ct_totals *totals = &ct_tracer.header->totals;
	assert_int_equal(resized->live_bytes, 10);
	const struct ct_site *sites[] = {resized, freed, unchanged};
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ct_site_peak_bytes(sites[i], totals), 1 << 30);
		assert_int_equal(ct_site_peak_blocks(sites[i], totals), 1);
	}
	release(0x220000);
	release(0x230000);
	combine();
	assert_int_equal(ct_site_peak_bytes(unchanged, totals), 1 << 30);
}

/* Of equal peaks the latest counts. */
static void test_equal_peaks(void **state)
{
	(void)state;
	allocate(0x300000, (size_t)1 << 33);
	struct ct_site *first = newest_site();
	release(0x300000);
	uint64_t peak = totals_now().peak_bytes;
	allocate(0x300000, (size_t)1 << 33);
	struct ct_site *latest = newest_site();
	release(0x300000);
	combine();
	const struct ct_totals *totals = &ct_tracer.header->totals;
	assert_int_equal(totals->peak_bytes, peak);
	assert_int_equal(ct_site_peak_bytes(first, totals), 0);
	assert_int_equal(ct_site_peak_bytes(latest, totals), (uint64_t)1 << 33);
	assert_int_equal(totals->peak_ticks, latest->latest_ticks);
}

/* A sampled event counts as 4 blocks, with the sum of their bytes. */
static void test_events_of_samples(void **state)
{
	(void)state;
	struct ct_site site = {0};
	struct ct_totals totals = {0};
	uint64_t counters[1] = {0};
	const uint32_t more = 3u << CT_EVENT_MORE_SHIFT;
	ct_fold_event(&site, &totals, counters, &(struct ct_event){100, 1, CT_EVENT_ALLOC | more, 40, 0});
	assert_int_equal(site.live_blocks, 4);
	assert_int_equal(totals.live_blocks, 4);
	assert_int_equal(totals.peak_blocks, 4);
	assert_true(site.birth_ticks == 4 * 100);
	ct_fold_event(&site, &totals, counters,
		      &(struct ct_event){160, 1, CT_EVENT_FREE | CT_EVENT_TEMPORARY | more, 40, 100});
	assert_int_equal(site.total_blocks, 4);
	assert_int_equal(site.total_bytes, 40);
	assert_int_equal(site.temporary_blocks, 4);
	assert_true(site.lifetime_ticks == 4 * 60);
	assert_true(site.birth_ticks == 0);
	assert_int_equal(site.live_blocks, 0);
	assert_int_equal(totals.live_blocks, 0);
	assert_int_equal(totals.live_bytes, 0);
}

/* The bytes of a sampled event are not the size of its block. */
static void test_sizes_of_samples(void **state)
{
	(void)state;
	struct ct_site site = {0};
	struct ct_totals totals = {0};
	uint64_t counters[4] = {0};
	const uint32_t kind = CT_EVENT_ALLOC | CT_EVENT_SIZED | 3u << CT_EVENT_MORE_SHIFT;
	struct ct_event events[] = {{100, 1, kind, 400, 100}, {200, 1, kind, 400, 40}, {300, 1, kind, 400, 100}};
	for (int i = 0; i < 3; i++)
		if (!ct_fold_event(&site, &totals, counters, &events[i])) {
			struct ct_histogram wider = ct_histogram_wider(&site, &events[i]);
			ct_histogram_place(&wider, 1);
			ct_histogram_widen(&site, counters, wider, &events[i]);
		}
	assert_int_equal(site.histogram.sizes_low, 5);
	assert_int_equal(site.histogram.sizes, 2);
	assert_int_equal(counters[site.histogram.base], 4);
	assert_int_equal(counters[site.histogram.base + 1], 8);
}

/* A kill within a batch is undone with copies of the sites that the batch changes, as they were before. */
static void test_batch_can_be_undone(void **state)
{
	(void)state;
	struct ct_progress *progress = &ct_tracer.header->progress;
	allocate(0x50100, 10);
	struct ct_site *one = newest_site();
	allocate(0x50200, 20);
	struct ct_site *other = newest_site();
	for (size_t bytes = 50; bytes < 52; bytes++) {
		struct ct_totals before = totals_now();
		struct ct_site one_before = *one, other_before = *other;
		uint64_t number = progress->progress;
		resize(0x50100, 0x50100, bytes);
		resize(0x50200, 0x50200, bytes);
		resize(0x50100, 0x50100, bytes + 2);
		combine();
		assert_int_equal(progress->progress, ((number >> 32) + 1) << 32);
		assert_int_equal(progress->undo_mark, number + 1);
		assert_int_equal(progress->undo_count, 2);
		assert_int_equal(progress->undo_ids[0], one - ct_tracer.sites);
		assert_int_equal(progress->undo_ids[1], other - ct_tracer.sites);
		one_before.batch = progress->undo_sites[0].batch;
		other_before.batch = progress->undo_sites[1].batch;
		assert_memory_equal(&progress->undo_sites[0], &one_before, sizeof(one_before));
		assert_memory_equal(&progress->undo_sites[1], &other_before, sizeof(other_before));
		assert_memory_equal(&progress->undo_totals, &before, sizeof(before));
	}
	release(0x50100);
	release(0x50200);
	/* A round of two batches, and what the second one changes. */
	struct ct_totals before = totals_now();
	uint64_t number = progress->progress;
	for (uint32_t i = 0; i < CT_BATCH_EVENTS / 2 + 1; i++) {
		allocate(0x50300, 3);
		release(0x50300);
	}
	combine();
	assert_int_equal(progress->undo_mark, number + CT_BATCH_EVENTS + 1);
	assert_int_equal(progress->undo_count, 1);
	assert_int_equal(progress->undo_sites[0].total_blocks, CT_BATCH_EVENTS / 2);
	assert_int_equal(progress->undo_totals.total_blocks, before.total_blocks + CT_BATCH_EVENTS / 2);
}

static pthread_barrier_t barrier;
static int turn;

static void wait_for_turn(int wanted)
{
	while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != wanted)
		sched_yield();
}

/*
 * The first events create the rings in one order, and the next events come in the opposite order. Then they come in
 * bursts, so that the times of the threads are interleaved.
 */
static void *in_turns(void *argument)
{
	int number = (int)(uintptr_t)argument;
	uintptr_t block = ((uintptr_t)argument + 1) << 32;
	for (int i = 0; i < 2; i++) {
		wait_for_turn(i ? 2 * THREADS - 1 - number : number);
		allocate(block, 1);
		release(block);
		__atomic_fetch_add(&turn, 1, __ATOMIC_ACQ_REL);
		if (!i)
			pthread_barrier_wait(&barrier); /* main folds */
		pthread_barrier_wait(&barrier);
	}
	for (int i = 0; i < BURSTS; i++) {
		pthread_barrier_wait(&barrier);
		for (int j = 0; j < BURST; j++) {
			allocate(block, 1);
			release(block);
		}
	}
	return NULL;
}

static void test_a_round_is_in_order(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, in_turns, (void *)i), 0);
	pthread_barrier_wait(&barrier);
	combine();
	FILE *events = recording_events();
	fseek(events, 0, SEEK_END);
	uint64_t round = ct_round(&ct_tracer.header->progress);
	for (int i = 0; i < 2 + BURSTS; i++)
		pthread_barrier_wait(&barrier);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	combine();
	assert_int_equal(ct_round(&ct_tracer.header->progress), round + 1);
	uint64_t latest = 0, count = 0;
	struct ct_event event;
	for (; fread(&event, sizeof(event), 1, events) == 1; count++) {
		assert_true(event.ticks >= latest);
		latest = event.ticks;
	}
	assert_int_equal(count, THREADS * (1 + BURSTS * BURST) * 2);
	fclose(events);
	pthread_barrier_destroy(&barrier);
}

/* Other threads fold at any moment, so that a ring can be full, or end, at any of its slots. */
static void test_rings_wrap_around(void **state)
{
	(void)state;
	uint64_t bytes = 0;
	volatile uint32_t count = 5 * CT_RING_EVENTS_SHORT; /* volatile: an unrolled loop would have several sites */
	for (uint32_t i = 1; i <= count; i++) {
		allocate(0x70100, i);
		release(0x70100);
		bytes += i;
		if (i % 701 == 0)
			combine();
	}
	combine();
	const struct ct_site *site = newest_site();
	assert_int_equal(site->total_blocks, count);
	assert_int_equal(site->total_bytes, bytes);
	assert_int_equal(site->temporary_blocks, count);
	assert_int_equal(site->live_blocks, 0);
}

/* The bucket of the latest event ends with what is live. */
static void test_timeline_follows(void **state)
{
	(void)state;
	allocate(0x60100, 1000);
	for (int i = 0; i < 2; i++) {
		struct ct_totals totals = totals_now();
		const struct ct_timeline *timeline = &ct_tracer.header->timeline[ct_tracer.header->timeline_half];
		const struct ct_timeline_bucket *last = &timeline->bucket[timeline->used - 1];
		assert_int_equal(last->last_bytes, totals.live_bytes);
		assert_int_equal(last->last_blocks, totals.live_blocks);
		assert_true(last->max_bytes >= last->last_bytes);
		if (!i)
			release(0x60100);
	}
}

static void allocate_doubling(unsigned times)
{
	volatile unsigned count = times;
	for (unsigned i = 0; i < count; i++) {
		allocate(0x80100, (size_t)1 << i);
		release(0x80100);
	}
	combine();
}

/* Each doubling is a bucket more, and each bucket more takes a new run of counters. */
static void test_no_room_for_histograms(void **state)
{
	(void)state;
	const struct ct_section *counters = &ct_tracer.header->sections[CT_SECTION_COUNTERS];
	const struct ct_site *site = NULL;
	struct rlimit limit, present;
	struct stat store;
	getrlimit(RLIMIT_FSIZE, &limit);
	present = limit;
	for (volatile int i = 0; i < 22; i++) { /* all calls are from one place */
		allocate_doubling(i ? 40 : 20);
		if (i == 0) {
			site = newest_site();
			assert_int_equal(site->histogram.sizes, 20);
			assert_int_not_equal(counters->used, 0);
			assert_int_equal(stat(ct_store_path(), &store), 0);
			present.rlim_cur = (rlim_t)store.st_size;
			setrlimit(RLIMIT_FSIZE, &present);
		}
		if (i == 20)
			setrlimit(RLIMIT_FSIZE, &limit); /* there is room again, but histograms have ended for good */
	}
	assert_int_equal(counters->used, 0);
	assert_int_equal(ct_gate.phase, CT_PHASE_ON);
	assert_int_equal(site->total_blocks, 20 + 21 * 40);
}

/* Snapshots are in order of time, though late events belong to earlier buckets. Must be the last: its times are late.
 */
static void test_snapshots_in_order(void **state)
{
	(void)state;
	const uint64_t start = (uint64_t)1 << 50, step = (uint64_t)1 << 44;
	const uint64_t calls[] = {start, start + step, start - 1000000, start + 2 * step, start + 3 * step};
	struct ct_section *section = &ct_tracer.header->sections[CT_SECTION_SNAPSHOTS];
	allocate(0x60200, 1000);
	combine();
	uint64_t at = section->used, time = 0;
	int count = 0;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		ct_snapshot_at(calls[i]);
	for (; at < section->used; count++) {
		const struct ct_snapshot_row *head = (struct ct_snapshot_row *)ct_store_base(CT_SECTION_SNAPSHOTS) + at;
		assert_true(head->bytes > time);
		time = head->bytes;
		at += head->blocks + 1;
	}
	assert_int_equal(count, 4);
	release(0x60200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes_after_the_peak), cmocka_unit_test(test_equal_peaks),
		cmocka_unit_test(test_events_of_samples),      cmocka_unit_test(test_sizes_of_samples),
		cmocka_unit_test(test_batch_can_be_undone),    cmocka_unit_test(test_a_round_is_in_order),
		cmocka_unit_test(test_rings_wrap_around),      cmocka_unit_test(test_timeline_follows),
		cmocka_unit_test(test_no_room_for_histograms), /* there are no histograms afterwards */
		cmocka_unit_test(test_snapshots_in_order),
	};
	return cmocka_run_group_tests_name("preload_combine", tests, recording_start, recording_stop);
}
