/* SPDX-License-Identifier: MIT */
/* Writes the findings of model/advise.h for the page. */
#ifndef CT_WRITE_PUT_FINDINGS_H
#define CT_WRITE_PUT_FINDINGS_H

#include <stdio.h>

#include "model/advise.h"

/*
 * Write the members "findings", "noLeak" and "stays", after a comma. place: by site of the profile, its index in the
 * page. Without findings of a heap profile, the arrays are empty and noLeak is "".
 */
void ct_put_findings(const struct ct_profile *profile, const struct ct_findings *findings, const uint32_t *place,
		     FILE *out);

#endif
