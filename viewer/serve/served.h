/* SPDX-License-Identifier: MIT */
/*
 * A recorded process as `ctrace serve` sees it: its open store, the latest reading, and what has become of the process.
 * It is neither stopped nor signalled. There are two readings: the numbers, which need no names and are cheap, and the
 * profile, whose addresses are symbolised once each. Both are renewed on demand, at most once a second, and not at all
 * if the store has not changed.
 */
#ifndef CT_SERVE_SERVED_H
#define CT_SERVE_SERVED_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "live/process.h"
#include "load/store/store_numbers.h"
#include "model/profile.h"
#include "serve/tags.h"
#include "util/error.h"

enum ct_served_state {
	CT_SERVED_RUNS,
	CT_SERVED_STOPPED, /* runs, but the recording has stopped */
	CT_SERVED_CLOSED, /* runs, but the recording has ended: the process is exiting or has called exec */
	CT_SERVED_ENDED, /* the recording ended in order, and the process is gone */
	CT_SERVED_KILLED, /* the process is gone, and its recording did not end in order */
	CT_SERVED_UNSEEN, /* only the store is known: the process is in another pid namespace, or was gone before */
	CT_SERVED_STATES,
};

extern const char *const ct_served_states[CT_SERVED_STATES]; /* "runs", ... */

/* What a client has seen of a site, for differences. */
struct ct_seen_site {
	uint64_t stack; /* hash of its frames, which finds it in a profile that was made again */
	uint64_t total_bytes, total_blocks, end_bytes, end_blocks;
};

/* A profile at an earlier moment, by its sites. */
struct ct_seen {
	struct ct_seen_site *sites;
	size_t count;
	uint64_t unix_ns;
	uint64_t used_ns;
	uint64_t generation; /* of the profile whose sites they are; in another, they are found by their stacks */
	uint32_t segment; /* whose counters they are */
	char *client; /* NULL: a free entry */
};

#define CT_CLIENTS_MAX 8

struct ct_served {
	uint64_t serial; /* never used again */
	int pid; /* as /proc has it; of an unseen process, as its store has it */
	struct ct_process process; /* folder < 0: unseen */
	int fd; /* of the store; kept open, since a successful export removes the file */
	char *store; /* its name */
	dev_t device;
	ino_t inode;
	uint64_t file_bytes;
	char *exe; /* path of the program, clean UTF-8; "" until the first reading */
	char *name; /* what its user has started: the last part of its first argument, else of exe; "" until then */
	char *service; /* OTEL_SERVICE_NAME, or the name of the program; "" until the first reading */
	enum ct_served_state state;
	bool arguments; /* the profile names the process with its arguments, which may hold secrets */
	char *oom_path; /* counts the kills in its cgroup for lack of memory; NULL: not known */
	uint64_t oom_kills[2]; /* that count at the latest two looks at the running process, the latest last */
	bool oom; /* it was killed, and that count has grown */
	bool watched; /* was seen running, so that its end counts */
	bool boxed; /* it has, or had, a black box */
	char *report; /* path of its latest report; NULL: none */
	bool over; /* its pid has another store now, after an exec */
	struct ct_store_numbers numbers;
	bool known; /* there was a reading */
	uint64_t looked_ns; /* time of the latest look at the store */
	uint64_t read_unix_ns; /* time of the latest reading */
	uint64_t changed_ns; /* when the store was last seen to have changed */
	uint64_t ended_ns; /* when the end was seen; 0: not yet */
	uint64_t mark; /* of the latest reading */
	uint64_t failed_mark; /* of a reading that found damage; 0: the latest one did not */
	char problem[1024]; /* why the latest reading failed; "": it did not */
	struct ct_tag_sums tags;
	struct ct_site_cache *sites; /* NULL: they were not asked for */
	struct ct_store_builder *builder; /* NULL: no profile was asked for, or not for some time */
	size_t counted_bytes; /* of the profile, in the fleet's sum */
	uint64_t built_mark, used_ns;
	uint64_t generation; /* counts the profiles that were begun; sites of two have nothing in common */
	struct ct_seen clients[CT_CLIENTS_MAX]; /* of delta_heap */
	struct ct_ledger ledger; /* the latest */
	uint64_t ledger_ns; /* when it was tried last; 0: it was not asked for */
};

/* A process with this open store. Takes folder and fd over, even if it fails. NULL: out of memory, or not a file. */
struct ct_served *ct_served_new(int pid, int folder, int fd, const char *store);
void ct_served_free(struct ct_served *served);

/* "exact", "sampled" or "off". */
const char *ct_served_mode(const struct ct_served *served);

/* Renew the numbers. 0, or < 0 and served->problem says why: the numbers are those of the reading before, if any. */
int ct_served_look(struct ct_served *served);

/* Renew the profile too, with program, modules and snapshots. 0 or < 0; the profile is the server's. */
int ct_served_profile(struct ct_served *served, struct ct_profile **profile, struct ct_error_text *error);

/*
 * The process's ledger (model/ledger.h), taken again after 10 seconds, or so late that taking it costs a twentieth of
 * the time. NULL: the process has ended, or cannot be read.
 */
const struct ct_ledger *ct_served_ledger(struct ct_served *served);

/* About how many bytes the profile takes. */
size_t ct_served_bytes(const struct ct_served *served);

/* Forget the profile; it is made again when needed. */
void ct_served_forget(struct ct_served *served);

/* Forget the profile if it has not been used for some minutes; it is made again when needed. */
void ct_served_rest(struct ct_served *served, uint64_t now_ns);

/* Has the process ended, or is it not known whether it runs while its store has not changed for an hour? */
bool ct_served_is_past(const struct ct_served *served, uint64_t now_ns);

/* Copy what the sites of the process's profile, which was just read, have now. 0 or < 0 when out of memory. */
int ct_seen_take(struct ct_seen *seen, const struct ct_served *served);
void ct_seen_free(struct ct_seen *seen);

/*
 * By site of the process's profile, which was just read: what was seen of it, or zeros. In another segment the counters
 * began at 0, so nothing was seen. To be freed. NULL when out of memory.
 */
struct ct_seen_site *ct_seen_match(const struct ct_seen *seen, const struct ct_served *served);

#endif
