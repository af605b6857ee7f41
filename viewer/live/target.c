/* SPDX-License-Identifier: MIT */
#include "live/target.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "live/process.h"
#include "load/store/store_builder.h"
#include "memory/take.h"
#include "util/array.h"
#include "util/clock.h"

/* Earlier numbers of a site. */
struct before {
	uint64_t bytes; /* total at the previous reading */
	uint64_t blocks;
	uint64_t baseline_bytes; /* live at the baseline */
};

struct ct_target {
	struct ct_process process;
	int fd; /* kept open, since a successful export removes the file */
	char name[PATH_MAX];
	struct ct_store_builder *builder;
	struct before *before; /* by the profile's site */
	size_t before_count, before_room;
	uint64_t read_us; /* time of the latest reading; 0 = never */
	uint64_t baseline_us;
	bool takes; /* the ledger */
	struct ct_taken taken; /* the latest */
	uint64_t taken_us;
	enum ct_target_state state;
	char reason[256];
};

#define LEDGER_SHARE 10 /* of the time, taking ledgers may cost this part */

struct ct_profile *ct_target_profile(const struct ct_target *target)
{
	return ct_store_builder_profile(target->builder);
}

enum ct_target_state ct_target_state(const struct ct_target *target)
{
	return target->state;
}

const char *ct_target_reason(const struct ct_target *target)
{
	return target->reason;
}

uint64_t ct_target_baseline_us(const struct ct_target *target)
{
	return target->read_us - target->baseline_us;
}

/* New sites had numbers of 0 before. */
static bool make_room(struct ct_target *target, size_t sites)
{
	if (!ct_array_room(&target->before, &target->before_room, sites, sizeof(*target->before)))
		return false;
	if (sites > target->before_count)
		memset(target->before + target->before_count, 0,
		       (sites - target->before_count) * sizeof(*target->before));
	target->before_count = sites;
	return true;
}

/* Fill in the counters that no store has. The difference between two readings is never negative. */
static int compare_with_before(struct ct_target *target, bool first)
{
	struct ct_profile *profile = ct_target_profile(target);
	uint64_t now = ct_now_ns() / 1000;
	profile->recent_us = first || now <= target->read_us ? 1 : now - target->read_us;
	target->read_us = now;
	if (!make_room(target, profile->site_count))
		return -1;
	for (size_t i = 0; i < profile->site_count; i++) {
		struct ct_counters *counters = &profile->sites[i].counters;
		struct before *before = &target->before[i];
		if (!first && counters->total_bytes > before->bytes)
			counters->recent_bytes = counters->total_bytes - before->bytes;
		if (!first && counters->total_blocks > before->blocks)
			counters->recent_blocks = counters->total_blocks - before->blocks;
		before->bytes = counters->total_bytes;
		before->blocks = counters->total_blocks;
		counters->grown_bytes = (int64_t)(counters->end_bytes - before->baseline_bytes);
		profile->totals.recent_bytes += counters->recent_bytes;
		profile->totals.recent_blocks += counters->recent_blocks;
		profile->totals.grown_bytes += counters->grown_bytes;
	}
	return first ? ct_target_set_baseline(target) : 0;
}

int ct_target_set_baseline(struct ct_target *target)
{
	struct ct_profile *profile = ct_target_profile(target);
	if (!make_room(target, profile->site_count))
		return -1;
	for (size_t i = 0; i < profile->site_count; i++) {
		target->before[i].baseline_bytes = profile->sites[i].counters.end_bytes;
		profile->sites[i].counters.grown_bytes = 0;
	}
	profile->totals.grown_bytes = 0;
	target->baseline_us = target->read_us;
	return 0;
}

/* A running program has run until now, not only until its latest event. */
static void set_end(struct ct_target *target, const struct ct_store_file *store)
{
	struct ct_profile *profile = ct_target_profile(target);
	uint64_t start_us = store->header->boot_ns / 1000 + ct_store_file_us(store, store->start_ticks);
	if (target->state == CT_TARGET_RUNS && !store->segment.end_ticks && start_us < target->read_us &&
	    profile->end_time < target->read_us - start_us)
		profile->end_time = target->read_us - start_us;
}

