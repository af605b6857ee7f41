/* SPDX-License-Identifier: MIT */
/* Slices of time: however events are cut into slices, the numbers are those of one fold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "slices.h"
#include "store/segment.h"

#define SITES 40
#define OPEN 8 /* slices that are claimed and not folded */
#define STEPS 40000
#define EVENTS 200000

static struct ct_slice *open_slices[OPEN];
static uint32_t open_count;
static struct ct_event *expected; /* the order in which the events must be folded */
static size_t expected_count;
/* Slices left to the combiner with keys, and with tables; that it folded before they were ready. */
static uint64_t sorted, tables, taken;

/* Claim by this function; the events that get into the slice are known before. */
static void expect_claim(void (*function)(struct ct_thread *), struct ct_thread *thread)
{
	uint64_t before = ct_slices_claimed;
	size_t count = sim_merge(expected + expected_count);
	assert_true(expected_count + count < EVENTS);
	function(thread);
	if (ct_slices_claimed != before)
		expected_count += count;
}

static void claim(struct ct_thread *thread)
{
	struct ct_thread asking = *thread;
	asking.head = thread->ring->claimed + CT_SLICE_WANTED; /* so that it gets a slice */
	ct_lock_begin();
	struct ct_slice *slice = ct_slice_claim(&asking);
	ct_lock_end();
	assert_non_null(slice);
	open_slices[open_count++] = slice;
}

static void fold_all(struct ct_thread *thread)
{
	(void)thread;
	combine();
}

static void combine_ready(void)
{
	ct_lock_get(&ct_lock_combine);
	ct_combine_ready();
	ct_lock_put(&ct_lock_combine);
}

/* Some claimer, not the first one, gets to sort its slice, and makes a table of it or not. */
static void sort_any(void)
{
	if (!open_count)
		return;
	uint32_t at = sim_draw(open_count);
	struct ct_slice *slice = open_slices[at];
	open_slices[at] = open_slices[--open_count];
	taken += slice->state == CT_SLICE_LEFT;
	ct_slice_sort(slice);
	if (sim_draw(3))
		ct_slice_make_table(slice);
	ct_slice_leave(slice);
	bool ready = slice->state == CT_SLICE_READY;
	sorted += ready && slice->keys;
	tables += ready && slice->table && slice->table->entry_count;
}

static void simulate(uint32_t threads, uint64_t most_ticks)
{
	for (uint32_t i = 0; i < STEPS; i++) {
		struct ct_thread *thread = &sim.thread[sim_draw(threads)];
		uint32_t kind = sim_draw(4000);
		if (kind < 3990)
			sim_step((uint32_t)(thread - sim.thread), true, most_ticks);
		else if (kind < 3995 && open_count < OPEN)
			expect_claim(claim, thread);
		else if (kind < 3997)
			sort_any();
		else if (kind < 3998)
			combine_ready();
		else if (kind < 3999 || !sim_has_room(thread))
			expect_claim(fold_all, thread);
		if (!sim_has_room(thread) || thread->head - thread->ring->claimed >= CT_SLICE_WANTED)
			expect_claim(ct_combine, thread);
	}
}

static void finish(uint32_t threads)
{
	for (uint32_t i = 0; i < threads; i++)
		if (sim.late[i].kind)
			sim_step(i, true, 0);
	while (open_count)
		sort_any();
	expect_claim(fold_all, NULL);
}

/* The rows of a snapshot are those of the reference at that moment. In a partial one, row 1 is the sum of the rest. */
static size_t check_snapshot(const struct reference *reference, const struct ct_snapshot_row *row, uint64_t ticks)
{
	bool partial = row->blocks && !row[1].site;
	size_t count = partial;
	int64_t least = partial ? reference->header->totals.live_bytes / CT_SNAPSHOT_PARTS + 1 : INT64_MIN;
	int64_t rest_bytes = 0, rest_blocks = 0;
	assert_int_equal(row->site, 0);
	assert_true(row->bytes <= ticks);
	for (uint32_t i = 1; i < ct_tracer.header->sections[CT_SECTION_SITES].used; i++) {
		const struct ct_site *site = &reference->sites[i];
		if (site->live_blocks <= 0)
			continue;
		if (site->live_bytes < least) {
			rest_bytes += site->live_bytes;
			rest_blocks += site->live_blocks;
			continue;
		}
		count++;
		assert_int_equal(row[count].site, i);
		assert_int_equal(row[count].bytes, site->live_bytes);
		assert_int_equal(row[count].blocks, site->live_blocks);
	}
	assert_int_equal(row->blocks, count);
	assert_true(!partial || ((int64_t)row[1].bytes == rest_bytes && row[1].blocks == rest_blocks));
	return count + 1;
}

