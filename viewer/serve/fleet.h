/* SPDX-License-Identifier: MIT */
/*
 * All recorded processes that `ctrace serve` can see: those of /proc that have a store mapped and that this user may
 * read, those that sleep, and the stores in the watched folders. A process is kept for some minutes after its end, so
 * that a slow scraper sees its last numbers.
 */
#ifndef CT_SERVE_FLEET_H
#define CT_SERVE_FLEET_H

#include <stdbool.h>
#include <stddef.h>

#include "serve/folders.h"
#include "serve/served.h"
#include "serve/sites.h"
#include "util/error.h"

#define CT_FLEET_MAX 20000 /* processes and stores */

/* A process of /proc that was looked at. */
struct ct_fleet_seen {
	int pid;
	uint32_t looks; /* in vain */
	uint64_t start; /* clock ticks; with the pid, the process's identity */
	bool served;
	bool asleep; /* it has recorded nothing yet, so it has no store, but can be switched on */
};

struct ct_fleet {
	struct ct_served **rows;
	size_t count, room;
	struct ct_fleet_seen *seen; /* in the order of /proc */
	size_t seen_count;
	struct ct_folders folders;
	struct ct_site_names names;
	size_t profile_bytes; /* of all profiles, about */
	uint64_t scanned_ns;
	uint64_t ended, killed, oom; /* processes whose end was seen */
	uint64_t refused; /* beyond CT_FLEET_MAX */
	unsigned again; /* scans in which the folders are read again: a store had no contents yet */
	bool proc; /* look at /proc */
	bool arguments; /* show the arguments of processes, which may hold secrets */
};

/* proc: find processes by /proc too. 0 or < 0; call ct_fleet_fini in both cases. */
int ct_fleet_init(struct ct_fleet *fleet, bool proc, struct ct_error_text *error);
void ct_fleet_fini(struct ct_fleet *fleet);

/* Watch a folder and those in it for stores, and take those that are there. 0 or < 0. */
int ct_fleet_watch(struct ct_fleet *fleet, const char *folder, struct ct_error_text *error);

/* Look for new processes, at most once a second, and drop those that ended long ago. */
void ct_fleet_scan(struct ct_fleet *fleet);

/* Count the ends that were seen since the last call. */
void ct_fleet_count_ends(struct ct_fleet *fleet);

/* Has it been asleep since its start, at the latest scan? */
static inline bool ct_fleet_is_asleep(const struct ct_fleet_seen *seen)
{
	return seen->asleep && !seen->served;
}
bool ct_fleet_sleeps(const struct ct_fleet *fleet, int pid);

/* Its program, clean UTF-8, to be freed; NULL when out of memory. */
char *ct_fleet_exe(const struct ct_fleet_seen *seen);

/* Look for this process in /proc at once, before the next scan. */
void ct_fleet_take(struct ct_fleet *fleet, int pid);

/*
 * The process's profile may have been made, and is not in use any more. If all profiles together take too much, it is
 * forgotten: in a look at all processes, those that were made first stay, and need not be made again.
 */
void ct_fleet_used(struct ct_fleet *fleet, struct ct_served *served);

/* After a request: if all profiles take too much, forget those that were not used for longest. */
void ct_fleet_trim(struct ct_fleet *fleet);

/* The process with this pid, the one that runs before one that ended; NULL: there is none. */
struct ct_served *ct_fleet_find(struct ct_fleet *fleet, int pid);
/* The same by its serial number. */
struct ct_served *ct_fleet_serial(struct ct_fleet *fleet, uint64_t serial);

#endif
