/* SPDX-License-Identifier: MIT */
/*
 * Finds out whose store a file is, by reading just enough of its header. The folder may be writable by others, so
 * nothing is mapped and every number is checked. load/store/store.c reads the store itself.
 */
#ifndef CT_RECORD_LEFT_STORE_H
#define CT_RECORD_LEFT_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define CT_LEFT_STORE_TEXT 4097

struct ct_left_store {
	uint32_t pid;
	uint32_t state; /* enum ct_store_state */
	uint64_t begin_ns; /* CLOCK_MONOTONIC when this process began to record */
	int64_t clocks_ns; /* CLOCK_REALTIME less CLOCK_MONOTONIC */
	bool kept; /* CT_STORE_KEEP */
	bool has_nothing; /* of its own: a forked child's that has filled no journal since the fork */
	char session[256];
	char output[CT_LEFT_STORE_TEXT];
	char exe[CT_LEFT_STORE_TEXT];
	struct stat status;
};

/* Read the header. False unless it is a regular file of this user (for root: of any user), not a link, and a store. */
bool ct_left_store_read(int folder_fd, const char *name, struct ct_left_store *store);

/* Is it perhaps the store of this process? Reads only the first bytes. */
bool ct_left_store_is_of(int folder_fd, const char *name, uint32_t pid);

/*
 * Does the store's process still record into it? Not if the process has ended, and not after an exec, which keeps the
 * pid and leaves the store behind. path is absolute.
 */
bool ct_left_store_in_use(const struct ct_left_store *store, const char *path);

/*
 * Make room for a new store at an absolute path: the store of a recording that has ended is removed. Returns the pid of
 * a process of that recording that still records, here or in another store of the folder; 0: there is none.
 */
uint32_t ct_left_store_replace(const char *path);

#endif
