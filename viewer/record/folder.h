/* SPDX-License-Identifier: MIT */
/*
 * `ctrace record -o DIR/`: a recording in a folder of its own, DIR/<program>-<date>-<time>/, to be kept and compared
 * with others. Each process has there one file of each format that can be made of it; README.md sums them up.
 * A store that could not be exported in full stays.
 */
#ifndef CT_RECORD_FOLDER_H
#define CT_RECORD_FOLDER_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#include "record/left_store.h"
#include "record/settings.h"
#include "util/error.h"

struct ct_folder {
	char path[PATH_MAX]; /* "" = the recording has none */
	time_t start;
	struct ct_format_set formats;
	bool choose; /* formats that cannot be made of a recording are left out, since they were not named */
	/* what README.md says of the program itself, and of its children */
	FILE *main, *others;
	char *main_text, *others_text;
	size_t main_bytes, others_bytes;
};

/* Make the folder that --output asks for, and have reports go there. 0 or < 0. */
int ct_folder_make(struct ct_folder *folder, struct ct_settings *settings, const char *program,
		   struct ct_error_text *error);

/* A store at path becomes files. main: of the program itself, else of a child; loud: a summary on stderr. */
int ct_folder_add(struct ct_folder *folder, const char *path, const struct ct_left_store *store, bool main, bool loud,
		  bool keep, struct ct_error_text *error);

/* The program has ended with this status of waitpid: write README.md, or remove the folder when nothing is in it. */
int ct_folder_end(struct ct_folder *folder, char **arguments, int status, struct ct_error_text *error);

/* Any time. */
void ct_folder_fini(struct ct_folder *folder);

#endif
