/* SPDX-License-Identifier: MIT */
/* A process's profile as pprof for scrapers, and as gperftools' text. */
#ifndef CT_SERVE_PPROF_H
#define CT_SERVE_PPROF_H

#include <stdio.h>

#include "serve/fleet.h"
#include "wire/wire.h"

enum ct_pprof_kind {
	CT_PPROF_HEAP, /* all that was allocated and what is live; inuse_space first */
	CT_PPROF_ALLOCS, /* the same, alloc_space first */
	CT_PPROF_DELTA, /* what was allocated since `seen`, and what is live */
	CT_PPROF_CHANGE, /* the change of everything since `seen` */
	CT_PPROF_GROWTH, /* what was live at the peak; only as text */
};

struct ct_pprof_ask {
	enum ct_pprof_kind kind;
	const struct ct_seen *seen; /* NULL: nothing was seen */
	bool begins; /* the client's first difference of a process that is older than the server: nothing counts as
			allocated */
	bool gone; /* the process has ended, so nothing of it is live any more */
	size_t top; /* keep the sites with most; the others become one. 0: keep all */
};

/*
 * Write a gzipped pprof profile. Its time is now, and its duration that since `seen`, or 0. The profile is that of the
 * process, which was just read. 0 or < 0.
 */
int ct_pprof_write(struct ct_served *served, const struct ct_pprof_ask *ask, FILE *out, struct ct_error_text *error);

/* How a view of a process's profile is written. */
struct ct_wire ct_pprof_wire(const struct ct_pprof_ask *ask, const struct ct_profile *view);

/* A process of a profile of several. */
struct ct_pprof_part {
	struct ct_served *served;
	const struct ct_seen *seen;
	bool begins; /* as in struct ct_pprof_ask */
	struct ct_seen *take; /* gets what the profile shows; NULL: nothing does */
};

/*
 * The same of several processes, in one profile whose samples have the labels pid, exe and service_name. ask->seen is
 * not used. The profiles are read here; a comment says how many could not be. Of processes that have ended, nothing is
 * live.
 */
int ct_pprof_write_all(struct ct_fleet *fleet, const struct ct_pprof_part *parts, size_t count,
		       const struct ct_pprof_ask *ask, FILE *out, struct ct_error_text *error);

/* The same as text of gperftools. names: also the names, as comments, as with Go's ?debug=1. */
int ct_pprof_write_text(struct ct_served *served, const struct ct_pprof_ask *ask, bool names, FILE *out,
			struct ct_error_text *error);

/* Write the names of addresses such as "0x401136+0x401150", one a line, as gperftools asks for them. 0 or < 0. */
int ct_pprof_write_symbols(struct ct_served *served, const char *addresses, size_t bytes, FILE *out,
			   struct ct_error_text *error);

#endif
