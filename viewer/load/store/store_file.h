/* SPDX-License-Identifier: MIT */
/*
 * A store as checked data in our own memory. Every index, span and count has been verified, and the events that a
 * killed program had not folded are folded.
 */
#ifndef CT_LOAD_STORE_STORE_FILE_H
#define CT_LOAD_STORE_STORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "ctrace/store.h"
#include "model/profile.h"
#include "util/error.h"

/* What holds for every store unless it was copied while being written; see store_sums.c. */
enum ct_store_check {
	CT_STORE_CHECK_TOTAL,
	CT_STORE_CHECK_END,
	CT_STORE_CHECK_PEAK,
	CT_STORE_CHECK_ORDER,
	CT_STORE_CHECK_BLOCKS,
	CT_STORE_CHECK_EVENTS,
	CT_STORE_CHECK_HISTOGRAMS,
	CT_STORE_CHECK_NAMES,
	CT_STORE_CHECK_ROOTS,
	CT_STORE_CHECKS,
};

extern const char *const ct_store_check_texts[CT_STORE_CHECKS];

/* What has happened to a module's file since the recording. */
enum ct_module_file {
	CT_MODULE_FILE_UNKNOWN, /* not looked at yet */
	CT_MODULE_FILE_SAME,
	CT_MODULE_FILE_OTHER, /* gone or from another build, so it gives no names */
	CT_MODULE_FILE_NONE, /* there never was a file: the kernel's vdso */
};

struct ct_symbols;
struct ct_taken;
struct ct_store_added;

struct ct_store_file {
	struct ct_store_header *header; /* a copy */
	uid_t owner; /* of the store; this user chose the files that symbols are read from */
	char *strings;
	struct ct_module *modules;
	struct ct_node *nodes;
	struct ct_site *sites;
	struct ct_ring *rings;
	struct ct_event *events;
	struct ct_snapshot_row *snapshots;
	struct ct_mark_row *marks;
	struct ct_reach_row *reach; /* written at the program's end; none before */
	struct ct_site *segments; /* earlier segments: a struct ct_segment_head, then its sites */
	uint64_t *counters; /* of histograms; none: there are no histograms, and those of the sites are empty */
	struct ct_store_added *added; /* what an undone batch has left in the counters, in no order */
	size_t string_bytes, module_count, node_count, site_count, ring_count, snapshot_rows, mark_count, reach_rows,
		segment_rows;
	size_t counter_count, counter_room, added_count;
	uint8_t *module_files; /* by module: enum ct_module_file, for those that ct_store_profile opened */
	uint64_t next_snapshot; /* a snapshot, perhaps a partial one, precedes the first event from this time on */
	uint64_t next_whole; /* the same for a whole one; ticks since the segment's start */
	uint64_t since; /* after the latest event that the viewer has folded; 0 = none yet */
	uint64_t replayed; /* events that were folded by the viewer */
	unsigned failed; /* a bit for each enum ct_store_check; 0 = the store is whole */
	struct ct_taken *look; /* at the process's memory, at its end (store_last_look.h); NULL: none */
	char look_problem[CT_LAST_LOOK_PROBLEM_ROOM]; /* why it cannot be read; empty: it can, or there is none */
	bool live; /* the store was written to while it was read */
	struct ct_segment segment; /* the one that the counters are of */
	uint64_t start_ticks; /* its start */
	uint64_t end_ticks; /* time of the end, or of the latest sign of life */
	long double us_per_tick;
};

/* Read, check and replay a store. 0 or < 0; call ct_store_file_close in both cases. */
int ct_store_file_open(const char *path, struct ct_store_file *store, struct ct_error_text *error);
/* The same for an open file, which may be read again later. */
int ct_store_file_read(int fd, const char *name, struct ct_store_file *store, struct ct_error_text *error);
/*
 * Put the counters of an earlier segment in place of the latest one's: that with this name, or without a name, with
 * this number. 0 or < 0: there is none.
 */
int ct_store_use_segment(struct ct_store_file *store, uint32_t number, const char *name, struct ct_error_text *error);

/* All segments, in order; *at is 0 at first. NULL: no more. */
const struct ct_segment *ct_store_segment_next(const struct ct_store_file *store, size_t *at);

/* Write the store, with all its events folded. Its rings are empty afterwards. */
int ct_store_file_write(struct ct_store_file *store, FILE *out, struct ct_error_text *error);
void ct_store_file_close(struct ct_store_file *store);

/* Open a module's file (symbol/symbol.h). Its path is given as a terminated string. A handle, or < 0. */
int ct_store_module_open(const struct ct_store_file *store, size_t module, const char *path,
			 struct ct_symbols *symbols);

/* Convert ticks of the store's clock to microseconds, rounded. */
uint64_t ct_store_file_us(const struct ct_store_file *store, uint64_t ticks);

#define CT_STORE_LATEST_EVENTS 32 /* of each ring; fewer if its thread has recorded fewer */

/*
 * A ring's event with number `back`, 0 = the latest. NULL: it has not so many, or it is older than the segment. Its
 * site is one of the store's.
 */
const struct ct_event *ct_store_latest_event(const struct ct_store_file *store, size_t ring, uint64_t back);

/* The name in a tag's pseudo frame. */
static inline struct ct_span ct_tag_name(uint64_t mark)
{
	return (struct ct_span){ct_thread_name(mark), ct_thread_number(mark)};
}

/* What kind of profile a site with this node belongs to. */
enum ct_profile_mode ct_node_mode(const struct ct_node *node);

/* What kind of profile the site belongs to; and does it come from ctrace_event or a copy, not from an allocation? */
enum ct_profile_mode ct_store_site_mode(const struct ct_store_file *store, const struct ct_site *site);
bool ct_store_is_event(const struct ct_store_file *store, const struct ct_site *site);

#endif
