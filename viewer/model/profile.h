/* SPDX-License-Identifier: MIT */
/*
 * The profile model: every loader fills it, every view and writer reads it.
 *
 * A *frame* is one line of a stack: function, file:line, module, address. Frames and strings are interned: equal ones
 * have the same id. A *site* is a distinct list of frames, leaf (the allocating code) first, with its counters. Bytes
 * are requested bytes; times are in the profile's time unit.
 */
#ifndef CT_MODEL_PROFILE_H
#define CT_MODEL_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctrace/last_look.h"
#include "model/ledger.h"

enum ct_profile_mode {
	CT_MODE_HEAP,
	CT_MODE_COPY,
	CT_MODE_AD_HOC,
	CT_MODE_MAPPINGS,
};

/* As in DHAT's files, which have the first three. */
const char *ct_mode_text(enum ct_profile_mode mode);

/* String ids index ct_profile.strings; 0 is the empty string, "not known". */
struct ct_frame {
	uint64_t address; /* link-time address inside the call, 0 = not known */
	uint32_t function; /* string id: demangled name */
	uint32_t file; /* string id: path as in the debug information */
	uint32_t line; /* from 1, 0 = not known */
	uint32_t module; /* string id: path of the object file */
	uint32_t text; /* string id: the whole DHAT frame string; never 0 */
	bool inlined; /* inlined into the next outer frame, which has the same address */
};

/* metrics.def explains each member. */
struct ct_counters {
#define CT_METRIC(metric, member, type, ...) type member;
#include "model/metrics.def"
#undef CT_METRIC
};

enum ct_histogram_kind { CT_HISTOGRAM_SIZES, CT_HISTOGRAM_LIFETIMES, CT_HISTOGRAM_KINDS };

/* Where the counters of a site's histogram are, and of which buckets (model/histogram.h). */
struct ct_buckets {
	uint32_t first; /* index into ct_profile.bucket_blocks */
	uint8_t low;
	uint8_t count;
};

struct ct_site_row {
	struct ct_counters counters;
	struct ct_buckets buckets[CT_HISTOGRAM_KINDS];
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

/* A site's live blocks at the moment of a snapshot. */
struct ct_snapshot_site {
	uint32_t site; /* index into ct_profile.sites; may occur twice if sites were merged */
	uint64_t bytes;
	uint64_t blocks;
};

struct ct_snapshot {
	uint64_t time; /* just before it, in the profile's time unit */
	uint64_t bytes; /* sum over the rows and, in a report, over the sites too small to have one */
	uint64_t blocks;
	struct ct_snapshot_site *rows;
	size_t row_count;
	bool partial; /* has only the largest sites, for a picture over time; a site without a row is not known to be
			 gone */
};

/* A thread on which a site's stack was; only in a profile whose threads are folded (model/threads.h). */
struct ct_site_thread {
	uint32_t site; /* index into ct_profile.sites */
	uint32_t label; /* string id: "[thread 2 worker]" */
};

/* A moment that the program named, with the totals at that time. */
struct ct_profile_mark {
	uint64_t time; /* in the profile's time unit */
	uint64_t total_bytes;
	uint64_t total_blocks;
	uint64_t live_bytes;
	uint64_t live_blocks;
	char *name; /* clean UTF-8 */
};

/* An object file of the program; only ctrace's recordings have them. Frames have link-time addresses. */
struct ct_module_row {
	uint32_t path; /* string id, as in ct_frame.module */
	uint32_t build_id; /* string id: lower-case hex */
	uint64_t start; /* where it was in the program's memory when last loaded */
	uint64_t limit;
	uint64_t bias; /* run-time address minus link-time address */
};

struct ct_profile {
	enum ct_profile_mode mode;
	char *verb; /* "Allocated", "Copied", ... */
	char *byte_unit; /* "byte": the unit of total_bytes (ad-hoc: "unit") */
	char *bytes_unit; /* "bytes" */
	char *blocks_unit; /* "blocks" */
	char *time_unit; /* "µs", "instrs", ... */
	char *mega_time_unit; /* "s", "Minstr": 1,000,000 of time_unit */
	char *producer; /* "ctrace", "Valgrind", "dhat-rs" or "unknown" */
	char *program; /* absolute path of the executable, "" = not known */
	char *command; /* command line, arguments separated by spaces, UTF-8 */
	char *host; /* where it ran, "" = not known */
	char *service, *service_version; /* what it is part of, as the user says; "" = not said */
	uint64_t pid;
	uint64_t start_unix_ns; /* when the program started, 0 = not known */
	uint64_t fork_time; /* of a forked child: the moment of the fork, before which all is its parent's; else 0 */
	uint64_t end_time;
	uint64_t peak_time;
	uint64_t short_lived; /* DHAT's tuth */
	uint64_t sample_bytes; /* mean distance between sampled points; 0: every allocation was recorded */
	uint64_t own_bytes; /* memory that the tracer itself used in the program; 0 = not known */
	bool has_lifetimes; /* DHAT's bklt: lifetime, max, peak and end are known, except those in lacks */
	bool has_temporaries; /* temporary_blocks and resizes are known */
	bool has_details; /* moves, copied bytes, smallest and largest, first and latest are known; never in samples */
	bool has_reach; /* at the end, live blocks were classified by whether they can be reached */
	bool has_memory; /* resident, swapped, untouched and pinned bytes are known */
	bool has_histograms; /* of sizes and lifetimes */
	bool has_slack; /* slack_bytes is known: the allocator reports the size of a block */
	bool has_matches; /* sites were chosen by their blocks, and matching_blocks is known */
	bool has_tags; /* stacks have tags of the program (ctrace_tag_push) */
	bool has_threads; /* stacks have labels of threads, or had them before they were folded */
	bool threads_folded; /* equal stacks of several threads are one site */
	bool foreign; /* from another tool's file: pid and times may not be known, and are 0 then */
	uint64_t lacks; /* a bit for each enum ct_metric that another tool's file does not know */
	uint64_t tick_fs; /* with has_histograms: a tick of the recording's clock, in femtoseconds */
	uint64_t recent_us; /* for a running program: time since it was last read; 0 = not read before */
	const char *state; /* "runs", "killed" and the like, if a server knows it; else NULL */
	bool ended; /* false: the program was killed or is still running */
	bool running; /* it was still running when its store was exported */
	bool torn; /* read from a store that was copied during a write: the numbers do not add up */
	struct ct_ledger ledger; /* rss_bytes 0: none was taken */
	char no_memory[CT_LAST_LOOK_PROBLEM_ROOM]; /* why the recording has no ledger although it wanted one; empty: it
						      has, or did not */
	struct ct_losses losses;
	struct ct_counters totals; /* sums over the sites, except that max_* is the global peak */

