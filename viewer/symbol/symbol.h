/* SPDX-License-Identifier: MIT */
/*
 * Symbols: a link-time address in an object file becomes frames, innermost (inlined) first, by the
 * object's symbol tables and DWARF (elfutils), separate debug files by build-id included. Demangled
 * (C++, Rust). Ask for each address once.
 */
#ifndef CT_SYMBOL_SYMBOL_H
#define CT_SYMBOL_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct ct_symbol_frame {
	const char *function; /* demangled; NULL = not known. Lives until the next call with the same table */
	const char *file; /* NULL = not known */
	uint32_t line; /* 0 = not known */
};

struct ct_symbols;

/* Local files only: never asks the servers of DEBUGINFOD_URLS. NULL without memory. */
struct ct_symbols *ct_symbols_new(void);
void ct_symbols_free(struct ct_symbols *symbols);

/* The files are named by this user: see symbol/rights.h. */
void ct_symbols_read_as(struct ct_symbols *symbols, uid_t user);

/*
 * Open an object file, checked against the build-id (build_id_bytes = 0: not checked). Handle >= 0, or
 * < 0 when the file is missing, unreadable or another build: then its addresses stay without names.
 */
int ct_symbols_open(struct ct_symbols *symbols, const char *path, const uint8_t *build_id, size_t build_id_bytes);

/*
 * The frames of one address, innermost first; the last one is the function that really stands there.
 * Returns how many (0 = nothing known), at most max.
 */
size_t ct_symbols_lookup(struct ct_symbols *symbols, int handle, uint64_t address, struct ct_symbol_frame *frames,
			 size_t max);

/* What an object has to give. */
struct ct_symbol_facts {
	bool has_names; /* also of functions that it does not export, from itself or its debug file */
	bool has_lines; /* and inlined calls */
	bool has_malloc; /* it exports one of its own */
};
struct ct_symbol_facts ct_symbols_facts(struct ct_symbols *symbols, int handle);

/* perf-PID.map of JIT code: read it once, then look up run-time addresses. NULL = not known. */
struct ct_perf_map;
/* NULL: there is none, or none that we, root or the user whose program it was have written. */
struct ct_perf_map *ct_perf_map_open(uint32_t pid, uid_t user);
struct ct_perf_map *ct_perf_map_read(FILE *file); /* closes the file, which may be NULL */
const char *ct_perf_map_lookup(const struct ct_perf_map *map, uint64_t address);
void ct_perf_map_free(struct ct_perf_map *map);

#endif
