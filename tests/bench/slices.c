/* SPDX-License-Identifier: MIT */
/*
 * slices EVENTS THREADS: what folding costs with many threads, on a machine with few processors. EVENTS is a file that
 * CTRACE_DEBUG=events has written. Each of THREADS simulated threads has a processor of its own. It records these
 * events, RECORD_NS for each. The library then claims, sorts and folds them as in store/combine.c. What that takes is
 * measured, and the thread's clock goes on by as much. One thread at a time can claim, and one can combine. A thread
 * whose ring is full waits for the next slice.
 *
 * stdout: ns per event of each part, beside each other and one at a time, and what an event takes its thread in all.
 * Nothing moves between processors here, so on real ones each part takes longer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "../unit/slices.h"

#define MOST 8000000u /* events in all */
#define RECORD_NS 20.0
#define FEW 8u /* events, after which another thread may be earlier */
#define RETRY_EVENTS 64u /* as in combine.c */

static struct ct_event *log_of_run;
static uint64_t log_count;

/* What a thread does, and the time at which it has done that. */
static struct worker {
	double at;
	enum { RECORDING, SORTING, COMBINING } doing;
	struct ct_slice *slice; /* that it sorts */
	uint64_t room; /* events until it looks again whether to claim a slice */
	uint64_t next; /* event of the log */
} workers[SIM_THREADS];

static struct costs {
	double claim, sort, table, combine;
	uint64_t events, slices;
} costs;

static double clock_ns, lock_ns; /* to read the clock; to block signals around a claim */
static double claim_free_at, combine_free_at; /* the locks */

static double now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void read_log(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (!file)
		exit(2);
	fseek(file, 0, SEEK_END);
	log_count = (uint64_t)ftell(file) / sizeof(*log_of_run);
	rewind(file);
	log_of_run = malloc((log_count + 1) * sizeof(*log_of_run));
	if (!log_count || fread(log_of_run, sizeof(*log_of_run), log_count, file) != log_count)
		exit(2);
	fclose(file);
}

/* Sites with the numbers of the log. */
static void make_sites(void)
{
	struct ct_section *sites = &ct_tracer.header->sections[CT_SECTION_SITES];
	uint64_t count = 1;
	for (uint64_t i = 0; i < log_count; i++)
		if (log_of_run[i].site >= count)
			count = log_of_run[i].site + 1;
	if (count > ct_store_capacity(CT_SECTION_SITES) && !ct_store_grow(CT_SECTION_SITES, count))
		exit(1);
	sites->used = count;
}

static void measure_the_measuring(void)
{
	enum { TIMES = 10000 };
	double begin = now_ns();
	for (int i = 0; i < TIMES; i++)
		now_ns();
	clock_ns = (now_ns() - begin) / TIMES;
	begin = now_ns();
	for (int i = 0; i < TIMES; i++) {
		ct_lock_begin();
		ct_lock_end();
	}
	lock_ns = (now_ns() - begin) / TIMES;
}

/* What the worker has done since `begin` is added to its clock, and to *cost. */
static void charge(struct worker *worker, double begin, double *cost)
{
	double ns = now_ns() - begin - clock_ns;
	if (ns < 0)
		ns = 0;
	worker->at += ns;
	*cost += ns;
}

static void record(struct worker *worker, struct ct_thread *thread)
{
	for (uint32_t i = 0; i < FEW && worker->room; i++, worker->room--) {
		struct ct_event event = log_of_run[worker->next++ % log_count];
		event.ticks = ++sim.clock;
		if (ct_event_kind(&event) == CT_EVENT_FREE)
			event.other = event.ticks - 1;
		sim_publish(thread, &event);
		worker->at += RECORD_NS;
		costs.events++;
	}
}

/* Fold all slices that are ready, if no other thread does so. */
static void fold_ready(struct worker *worker)
{
	worker->doing = RECORDING;
	if (combine_free_at > worker->at)
		return;
	double begin = now_ns();
	ct_lock_get(&ct_lock_combine);
	ct_combine_ready();
	ct_lock_put(&ct_lock_combine);
	charge(worker, begin, &costs.combine);
	combine_free_at = worker->at;
	worker->doing = COMBINING;
}

