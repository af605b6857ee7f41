/* SPDX-License-Identifier: MIT */
/*
 * A store as checked data in our own memory: every index, span and count has been verified, and what a
 * killed program had not folded is folded.
 */
#ifndef CT_LOAD_STORE_STORE_FILE_H
#define CT_LOAD_STORE_STORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "ctrace/store.h"
#include "util/error.h"

/* What is true of each store that its program has left. */
enum ct_store_check {
	CT_STORE_CHECK_TOTAL,
	CT_STORE_CHECK_END,
	CT_STORE_CHECK_PEAK,
	CT_STORE_CHECK_ORDER,
	CT_STORE_CHECK_BLOCKS,
	CT_STORE_CHECK_EVENTS,
	CT_STORE_CHECK_NAMES,
	CT_STORE_CHECK_ROOTS,
	CT_STORE_CHECKS,
};

extern const char *const ct_store_check_texts[CT_STORE_CHECKS];

/* What became of a module's file since the recording. */
enum ct_module_file {
	CT_MODULE_FILE_UNKNOWN, /* not looked at yet */
	CT_MODULE_FILE_SAME,
	CT_MODULE_FILE_OTHER, /* gone, or another build: no names */
	CT_MODULE_FILE_NONE, /* never had one: the kernel's vdso */
};

struct ct_store_file {
	struct ct_store_header *header; /* a copy */
	uid_t owner; /* of the file, who says which files have the names */
	char *strings;
	struct ct_module *modules;
	struct ct_node *nodes;
	struct ct_site *sites;
	struct ct_ring *rings;
	struct ct_event *events;
	struct ct_snapshot_row *snapshots;
	struct ct_mark_row *marks;
	struct ct_reach_row *reach; /* of the program's end; none before */
	size_t string_bytes, module_count, node_count, site_count, ring_count, snapshot_rows, mark_count, reach_rows;
	uint8_t *module_files; /* enum ct_module_file by module, as far as ct_store_profile needed them */
	uint64_t next_snapshot; /* ticks: an event from then on is preceded by one */
	uint64_t replayed; /* events that were folded here */
	unsigned failed; /* a bit for each enum ct_store_check; 0 = it is whole */
	bool live; /* it was written while it was read */
	uint64_t end_ticks; /* time of the end, or of the latest sign of life */
	long double us_per_tick;
};

/* Read, check, replay. Free with ct_store_file_close, also after a failure. */
int ct_store_file_open(const char *path, struct ct_store_file *store, struct ct_error_text *error);
/* The same of an open file, which may be read again later. */
int ct_store_file_read(int fd, const char *name, struct ct_store_file *store, struct ct_error_text *error);
/* Write it as a store that is whole, with what is folded here. Its rings are empty after that. */
int ct_store_file_write(struct ct_store_file *store, FILE *out, struct ct_error_text *error);
void ct_store_file_close(struct ct_store_file *store);

/* Ticks of the store's clock in microseconds, rounded. */
uint64_t ct_store_file_us(const struct ct_store_file *store, uint64_t ticks);

#endif
