/* SPDX-License-Identifier: MIT */
/* The steps of opening a store, for store_file.c only: check, read, replay. */
#ifndef CT_LOAD_STORE_STORE_STEPS_H
#define CT_LOAD_STORE_STORE_STEPS_H

#include "load/store/store_file.h"
#include "model/profile.h"

extern const uint32_t ct_store_element_bytes[CT_SECTION_COUNT];

/* The error of a store that breaks its format. */
int ct_store_damaged(struct ct_error_text *error, const char *what);

/* Is it a store of this version and machine, with counts in their range? */
int ct_store_check_header(const struct ct_store_header *header, struct ct_error_text *error);

/* Are all extents inside the file, with room for what the sections use? */
int ct_store_check_extents(struct ct_store_header *header, uint64_t file_bytes, struct ct_error_text *error);

/* Does every index and span lead to an element? */
int ct_store_check_references(const struct ct_store_file *store, struct ct_error_text *error);

/* Are the snapshots whole, of known sites, and in order of time? Those that came after the sites were read go. */
int ct_store_check_snapshots(struct ct_store_file *store, struct ct_error_text *error);

/* Is it inside the strings? */
bool ct_store_span_fits(const struct ct_store_file *store, struct ct_span span);

/* Do marks have names, and are they in order of time? */
int ct_store_check_marks(const struct ct_store_file *store, struct ct_error_text *error);

/*
 * Take a snapshot, as the program does, of what is live before an event at this time, which is not before
 * store->next_snapshot. < 0 without memory.
 */
int ct_store_snapshot_at(struct ct_store_file *store, uint64_t ticks);

/* Add the snapshots to a profile; site_of[store's site]: the profile's, UINT32_MAX = none. < 0 without memory. */
int ct_store_snapshots(const struct ct_store_file *store, const uint32_t *site_of, struct ct_profile *profile);

/* Add the marks. < 0 without memory. */
int ct_store_marks(const struct ct_store_file *store, struct ct_profile *profile);

/* Was it made by ctrace_event, and not by an allocation? */
bool ct_store_is_event(const struct ct_store_file *store, const struct ct_site *site);

/* The profile is one of events: name what it counts, as Valgrind's DHAT does in its ad-hoc mode. */
int ct_store_name_events(struct ct_profile *profile);

/*
 * Read all sections as they were at one moment, also while their program records: no fold began or ended
 * in between, and no event is there without those that came before it. Headers and extents are checked.
 */
int ct_store_read(int fd, struct ct_store_file *store, struct ct_error_text *error);

/* Do counters, names and stacks fit together? Those that do not: store->failed. < 0 without memory. */
int ct_store_check_sums(struct ct_store_file *store, struct ct_error_text *error);

/*
 * The same of the events in the rings, by ring: not folded before the round in work from `tails` on, after it from
 * `limits` on, up to `heads`. The sites are as the round leaves them.
 */
void ct_store_check_order(struct ct_store_file *store, const uint64_t *tails, const uint64_t *limits,
			  const uint64_t *heads);

/* Fold what the rings still hold, after undoing a batch that was cut short. */
int ct_store_replay(struct ct_store_file *store, struct ct_error_text *error);

/* Is the event before a ring's tail read, too? Its owner is far from writing over it. */
static inline bool ct_store_knows_before(uint64_t tail, uint64_t head)
{
	return tail && head - tail < CT_RING_EVENTS / 2;
}

static inline const struct ct_event *ct_store_event(const struct ct_store_file *store, size_t ring, uint64_t index)
{
	return &store->events[ring * CT_RING_EVENTS + (index & (CT_RING_EVENTS - 1))];
}

#endif
