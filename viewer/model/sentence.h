/* SPDX-License-Identifier: MIT */
/* Sentences of findings: each function adds something to the text in out, as much as there is room for. */
#ifndef CT_MODEL_SENTENCE_H
#define CT_MODEL_SENTENCE_H

#include "model/profile.h"

#define CT_ADVICE_ROOM 512

void ct_sentence_add(char out[CT_ADVICE_ROOM], const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "12.3 MiB" */
void ct_sentence_bytes(char out[CT_ADVICE_ROOM], double bytes);

/* "1 block", "2 blocks"; a * in `what` marks where the plural's s goes */
void ct_sentence_count(char out[CT_ADVICE_ROOM], uint64_t count, const char *what);

/* "12.3 %" */
void ct_sentence_percent(char out[CT_ADVICE_ROOM], double part, double whole);

/* "12.3 ms" */
void ct_sentence_time(char out[CT_ADVICE_ROOM], const struct ct_profile *profile, double time);

#endif
