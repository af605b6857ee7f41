/* SPDX-License-Identifier: MIT */
/* A file to load. It is opened once; its first bytes, never its name, say what it is. */
#ifndef CT_LOAD_INPUT_H
#define CT_LOAD_INPUT_H

#include <stdbool.h>
#include <sys/types.h>

#include "load/foreign.h"
#include "util/error.h"

struct ct_input {
	const char *path; /* for messages; of a running program's store, the name that it has now */
	int fd; /* -1 = closed */
	bool is_store;
	bool packed; /* by gzip or zstd; never a store */
	enum ct_foreign_kind foreign; /* of another tool; otherwise DHAT JSON, unless it is a store */
};

/* "-" is stdin. */
static inline bool ct_input_is_stdin(const char *path)
{
	return path[0] == '-' && !path[1];
}

/*
 * Refuses what is neither, and says what it is if it is another tool's. Errors name the path. After an error the input
 * is closed.
 */
int ct_input_open(const char *path, struct ct_input *input, struct ct_error_text *error);

/* Read the first bytes of a file, unpacked if it is one of gzip. Returns how many, or -1 with errno. */
ssize_t ct_input_start(int fd, char *start, size_t room, bool *packed);

/* Whether these first bytes are a store's. */
bool ct_input_is_store(const char *start, size_t bytes);

/* Where JSON's outermost object begins in these first bytes; NULL: they are not JSON. */
const char *ct_input_json(const char *start, size_t bytes);

void ct_input_close(struct ct_input *input);

#endif
