/* SPDX-License-Identifier: MIT */
/* fork: what the child's recording begins with, and that the parent's continues as if there were no child. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "ctrace/ring.h"
#include "recording.h"
#include "sys/options.h"

#define MORE 3 /* blocks that another thread allocates between our fork handler and the kernel's fork */

#define REST_LEAST 100 /* events that the busy thread publishes there */
#define FIRST_BYTES 100000 /* more than all other blocks of these tests */
#define SHORT_WAITS 300 /* of 1 ms each: time for two looks of a thread that waits for the fork */
#define ENOUGH (3ull * CT_RING_EVENTS_SHORT) /* after the fork: the busy thread's slots are all written again */

static pthread_barrier_t barrier;
static bool forking;

/* A thread that allocates and frees until it is done. */
static struct {
	bool runs, goes_on, done; /* atomic: its first events are published; it may go on; it must end */
	bool takes_locks; /* from the forking thread, which waits for that */
	bool waits; /* for its locks, while the forking thread waits for one thing after the other */
	uint64_t begun, made; /* its allocations; atomic */
	uint64_t enough; /* of `made`; then it posts `seen` once. Atomic; 0: none */
	sem_t seen;
	int pipe[2]; /* the child's handler waits for a byte */
	const struct ct_ring *ring;
} busy;

/* One call of each, because new code would need our locks. With a full ring, the thread would wait for them too. */
static void *busy_thread(void *argument)
{
	while (!ct_get_acquire(&busy.done)) {
		ct_set_release(&busy.begun, busy.begun + 1);
		allocate(0xb00000, FIRST_BYTES + busy.made); /* a new peak each time */
		ct_set_release(&busy.made, busy.made + 1);
		release(0xb00000);
		if (!busy.runs) {
			busy.ring = ct_tls.thread->ring;
			ct_set_release(&busy.runs, true);
			while (!ct_get_acquire(&busy.goes_on))
				sched_yield();
		}
		if (ct_get_acquire(&busy.enough) && busy.made >= busy.enough) {
			busy.enough = 0;
			sem_post(&busy.seen);
		}
	}
	return argument;
}

/* After the fork, wait until the busy thread has written all slots of its ring again. */
static void await_busy_thread(void)
{
	ct_set_release(&busy.enough, ct_get_acquire(&busy.made) + ENOUGH);
	while (sem_wait(&busy.seen))
		;
}

/* Wait in many places in turn, as for locks of the C library whose owners wait for a processor. */
static void wait_here_and_there(void)
{
	static sem_t places[SHORT_WAITS];
	for (int i = 0; i < SHORT_WAITS; i++) {
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 1000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		sem_timedwait(&places[i], &until);
	}
}

/* Our handlers are registered later. So this one is called after ours, when all is folded and the locks are taken. */
static void at_the_last_moment(void)
{
	if (forking) {
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
	}
	ct_set_release(&busy.goes_on, true);
	if (ct_get_acquire(&busy.runs))
		while (ct_get_acquire(&busy.ring->head) <
		       ct_get_relaxed(&busy.ring->folded) + (busy.waits ? CT_RING_EVENTS_SHORT : REST_LEAST))
			sched_yield();
	if (busy.waits)
		wait_here_and_there();
}

/* These two are called before ours. */
static void first_in_parent(void)
{
	if (busy.takes_locks)
		await_busy_thread();
}

static void first_in_child(void)
{
	char byte;
	if (busy.runs)
		while (read(busy.pipe[0], &byte, 1) != 1)
			;
}

