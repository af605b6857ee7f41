/* SPDX-License-Identifier: MIT */
/* Loads libctrace.so into a running process, and takes its hooks out again. */
#ifndef CT_ATTACH_ATTACH_H
#define CT_ATTACH_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct ct_attach_order {
	int pid;
	bool detach;
	char *variables; /* for the library: NAME=VALUE and NUL, each; at last another NUL */
	size_t variables_bytes;
	void (*allowed)(const struct ct_attach_order *order); /* called before the process is touched; NULL: nothing */
};

struct ct_attach_done {
	uint32_t slots, objects, locked;
	bool started; /* the recording began with this call; false: it was there, and the control page switches it */
	uint32_t stops; /* how often a thread was stopped */
	uint64_t stopped_ns; /* for how long, in all */
	uint64_t pointers; /* words in the data of objects that hold the address of a hooked function, and are no slots
			    */
	char pointers_in[256]; /* the file with the most of them */
};

/* 0 or < 0. */
int ct_attach(const struct ct_attach_order *order, struct ct_attach_done *done, struct ct_error_text *error);

#endif
