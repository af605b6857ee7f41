/* SPDX-License-Identifier: MIT */
#include "serve/served.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load/store/store_builder.h"
#include "memory/take.h"
#include "names/names.h"
#include "push/labels.h"
#include "serve/memory.h"
#include "serve/site_cache.h"
#include "util/clock.h"
#include "util/utf8.h"

#define SECOND UINT64_C(1000000000)
#define LEDGER_PAUSE_NS UINT64_C(10000000000)
#define LEDGER_SHARE 20 /* of the time, taking ledgers may cost this part */
#define FRESH_NS SECOND /* a reading is not renewed before this */
#define REST_NS (300 * SECOND) /* a profile that is not used for so long is forgotten */
#define UNSEEN_NS (3600 * SECOND)
#define STORE_MAX (UINT64_C(1) << 30) /* bytes of a store that are read; a hostile one may claim any size */

const char *const ct_served_states[CT_SERVED_STATES] = {
	[CT_SERVED_RUNS] = "runs",   [CT_SERVED_STOPPED] = "stopped", [CT_SERVED_CLOSED] = "closed",
	[CT_SERVED_ENDED] = "ended", [CT_SERVED_KILLED] = "killed",   [CT_SERVED_UNSEEN] = "unseen",
};

struct ct_served *ct_served_new(int pid, int folder, int fd, const char *store)
{
	static uint64_t serial;
	struct stat file;
	struct ct_served *served = calloc(1, sizeof(*served));
	char *name = ct_utf8_clean(store, strlen(store), NULL), *exe = strdup(""), *service = strdup("");
	char *shown = strdup("");
	if (!served || !name || !exe || !shown || !service || fstat(fd, &file) < 0) {
		free(served);
		free(name);
		free(exe);
		free(shown);
		free(service);
		if (folder >= 0)
			close(folder);
		close(fd);
		return NULL;
	}
	*served = (struct ct_served){
		.serial = ++serial,
		.pid = pid,
		.process = {pid, folder},
		.fd = fd,
		.store = name,
		.exe = exe,
		.name = shown,
		.service = service,
		.device = file.st_dev,
		.inode = file.st_ino,
		.state = folder < 0 ? CT_SERVED_UNSEEN : CT_SERVED_RUNS,
	};
	/* A store of an unseen process has changed when its file did. */
	uint64_t now = ct_now_ns(), wall = ct_clock_ns(CLOCK_REALTIME);
	uint64_t written = (uint64_t)file.st_mtim.tv_sec * SECOND, age = wall > written ? wall - written : 0;
	served->changed_ns = now > age ? now - age : 1;
	return served;
}

static void close_process(struct ct_served *served)
{
	if (served->process.folder >= 0)
		close(served->process.folder);
	served->process.folder = -1;
}

void ct_served_free(struct ct_served *served)
{
	if (!served)
		return;
	close_process(served);
	close(served->fd);
	ct_store_builder_free(served->builder);
	ct_site_cache_free(served->sites);
	ct_tag_sums_fini(&served->tags);
	for (size_t i = 0; i < CT_CLIENTS_MAX; i++)
		ct_seen_free(&served->clients[i]);
	free(served->store);
	free(served->exe);
	free(served->service);
	free(served->name);
	free(served->oom_path);
	free(served->report);
	free(served);
}

static bool has_ended(const struct ct_served *served)
{
	return served->state == CT_SERVED_ENDED || served->state == CT_SERVED_KILLED;
}

/* lived: the process was there before the reading, so if it was not, the reading is final. */
static void note_state(struct ct_served *served, bool lived)
{
	uint32_t state = served->numbers.state;
	if (lived) {
		uint64_t kills = ct_memory_oom_kills(&served->process, &served->oom_path);
		served->oom_kills[0] = served->watched ? served->oom_kills[1] : kills;
		served->oom_kills[1] = kills;
		served->watched = true;
		served->state = state == CT_STATE_STOPPED ? CT_SERVED_STOPPED
				: state == CT_STATE_ENDED ? CT_SERVED_CLOSED
							  : CT_SERVED_RUNS;
		return;
	}
	if (served->process.folder < 0 && state != CT_STATE_ENDED) {
		served->state = CT_SERVED_UNSEEN;
		return;
	}
	served->state = state == CT_STATE_ENDED ? CT_SERVED_ENDED : CT_SERVED_KILLED;
	served->ended_ns = ct_now_ns();
	/* The kernel counts before the process is gone, so the latest look may have seen that already. */
	uint64_t kills = ct_memory_oom_kills(&served->process, &served->oom_path);
	served->oom = served->state == CT_SERVED_KILLED && served->watched && kills != CT_NOT_KNOWN &&
		      kills > served->oom_kills[0];
	close_process(served);
}

static void note_problem(struct ct_served *served, const struct ct_error_text *error)
{
	char *clean = ct_utf8_clean(error->line, strnlen(error->line, sizeof(served->problem) / 4), NULL);
	snprintf(served->problem, sizeof(served->problem), "%s", clean ? clean : "out of memory");
	free(clean);
}

