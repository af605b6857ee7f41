/* SPDX-License-Identifier: MIT */
/*
 * Stacks by what stays of them when a program is built again: a *chain* is the list of functions, leaf first, without
 * addresses and lines. What differs between builds, C libraries and tools is left out of it:
 *
 *   allocators at the leaf, and what calls main or a thread's function at the root
 *   of a function: the compiler's marks of clones (.part.0, .cold), symbol versions, Rust's hashes, V8's tiers and
 * lines of a module: folder, version, and all of it for the program's own; of functions with a name it counts only
 *   while every profile knows it, which Valgrind's do not
 *   code without a name: only its module is known, "[libc]", and a run of it counts once
 *
 * The *plain* name of a function is what all tools and levels of optimization agree on: debug information has
 * "insert" of an inlined "ns::insert<int>(int)".
 */
#ifndef CT_MODEL_CHAIN_H
#define CT_MODEL_CHAIN_H

#include "model/profile.h"

struct ct_chains {
	/* Its sites are the chains, without numbers; its frames the functions by text, .function is the plain name. */
	struct ct_profile *profile;
	bool modules; /* do modules of named functions count? */
	uint32_t *stack;
	size_t stack_room;
};

/* One profile, whose sites become chains. */
struct ct_chain_source {
	const struct ct_profile *profile;
	bool *allocators; /* by frame id */
	uint32_t *keys; /* by frame id: frame id in the chains, 0 = not met yet */
	uint32_t program; /* string id of the program's own module, 0 = not known */
};

/* 0, or < 0 without memory; ct_chains_fini in both cases. */
int ct_chains_init(struct ct_chains *chains, bool modules);
void ct_chains_fini(struct ct_chains *chains);

int ct_chain_source_init(struct ct_chain_source *source, const struct ct_profile *profile);
void ct_chain_source_fini(struct ct_chain_source *source);

/* The chain of a site: index of a site of chains->profile; < 0 without memory. */
int64_t ct_chain_add(struct ct_chains *chains, const struct ct_chain_source *source, const struct ct_site_row *site);

/* The function at an index of a chain, 0 = leaf: "parse", "parse [libfoo]", or "[libfoo]" alone. */
const char *ct_chain_label(const struct ct_chains *chains, size_t chain, uint32_t index);

/* Is the module of each function with a name known? */
bool ct_chain_knows_modules(const struct ct_profile *profile);

/* The part of a function's name that stays: its start, and *length of it. */
const char *ct_chain_name(const char *name, size_t *length);

/* The plain name in it: no return type, scopes, template arguments, parameters. */
const char *ct_chain_plain_name(const char *name, size_t *length);

#endif
