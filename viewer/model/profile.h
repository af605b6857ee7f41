/* SPDX-License-Identifier: MIT */
/*
 * The profile model: what every loader fills and every view and writer reads.
 *
 * A *frame* is one line of a stack: function, file:line, module, address. Frames and strings are
 * interned: equal ones have one id. A *site* is a distinct frame list, leaf (allocating code) first,
 * with its counters. Bytes are requested bytes; times are in the profile's time unit.
 */
#ifndef CT_MODEL_PROFILE_H
#define CT_MODEL_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ct_profile_mode {
	CT_MODE_HEAP,
	CT_MODE_COPY,
	CT_MODE_AD_HOC,
};

/* String ids index ct_profile.strings; 0 is the empty string, "not known". */
struct ct_frame {
	uint64_t address; /* link-time address inside the call, 0 = not known */
	uint32_t function; /* string id: demangled name */
	uint32_t file; /* string id: path as the debug information has it */
	uint32_t line; /* from 1, 0 = not known */
	uint32_t module; /* string id: path of the object file */
	uint32_t text; /* string id: the DHAT frame string, whole; never 0 */
	bool inlined; /* inlined into the next outer frame, which has the same address */
};

/* What each is: metrics.def. */
struct ct_counters {
#define CT_METRIC(metric, member, type, ...) type member;
#include "model/metrics.def"
#undef CT_METRIC
};

struct ct_site_row {
	struct ct_counters counters;
	uint32_t first_frame; /* index into ct_profile.frame_ids */
	uint32_t frame_count; /* at least 1 */
	bool truncated; /* the stack was cut or its root not reached */
};

/* What could not be recorded or shown; all 0 in a complete recording. */
struct ct_losses {
#define CT_LOSS(member, name, loss, effect, words, remark) uint64_t member;
#include "model/losses.def"
#undef CT_LOSS
};

struct ct_timeline_point {
	uint64_t time; /* end of the bucket, in the profile's time unit */
	uint64_t max_bytes;
	uint64_t last_bytes;
	uint64_t last_blocks;
	uint64_t rss_bytes; /* resident memory of the process at that time, as last read; 0 = not known */
};

/* What was live at one moment, by site. */
struct ct_snapshot_site {
	uint32_t site; /* index into ct_profile.sites; may stand twice, where sites were merged */
	uint64_t bytes;
	uint64_t blocks;
};

struct ct_snapshot {
	uint64_t time; /* just before it, in the profile's time unit */
	uint64_t bytes; /* sums of the rows and, in a report, of the sites that are too small for one */
	uint64_t blocks;
	struct ct_snapshot_site *rows;
	size_t row_count;
};

/* A moment that the program has named, with the totals then. */
struct ct_profile_mark {
	uint64_t time; /* in the profile's time unit */
	uint64_t total_bytes;
	uint64_t total_blocks;
	uint64_t live_bytes;
	uint64_t live_blocks;
	char *name; /* clean UTF-8 */
};

/* An object file of the program. Known of recordings of ctrace; addresses of frames are link-time ones. */
struct ct_module_row {
	uint32_t path; /* string id, as in ct_frame.module */
	uint32_t build_id; /* string id: lower-case hex */
	uint64_t start; /* where it was in the program's memory, at its latest load */
	uint64_t limit;
	uint64_t bias; /* run-time address minus link-time address */
};