void ct_served_forget(struct ct_served *served)
{
	ct_store_builder_free(served->builder);
	served->builder = NULL;
	served->built_mark = 0;
}

size_t ct_served_bytes(const struct ct_served *served)
{
	if (!served->builder)
		return 0;
	const struct ct_profile *profile = ct_store_builder_profile(served->builder);
	/* As measured in a profile of 350 sites: a site 270 bytes, a frame or string with its row in a table 170. */
	return 60000 + profile->site_count * 270 + profile->frame_id_count * sizeof(*profile->frame_ids) +
	       (profile->frame_count + profile->string_count) * 170;
}

/* The names of program and service, at the first reading. */
static void note_names(struct ct_served *served, const struct ct_store_file *store)
{
	struct ct_span exe = store->header->exe, command = store->header->command;
	const char *argument = store->strings + command.offset;
	struct ct_labels labels = {0};
	char *clean = ct_utf8_clean(store->strings + exe.offset, exe.bytes, NULL), *service = NULL;
	char *first = ct_utf8_clean(argument, strnlen(argument, command.bytes), NULL), *name = NULL;
	/* Links lead to a file of several programs, so its own name says little. A login shell's has '-' in front. */
	if (clean && first)
		name = strdup(*ct_name_base(first) ? ct_name_base(first) + (*ct_name_base(first) == '-')
						   : ct_name_base(clean));
	free(first);
	if (name && ct_labels_of(&labels, clean, served->process.folder < 0 ? 0 : served->pid))
		service = strdup(ct_labels_value(&labels, "service_name"));
	ct_labels_fini(&labels);
	if (!service) {
		free(clean);
		free(name);
		return;
	}
	free(served->name);
	served->name = name;
	free(served->exe);
	free(served->service);
	served->exe = clean;
	served->service = service;
}

/* Read the store. profile: for the profile too. */
static int read_store(struct ct_served *served, bool profile, struct ct_error_text *error)
{
	struct ct_store_file store = {0};
	struct stat file;
	uint64_t mark = 0;
	if (!fstat(served->fd, &file))
		served->file_bytes = (uint64_t)file.st_blocks * 512;
	if (!fstat(served->fd, &file) && (uint64_t)file.st_size > STORE_MAX)
		return ct_error_set(error, CT_ERR_IO, "%s is larger than 1 GiB", served->store);
	int code = ct_store_mark(served->fd, &mark, error);
	if (!code && served->known && mark == served->mark && (!profile || mark == served->built_mark))
		return CT_OK;
	if (!code && served->failed_mark == mark) /* a store that is damaged stays so until it changes */
		return ct_error_set(error, CT_ERR_DAMAGED, "%s", served->problem);
	if (!code)
		code = ct_store_file_read(served->fd, served->store, &store, error);
	served->failed_mark = code == CT_ERR_DAMAGED ? mark : 0;
	if (!code) {
		if (!*served->exe)
			note_names(served, &store);
		ct_store_numbers(&store, &served->numbers);
		ct_tag_sums_read(&served->tags, &store);
		if (served->sites)
			ct_site_cache_read(served->sites, &store);
		if (served->known && served->mark != mark)
			served->changed_ns = ct_now_ns();
		served->mark = mark;
		served->known = true;
		served->read_unix_ns = ct_clock_ns(CLOCK_REALTIME);
	}
	if (!code && profile) {
		if (!served->builder) {
			served->builder = ct_store_builder_new();
			served->generation++;
		}
		code = served->builder ? ct_store_builder_update(served->builder, &store, error)
				       : ct_error_no_memory(error);
		if (!code)
			code = ct_store_builder_complete(served->builder, &store, error);
		if (!code && !served->arguments &&
		    ct_profile_set_text(&ct_store_builder_profile(served->builder)->command, served->exe,
					strlen(served->exe)))
			code = ct_error_no_memory(error);
		if (served->builder)
			ct_store_builder_rest(served->builder);
		served->built_mark = mark;
		if (code)
			ct_served_forget(served);
	}
	ct_store_file_close(&store);
	return code;
}

static int refresh(struct ct_served *served, bool profile, struct ct_error_text *error)
{
	uint64_t now = ct_now_ns();
	bool fresh = served->looked_ns && now - served->looked_ns < FRESH_NS, lived;
	error->line[0] = '\0';
	if ((fresh || (has_ended(served) && served->known)) &&
	    (!profile || (served->builder && served->built_mark == served->mark)))
		return served->known ? CT_OK : ct_error_set(error, CT_ERR_IO, "%s", served->problem);
	served->looked_ns = now;
	/* Check this before reading: if the process has ended by then, the store is final. */
	lived = served->process.folder >= 0 && !served->over && ct_process_lives(&served->process);
	int code = read_store(served, profile, error);
	if (code)
		note_problem(served, error);
	else
		served->problem[0] = '\0';
	if (!has_ended(served))
		note_state(served, lived);
	return code;
}

const char *ct_served_mode(const struct ct_served *served)
{
	return served->numbers.mode == CT_CONTROL_OFF ? "off" : served->numbers.sample_bytes ? "sampled" : "exact";
}

