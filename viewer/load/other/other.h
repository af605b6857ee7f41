/* SPDX-License-Identifier: MIT */
/*
 * Readers of other tools' heap profiles: pprof, gperftools and jemalloc (text), massif, heaptrack. What a file does not
 * know is noted in ct_profile.lacks, so that it is nowhere shown as 0.
 */
#ifndef CT_LOAD_OTHER_OTHER_H
#define CT_LOAD_OTHER_OTHER_H

#include <stdbool.h>
#include <sys/types.h>

#include "load/foreign.h"
#include "load/load.h"
#include "model/metric.h"

struct ct_text {
	const char *at;
	size_t bytes;
};

/* A file that is being read. */
struct ct_other {
	struct ct_text file;
	uid_t owner; /* of the file */
	struct ct_profile *profile;
	uint64_t known; /* a bit for each metric that the file has */
	struct ct_error_text *error;
};

/* 0 or < 0. They fill in the profile and `known`. */
int ct_other_pprof(struct ct_other *other);
int ct_other_heap_text(struct ct_other *other);
int ct_other_massif(struct ct_other *other);
int ct_other_heaptrack(struct ct_other *other);

/* Read text of a kind into a new profile. 0 or < 0. */
int ct_other_parse(enum ct_foreign_kind kind, struct ct_text text, uid_t owner, struct ct_profile **profile,
		   struct ct_error_text *error);

/* --- for the readers --- */

/* A file must know one of these. */
#define CT_OTHER_MAIN                                                                                                  \
	(CT_METRIC_BIT(CT_METRIC_TOTAL_BYTES) | CT_METRIC_BIT(CT_METRIC_END_BYTES) |                                   \
	 CT_METRIC_BIT(CT_METRIC_PEAK_BYTES))

/* Set the error for a place in the file; returns CT_ERR_DAMAGED. */
int ct_other_damaged(struct ct_other *other, const char *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

int ct_other_no_memory(struct ct_other *other);

/* A frame of the stack. Texts may be empty. */
struct ct_other_frame {
	uint64_t address;
	struct ct_text function, file, module;
	uint32_t line;
	bool inlined;
};

/* Intern a frame; long names are cut. A frame id, or < 0 when out of memory. */
int64_t ct_other_frame(struct ct_other *other, const struct ct_other_frame *frame);

/* A frame that only says something, as "[frames cut]". */
int64_t ct_other_mark(struct ct_other *other, const char *text);

/* Take the next line, without its end, from the rest of the file. False: there is none. */
bool ct_other_line(struct ct_text *rest, struct ct_text *line);

/* Take a word from the start of the text; false: it starts with something else. */
bool ct_text_take(struct ct_text *text, const char *word);
void ct_text_skip_blanks(struct ct_text *text);

/* Take a number of that base from the start, without a sign. False: there is none, or it is above 2^64. */
bool ct_text_take_number(struct ct_text *text, unsigned base, uint64_t *number);

#endif
