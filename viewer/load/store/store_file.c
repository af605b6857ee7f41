/* SPDX-License-Identifier: MIT */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ctrace/machine.h"
#include "load/store/store_last_look.h"
#include "load/store/store_steps.h"
#include "util/clock.h"
#include "util/open.h"

#define LIVE_TRIES 4
#define CALIBRATION_NS 5000000u
#define CALIBRATION_MIN_NS 10000u /* a pair of clock readings is itself tens of nanoseconds apart */

/*
 * Measure this machine's clock, for a program that was killed before it had recorded its own clock twice. Another
 * processor's ticks are taken for nanoseconds.
 */
static long double measure_ns_per_tick(uint32_t machine)
{
	if (machine != CT_MACHINE_ELF)
		return 1;
	uint64_t start_ns = ct_now_ns();
	uint64_t start_ticks = ct_machine_counter();
	uint64_t spent;
	do
		spent = ct_now_ns() - start_ns;
	while (spent < CALIBRATION_NS);
	return (long double)spent / (long double)(ct_machine_counter() - start_ticks);
}

static void set_clock(struct ct_store_file *store)
{
	const struct ct_store_header *header = store->header;
	uint64_t ticks = header->latest_ticks - header->start_ticks;
	uint64_t ns = header->latest_ns - header->boot_ns;
	long double ns_per_tick = 1;
	if (header->clock == CT_CLOCK_TSC)
		ns_per_tick = ns < CALIBRATION_MIN_NS || !ticks || header->latest_ns < header->boot_ns
				      ? measure_ns_per_tick(header->machine)
				      : (long double)ns / (long double)ticks;
	store->us_per_tick = ns_per_tick / 1000;
}

uint64_t ct_store_file_us(const struct ct_store_file *store, uint64_t ticks)
{
	long double us = (long double)ticks * store->us_per_tick + 0.5L;
	return us < 0x1p63L ? (uint64_t)us : UINT64_MAX / 2;
}

const struct ct_event *ct_store_latest_event(const struct ct_store_file *store, size_t ring, uint64_t back)
{
	uint64_t head = store->rings[ring].head, tail = ct_ring_tail(&store->rings[ring], &store->header->progress);
	if (tail > head || head - tail > ct_ring_events(ring) || back >= head - ct_store_first_known(ring, tail, head))
		return NULL;
	const struct ct_event *event = ct_store_event(store, ring, head - 1 - back);
	bool good = event->site && event->site < store->site_count && event->ticks >= store->start_ticks;
	return good ? event : NULL;
}

int ct_store_file_open(const char *path, struct ct_store_file *store, struct ct_error_text *error)
{
	memset(store, 0, sizeof(*store));
	struct stat status;
	int fd = ct_open_regular(AT_FDCWD, path, 0, &status);
	if (fd < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", path, ct_open_problem());
	int code = ct_store_file_read(fd, path, store, error);
	close(fd);
	return code;
}

static int read_and_check(int fd, struct ct_store_file *store, struct ct_error_text *error)
{
	struct stat status;
	memset(store, 0, sizeof(*store));
	if (fstat(fd, &status) < 0)
		return ct_error_set(error, CT_ERR_IO, "%s", strerror(errno));
	int code = ct_store_read(fd, store, error);
	store->owner = status.st_uid;
	if (!code)
		code = ct_store_check_references(store, error);
	if (!code)
		code = ct_store_check_snapshots(store, error);
	if (!code)
		code = ct_store_check_marks(store, error);
	if (!code)
		code = ct_store_check_segments(store, error);
	if (!code)
		code = ct_store_replay(store, error);
	if (!code)
		code = ct_store_check_sums(store, error);
	return code ? code : ct_store_last_look_read(fd, store, error);
}

int ct_store_file_read(int fd, const char *name, struct ct_store_file *store, struct ct_error_text *error)
{
	int code = read_and_check(fd, store, error);
	/* In a live store, a check can fail because a loss or a time was written a moment after the rest. */
	for (int tries = 1; !code && store->failed && store->live && tries < LIVE_TRIES; tries++) {
		ct_store_file_close(store);
		code = read_and_check(fd, store, error);
	}
	if (code == CT_ERR_DAMAGED && store->header && store->header->state == CT_STATE_RECORDING)
		ct_error_set(error, code, "%.400s; was it copied while it was written?", strdupa(error->line));
	if (!code) {
		store->module_files = calloc(store->module_count, sizeof(*store->module_files));
		code = store->module_files ? CT_OK : ct_error_no_memory(error);
	}
	if (code)
		return ct_error_context(error, code, "%s", name);
	set_clock(store);
	ct_store_use_latest(store);
	return CT_OK;
}

void ct_store_file_close(struct ct_store_file *store)
{
	ct_store_last_look_free(store);
	free(store->header);
	free(store->strings);
	free(store->modules);
	free(store->module_files);
	free(store->nodes);
	free(store->sites);
	free(store->rings);
	free(store->events);
	free(store->snapshots);
	free(store->marks);
	free(store->reach);
	free(store->segments);
	free(store->counters);
	free(store->added);
	memset(store, 0, sizeof(*store));
}
