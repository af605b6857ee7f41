/* SPDX-License-Identifier: MIT */
/*
 * The call stacks with most live bytes, under a number that is the same for the same functions on another machine and
 * in another run: a hash of the functions' names. Stacks that differ only in lines are one.
 */
#ifndef CT_SERVE_SITES_H
#define CT_SERVE_SITES_H

#include <stddef.h>
#include <stdint.h>

#include "names/names.h"
#include "serve/served.h"

struct ct_top_site {
	uint64_t hash;
	uint64_t live_bytes, total_bytes;
	char name[CT_NAME_ROOM]; /* of the first function of the program's own code */
};

struct ct_top_sites {
	struct ct_top_site *rows; /* the largest first */
	size_t count;
};

/* Find the sites of a process. If its profile cannot be read, there are none. */
void ct_top_sites(struct ct_served *served, size_t most, struct ct_top_sites *sites);
void ct_top_sites_free(struct ct_top_sites *sites);

#endif
