/* SPDX-License-Identifier: MIT */
/*
 * Keeps a folder of recordings small: removes the oldest stores and reports in it. Only regular files of this user with
 * one name, whose content says that ctrace made them, and of these no store that a process has open or mapped for
 * writing. Any number of processes may do this in one folder at the same time.
 */
#ifndef CT_RECORD_TIDY_H
#define CT_RECORD_TIDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct ct_tidy {
	const char *folder; /* the folders in it are left alone */
	size_t last; /* how many stores, and how many reports, to keep; 0: any number */
	uint64_t bytes; /* how much all of them may take on disk, with stores in use; 0: any size */
	bool pretend; /* remove nothing */
	void (*removed)(const char *name, uint64_t bytes); /* called for each file; may be NULL */
};

/* 0, or < 0 if the folder cannot be read. Sets *count and *bytes to what was removed. */
int ct_tidy(const struct ct_tidy *tidy, size_t *count, uint64_t *bytes, struct ct_error_text *error);

#endif
