/* SPDX-License-Identifier: MIT */
/* The steps of opening a store and of turning it into a profile. Private to load/store/. */
#ifndef CT_LOAD_STORE_STORE_STEPS_H
#define CT_LOAD_STORE_STORE_STEPS_H

#include "ctrace/ring.h"
#include "load/store/store_file.h"
#include "model/profile.h"

extern const uint32_t ct_store_element_bytes[CT_SECTION_COUNT];

/* Set the error for a store that violates its format; returns CT_ERR_DAMAGED. */
int ct_store_damaged(struct ct_error_text *error, const char *what);

/* Is this a store of our version and machine, with all counts in range? */
int ct_store_check_header(const struct ct_store_header *header, struct ct_error_text *error);

/* Are all extents inside the file, and large enough for the used parts of the sections? */
int ct_store_check_extents(struct ct_store_header *header, uint64_t file_bytes, struct ct_error_text *error);

/* Does every index and span lead to an existing element? */
int ct_store_check_references(const struct ct_store_file *store, struct ct_error_text *error);

/*
 * Are the snapshots complete, in order of time, and only of known sites? In a live store, snapshots taken after the
 * sites were read are dropped.
 */
int ct_store_check_snapshots(struct ct_store_file *store, struct ct_error_text *error);

/* Does the span lie inside the strings? */
bool ct_store_span_fits(const struct ct_store_file *store, struct ct_span span);

/* Do all segments have known sites and names, and are they in order? */
int ct_store_check_segments(const struct ct_store_file *store, struct ct_error_text *error);

/* The program was killed, or read, while it began a segment: its counters are 0. */
void ct_store_clear_counters(struct ct_store_file *store);

/* Everything is folded: take start and end of the latest segment for those of the store. */
void ct_store_use_latest(struct ct_store_file *store);

/* Do all marks have valid names, and are they in order of time? */
int ct_store_check_marks(const struct ct_store_file *store, struct ct_error_text *error);

/*
 * Take a snapshot, as the program does, of what is live just before an event at this time. The time must not be before
 * store->next_snapshot. < 0 when out of memory.
 */
int ct_store_snapshot_at(struct ct_store_file *store, uint64_t ticks);

/* Add the snapshots to a profile. site_of: by the store's site, the profile's, or UINT32_MAX. < 0: out of memory. */
int ct_store_snapshots(const struct ct_store_file *store, const uint32_t *site_of, struct ct_profile *profile);

/* Add the marks to a profile. < 0 when out of memory. */
int ct_store_marks(const struct ct_store_file *store, struct ct_profile *profile);

/* Set the mode and units of a profile of ad-hoc events or copies, as Valgrind's DHAT does in these modes. */
int ct_store_name_events(const struct ct_store_file *store, enum ct_profile_mode mode, struct ct_profile *profile);

/*
 * Read all sections as they were at one moment, even while the program records: no fold began or ended during the
 * reading, and no event is read without those that precede it. Headers and extents are checked.
 */
int ct_store_read(int fd, struct ct_store_file *store, struct ct_error_text *error);

/* Do counters, names and stacks fit together? Failures are noted in store->failed. < 0 when out of memory. */
int ct_store_check_sums(struct ct_store_file *store, struct ct_error_text *error);

/*
 * Check the events in the rings; failures are noted in store->failed. All arrays are by ring. Events of the round in
 * progress, from `tails` to `limits`, must have been folded into the sites. Later ones go from `limits` to `heads`.
 */
void ct_store_check_order(struct ct_store_file *store, const uint64_t *tails, const uint64_t *limits,
			  const uint64_t *heads);

/*
 * Histograms (store_histograms.c). After a batch was undone: check where the counters are, and note what the batch has
 * added to them. < 0: out of memory.
 */
int ct_store_histograms_begin(struct ct_store_file *store, struct ct_error_text *error);

/* Are the counters of all sites' histograms there? If not, there are no histograms from now on. */
bool ct_store_histograms_check(struct ct_store_file *store);

/* Fold an event into its site, the site's histograms and the totals. < 0: out of memory. */
int ct_store_histograms_fold(struct ct_store_file *store, const struct ct_event *event, struct ct_error_text *error);

/*
 * Add an entry of a slice's table (ctrace/slice.h) to the histogram of its site, which does not have the rest of the
 * entry yet. < 0: out of memory.
 */
int ct_store_histograms_add(struct ct_store_file *store, const struct ct_site *entry, const uint64_t *entry_counters,
			    struct ct_error_text *error);

/* Do the histograms have all blocks? If not, there are none from now on. */
bool ct_store_histograms_fit(struct ct_store_file *store);

/* Fold what the rings still hold, after undoing a batch that was cut short. */
int ct_store_replay(struct ct_store_file *store, struct ct_error_text *error);

/* Is the event before a ring's tail also read? Only if the ring's owner is far from overwriting it. */
static inline bool ct_store_knows_before(size_t ring, uint64_t tail, uint64_t head)
{
	return tail && head - tail < ct_ring_events(ring) / 2;
}

/* The first event of a ring that is read. Folded ones are not needed, except to show a thread's latest. */
static inline uint64_t ct_store_first_known(size_t ring, uint64_t tail, uint64_t head)
{
	if (!ct_store_knows_before(ring, tail, head))
		return tail;
	return tail < CT_STORE_LATEST_EVENTS ? 0 : tail - CT_STORE_LATEST_EVENTS;
}

/* Can events be added to such live numbers without an overflow? Those of a damaged store may be anything. */
static inline bool ct_store_is_sane(int64_t bytes, int64_t blocks)
{
	const int64_t most = INT64_MAX / 4;
	return bytes > -most && bytes < most && blocks > -most && blocks < most;
}

static inline const struct ct_event *ct_store_event(const struct ct_store_file *store, size_t ring, uint64_t index)
{
	return &store->events[ct_ring_slot(ring, index)];
}

#endif
