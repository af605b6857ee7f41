/* SPDX-License-Identifier: MIT */
/* Writers: a profile becomes a file. One file per format; all have this shape. */
#ifndef CT_WRITE_WRITE_H
#define CT_WRITE_WRITE_H

#include <stdio.h>

#include "model/profile.h"
#include "util/error.h"

/* DHAT JSON, dhatFileVersion 2, with ctrace's own facts in members that dh_view does not look at. */
int ct_write_dhat(const struct ct_profile *profile, FILE *out, struct ct_error_text *error);

#endif
