/* SPDX-License-Identifier: MIT */
/* fork: what the child's recording begins with, and that the parent's continues as if there were no child. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "recording.h"
#include "sys/options.h"

#define MORE 3 /* blocks that another thread allocates between our fork handler and the kernel's fork */

static pthread_barrier_t barrier;
static bool forking;

/* Registered before our handler, so called after it, when everything is folded and the locks are taken. */
static void at_the_last_moment(void)
{
	if (!forking)
		return;
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
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

static int start(void **state)
{
	return pthread_atfork(at_the_last_moment, NULL, NULL) || recording_start(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_child_goes_on),
		cmocka_unit_test(test_child_has_its_own_counters),
		cmocka_unit_test(test_child_is_unwanted),
		cmocka_unit_test(test_child_of_a_system_call),
	};
	return cmocka_run_group_tests_name("preload_fork", tests, start, recording_stop);
}
