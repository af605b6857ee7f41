/* SPDX-License-Identifier: MIT */
/*
 * A kill at any instruction while slices are claimed, sorted, folded into tables and added: the reader finds every
 * event, and each exactly once. A child records simulated events and is then stopped at each instruction. Whenever its
 * store has changed, the reader reads it as if the child had been killed there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "load/store/store_steps.h"
#include "slices.h"

#define THREADS (CT_RINGS_SHORT + 1) /* so that the last ones have long rings */
#define SITES 150 /* more than a batch changes */
#define LARGE 300 /* events */
#define LARGE_IN_TABLE 600 /* their table has more entries than a batch */
#define SMALL 40
#define EVENTS_IN_BUCKET 30 /* LARGE is a multiple */
#define BUCKETS_LEFT 8u /* until their width doubles */
#define COUNTERS 16384 /* of histograms */

/* In memory that the child shares: its store as it was before the stepping, and where it is. */
static struct shared {
	char path[256];
	bool done;
	struct ct_store_header header;
	struct ct_site sites[2 * SITES];
	uint64_t counters[COUNTERS];
	size_t counter_count;
	struct ct_event events[LARGE_IN_TABLE + 3 * SMALL]; /* those that are not folded, in order */
	size_t count;
} * shared;

static void publish(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		sim.clock++; /* all times are different, so that every reader has the same order */
		sim_step(sim_draw(THREADS), false, 0);
	}
}

static struct ct_slice *claim_slice(void)
{
	struct ct_thread asking = sim.thread[0];
	asking.head = asking.ring->claimed + CT_SLICE_WANTED;
	ct_lock_begin();
	struct ct_slice *slice = ct_slice_claim(&asking);
	ct_lock_end();
	return slice;
}

static void make_ready(struct ct_slice *slice, bool with_table)
{
	ct_slice_sort(slice);
	if (with_table)
		ct_slice_make_table(slice);
	ct_slice_leave(slice);
}

/*
 * The timeline gets a new bucket every few events, and soon has too many buckets. Without this the events were in two
 * buckets only by chance, once in some ten runs.
 */
static void publish_for_long(uint32_t count)
{
	const struct ct_store_header *header = ct_tracer.header;
	uint32_t shift = header->timeline[header->timeline_half].shift;
	uint64_t late = (uint64_t)(CT_TIMELINE_BUCKETS - BUCKETS_LEFT) << shift;
	if (sim.clock < late)
		sim.clock = late;
	for (uint32_t done = 0; done < count; done += EVENTS_IN_BUCKET) {
		publish(EVENTS_IN_BUCKET);
		sim.clock += (uint64_t)1 << shift;
	}
}

/* All events are in one bucket, so that their table can be added. */
static void publish_in_one_bucket(uint32_t count)
{
	const struct ct_store_header *header = ct_tracer.header;
	uint32_t shift = header->timeline[header->timeline_half].shift;
	sim.clock = ((sim.clock >> shift) + 1) << shift;
	publish(count);
}

/* The parent steps through this. A later slice is ready first, and the last slices are not ready. */
static __attribute__((noinline)) void fold_and_combine(struct ct_slice *slices[3], bool with_tables)
{
	slices[2] = claim_slice();
	make_ready(slices[1], with_tables);
	make_ready(slices[0], with_tables);
	ct_lock_get(&ct_lock_combine);
	ct_combine_ready();
	ct_combine_locked();
	ct_lock_put(&ct_lock_combine);
	make_ready(slices[2], with_tables);
}

static void child(bool with_tables)
{
	void *state = NULL;
	if (recording_start(&state))
		_exit(1);
	ct_tracer.log_events = false;
	sim.random = 3;
	sim_start(THREADS, SITES);
	sim.most_live = SIM_LIVE;
	sim.plain = true;
	publish(LARGE);
	combine(); /* so that there are peaks and live blocks */
	shared->header = *ct_tracer.header;
	memcpy(shared->sites, ct_tracer.sites,
	       ct_tracer.header->sections[CT_SECTION_SITES].used * sizeof(struct ct_site));
	shared->counter_count = ct_tracer.header->sections[CT_SECTION_COUNTERS].used;
	assert_true(shared->counter_count < COUNTERS);
	memcpy(shared->counters, ct_tracer.counters, shared->counter_count * sizeof(uint64_t));
	snprintf(shared->path, sizeof(shared->path), "%s", ct_store_path());
	struct ct_slice *slices[3];
	if (with_tables)
		publish_in_one_bucket(LARGE_IN_TABLE);
	else
		publish_for_long(LARGE);
	for (int i = 0; i < 2; i++) {
		shared->count += sim_merge(shared->events + shared->count);
		slices[i] = claim_slice();
		publish(SMALL);
	}
	shared->count += sim_merge(shared->events + shared->count);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	fold_and_combine(slices, with_tables);
	shared->done = true;
	for (;;)
		pause();
}

static struct reference reference_of_shared(void)
{
	struct reference reference = {malloc(sizeof(shared->header)), malloc(sizeof(shared->sites)),
				      malloc(sizeof(shared->counters)), shared->counter_count, 0};
	*reference.header = shared->header;
	memcpy(reference.sites, shared->sites, sizeof(shared->sites));
	memcpy(reference.counters, shared->counters, sizeof(shared->counters));
	for (size_t i = 0; i < shared->count; i++)
		reference_fold(&reference, &shared->events[i]);
	return reference;
}

