/* SPDX-License-Identifier: MIT */
/*
 * The call stacks with most live bytes, under a number that is the same for the same functions on another machine and
 * in another run: a hash of the functions' names. Stacks that differ only in lines are one.
 */
#ifndef CT_SERVE_SITES_H
#define CT_SERVE_SITES_H

#include <stddef.h>
#include <stdint.h>

#include "serve/served.h"
#include "serve/site_cache.h"

/* The first function of the program's own code, by the hash of the stack; for all processes together. */
struct ct_site_name {
	uint64_t hash; /* 0: free */
	char *text;
};

struct ct_site_names {
	struct ct_site_name *rows; /* a hash table with open addresses */
	size_t count, room;
};

/* The name for a hash; "" if it is not known. */
const char *ct_site_name(const struct ct_site_names *names, uint64_t hash);
void ct_site_names_fini(struct ct_site_names *names);

/* Find the sites of a process, which are served->sites->top then. False: its profile cannot be read. */
bool ct_top_sites(struct ct_site_names *names, struct ct_served *served);

#endif