/* What was folded since the reference was made are the expected events, and the numbers are the reference's. */
static void compare_with(struct reference *reference, FILE *events, uint64_t row)
{
	const struct ct_section *snapshots = &ct_tracer.header->sections[CT_SECTION_SNAPSHOTS];
	const struct ct_snapshot_row *rows = ct_store_base(CT_SECTION_SNAPSHOTS);
	struct ct_event event;
	for (size_t i = 0; i < expected_count; i++) {
		assert_int_equal(fread(&event, sizeof(event), 1, events), 1);
		assert_memory_equal(&event, &expected[i], sizeof(event));
		if (row < snapshots->used && event.ticks >= rows[row].bytes)
			row += check_snapshot(reference, &rows[row], event.ticks);
		reference_fold(reference, &event);
	}
	assert_int_equal(row, snapshots->used);
	assert_int_equal(fread(&event, sizeof(event), 1, events), 0);
	assert_int_equal(reference_difference(reference, ct_tracer.header, ct_tracer.sites, ct_tracer.counters), 0);
	assert_true(ct_tracer.header->sections[CT_SECTION_COUNTERS].used > 1);
}

static void compare(uint32_t threads, uint32_t most_live, uint64_t most_ticks)
{
	sim_reset(most_live);
	struct reference reference = reference_new();
	FILE *events = recording_events();
	fseek(events, 0, SEEK_END);
	uint64_t row = ct_tracer.header->sections[CT_SECTION_SNAPSHOTS].used;
	expected_count = 0;
	simulate(threads, most_ticks);
	finish(threads);
	compare_with(&reference, events, row);
	fclose(events);
	reference_free(&reference);
}

static void test_every_number_is_the_same(void **state)
{
	(void)state;
	static const uint32_t counts[] = {2, 3, 5, 8, 16, 33, 64};
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		uint64_t sorted_before = sorted, tables_before = tables, taken_before = taken;
		compare(counts[i], 4, 0);
		sim.sampled = true;
		compare(counts[i], SIM_LIVE, 0);
		sim.sampled = false;
		compare(counts[i], SIM_LIVE, 0);
		for (uint32_t shift = 11; shift < 17; shift++) /* some buckets of the timeline, and snapshots */
			compare(counts[i], 50, 1u << shift);
		compare(counts[i], 50, 1u << 20); /* many of both */
		assert_true(sorted > sorted_before);
		assert_true(tables > tables_before);
		assert_true(taken > taken_before);
	}
}

/* One slice with as many events of each thread. */
static uint32_t wanted_after(uint32_t threads)
{
	for (uint32_t i = 0; i < threads * 100; i++) {
		struct ct_event event = sim_new_event();
		sim.clock++;
		sim_publish(&sim.thread[i % threads], &event);
	}
	combine();
	return ct_slice_wanted();
}

/* A few threads claim when their rings are half full, many of them earlier, and then fold into tables. */
static void test_size_of_slices(void **state)
{
	(void)state;
	static const uint32_t counts[] = {1, 2, 3, 16, 64};
	static const uint32_t wanted[] = {CT_SLICE_WANTED, CT_SLICE_WANTED, CT_SLICE_WANTED, 48, CT_SLICE_LEAST};
	sim_reset(SIM_LIVE);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		while (ct_slices_are_small())
			wanted_after(1);
		assert_int_equal(wanted_after(counts[i]), wanted[i]);
	}
	assert_true(wanted_after(1) < CT_SLICE_WANTED / 2); /* it rises slowly */
}

static void publish_until(struct ct_thread *thread, uint64_t events)
{
	while (thread->head - thread->ring->folded < events) {
		struct ct_event event = sim_new_event();
		sim.clock++;
		sim_publish(thread, &event);
	}
}

/* A thread whose ring is full waits for the next slice, but not for ever: its claimer may be preempted. */
static void test_interrupted_claimer(void **state)
{
	(void)state;
	sim_reset(SIM_LIVE);
	wanted_after(SIM_THREADS);
	assert_true(ct_slices_are_small());
	publish_until(&sim.thread[0], 100);
	claim(&sim.thread[0]);
	struct ct_slice *slice = open_slices[--open_count];
	assert_true(slice->events > 0);
	struct ct_thread *thread = &sim.thread[1];
	publish_until(thread, ct_ring_events(thread->ring_index - 1));
	ct_combine(thread);
	assert_true(sim_has_room(thread));
	assert_int_equal(slice->state, CT_SLICE_LEFT);
	ct_slice_leave(slice);
	assert_int_equal(slice->used, 0);
}

static void begin_segment(void)
{
	ct_lock_get(&ct_lock_combine);
	ct_segment_begin(CT_CONTROL_EXACT, 0, (struct ct_span){0});
	ct_lock_put(&ct_lock_combine);
	ct_event_log_flush();
}