/* What the reader sees of a program that was killed now. */
static void check(const char *path, const struct reference *reference, uint64_t step)
{
	struct ct_store_file store;
	struct ct_error_text error;
	if (ct_store_file_open(path, &store, &error))
		fail_msg("step %lu: %s", step, error.line);
	uint32_t difference = reference_difference(reference, store.header, store.sites, store.counters);
	if (difference)
		fail_msg("step %lu: site %d differs (-1: totals, -2: timeline), progress %lx", step, (int)difference,
			 store.header->progress.progress);
	if (store.failed)
		fail_msg("step %lu: checks %x of the store failed", step, store.failed);
	ct_store_file_close(&store);
}

struct seen {
	uint64_t undone, second_batch, by_site;
};

static void note(struct seen *seen, const struct ct_progress *progress)
{
	if (!ct_round_begun(progress))
		return;
	seen->second_batch += ct_round_folded(progress) == CT_BATCH_EVENTS;
	seen->by_site += ct_round_is_by_site(progress);
	seen->undone += progress->undo_mark == progress->progress + 1 && progress->undo_count;
}

static struct seen step_through(pid_t pid, const struct reference *reference)
{
	int fd = open(shared->path, O_RDONLY), status;
	struct stat file;
	assert_int_equal(fstat(fd, &file), 0);
	size_t bytes = (size_t)file.st_size;
	const char *store = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(store, MAP_FAILED);
	char *before = malloc(bytes);
	memcpy(before, store, bytes);
	struct seen seen = {0};
	const struct ct_progress *progress = &((const struct ct_store_header *)store)->progress;
	for (uint64_t step = 0; !shared->done; step++) {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSTOPPED(status));
		if (!memcmp(before, store, bytes))
			continue;
		memcpy(before, store, bytes);
		note(&seen, progress);
		check(shared->path, reference, step);
	}
	munmap((void *)store, bytes);
	free(before);
	close(fd);
	return seen;
}

/* *half: that of the timeline which is valid at the end. */
static struct seen kill_at_any_instruction(bool with_tables, uint32_t *half)
{
	int status;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(shared, MAP_FAILED);
	pid_t pid = fork();
	if (!pid)
		child(with_tables);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	struct reference reference = reference_of_shared();
	check(shared->path, &reference, 0);
	struct seen seen = step_through(pid, &reference);
	check(shared->path, &reference, UINT64_MAX);
	*half = reference.header->timeline_half;
	reference_free(&reference);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	char command[300];
	*strrchr(shared->path, '/') = '\0';
	snprintf(command, sizeof(command), "rm -r '%s'", shared->path);
	assert_int_equal(system(command), 0);
	/* All kinds of moments have been seen. */
	assert_true(seen.undone > 1000 && seen.second_batch > 100);
	return seen;
}

static void test_killed_while_it_folds(void **state)
{
	(void)state;
	uint32_t half;
	struct seen seen = kill_at_any_instruction(false, &half);
	assert_int_equal(seen.by_site, 0);
	assert_int_not_equal(half, shared->header.timeline_half); /* buckets became wider */
	munmap(shared, sizeof(*shared));
}

static void test_killed_while_it_adds_tables(void **state)
{
	(void)state;
	uint32_t half;
	struct seen seen = kill_at_any_instruction(true, &half);
	assert_true(seen.by_site > 1000);
	munmap(shared, sizeof(*shared));
}

static void test_slots_of_rings(void **state)
{
	(void)state;
	uint64_t slots = 0;
	for (uint64_t ring = 0; ring < 3 * CT_RINGS_SHORT; ring++) {
		uint64_t events = ct_ring_events(ring);
		assert_int_equal(events, ring < CT_RINGS_SHORT ? CT_RING_EVENTS_SHORT : CT_RING_EVENTS);
		assert_int_equal(ct_ring_slots(ring), slots);
		assert_int_equal(ct_ring_slot(ring, events - 1), slots + events - 1);
		assert_int_equal(ct_ring_slot(ring, events), slots);
		slots += events;
	}
}

/* A reader takes all events of a full ring, which begin in the middle of its slots. */
static void test_full_long_ring(void **state)
{
	(void)state;
	static struct ct_event events[CT_RING_EVENTS];
	const struct ct_thread *last = &sim.thread[THREADS - 1];
	void *recording = NULL;
	assert_int_equal(recording_start(&recording), 0);
	sim_start(THREADS, SITES);
	sim.most_live = SIM_LIVE;
	sim.plain = true;
	publish_in_one_bucket(LARGE);
	combine();
	struct reference reference = reference_new();
	for (; sim_has_room(last); sim.clock++)
		sim_step(THREADS - 1, false, 0);
	assert_int_equal(sim_merge(events), CT_RING_EVENTS);
	assert_int_not_equal(last->head % CT_RING_EVENTS, 0);
	for (size_t i = 0; i < CT_RING_EVENTS; i++)
		reference_fold(&reference, &events[i]);
	check(ct_store_path(), &reference, 0);
	reference_free(&reference);
	assert_int_equal(recording_stop(&recording), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_while_it_folds),
		cmocka_unit_test(test_killed_while_it_adds_tables),
		cmocka_unit_test(test_slots_of_rings),
		cmocka_unit_test(test_full_long_ring),
	};
	return cmocka_run_group_tests_name("both_slice_kill", tests, NULL, NULL);
}
