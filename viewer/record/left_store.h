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
	bool kept; /* CT_STORE_KEEP */
	char session[256];
	char output[CT_LEFT_STORE_TEXT];
	char exe[CT_LEFT_STORE_TEXT];
	struct stat status;
};

/* Read the header. False unless it is a regular file of this user (for root: of any user), not a link, and a store. */
bool ct_left_store_read(int folder_fd, const char *name, struct ct_left_store *store);

/*
 * Does the store's process still record into it? Not if the process has ended, and not after an exec, which keeps the
 * pid and leaves the store behind. path is absolute.
 */
bool ct_left_store_in_use(const struct ct_left_store *store, const char *path);

#endif
