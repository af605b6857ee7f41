/* SPDX-License-Identifier: MIT */
/*
 * A running process from outside: its memory, its mappings, and the names in its loaded objects. Everything is read
 * from the memory of the process, so it does not matter if a file has been replaced. All of it is untrusted.
 */
#ifndef CT_ATTACH_REMOTE_H
#define CT_ATTACH_REMOTE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "live/process.h"
#include "util/error.h"

struct ct_remote_map {
	uint64_t start, end, offset, inode;
	bool readable, writable, executable;
	char *path; /* "" if anonymous; without " (deleted)" */
};

/* The dynamic symbols of a loaded object. */
struct ct_image {
	uint64_t base; /* 0: none */
	uint64_t bias; /* to be added to a symbol's value */
	Elf64_Sym *symbols;
	size_t count;
	char *strings;
	size_t strings_bytes;
};

struct ct_remote {
	struct ct_process process;
	int memory; /* /proc/PID/mem */
	struct ct_remote_map *maps;
	size_t map_count;
	char *maps_text;
	struct ct_image libc;
	char libc_path[PATH_MAX], loader_path[PATH_MAX];
};

/* 0 or < 0; then ct_remote_close. */
int ct_remote_open(int pid, struct ct_remote *remote, struct ct_error_text *error);

/* Open its memory, and read its mappings and the names of its C library, if that is glibc. 0 or < 0. */
int ct_remote_open_memory(struct ct_remote *remote, struct ct_error_text *error);
void ct_remote_close(struct ct_remote *remote);

/* Read the mappings again. */
int ct_remote_read_maps(struct ct_remote *remote, struct ct_error_text *error);

/* The mapping of an address; NULL: none. Valid until the mappings are read again. */
const struct ct_remote_map *ct_remote_map_at(const struct ct_remote *remote, uint64_t address);

/* The first mapping of a file whose name, without its folder, begins so; NULL: none. */
const struct ct_remote_map *ct_remote_find(const struct ct_remote *remote, const char *name);

/* A line of /proc/PID/status, without its name; false: there is none. */
bool ct_remote_status(const struct ct_remote *remote, const char *name, char *value, size_t room);

bool ct_remote_read(const struct ct_remote *remote, uint64_t address, void *to, size_t bytes);
bool ct_remote_write(const struct ct_remote *remote, uint64_t address, const void *from, size_t bytes);

/* Find bytes in the executable mappings of a file; 0: not found. */
uint64_t ct_remote_search(const struct ct_remote *remote, const char *path, const void *bytes, size_t count);

/* Read the symbols of the object that is mapped from here. False: it is not one, or damaged. */
bool ct_image_read(const struct ct_remote *remote, uint64_t base, struct ct_image *image);
void ct_image_free(struct ct_image *image);

/* The address of a symbol that the object defines; 0: it does not. */
uint64_t ct_image_find(const struct ct_image *image, const char *name);

/* The function at an address; NULL: not known. */
const char *ct_image_function(const struct ct_image *image, uint64_t address);

#endif