static void *other_thread(void *argument)
{
	(void)argument;
	volatile int rounds = 2;
	for (uintptr_t block = 0x500000; rounds--;) {
		volatile int count = MORE;
		pthread_barrier_wait(&barrier);
		while (count--)
			allocate(block += 64, 1000);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

/* Ends without the sanitizers' checks, because the child lacks a thread that is recorded in its memory. */
static void leave(int status)
{
	syscall(SYS_exit_group, status);
}

/* Ends the child with the line number of a check that fails. */
#define CHECK(condition)                                                                                               \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			leave(__LINE__ % 250 + 1);                                                                     \
	} while (0)

static void check_ended(pid_t child)
{
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("the child: signal %d, or the check in line %d", WTERMSIG(status), WEXITSTATUS(status) - 1);
}

/* The live blocks of a process, summed over its sites. */
static int64_t live_by_site(void)
{
	int64_t live = 0;
	for (uint64_t i = 1; i < ct_tracer.header->sections[CT_SECTION_SITES].used; i++)
		live += ct_tracer.sites[i].live_bytes;
	return live;
}

static void test_child_goes_on(void **state)
{
	(void)state;
	pthread_t thread;
	pthread_barrier_init(&barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, other_thread, NULL), 0);
	pthread_barrier_wait(&barrier); /* the thread makes its site, and does everything else that needs locks */
	pthread_barrier_wait(&barrier);
	struct ct_totals before = totals_now();
	const struct ct_site *other_site = newest_site();
	allocate(0x600000, 10);
	const struct ct_site *site = newest_site();
	forking = true;
	pid_t child = fork();
	if (!child) {
		CHECK(ct_get_relaxed(&ct_gate.phase) == CT_PHASE_FORKED);
		CHECK(!ct_tls.busy);
		allocate(0x700000, 7);
		resize(0x600000, 0x700040, 30);
		combine();
		const struct ct_totals *totals = &ct_tracer.header->totals;
		CHECK(ct_tracer.header->pid == (uint32_t)getpid());
		CHECK(totals->live_blocks == before.live_blocks + 1 + MORE + 1);
		CHECK(totals->live_bytes == before.live_bytes + 30 + 1000 * MORE + 7);
		CHECK(live_by_site() == totals->live_bytes);
		CHECK(ct_tracer.header->losses[CT_LOSS_DROPPED] == 0);
		CHECK(ct_tracer.header->losses[CT_LOSS_UNROOTED] == 0);
		leave(0);
	}
	forking = false;
	check_ended(child);
	pthread_join(thread, NULL);
	struct ct_totals after = totals_now();
	assert_int_equal(after.live_blocks, before.live_blocks + 1 + MORE);
	assert_int_equal(after.live_bytes, before.live_bytes + 10 + 1000 * MORE);
	assert_int_equal(live_by_site(), after.live_bytes);
	assert_int_equal(other_site->total_blocks, 2 * MORE);
	assert_int_equal(site->total_blocks, 1);
	assert_int_equal(site->live_bytes, 10);
	assert_int_equal(ct_tracer.header->pid, getpid());
	release(0x600000);
}

/* The most that was live in a bucket of the timeline. */
static uint64_t most_over_time(void)
{
	const struct ct_timeline *timeline = &ct_tracer.header->timeline[ct_tracer.header->timeline_half];
	uint64_t most = 0;
	for (uint32_t i = 0; i < timeline->used; i++)
		if (timeline->bucket[i].max_bytes > most)
			most = timeline->bucket[i].max_bytes;
	return most;
}

static uint64_t counted_sizes(const struct ct_site *site)
{
	const struct ct_histogram *histogram = &site->histogram;
	uint64_t blocks = 0;
	for (unsigned i = 0; i < histogram->sizes; i++)
		blocks += ct_tracer.counters[histogram->base + histogram->lifetimes + i];
	return blocks;
}

/* What the parent folds after the fork, before the child's first event, is not in the child's histograms. */
static void test_child_has_its_own_counters(void **state)
{
	(void)state;
	const struct ct_site *site = NULL;
	pid_t child = -1;
	int folded[2];
	char byte = 0;
	assert_int_equal(pipe(folded), 0);
	for (volatile uintptr_t i = 0; i < 4; i++) { /* one site */
		if (i == 2) {
			combine();
			site = newest_site();
			child = fork();
			if (!child && read(folded[0], &byte, 1) != 1)
				leave(1);
		}
		allocate(0xa00000 + 64 * i, i & 1 ? 100 : 10);
		if (i < 2)
			continue;
		combine();
		if (!child) {
			CHECK(site->total_blocks == 3);
			CHECK(counted_sizes(site) == 3);
			leave(0);
		}
		assert_int_equal(write(folded[1], &byte, 1), 1);
	}
	check_ended(child);
	assert_int_equal(counted_sizes(site), 4);
	for (uintptr_t i = 0; i < 4; i++)
		release(0xa00000 + 64 * i);
	close(folded[0]);
	close(folded[1]);
}

static void test_child_is_unwanted(void **state)
{
	(void)state;
	ct_options.children = false;
	pid_t child = fork();
	if (!child) {
		CHECK(!ct_enter());
		leave(0);
	}
	check_ended(child);
	ct_options.children = true;
	allocate(0x800000, 1);
	release(0x800000);
}

