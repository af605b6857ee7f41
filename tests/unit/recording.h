/* SPDX-License-Identifier: MIT */
/*
 * A recording without hooks, for unit tests of the preload: blocks at invented addresses go through record, unwinder,
 * map, journal and combiner. Included by one file of a program, after cmocka.h.
 */
#ifndef RECORDING_H
#define RECORDING_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hot/slow.h"
#include "store/combine.h"
#include "store/event_log.h"
#include "sys/lock.h"
#include "ctrace/fold.h"
#include "hot/blocks.h"
#include "hot/record.h"
#include "hot/state.h"

static char folder[] = "/tmp/ctrace-unit-XXXXXX";

#define SLACK 7

static __thread size_t asked; /* the size that the latest allocation requested */

static size_t usable_bytes(void *block)
{
	(void)block;
	return asked + SLACK;
}

__attribute__((noinline, unused)) static void allocate(uintptr_t block, size_t bytes)
{
	asked = bytes;
	assert_true(ct_enter());
	ct_record_alloc(CT_CALLER, (void *)block, bytes);
	ct_leave();
}

__attribute__((noinline, unused)) static void release(uintptr_t block)
{
	assert_true(ct_enter());
	uint32_t row = ct_block_take(block);
	assert_int_not_equal(row, 0);
	ct_record_free(row, (void *)block);
	ct_leave();
}

__attribute__((noinline, unused)) static void resize(uintptr_t from, uintptr_t to, size_t bytes)
{
	asked = bytes;
	assert_true(ct_enter());
	uint32_t row = ct_block_take(from);
	ct_record_resize(CT_CALLER, row, (void *)from, (void *)to, bytes);
	ct_leave();
}

/* Allocate a byte below `depth` more frames. */
__attribute__((noinline, noipa, unused)) static void recurse(unsigned depth, uintptr_t block)
{
	if (depth)
		recurse(depth - 1, block);
	else
		allocate(block, 1);
	__asm__ volatile("" ::: "memory");
}

static inline void combine(void)
{
	ct_lock_get(&ct_lock_combine);
	ct_combine_locked();
	ct_event_log_flush();
	ct_lock_put(&ct_lock_combine);
}

static inline struct ct_totals totals_now(void)
{
	combine();
	return ct_tracer.header->totals;
}

/* The site that was made last. */
static inline struct ct_site *newest_site(void)
{
	return &ct_tracer.sites[ct_tracer.header->sections[CT_SECTION_SITES].used - 1];
}

static int recording_start(void **state)
{
	(void)state;
	char out[256];
	assert_non_null(mkdtemp(folder));
	snprintf(out, sizeof(out), "%s/report.json", folder);
	setenv("CTRACE_OUT", out, 1);
	setenv("CTRACE_EXPORT", "0", 1);
	setenv("CTRACE_QUIET", "1", 1);
	setenv("CTRACE_DEBUG", "events,sanitizer", 1);
	if (!ct_start())
		return -1;
	ct_tracer.glibc_blocks = false; /* these blocks do not come from glibc */
	ct_tracer.usable_bytes = usable_bytes;
	return 0;
}

static inline int recording_stop(void **state)
{
	(void)state;
	char command[300];
	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	return system(command);
}

/* The list of events in the order in which they were folded. */
static inline FILE *recording_events(void)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/report.json.events", folder);
	FILE *events = fopen(path, "rb");
	assert_non_null(events);
	return events;
}

#endif
