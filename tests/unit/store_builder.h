/* SPDX-License-Identifier: MIT */
/* A store made by hand, for tests of readers: fill the arrays, then write the file. */
#ifndef STORE_BUILDER_H
#define STORE_BUILDER_H

#include <stdint.h>

#include "ctrace/ring.h"

#define BUILDER_SITES 8
#define BUILDER_NODES 32
#define BUILDER_RINGS 3
#define BUILDER_EVENTS (BUILDER_RINGS * CT_RING_EVENTS_SHORT)
#define BUILDER_COUNTERS 1024

struct store_builder {
	struct ct_store_header header;
	char strings[4096];
	struct ct_module modules[4];
	struct ct_node nodes[BUILDER_NODES];
	struct ct_site sites[BUILDER_SITES];
	struct ct_ring rings[BUILDER_RINGS];
	struct ct_event events[BUILDER_EVENTS];
	struct ct_snapshot_row snapshots[16];
	struct ct_mark_row marks[4];
	struct ct_reach_row reach[4];
	struct ct_site segments[8]; /* heads are written over some of them */
	uint64_t counters[BUILDER_COUNTERS];
};

/* A recording that has just begun: one module, main -> f -> site 1, main -> g -> site 2, 3 rings. */
struct store_builder *store_builder_new(void);

/* Append an event to a ring. */
void store_builder_event(struct store_builder *builder, uint32_t ring, uint64_t ticks, uint32_t site, uint32_t kind,
			 uint64_t bytes, uint64_t other);

/* Fold an event as the program does: into its site, and into the section of counters. */
void store_builder_fold(struct ct_site *sites, struct ct_totals *totals, struct ct_section *section, uint64_t *counters,
			const struct ct_event *event);

/* The blocks of a site by bucket. */
struct store_builder_blocks {
	uint64_t sizes[64], lifetimes[64];
};

/* What a site and its counters say. */
struct store_builder_blocks store_builder_blocks(const struct ct_site *site, const uint64_t *counters);

/* The same from all events of the rings, counted one by one. */
struct store_builder_blocks store_builder_expected(const struct store_builder *builder, uint32_t site);

/* A temporary file for the test, for a group's set-up and tear-down. */
extern char store_builder_path[];
int store_builder_make_path(void **state);
int store_builder_remove_path(void **state);

/* Write the file; returns its bytes. */
long store_builder_write(struct store_builder *builder, const char *path);

#endif
