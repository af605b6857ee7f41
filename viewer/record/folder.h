/* SPDX-License-Identifier: MIT */
/*
 * `ctrace record -o DIR/`: a recording in its own folder, DIR/<program>-<date>-<time>/, to be kept and compared with
 * others. The folder has a file for each process and each format that can show it, and a README.md that sums them up.
 * Stores that could not be exported completely stay there.
 */
#ifndef CT_RECORD_FOLDER_H
#define CT_RECORD_FOLDER_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#include "record/settings.h"
#include "util/error.h"

struct ct_folder {
	char path[PATH_MAX]; /* "" = the recording has none */
	time_t start;
	struct ct_format_set formats;
	bool choose; /* the user named no formats, so those that cannot show a recording are left out */
	char together[256]; /* a sentence about all processes; "" = there is only one */
	char *chart; /* what all of them had live over time; NULL = not known */
	/* the parts of README.md about the largest process and about the others */
	FILE *main, *others;
	char *main_text, *others_text;
	size_t main_bytes, others_bytes;
};

/* Make the folder for --output, and direct reports into it. 0 or < 0. */
int ct_folder_make(struct ct_folder *folder, struct ct_settings *settings, const char *program,
		   struct ct_error_text *error);

/*
 * Export the store at path into the folder, under the name of the report that it wanted. main: it is the largest, with
 * which README.md begins. summary: print one to stderr, in one line or in several. keep: keep the store. 0 or < 0.
 */
enum ct_folder_summary { CT_FOLDER_SILENT, CT_FOLDER_ONE_LINE, CT_FOLDER_SUMMARY };
int ct_folder_add(struct ct_folder *folder, const char *path, const char *output, bool main,
		  enum ct_folder_summary summary, bool keep, struct ct_error_text *error);

/* Finish after the program has ended with a waitpid status: write README.md, or remove an empty folder. 0 or < 0. */
int ct_folder_end(struct ct_folder *folder, char **arguments, int status, struct ct_error_text *error);

/* May be called at any time. */
void ct_folder_fini(struct ct_folder *folder);

#endif
