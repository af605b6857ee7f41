/* SPDX-License-Identifier: MIT */
/*
 * An object that a living process has mapped, though its file was replaced, moved or removed. /proc leads to the file
 * itself if it is the executable, or if we are allowed to follow the links of mappings. Otherwise the mapped part of it
 * is copied: that has the names of the functions that it exports. The process is neither stopped nor signalled.
 */
#ifndef CT_SYMBOL_PROCESS_OBJECT_H
#define CT_SYMBOL_PROCESS_OBJECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct ct_process_object {
	uint32_t pid;
	uid_t user; /* whose process this has to be if we are root; 0: anyone's */
	const char *path; /* as recorded */
	uint64_t start; /* where it was mapped */
	uint64_t inode; /* 0: not known */
};

/* A descriptor of the file or of the copy, or -1. *copied: a copy, whose size and time say nothing. */
int ct_process_object_open(const struct ct_process_object *object, bool *copied);

#endif
