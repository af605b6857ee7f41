/* SPDX-License-Identifier: MIT */
/*
 * A report file appears complete or not at all. It is written under another name in the same folder and renamed once it
 * is complete. Links planted there are not followed, and another user's pipe is not written to.
 */
#ifndef CT_WRITE_FILE_H
#define CT_WRITE_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "util/error.h"

/* Is there a file of this name, which ct_out_open would replace? A pipe or a device is written to. */
bool ct_out_replaces(const char *path);

struct ct_out_file {
	FILE *stream;
	char *path;
	char *temporary; /* NULL: the stream is the destination itself (stdout, a pipe, a device) */
	size_t slot; /* of the temporary file, which Ctrl-C removes */
};

/* Open path for writing; "-" is stdout. 0 or < 0. */
int ct_out_open(const char *path, struct ct_out_file *file, struct ct_error_text *error);

/* Finish with the writer's result: rename the file if it is CT_OK, else remove it. Returns the final result. */
int ct_out_close(struct ct_out_file *file, int code, struct ct_error_text *error);

#endif
