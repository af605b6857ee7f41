/* SPDX-License-Identifier: MIT */
/*
 * Whose store is it? Enough of a store's header to know, for files in folders that others can write:
 * nothing is mapped, and every number is checked. Reading the store itself is load/store/store.c's business.
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
	struct stat status;
};

/* A regular file of this user (root: of any), no link, with a store's header. Returns false for anything else. */
bool ct_left_store_read(int folder_fd, const char *name, struct ct_left_store *store);

/*
 * Does its process still record into it? Not after its death, nor after an exec, which leaves the pid
 * alive and the store behind. path is absolute.
 */
bool ct_left_store_in_use(const struct ct_left_store *store, const char *path);

#endif
