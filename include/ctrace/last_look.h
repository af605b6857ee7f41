/* SPDX-License-Identifier: MIT */
/*
 * The last look at a process's memory (CTRACE_MEMORY), which the exporter at the process's end keeps in the store if
 * the report is made later. It lies behind the store's last extent: a head, then rows in ascending order of sites. It
 * is written before the header says how long it is, and hashed, so that a look that was cut or changed is known to be.
 */
#ifndef CTRACE_LAST_LOOK_H
#define CTRACE_LAST_LOOK_H

#include <stdint.h>

#define CT_LAST_LOOK_PROBLEM_ROOM 120

/* In the store's header. */
struct ct_last_look {
	uint64_t bytes; /* 0: there is none */
	char problem[CT_LAST_LOOK_PROBLEM_ROOM]; /* why there is none, with a NUL; empty: that is not known */
};

#define CT_LAST_LOOK_SITES 1u /* exact: there are rows of sites with blocks */
#define CT_LAST_LOOK_SLACK_ESTIMATED 2u
#define CT_LAST_LOOK_MAPPINGS 4u /* mappings were recorded */
#define CT_LAST_LOOK_LATE 8u /* older blocks are not known */

#define CT_LAST_LOOK_LEDGER_ROWS 9 /* those of the ledger, without what is unexplained */

/* All numbers are bytes unless they say otherwise. */
struct ct_last_look_head {
	uint64_t hash; /* of all words behind this one: FNV-1a, a word at a time */
	uint32_t flags; /* CT_LAST_LOOK_* */
	uint32_t row_count;
	uint64_t rss;
	int64_t ledger[CT_LAST_LOOK_LEDGER_ROWS]; /* resident */
	uint64_t swapped;
	uint64_t heap, pinned, whole;
	uint64_t live, live_blocks, live_swapped, live_untouched;
	uint64_t took_ns;
};

enum ct_last_look_kind {
	CT_LAST_LOOK_BLOCKS, /* live, blocks, resident, swapped, untouched, alone, share */
	CT_LAST_LOOK_MAPPING, /* mapped, resident */
	CT_LAST_LOOK_STACK, /* the same */
	CT_LAST_LOOK_KINDS,
};

#define CT_LAST_LOOK_NUMBERS 7

struct ct_last_look_row {
	uint32_t site;
	uint32_t kind; /* enum ct_last_look_kind */
	uint64_t numbers[CT_LAST_LOOK_NUMBERS]; /* those that the kind does not have are 0 */
};

_Static_assert(sizeof(struct ct_last_look_head) == 168, "store layout");
_Static_assert(sizeof(struct ct_last_look_row) == 64, "store layout");

#endif