/* After a raw system call no handler runs, and the child still has its parent's store mapped. */
static void test_child_of_a_system_call(void **state)
{
	(void)state;
	allocate(0x900000, 1);
	struct ct_totals before = totals_now();
	pid_t child = (pid_t)syscall(SYS_fork);
	if (!child) {
		if (ct_enter()) {
			ct_record_alloc(CT_CALLER, (void *)0x900040, 1);
			ct_leave();
		}
		leave(0);
	}
	check_ended(child);
	assert_int_equal(totals_now().total_blocks, before.total_blocks);
	release(0x900000);
	assert_int_equal(totals_now().live_blocks, before.live_blocks - 1);
}

/*
 * Fork beside a busy thread. The child first looks at its memory when the parent's thread has written all slots of its
 * ring again. Nothing is checked before the thread has ended, so that a mistake cannot leave it behind.
 */
static void check_fork_beside_a_busy_thread(void (*check_child)(const struct ct_totals *before))
{
	pthread_t thread;
	const struct ct_totals before = totals_now();
	busy.begun = busy.made = busy.enough = 0;
	busy.goes_on = busy.done = false;
	assert_int_equal(sem_init(&busy.seen, 0, 0), 0);
	assert_int_equal(pipe(busy.pipe), 0);
	assert_int_equal(pthread_create(&thread, NULL, busy_thread, NULL), 0);
	while (!ct_get_acquire(&busy.runs))
		sched_yield();
	pid_t child = fork();
	if (!child) {
		check_child(&before);
		leave(0);
	}
	if (!busy.takes_locks)
		await_busy_thread();
	ct_set_release(&busy.done, true);
	pthread_join(thread, NULL);
	busy.runs = busy.takes_locks = busy.waits = false;
	ssize_t written = write(busy.pipe[1], "", 1);
	close(busy.pipe[0]);
	close(busy.pipe[1]);
	assert_int_equal(written, 1);
	check_ended(child);
	const struct ct_totals after = totals_now();
	assert_int_equal(after.total_blocks, before.total_blocks + busy.made);
	assert_int_equal(after.live_blocks, before.live_blocks);
	assert_int_equal(live_by_site(), after.live_bytes);
}

static void check_rest(const struct ct_totals *before)
{
	CHECK(ct_get_relaxed(&ct_gate.phase) == CT_PHASE_FORKED);
	allocate(0xc00000, 7);
	combine();
	const struct ct_totals *totals = &ct_tracer.header->totals;
	uint64_t blocks = totals->total_blocks - before->total_blocks - 1;
	CHECK(blocks >= busy.made && blocks <= busy.begun);
	CHECK(totals->live_blocks == before->live_blocks + 1 || totals->live_blocks == before->live_blocks + 2);
	CHECK(live_by_site() == totals->live_bytes);
	CHECK(most_over_time() == totals->peak_bytes);
	CHECK(ct_tracer.header->losses[CT_LOSS_DROPPED] == 0);
}

static void test_fork_beside_a_busy_thread(void **state)
{
	(void)state;
	check_fork_beside_a_busy_thread(check_rest);
}

static void check_no_recording(const struct ct_totals *before)
{
	(void)before;
	CHECK(ct_get_relaxed(&ct_gate.phase) == CT_PHASE_OFF);
	CHECK(!ct_enter());
}

/* The busy thread takes the locks from the fork before the parent has copied the rest, which is gone. */
static void test_rest_is_lost(void **state)
{
	(void)state;
	busy.takes_locks = true;
	check_fork_beside_a_busy_thread(check_no_recording);
}

/* A thread that waits for our locks does not take them from a fork that is only slow. */
static void test_slow_fork(void **state)
{
	(void)state;
	busy.waits = true;
	check_fork_beside_a_busy_thread(check_rest);
}

static int start(void **state)
{
	return pthread_atfork(at_the_last_moment, first_in_parent, first_in_child) || recording_start(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_child_goes_on),
		cmocka_unit_test(test_child_has_its_own_counters),
		cmocka_unit_test(test_child_is_unwanted),
		cmocka_unit_test(test_child_of_a_system_call),
		cmocka_unit_test(test_fork_beside_a_busy_thread),
		cmocka_unit_test(test_rest_is_lost),
		cmocka_unit_test(test_slow_fork),
	};
	return cmocka_run_group_tests_name("preload_fork", tests, start, recording_stop);
}
