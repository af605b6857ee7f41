/* SPDX-License-Identifier: MIT */
/*
 * slices EVENTS THREADS: what folding costs with many threads, on a machine with few processors. EVENTS is a file that
 * CTRACE_DEBUG=events has written. Each of THREADS simulated threads records these events, in a random interleaving of
 * the threads. The library then folds them in slices, on one processor: first slices that their claimers have sorted,
 * then unsorted ones. stdout: ns per event of each part, and which parts only one thread can do at a time.
 *
 * Nothing moves between processors here, so on real ones each part takes longer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "../unit/slices.h"

#define MOST 4000000u /* events in all */

static struct ct_event *log_of_run;
static uint64_t log_count;

struct costs {
	double claim, sort, fold, whole;
	uint64_t events;
};

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

/* Fill the rings until one is half full, which is when its thread claims a slice. */
static void record(uint32_t threads, uint64_t *at)
{
	for (;;) {
		uint32_t i = sim_draw(threads);
		struct ct_thread *thread = &sim.thread[i];
		struct ct_event event = log_of_run[at[i]++ % log_count];
		event.ticks = ++sim.clock;
		if (ct_event_kind(&event) == CT_EVENT_FREE)
			event.other = event.ticks - 1;
		sim_publish(thread, &event);
		if (thread->head - thread->ring->claimed >= CT_SLICE_WANTED)
			return;
	}
}

static void fold_sorted(struct costs *costs)
{
	struct ct_thread asking = sim.thread[0];
	asking.head = asking.ring->claimed + CT_SLICE_WANTED;
	double begin = now_ns();
	ct_lock_begin();
	struct ct_slice *slice = ct_slice_claim(&asking);
	ct_lock_end();
	double claimed = now_ns();
	ct_slice_sort(slice);
	ct_slice_leave(slice);
	double sorted = now_ns();
	costs->events += slice->events;
	ct_lock_get(&ct_lock_combine);
	ct_combine_ready();
	ct_lock_put(&ct_lock_combine);
	costs->claim += claimed - begin;
	costs->sort += sorted - claimed;
	costs->fold += now_ns() - sorted;
}

static void fold_whole(struct costs *costs, uint32_t threads)
{
	for (uint32_t i = 0; i < threads; i++)
		costs->events += sim.thread[i].head - sim.thread[i].ring->claimed;
	double begin = now_ns();
	ct_lock_get(&ct_lock_combine);
	ct_combine_locked();
	ct_lock_put(&ct_lock_combine);
	costs->whole += now_ns() - begin;
}

static struct costs measure(uint32_t threads, bool sorted)
{
	uint64_t at[SIM_THREADS];
	struct costs costs = {0};
	for (uint32_t i = 0; i < threads; i++)
		at[i] = i * log_count / threads;
	while (costs.events < MOST) {
		record(threads, at);
		if (sorted)
			fold_sorted(&costs);
		else
			fold_whole(&costs, threads);
	}
	return costs;
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
	struct costs costs = measure(threads, true), one = measure(threads, false);
	double events = (double)costs.events;
	printf("%u threads, ns per event: beside each other: sort %.1f; one at a time: claim %.1f, fold %.1f; "
	       "not sorted: %.1f\n",
	       threads, costs.sort / events, costs.claim / events, costs.fold / events,
	       one.whole / (double)one.events);
	return recording_stop(&state);
}