static void claim(struct worker *worker, const struct ct_thread *thread)
{
	if (claim_free_at > worker->at)
		return;
	worker->at += lock_ns;
	double begin = now_ns();
	worker->slice = ct_slice_claim(thread);
	charge(worker, begin, &costs.claim);
	if (!worker->slice)
		return;
	claim_free_at = worker->at;
	costs.slices++;
	begin = now_ns();
	ct_slice_sort(worker->slice);
	charge(worker, begin, &costs.sort);
	worker->doing = SORTING;
	if (!ct_slices_are_small())
		return;
	begin = now_ns();
	ct_slice_make_table(worker->slice);
	charge(worker, begin, &costs.table);
}

/* The ring is full. */
static void make_room(struct worker *worker, struct ct_thread *thread)
{
	if (combine_free_at > worker->at) {
		worker->at = combine_free_at + 1;
		return;
	}
	if (ct_slices_folded == ct_slices_claimed) {
		double begin = now_ns();
		ct_combine(thread);
		charge(worker, begin, &costs.combine);
		combine_free_at = worker->at;
		return;
	}
	const struct ct_slice *next = ct_slice_next();
	for (uint32_t i = 0; i < SIM_THREADS; i++)
		if (workers[i].doing == SORTING && workers[i].slice == next) {
			worker->at = workers[i].at + 1;
			return;
		}
	fold_ready(worker);
}

static void look(struct worker *worker, struct ct_thread *thread)
{
	const struct ct_ring *ring = thread->ring;
	const bool alone = ct_slice_is_alone(thread->ring_index - 1);
	if (!sim_has_room(thread)) {
		make_room(worker, thread);
		return;
	}
	if (!alone && thread->head - ring->claimed >= ct_slice_wanted())
		claim(worker, thread);
	uint64_t unclaimed = thread->head - ring->claimed, wanted = ct_slice_wanted();
	uint64_t retry = wanted < RETRY_EVENTS ? wanted : RETRY_EVENTS;
	uint64_t events = unclaimed < wanted ? wanted - unclaimed : retry;
	worker->room = ct_ring_events(thread->ring_index - 1) - (thread->head - ring->folded);
	if (!alone && events < worker->room)
		worker->room = events;
}

static void step(struct worker *worker, struct ct_thread *thread)
{
	if (worker->doing == SORTING) {
		ct_slice_leave(worker->slice);
		fold_ready(worker);
	} else if (worker->doing == COMBINING) {
		worker->doing = RECORDING;
		if (ct_slices_folded < ct_slices_claimed && ct_slice_next()->state == CT_SLICE_READY)
			fold_ready(worker);
	} else if (worker->room) {
		record(worker, thread);
	} else {
		look(worker, thread);
	}
}

/* Returns the time of all threads together. */
static double simulate(uint32_t threads)
{
	double all = 0;
	for (uint32_t i = 0; i < threads; i++)
		workers[i].next = i * log_count / threads;
	ct_lock_begin();
	while (costs.events < MOST) {
		uint32_t first = 0;
		for (uint32_t i = 1; i < threads; i++)
			if (workers[i].at < workers[first].at)
				first = i;
		step(&workers[first], &sim.thread[first]);
	}
	ct_lock_end();
	for (uint32_t i = 0; i < threads; i++)
		all += workers[i].at;
	return all;
}

int main(int argc, char **argv)
{
	void *state = NULL;
	uint32_t threads = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
	if (argc != 3 || !threads || threads > SIM_THREADS || recording_start(&state))
		return 2;
	ct_tracer.log_events = false;
	read_log(argv[1]);
	sim.random = 1;
	sim_start(threads, 0);
	make_sites();
	measure_the_measuring();
	double all = simulate(threads), events = (double)costs.events;
	printf("%u threads, ns per event: beside each other: sort %.1f, table %.1f; one at a time: claim %.1f, fold or "
	       "add %.1f; in all %.1f; slices of %.0f\n",
	       threads, costs.sort / events, costs.table / events, costs.claim / events, costs.combine / events,
	       all / events, costs.slices ? events / (double)costs.slices : 0);
	return recording_stop(&state);
}