struct ct_profile {
	enum ct_profile_mode mode;
	char *verb; /* "Allocated", "Copied", ... */
	char *byte_unit; /* "byte": what total_bytes counts (ad-hoc: "unit") */
	char *bytes_unit; /* "bytes" */
	char *blocks_unit; /* "blocks" */
	char *time_unit; /* "µs", "instrs", ... */
	char *mega_time_unit; /* "s", "Minstr": 1,000,000 time_unit */
	char *producer; /* "ctrace", "Valgrind", "dhat-rs" or "unknown" */
	char *program; /* absolute path of the executable, "" = not known */
	char *command; /* command line, arguments separated by blanks, UTF-8 */
	uint64_t pid;
	uint64_t start_unix_ns; /* when the program started, 0 = not known */
	uint64_t end_time;
	uint64_t peak_time;
	uint64_t short_lived; /* DHAT's tuth */
	uint64_t sample_bytes; /* mean distance of the sampled points; 0: every allocation was recorded */
	uint64_t own_bytes; /* memory that the tracer itself took in the program; 0 = not known */
	bool has_lifetimes; /* DHAT's bklt: lifetime, max, peak and end are there */
	bool has_temporaries; /* temporary_blocks and resizes are there */
	bool has_details; /* and what follows them; not in samples */
	bool has_reach; /* it was looked at the end, which live blocks can be reached */
	bool has_slack; /* slack_bytes is, too: the allocator reports how large a block is */
	uint64_t recent_us; /* of a running program that was read before: since then. 0 = none */
	bool ended; /* false: the program was killed or is still running */
	bool torn; /* made of a store that was copied while it was written: the numbers do not add up */
	struct ct_losses losses;
	struct ct_counters totals; /* sums over the sites, but max_* = the global peak */

	struct ct_site_row *sites;
	size_t site_count;
	uint32_t *frame_ids;
	size_t frame_id_count;
	struct ct_frame *frames; /* frames[0] is unused */
	size_t frame_count;
	const char **strings; /* NUL-terminated valid UTF-8 without control characters */
	size_t string_count;
	size_t latest_site; /* that ct_profile_site added or added to */
	struct ct_module_row *modules;
	size_t module_count;
	struct ct_timeline_point *timeline;
	size_t timeline_count;
	struct ct_snapshot *snapshots; /* in order of time, at equal distances; of recordings of ctrace */
	size_t snapshot_count;
	struct ct_profile_mark *marks; /* in order of time; of recordings of ctrace */
	size_t mark_count;

	struct ct_profile_index *index; /* private to profile.c: the intern tables */
};

/* Add a mark; its name is copied, cleaned. Room: the caller's, 0 at first. 0, or < 0 without memory. */
int ct_profile_mark(struct ct_profile *profile, size_t *room, const struct ct_profile_mark *mark, size_t name_bytes);

/* Make an empty heap profile; free it with ct_profile_free. NULL without memory. */
struct ct_profile *ct_profile_new(void);
void ct_profile_free(struct ct_profile *profile);

/* Intern bytes as valid UTF-8 (bad bytes and control characters replaced); string id, or < 0 without memory. */
int64_t ct_profile_string(struct ct_profile *profile, const char *bytes, size_t length);

/* Intern a frame by its text (and inlined flag); frame id > 0, or < 0 without memory. */
int64_t ct_profile_frame(struct ct_profile *profile, const struct ct_frame *frame);

/*
 * Add a site, or add to the site with the same frame list (then counted in losses.merged_sites, max_*
 * added: an upper bound). Frames leaf first, count > 0. Adds to totals. 0, or < 0 without memory.
 */
int ct_profile_site(struct ct_profile *profile, const uint32_t *frame_ids, uint32_t count,
		    const struct ct_counters *counters, bool truncated);

/*
 * Add what adds up, and take the smaller and larger of sizes and times. A maximum is not one of them: of sites
 * that have theirs at different times it has no meaning.
 */
void ct_counters_add(struct ct_counters *sum, const struct ct_counters *counters);

/* Frames of the longest stack, 1 at least. */
uint32_t ct_profile_longest_stack(const struct ct_profile *profile);

/* Does the timeline have resident memory? */
bool ct_profile_has_rss(const struct ct_profile *profile);

/* Add to a site that is there. */
void ct_profile_site_add(struct ct_profile *profile, size_t index, const struct ct_counters *counters);

/* All counters to 0; strings, frames and sites stay, with their ids. */
void ct_profile_clear_counters(struct ct_profile *profile);
/*
 * Move what the sites are made of (frames, strings, modules, snapshots, too) to a profile of its own, which is
 * returned, to be put together again. The rest stays, with totals of 0. NULL without memory: nothing has changed.
 */
struct ct_profile *ct_profile_take_sites(struct ct_profile *profile);

/* Replace a char* member (verb, command, ...) by a cleaned copy. 0, or < 0 without memory. */
int ct_profile_set_text(char **member, const char *bytes, size_t length);

#endif
