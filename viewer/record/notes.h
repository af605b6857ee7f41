/* SPDX-License-Identifier: MIT */
/*
 * What the processes of a recording have to say and may not, because their stderr is a file of the program (see
 * sys/say.h of the library). Each appends its lines to the file of notes: pid, tab, program, tab, text. `ctrace record`
 * prints them at the end, in one block, with one line for each process.
 */
#ifndef CT_RECORD_NOTES_H
#define CT_RECORD_NOTES_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#define CT_NOTES_SHOWN 20u /* processes in the block, at most */

struct ct_note {
	uint32_t pid;
	char *program;
	char *text;
};

struct ct_notes {
	char path[PATH_MAX]; /* "": there is no file */
	struct ct_note *notes;
	size_t count;
};

/* Make the file of notes in a folder. If that fails, the recording goes on without it. */
void ct_notes_make(struct ct_notes *notes, const char *folder, const char *session);

/* Add a note about a process, which has one line in the block. Takes over text, which may be NULL. */
void ct_notes_add(struct ct_notes *notes, uint32_t pid, const char *program, char *text);

/* Add what is in the file, and remove it. */
void ct_notes_read(struct ct_notes *notes);

/* Print the block: the processes by program and pid. Those that lack something come into it first. */
void ct_notes_print(struct ct_notes *notes);

/* May be called at any time. */
void ct_notes_fini(struct ct_notes *notes);

/* In a process that exports itself: append one note to the file at path. */
void ct_notes_append(const char *path, uint32_t pid, const char *program, const char *text);

#endif