	struct ct_site_row *sites;
	size_t site_count;
	uint32_t *frame_ids;
	size_t frame_id_count;
	struct ct_frame *frames; /* frames[0] is unused */
	size_t frame_count;
	const char **strings; /* NUL-terminated valid UTF-8 without control characters */
	size_t string_count;
	uint64_t *bucket_blocks; /* the sites' histograms */
	size_t bucket_count, bucket_room;
	struct ct_site_thread *site_threads; /* by site */
	size_t site_thread_count;
	size_t latest_site; /* the site that ct_profile_site last added or added to */
	struct ct_module_row *modules;
	size_t module_count;
	struct ct_timeline_point *timeline;
	size_t timeline_count;
	struct ct_snapshot *snapshots; /* in order of time; in ctrace's recordings the whole ones are equally spaced */
	size_t snapshot_count;
	struct ct_profile_mark *marks; /* in order of time; only in ctrace's recordings */
	size_t mark_count;

	struct ct_profile_index *index; /* private to profile.c: the intern tables */
};

/* Add a mark with a clean copy of its name. *room is the caller's, 0 at first. 0, or < 0 when out of memory. */
int ct_profile_mark(struct ct_profile *profile, size_t *room, const struct ct_profile_mark *mark, size_t name_bytes);

/* Make an empty heap profile; free it with ct_profile_free. NULL when out of memory. */
struct ct_profile *ct_profile_new(void);
void ct_profile_free(struct ct_profile *profile);

/* Intern bytes as UTF-8; bad bytes and control characters are replaced. A string id, or < 0 when out of memory. */
int64_t ct_profile_string(struct ct_profile *profile, const char *bytes, size_t length);

/* Intern a frame by its text and inlined flag. Returns a frame id > 0, or < 0 when out of memory. */
int64_t ct_profile_frame(struct ct_profile *profile, const struct ct_frame *frame);

/*
 * Add a site, or add to the site with the same frames, and to the totals. An addition to an existing site is counted
 * in losses.merged_sites, and its max_* becomes an upper bound. Frames are leaf first, count > 0. 0, or < 0 when out
 * of memory.
 */
int ct_profile_site(struct ct_profile *profile, const uint32_t *frame_ids, uint32_t count,
		    const struct ct_counters *counters, bool truncated);

/*
 * Combine counters: add what adds up, and take the smallest and largest of sizes and times. Maxima are left alone,
 * since sites reach theirs at different times.
 */
void ct_counters_add(struct ct_counters *sum, const struct ct_counters *counters);

/* The number of frames in the longest stack, at least 1. */
uint32_t ct_profile_longest_stack(const struct ct_profile *profile);

/* Does the timeline have numbers of blocks? Massif's files do not. */
bool ct_profile_has_live_blocks(const struct ct_profile *profile);

/* Does the timeline have resident memory? */
bool ct_profile_has_rss(const struct ct_profile *profile);

/* Add to an existing site and to the totals. */
void ct_profile_site_add(struct ct_profile *profile, size_t index, const struct ct_counters *counters);

/* Set all counters to 0; strings, frames and sites stay, with their ids. */
void ct_profile_clear_counters(struct ct_profile *profile);

/*
 * Move the sites and what they refer to (frames, strings, modules, snapshots) into a new profile and return it, so
 * that the caller can rebuild them. The rest stays, with totals of 0. NULL when out of memory: nothing has changed.
 */
struct ct_profile *ct_profile_take_sites(struct ct_profile *profile);

/* Replace a char* member (verb, command, ...) with a clean copy. 0, or < 0 when out of memory. */
int ct_profile_set_text(char **member, const char *bytes, size_t length);

#endif