static void note_state(struct ct_target *target, const struct ct_store_file *store, bool lived)
{
	struct ct_span why = store->header->stop_reason;
	size_t length = why.bytes < sizeof(target->reason) ? why.bytes : sizeof(target->reason) - 1;
	memcpy(target->reason, store->strings + why.offset, length);
	target->reason[length] = '\0';
	target->state = !lived                                     ? CT_TARGET_ENDED
			: store->header->state == CT_STATE_STOPPED ? CT_TARGET_STOPPED
			: store->header->state == CT_STATE_ENDED   ? CT_TARGET_CLOSED
								   : CT_TARGET_RUNS;
}

/* What was taken last stays until the next one, and at the process's end. */
static int take_ledger(struct ct_target *target, const struct ct_store_file *store, struct ct_error_text *error)
{
	struct ct_taken taken;
	uint64_t pause_us = target->taken.ledger.took_ns / 1000 * LEDGER_SHARE;
	int code = CT_OK;
	if (target->state != CT_TARGET_RUNS)
		code = ct_error_set(error, CT_ERR_IO, "the recording of process %d has ended", target->process.pid);
	else if (!target->taken_us || target->read_us - target->taken_us >= pause_us) {
		code = ct_take(&target->process, store, &taken, error);
		if (code) {
			ct_taken_fini(&taken);
		} else {
			ct_taken_fini(&target->taken);
			target->taken = taken;
			target->taken_us = target->read_us;
		}
	}
	if (target->taken.sites)
		ct_taken_put(&target->taken, target->builder);
	return target->taken.sites ? CT_OK : code;
}

/* Read the store. first: this file has not been read before. */
static int read_store(struct ct_target *target, bool first, struct ct_error_text *error)
{
	struct ct_store_file store;
	/* Check this before reading: if the process has ended by then, the store is final. */
	bool lived = ct_process_lives(&target->process);
	int code = ct_store_file_read(target->fd, target->name, &store, error);
	if (!code && first) {
		ct_store_builder_free(target->builder);
		target->builder = ct_store_builder_new();
		target->before_count = 0;
		ct_taken_fini(&target->taken); /* its sites are those of the other file */
		target->taken_us = 0;
		code = target->builder ? CT_OK : ct_error_no_memory(error);
	}
	if (!code)
		code = ct_store_builder_update(target->builder, &store, error);
	if (!code && compare_with_before(target, first))
		code = ct_error_no_memory(error);
	if (!code) {
		note_state(target, &store, lived);
		set_end(target, &store);
		if (target->takes)
			code = take_ledger(target, &store, error);
	}
	ct_store_file_close(&store);
	return code;
}

/* After an exec, the process has another store. Switch to it if there is one. */
static bool follow_exec(struct ct_target *target)
{
	struct ct_error_text ignored;
	struct stat old, new;
	char name[PATH_MAX];
	int fd = ct_process_store(&target->process, name, &ignored);
	if (fd < 0)
		return false;
	if (fstat(fd, &new) || fstat(target->fd, &old) || (new.st_dev == old.st_dev &&new.st_ino == old.st_ino)) {
		close(fd);
		return false;
	}
	close(target->fd);
	target->fd = fd;
	memcpy(target->name, name, sizeof(name));
	return true;
}

int ct_target_refresh(struct ct_target *target, struct ct_error_text *error)
{
	if (target->state == CT_TARGET_ENDED)
		return CT_OK;
	/* After an exec, the old store does not change any more. */
	bool idle = !ct_target_profile(target)->totals.recent_blocks;
	return read_store(target, idle && follow_exec(target), error);
}

int ct_target_take_ledger(struct ct_target *target, struct ct_error_text *error)
{
	target->takes = true;
	return read_store(target, false, error);
}

int ct_target_open(int pid, struct ct_target **result, struct ct_error_text *error)
{
	struct ct_target *target = calloc(1, sizeof(*target));
	if (!target)
		return ct_error_no_memory(error);
	target->fd = -1;
	int code = ct_process_open(pid, &target->process, error);
	if (!code) {
		target->fd = ct_process_store(&target->process, target->name, error);
		code = target->fd < 0 ? target->fd : read_store(target, true, error);
	}
	if (code)
		ct_target_close(target);
	else
		*result = target;
	return code;
}

void ct_target_close(struct ct_target *target)
{
	if (target->process.folder >= 0)
		close(target->process.folder);
	if (target->fd >= 0)
		close(target->fd);
	ct_store_builder_free(target->builder);
	ct_taken_fini(&target->taken);
	free(target->before);
	free(target);
}
