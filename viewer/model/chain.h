/* SPDX-License-Identifier: MIT */
/*
 * Stacks reduced to what survives a rebuild. A *chain* is the list of a stack's functions, leaf first, without
 * addresses and lines. It leaves out what differs between builds, C libraries and tools:
 *
 *   in a stack: allocators at the leaf, and the callers of main or of a thread's function at the root; in an own chain,
 *     all functions of libraries (model/origin.h)
 *   in a function's name: clone suffixes of the compiler (.part.0, .cold), symbol versions, Rust's hashes, V8's tiers
 *     and lines
 *   in a module's name: folder and version; the program's own is always "[program]". The module of a named function
 *     counts only if every profile knows the modules, which Valgrind's do not
 *   code without a name: only its module counts, as in "[libc]", and a run of such frames counts as one
 *   the label of a tag (ctrace_tag_push)
 *
 * The *plain* name of a function is the part that all tools and optimization levels agree on. For an inlined
 * "ns::insert<int>(int)", debug information has only "insert".
 */
#ifndef CT_MODEL_CHAIN_H
#define CT_MODEL_CHAIN_H

#include "model/origin.h"

struct ct_chains {
	/*
	 * Its sites are the chains, without numbers. Its frames are the functions: .text is the whole name, .function
	 * the plain one.
	 */
	struct ct_profile *profile;
	bool modules; /* the modules of named functions count */
	uint32_t latest_own; /* index of the own frame in the chain that was last added */
	uint32_t *stack;
	size_t stack_room;
};

/* A profile whose sites become chains. */
struct ct_chain_source {
	const struct ct_profile *profile;
	struct ct_origins origins;
	bool own; /* library frames are left out, too */
	bool no_threads; /* so are labels of threads; else they stay where threads are not folded */
	bool *starts; /* by frame id: a caller of main, of a thread's function or of the loader */
	uint32_t *keys; /* by frame id: frame id in the chains, 0 = not added yet */
	uint32_t program; /* string id of the program's own module, 0 = not known */
};

/* 0, or < 0 when out of memory; call ct_chains_fini in both cases. */
int ct_chains_init(struct ct_chains *chains, bool modules);
void ct_chains_fini(struct ct_chains *chains);

/* own: a chain has only the program's own functions, from the own frame on. */
int ct_chain_source_init(struct ct_chain_source *source, const struct ct_profile *profile, enum ct_origin_rule rule,
			 bool own);
void ct_chain_source_fini(struct ct_chain_source *source);

/* Add a site's chain. Returns its index in chains->profile->sites, or < 0 when out of memory. */
int64_t ct_chain_add(struct ct_chains *chains, const struct ct_chain_source *source, const struct ct_site_row *site);

/* The function at an index in a chain, 0 = leaf: "parse", "parse [libfoo]", or "[libfoo]" alone. */
const char *ct_chain_label(const struct ct_chains *chains, size_t chain, uint32_t index);

/*
 * The number of each site, made from its chain without threads: the same in every build, on every host. Never 0. To be
 * freed. NULL when out of memory.
 */
uint64_t *ct_chain_numbers(const struct ct_profile *profile);

/* Does every named function in the profile have a module? */
bool ct_chain_knows_modules(const struct ct_profile *profile);

/* The part of a function's name that survives a rebuild. Returns its start, and its length in *length. */
const char *ct_chain_name(const char *name, size_t *length);

/* The plain name in it: without return type, scopes, template arguments and parameters. */
const char *ct_chain_plain_name(const char *name, size_t *length);

#endif
