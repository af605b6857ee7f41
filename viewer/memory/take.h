/* SPDX-License-Identifier: MIT */
/*
 * Takes the ledger of a running process (model/ledger.h) from outside: from what /proc shows, the block map in the
 * process's memory and the store. The process is neither stopped nor signalled. The same pass finds out how much of
 * each site's live blocks is resident, swapped or untouched, and which pages hold blocks of one site only.
 *
 * This is the interface for everything that has a process and its store: `ctrace memory`, `ctrace top`, a server.
 */
#ifndef CT_MEMORY_TAKE_H
#define CT_MEMORY_TAKE_H

#include <stddef.h>

#include "live/process.h"
#include "load/store/store_builder.h"
#include "load/store/store_file.h"
#include "model/ledger.h"
#include "util/error.h"

/* What a site's live blocks have, in bytes. */
struct ct_taken_site {
	uint64_t live, blocks;
	uint64_t resident, swapped, untouched;
	uint64_t alone; /* of resident pages that hold blocks of this site only: without it, they could be given back */
	uint64_t share; /* its part of the free bytes of the heap's pages with its blocks, by bytes: adds up to
			   pinned_bytes */
};

/* What a site's mappings or stacks have (--mmap), in bytes, without the blocks of the program's pools in them. */
struct ct_taken_mapping {
	uint64_t mapped, resident;
	bool stack;
};

struct ct_taken {
	struct ct_ledger ledger; /* without parts */
	struct ct_taken_site *sites; /* by the store's site */
	struct ct_taken_mapping *mappings; /* the same */
	size_t site_count;
};

/* For a process that runs, and its store as it was just read. 0 or < 0; call ct_taken_fini in both cases. */
int ct_take(const struct ct_process *process, const struct ct_store_file *store, struct ct_taken *taken,
	    struct ct_error_text *error);

/* The same for the process that has this store, which may be waiting at its end. */
int ct_take_by_store(const struct ct_store_file *store, struct ct_taken *taken, struct ct_error_text *error);

/*
 * Name the largest sites of mappings and of threads' stacks as parts of the ledger, from the same store. Reads symbols.
 * 0 or < 0.
 */
int ct_taken_name(struct ct_taken *taken, const struct ct_store_file *store, struct ct_error_text *error);

/* Put it into the builder's profile, which was just updated from the same store. */
void ct_taken_put(const struct ct_taken *taken, struct ct_store_builder *builder);

void ct_taken_fini(struct ct_taken *taken);

#endif