/* A segment begins while slices are claimed, and while events are late. */
static void test_segments(void **state)
{
	(void)state;
	const uint32_t threads = 33;
	size_t late = 0;
	sim_reset(SIM_LIVE);
	for (int round = 0; round < 5; round++) {
		expected_count = 0;
		simulate(threads, 0);
		begin_segment();
		uint64_t start = ct_segment_latest(ct_tracer.header)->start_ticks;
		assert_int_equal(ct_tracer.header->totals.total_blocks, 0);
		sim.clock = start;
		ct_tracer.clock_base -= SIM_FUTURE;
		struct reference reference = reference_new();
		FILE *events = recording_events();
		fseek(events, 0, SEEK_END);
		expected_count = 0;
		simulate(threads, 0);
		finish(threads);
		size_t kept = 0;
		for (size_t i = 0; i < expected_count; i++)
			if (expected[i].ticks >= start)
				expected[kept++] = expected[i];
		late += expected_count - kept;
		expected_count = kept;
		compare_with(&reference, events, 0);
		fclose(events);
		reference_free(&reference);
	}
	assert_true(late > 0);
}

#define WORKERS 8
#define PAIRS 10000
#define ROUND 32 /* pairs, after which threads wait for each other: so slices have events of all threads */
#define HANDED 64 /* places where threads leave blocks that others free */

static uintptr_t handed[HANDED];
static pthread_barrier_t round_end;
static uint64_t made, made_with_tables;

static void *work(void *argument)
{
	uintptr_t block = ((uintptr_t)argument + 1) << 32;
	uint64_t with_tables = 0;
	for (uint32_t i = 0; i < PAIRS; i++, block += 64) {
		if (i % ROUND == 0)
			pthread_barrier_wait(&round_end);
		with_tables += ct_slices_are_small();
		recurse(i % 30, block);
		uintptr_t other = __atomic_exchange_n(&handed[i * 7 % HANDED], block, __ATOMIC_ACQ_REL);
		if (other)
			release(other);
	}
	__atomic_add_fetch(&made, PAIRS, __ATOMIC_RELAXED);
	__atomic_add_fetch(&made_with_tables, with_tables, __ATOMIC_RELAXED);
	return NULL;
}

/* Real threads claim slices, sort them and make tables beside each other. */
static void test_threads_fold_beside_each_other(void **state)
{
	(void)state;
	pthread_t threads[WORKERS];
	struct ct_event event;
	combine();
	struct reference reference = reference_new();
	uint64_t claimed = ct_slices_claimed, before = reference.header->totals.total_blocks;
	FILE *events = recording_events();
	fseek(events, 0, SEEK_END);
	pthread_barrier_init(&round_end, NULL, WORKERS);
	for (uintptr_t i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	combine();
	assert_true(made_with_tables > WORKERS * PAIRS / 4);
	assert_true(ct_slices_claimed - claimed > 2 * WORKERS * PAIRS / CT_RING_EVENTS_SHORT / 2);
	reference.sites = reallocarray(reference.sites, ct_tracer.header->sections[CT_SECTION_SITES].used,
				       sizeof(*reference.sites));
	for (uint64_t i = reference.header->sections[CT_SECTION_SITES].used;
	     i < ct_tracer.header->sections[CT_SECTION_SITES].used; i++)
		reference.sites[i] = (struct ct_site){.node = ct_tracer.sites[i].node};
	while (fread(&event, sizeof(event), 1, events) == 1)
		reference_fold(&reference, &event);
	assert_int_equal(reference_difference(&reference, ct_tracer.header, ct_tracer.sites, ct_tracer.counters), 0);
	assert_int_equal(reference.header->totals.total_blocks - before, made);
	fclose(events);
	reference_free(&reference);
}

static int start(void **state)
{
	if (recording_start(state))
		return -1;
	sim.random = 7;
	sim_start(SIM_THREADS, SITES);
	expected = malloc(EVENTS * sizeof(*expected));
	return 0;
}

static int stop(void **state)
{
	free(expected);
	return recording_stop(state);
}

/* A slice's memory must not be claimed again while the combiner folds it or its claimer sorts it. */
static void test_put_by_the_last_one(void **state)
{
	struct ct_slice slice = {.used = 1, .state = CT_SLICE_CLAIMED};
	(void)state;
	assert_false(ct_slice_take(&slice));
	ct_slice_leave(&slice);
	assert_int_equal(slice.used, 1);
	ct_slice_folded(&slice, false);
	assert_int_equal(slice.used, 0);

	slice = (struct ct_slice){.used = 1, .state = CT_SLICE_CLAIMED};
	assert_false(ct_slice_take(&slice));
	ct_slice_folded(&slice, false);
	assert_int_equal(slice.used, 1);
	ct_slice_leave(&slice);
	assert_int_equal(slice.used, 0);

	slice = (struct ct_slice){.used = 1, .state = CT_SLICE_CLAIMED};
	ct_slice_leave(&slice);
	assert_true(ct_slice_take(&slice));
	assert_int_equal(slice.used, 1);
	ct_slice_folded(&slice, true);
	assert_int_equal(slice.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_by_the_last_one),
		cmocka_unit_test(test_every_number_is_the_same),
		cmocka_unit_test(test_size_of_slices),
		cmocka_unit_test(test_interrupted_claimer),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_threads_fold_beside_each_other),
	};
	return cmocka_run_group_tests_name("preload_slice", tests, start, stop);
}
