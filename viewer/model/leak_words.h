/* SPDX-License-Identifier: MIT */
/* The evidence of findings about leaks, in words; for advise_words.c. */
#ifndef CT_MODEL_LEAK_WORDS_H
#define CT_MODEL_LEAK_WORDS_H

#include "model/advise.h"

void ct_explain_lost(const struct ct_profile *profile, const struct ct_advice *advice, char *out);
void ct_explain_leak(const struct ct_profile *profile, const struct ct_advice *advice, char *out);

#endif
