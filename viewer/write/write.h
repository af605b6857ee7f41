/* SPDX-License-Identifier: MIT */
/*
 * Writers turn a profile into a file. Each format has a source file of its own, and all have the same interface. The
 * table of write/format.h says what each is for. Writers stream their output; none builds the file in memory first.
 */
#ifndef CT_WRITE_WRITE_H
#define CT_WRITE_WRITE_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "model/metric.h"
#include "model/profile.h"
#include "util/error.h"

/* Notes on a torn profile and on a sampled one, for formats that have a place for them. */
#define CT_TORN_TEXT "copied while it was written, the numbers do not add up"
#define CT_SAMPLED_TEXT "sampled, mean interval %" PRIu64 " bytes"

#define CT_WRITER(name)                                                                                                \
	int ct_write_##name(const struct ct_profile *profile, enum ct_metric metric, FILE *out,                        \
			    struct ct_error_text *error)

CT_WRITER(callgrind);
CT_WRITER(chrometrace);
CT_WRITER(dhat);
CT_WRITER(dot);
CT_WRITER(folded);
CT_WRITER(heapprofile);
CT_WRITER(heaptrack);
CT_WRITER(html);
CT_WRITER(json);
CT_WRITER(jsonl);
CT_WRITER(jsonl_processes);
CT_WRITER(jsonl_timeline);
CT_WRITER(massif);
CT_WRITER(parquet);
CT_WRITER(parquet_processes);
CT_WRITER(parquet_timeline);
CT_WRITER(pprof);
CT_WRITER(speedscope);
CT_WRITER(svg);

/* A name without the characters that folded stacks cannot contain; to be freed. NULL when out of memory. */
char *ct_folded_label(const char *name);

/* Put what a heaptrack file lacks into line; false if it lacks nothing. */
bool ct_note_heaptrack(const struct ct_profile *profile, char *line, size_t room);

#endif
