/* SPDX-License-Identifier: MIT */
/*
 * Turns a link-time address in an object file into frames, innermost (inlined) first. The names come from the object's
 * symbol tables and DWARF (by elfutils), or from a separate debug file found by build-id. They are demangled (C++,
 * Rust, D) and bounded: see symbol/demangle.h. Results are not cached, so look up each address once.
 */
#ifndef CT_SYMBOL_SYMBOL_H
#define CT_SYMBOL_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct ct_symbol_frame {
	const char *function; /* demangled; NULL = not known. Valid until the next look-up with the same ct_symbols */
	const char *file; /* NULL = not known */
	uint32_t line; /* 0 = not known */
};

struct ct_symbols;

/* Uses local files only, unless servers are to be asked: see symbol/servers.h. NULL when out of memory. */
struct ct_symbols *ct_symbols_new(void);
void ct_symbols_free(struct ct_symbols *symbols);

/* This user named the files, so use that user's rights: see symbol/rights.h. */
void ct_symbols_read_as(struct ct_symbols *symbols, uid_t user);

/*
 * Open an object file and check its build-id (build_id_bytes = 0: do not check). Returns a handle >= 0, or < 0 if the
 * file is missing, unreadable or from another build; its addresses then remain unnamed.
 */
int ct_symbols_open(struct ct_symbols *symbols, const char *path, const uint8_t *build_id, size_t build_id_bytes);

/* If there is a sysroot that lacks modules, say so in one line; nothing if the latest line was the same. */
void ct_symbols_say_missing(const struct ct_symbols *symbols);

/* An object file as it was recorded. */
struct ct_symbol_file {
	const char *path;
	const uint8_t *build_id;
	size_t build_id_bytes; /* 0: it has none, and the next two identify the file */
	uint64_t bytes; /* 0: not known */
	uint64_t modified_ns;
	uint64_t inode; /* 0: not known */
	uint64_t start; /* where it was mapped in the process */
	uint32_t pid;
};

/*
 * The same as ct_symbols_open for the file as it was when it was recorded. If another file has its path now, or none,
 * and the process lives, the file or its mapped part is read through the process. If there is a sysroot (see
 * symbol/sysroot.h), only that is looked into.
 */
int ct_symbols_open_recorded(struct ct_symbols *symbols, const struct ct_symbol_file *file);

/*
 * The frames at one address, innermost first; the last one is the function that contains the code, the others are
 * inlined into it. Returns their number (0 = nothing known), at most max.
 */
size_t ct_symbols_lookup(struct ct_symbols *symbols, int handle, uint64_t address, struct ct_symbol_frame *frames,
			 size_t max);

/* Debug information that is there, but cannot be used. */
enum ct_symbol_lack {
	CT_LACK_NONE,
	CT_LACK_ZSTD, /* compressed by zstd, which this libdw cannot unpack */
	CT_LACK_SPLIT, /* -gsplit-dwarf: at least one .dwo file was not found */
	CT_LACK_PACKAGE, /* the same, but there is a .dwp file, which this libdw cannot read */
};

/* What can be learned from an object. */
struct ct_symbol_facts {
	bool has_names; /* even of functions that it does not export, from itself or its debug file */
	bool has_lines; /* and inlined calls */
	bool has_malloc; /* it exports its own malloc */
	enum ct_symbol_lack lack;
	const char *lack_file; /* the file that the lack is about; valid as long as the object */
	bool passes_on; /* it imports something by which its own malloc could call another one */
};
struct ct_symbol_facts ct_symbols_facts(struct ct_symbols *symbols, int handle);

/* The version of elfutils' libdw, such as "0.188". */
const char *ct_symbols_reader(void);

/* The names of JIT code in perf-PID.map: read the file once, then look up run-time addresses. */
struct ct_perf_map;
/* NULL: there is no such file, or neither we, root nor the user who ran the program wrote it. */
struct ct_perf_map *ct_perf_map_open(uint32_t pid, uid_t user);
struct ct_perf_map *ct_perf_map_read(FILE *file); /* closes the file, which may be NULL */
const char *ct_perf_map_lookup(const struct ct_perf_map *map, uint64_t address); /* NULL = not known */
void ct_perf_map_free(struct ct_perf_map *map);

#endif
