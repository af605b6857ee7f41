/* SPDX-License-Identifier: MIT */
/*
 * Fuzz targets: each file here with a LLVMFuzzerTestOneInput feeds untrusted bytes to one reader. Linked with libFuzzer
 * the targets search (make fuzz); linked with replay.c they run the inputs of corpus/ (make fuzz-replay).
 *
 * The untrusted input of the viewer and the preload, with the target for each kind:
 *
 *   - store: stores (sections, replay, snapshots, marks, checks), a copy of one, and what record reads of left stores
 *   - dhat: DHAT JSON of ctrace, Valgrind and dhat-rs, with our member (losses, marks, snapshots, timeline); also
 *     compressed by gzip; and files of other tools
 *   - other: heap profiles of other tools: pprof, text, massif, heaptrack
 *   - brief: what the list of a folder reads of stores and reports
 *   - symbols: ELF and DWARF of programs, libraries and separate .debug files, which elfutils opens in the same way
 *   - demangle: mangled names, and texts that are cut
 *   - perf_map: /tmp/perf-PID.map
 *   - source: source files of --list
 *   - budget: rules of ctrace check
 *   - suppressions: LeakSanitizer's files
 *   - program: what ctrace record reads before it starts a program (ELF header, #! line)
 *   - options: options of ctrace record, and the preload's environment and name patterns
 *   - config: .ctracerc
 *   - packages: dpkg's database, and /etc/os-release
 *   - request: requests to ctrace serve, and its headers, without HTTP
 *   - answer: what a server of OpenTelemetry answers to ctrace push
 *
 * There are no targets for regular expressions and globs on the command line and in .ctracerc, which come from the user
 * (the C library needs exponential memory for some), nor for /proc, which comes from the kernel.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "model/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Puts these bytes into a file in memory, the same one each time. Returns its descriptor. */
int fuzz_file(const void *data, size_t size);

/* The name of that file. */
extern const char fuzz_path[];

/*
 * Puts a store into that file. A store is mostly zeros, so the input leaves them out. It is a sequence of: a number of
 * zeros to insert and a number of bytes to copy (each two bytes, in units of eight), then these bytes. make-corpus
 * packs inputs in this way.
 */
int fuzz_unpack(const uint8_t *data, size_t size);

/* Copies that file to a regular file; returns its name. */
const char *fuzz_named(void);

/* A stream that discards what is written; close it with fclose. */
FILE *fuzz_nowhere(void);

/* A profile with names of several kinds, one of them in the file of fuzz_path. */
struct ct_profile *fuzz_profile(void);

/* Write the profile in every format and show it in every view, with the output discarded. */
void fuzz_profile_use(const struct ct_profile *profile);

#endif
