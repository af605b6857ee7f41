/* SPDX-License-Identifier: MIT */
/* A file to load. It is opened once; its first bytes, never its name, say what it is. */
#ifndef CT_LOAD_INPUT_H
#define CT_LOAD_INPUT_H

#include <stdbool.h>

#include "util/error.h"

struct ct_input {
	const char *path; /* for messages; of a running program's store, the name that it has now */
	int fd; /* -1 = closed */
	bool is_store; /* otherwise DHAT JSON */
};

/* Refuses what is neither; errors name the path. After an error the input is closed. */
int ct_input_open(const char *path, struct ct_input *input, struct ct_error_text *error);

void ct_input_close(struct ct_input *input);

#endif
