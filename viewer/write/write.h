/* SPDX-License-Identifier: MIT */
/*
 * Writers: a profile becomes a file. One file per format, all of one shape (write/format.h, whose table says
 * what each is for). They write as they go; none makes the file in memory first.
 */
#ifndef CT_WRITE_WRITE_H
#define CT_WRITE_WRITE_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "model/metric.h"
#include "model/profile.h"
#include "util/error.h"

/* Of a profile that is torn, and of one with sample_bytes, where a format has a place for it. */
#define CT_TORN_TEXT "copied while it was written, the numbers do not add up"
#define CT_SAMPLED_TEXT "sampled, mean interval %" PRIu64 " bytes"

#define CT_WRITER(name)                                                                                                \
	int ct_write_##name(const struct ct_profile *profile, enum ct_metric metric, FILE *out,                        \
			    struct ct_error_text *error)

CT_WRITER(chrometrace);
CT_WRITER(dhat);
CT_WRITER(folded);
CT_WRITER(heapprofile);
CT_WRITER(heaptrack);
CT_WRITER(html);
CT_WRITER(json);
CT_WRITER(massif);
CT_WRITER(pprof);
CT_WRITER(speedscope);

/* A name as folded stacks can hold it. Free it; NULL without memory. */
char *ct_folded_label(const char *name);

/* What is not in a file, in one line; false when all is. */
bool ct_note_heaptrack(const struct ct_profile *profile, char *line, size_t room);

#endif
