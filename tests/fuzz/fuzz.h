/* SPDX-License-Identifier: MIT */
/*
 * Fuzz targets: each file here with a LLVMFuzzerTestOneInput feeds bytes of a stranger to one reader. Linked
 * with libFuzzer they search (make fuzz); linked with replay.c they run the inputs of corpus/ (make fuzz-replay).
 *
 * What the viewer and the preload read of others, and the target for it:
 *   store          stores: sections, replay, snapshots, marks, checks; a copy of one; what record reads of those left
 * behind dhat           DHAT JSON of ctrace, Valgrind and dhat-rs, with our own member: losses, marks, snapshots,
 * timeline symbols        ELF and DWARF of programs, libraries and separate .debug files, which elfutils opens the same
 * way perf_map       /tmp/perf-PID.map source         source files of --list budget         rules of ctrace check
 *   suppressions   LeakSanitizer's files
 *   program        what ctrace record looks at before it starts a program: ELF head, #! line
 *   options        options of ctrace record; environment and name patterns of the preload. There are no files of
 * settings Not here: regular expressions and globs of the command line, which are the user's own; /proc, which is the
 * kernel's.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "model/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file in memory, the same one each time, that now holds these bytes. Returns its descriptor. */
int fuzz_file(const void *data, size_t size);

/* Its name. */
extern const char fuzz_path[];

/*
 * A store in that file. It is mostly zeros, so an input is one without them: a number of zeros to put in and a number
 * of bytes to copy, both as two bytes in units of eight, then the bytes; and so on. make-corpus packs them.
 */
void fuzz_unpack(const uint8_t *data, size_t size);

/* The same bytes in a regular file; its name. */
const char *fuzz_named(void);

/* A stream to write to; fclose. */
FILE *fuzz_nowhere(void);

/* A profile with names of several kinds, one in the file of fuzz_path. */
struct ct_profile *fuzz_profile(void);

/* Write the profile in every format and show it in every view, to nowhere. */
void fuzz_profile_use(const struct ct_profile *profile);

#endif
