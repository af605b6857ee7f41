/* SPDX-License-Identifier: MIT */
/*
 * The ledger: where a process's resident memory is. Its rows add up to RSS; what they do not explain is a row of its
 * own. memory/take.h takes it from a running process.
 */
#ifndef CT_MODEL_LEDGER_H
#define CT_MODEL_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ct_ledger_row {
#define CT_LEDGER(ROW, ...) CT_LEDGER_##ROW,
#include "model/ledger.def"
#undef CT_LEDGER
	CT_LEDGER_ROWS,
};

/* The largest sites of the program's own mappings, and of its threads' stacks, each below its row. */
#define CT_LEDGER_PARTS_OF_ROW 5
#define CT_LEDGER_PARTS (2 * CT_LEDGER_PARTS_OF_ROW)
#define CT_LEDGER_PART_ROOM 256

struct ct_ledger_part {
	enum ct_ledger_row row;
	uint64_t resident, mapped;
	char name[CT_LEDGER_PART_ROOM]; /* of the site, clean UTF-8 */
};

/* All numbers are bytes unless they say otherwise. */
struct ct_ledger {
	uint64_t rss_bytes;
	int64_t bytes[CT_LEDGER_ROWS]; /* resident; unexplained may be negative */
	uint64_t swapped_bytes; /* of the whole process */
	uint64_t heap_bytes; /* resident memory that the allocator holds: live, slack, free, heads */
	uint64_t pinned_bytes; /* free bytes of pages on which a live block lies */
	uint64_t whole_bytes; /* free bytes of pages without one */
	uint64_t live_bytes, live_blocks; /* resident or not */
	uint64_t live_swapped_bytes;
	uint64_t live_untouched_bytes; /* of pages that the program has never written to */
	uint64_t took_ns; /* CPU time of taking it, and of naming its parts */
	bool has_sites; /* false: a sample, which does not have all blocks, so live and slack are estimates */
	bool slack_estimated; /* the allocator is not glibc's: from what it added to all blocks so far */
	bool knows_mappings; /* they were recorded (--mmap), so parts are known */
	struct ct_ledger_part parts[CT_LEDGER_PARTS]; /* by row, then the largest first */
	size_t part_count;
	bool late; /* the recording began again after the start: blocks from before are unknown, and count as free */
};

/* The row's name for scripts: "live", and in words: "live blocks, as requested". */
const char *ct_ledger_name(enum ct_ledger_row row);
const char *ct_ledger_words(enum ct_ledger_row row);

/* Set the row of what is unexplained from RSS and the other rows. */
void ct_ledger_balance(struct ct_ledger *ledger);

/* Do the rows explain all but CT_LEDGER_UNEXPLAINED_MAX percent of RSS? If not, the process changed while it was read.
 */
#define CT_LEDGER_UNEXPLAINED_MAX 2
bool ct_ledger_is_explained(const struct ct_ledger *ledger);

#define CT_LEDGER_ROOM 512

/* Say how much of the heap is live, and how much free memory live blocks pin. Returns out. */
char *ct_ledger_fragmentation(const struct ct_ledger *ledger, char out[CT_LEDGER_ROOM]);

/* What else would be known of mappings and stacks, and how; NULL: nothing. */
const char *ct_ledger_hint(const struct ct_ledger *ledger);

/* What limits the ledger's numbers; "": nothing. Returns out. */
char *ct_ledger_caveat(const struct ct_ledger *ledger, char out[CT_LEDGER_ROOM]);

#endif
