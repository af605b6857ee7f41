/* SPDX-License-Identifier: MIT */
/*
 * Fuzz targets: each file here with a LLVMFuzzerTestOneInput feeds bytes of a stranger to one reader. Linked
 * with libFuzzer they search (make fuzz); linked with replay.c they run the inputs of corpus/ (make fuzz-replay).
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "model/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file in memory, the same one each time, that now holds these bytes. Returns its descriptor. */
int fuzz_file(const void *data, size_t size);

/* Its name. */
extern const char fuzz_path[];

/* Write the profile in every format and show it in every view, to nowhere. */
void fuzz_profile_use(const struct ct_profile *profile);

#endif