int ct_served_look(struct ct_served *served)
{
	struct ct_error_text ignored;
	return refresh(served, false, &ignored);
}

int ct_served_profile(struct ct_served *served, struct ct_profile **profile, struct ct_error_text *error)
{
	int code = refresh(served, true, error);
	if (!code && !served->builder)
		code = read_store(served, true, error);
	served->used_ns = ct_now_ns();
	if (code && !served->builder)
		return code;
	*profile = ct_store_builder_profile(served->builder);
	(*profile)->state = served->oom ? "oom" : ct_served_states[served->state];
	return CT_OK;
}

const struct ct_ledger *ct_served_ledger(struct ct_served *served)
{
	struct ct_store_file store = {0};
	struct ct_taken taken = {0};
	struct ct_error_text ignored;
	uint64_t now = ct_now_ns(), pause = served->ledger.took_ns * LEDGER_SHARE;
	if (has_ended(served) || served->process.folder < 0)
		return NULL;
	if (!served->ledger_ns || now - served->ledger_ns >= (pause > LEDGER_PAUSE_NS ? pause : LEDGER_PAUSE_NS)) {
		bool taken_now = !ct_store_file_read(served->fd, served->store, &store, &ignored) &&
				 !ct_take(&served->process, &store, &taken, &ignored) &&
				 !ct_taken_name(&taken, &store, &ignored);
		served->ledger = taken_now ? taken.ledger : (struct ct_ledger){0};
		served->ledger_ns = now;
		ct_store_file_close(&store);
		ct_taken_fini(&taken);
	}
	return served->ledger.rss_bytes ? &served->ledger : NULL;
}

void ct_served_rest(struct ct_served *served, uint64_t now_ns)
{
	if (!served->builder || now_ns - served->used_ns < REST_NS)
		return;
	ct_served_forget(served);
}

bool ct_served_is_past(const struct ct_served *served, uint64_t now_ns)
{
	return has_ended(served) || (served->state == CT_SERVED_UNSEEN && now_ns - served->changed_ns > UNSEEN_NS);
}

int ct_seen_take(struct ct_seen *seen, const struct ct_served *served)
{
	const struct ct_profile *profile = ct_store_builder_profile(served->builder);
	uint64_t *hashes = ct_stack_hashes(profile);
	struct ct_seen_site *sites = hashes ? reallocarray(seen->sites, profile->site_count + 1, sizeof(*sites)) : NULL;
	if (!sites) {
		free(hashes);
		return -1;
	}
	seen->sites = sites;
	seen->count = profile->site_count;
	seen->unix_ns = ct_clock_ns(CLOCK_REALTIME);
	seen->used_ns = ct_now_ns();
	seen->generation = served->generation;
	seen->segment = served->numbers.segment;
	for (size_t i = 0; i < seen->count; i++) {
		const struct ct_counters *counters = &profile->sites[i].counters;
		sites[i] = (struct ct_seen_site){hashes[i], counters->total_bytes, counters->total_blocks,
						 counters->end_bytes, counters->end_blocks};
	}
	free(hashes);
	return 0;
}

static int by_stack(const void *left, const void *right)
{
	const struct ct_seen_site *a = left, *b = right;
	return (a->stack > b->stack) - (a->stack < b->stack);
}

/* The profile was made again, so the sites may have other numbers. */
static int match_stacks(const struct ct_seen *seen, const struct ct_profile *profile, struct ct_seen_site *matched)
{
	uint64_t *hashes = ct_stack_hashes(profile);
	struct ct_seen_site *sorted = calloc(seen->count + 1, sizeof(*sorted));
	bool memory = hashes && sorted;
	if (memory && seen->count) {
		memcpy(sorted, seen->sites, seen->count * sizeof(*sorted));
		qsort(sorted, seen->count, sizeof(*sorted), by_stack);
	}
	for (size_t i = 0; i < profile->site_count && memory; i++) {
		const struct ct_seen_site key = {.stack = hashes[i]};
		const struct ct_seen_site *found = bsearch(&key, sorted, seen->count, sizeof(*sorted), by_stack);
		if (found)
			matched[i] = *found;
	}
	free(hashes);
	free(sorted);
	return memory ? 0 : -1;
}

struct ct_seen_site *ct_seen_match(const struct ct_seen *seen, const struct ct_served *served)
{
	const struct ct_profile *profile = ct_store_builder_profile(served->builder);
	struct ct_seen_site *matched = calloc(profile->site_count + 1, sizeof(*matched));
	if (!matched || seen->segment != served->numbers.segment || !seen->count)
		return matched;
	if (seen->generation == served->generation) {
		size_t count = seen->count < profile->site_count ? seen->count : profile->site_count;
		memcpy(matched, seen->sites, count * sizeof(*matched));
	} else if (match_stacks(seen, profile, matched)) {
		free(matched);
		return NULL;
	}
	return matched;
}

void ct_seen_free(struct ct_seen *seen)
{
	free(seen->sites);
	free(seen->client);
	*seen = (struct ct_seen){0};
}
