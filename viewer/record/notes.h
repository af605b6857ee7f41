/* SPDX-License-Identifier: MIT */
/*
 * What the processes of a recording have to say and may not, because their stderr is a file of the program (see
 * sys/say.h of the library). Each appends its lines to the file of notes: pid, tab, program, tab, text. `ctrace record`
 * prints them at the end, in one block, with one line for each process.
 *
 * The file also shows that `ctrace record` is there: as long as it has the file's lock, processes that end do not
 * export their stores, but leave them to it. For that they append pid, tab, program, two tabs, store, tab, formats.
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
	uint64_t bytes; /* total of the process; 0: not known */
};

/* A store that a process has left to us. */
struct ct_left {
	char *store;
	char *formats; /* its CTRACE_FORMAT */
};

struct ct_notes {
	char path[PATH_MAX]; /* "": there is no file */
	int fd; /* has the lock; -1: closed */
	struct ct_note *notes;
	size_t count;
	struct ct_left *left;
	size_t left_count;
};

/* Make the file of notes in a folder. If that fails, the recording goes on without it. */
void ct_notes_make(struct ct_notes *notes, const char *folder, const char *session);

/* Add a note about a process, which has one line in the block. Takes over text, which may be NULL. */
void ct_notes_add(struct ct_notes *notes, uint32_t pid, const char *program, uint64_t bytes, char *text);

/* Remove the file, add what is in it, and give up its lock. */
void ct_notes_read(struct ct_notes *notes);

/*
 * Print the processes, the largest first. Only CT_NOTES_SHOWN of them: those that lack something are chosen first.
 */
void ct_notes_print(struct ct_notes *notes);

/* May be called at any time. */
void ct_notes_fini(struct ct_notes *notes);

/* In a process that exports itself: append one note to the file at path. */
void ct_notes_append(const char *path, uint32_t pid, const char *program, const char *text);

#endif
