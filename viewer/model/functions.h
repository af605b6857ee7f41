/* SPDX-License-Identifier: MIT */
/*
 * Frames grouped by function. Frames with the same name and file are one function, whatever their lines and addresses.
 * Unnamed code is one function per object file, named "[libc.so.6]".
 */
#ifndef CT_MODEL_FUNCTIONS_H
#define CT_MODEL_FUNCTIONS_H

#include "model/profile.h"

#define CT_FUNCTION_NAME_ROOM 300

struct ct_function {
	uint32_t name; /* string id, 0 = not known */
	uint32_t file; /* string id */
	uint32_t module; /* string id; from one of its frames */
	uint32_t line; /* the lowest line of a frame, near the function's first; 0 = not known */
};

struct ct_functions {
	struct ct_function *rows;
	size_t count;
	uint32_t *of_frame; /* index in rows, by frame id */
};

/* 0, or < 0 when out of memory; call ct_functions_fini in both cases. */
int ct_functions_init(struct ct_functions *functions, const struct ct_profile *profile);
void ct_functions_fini(struct ct_functions *functions);

/* The function's name, never empty. It points into the profile or into room. */
const char *ct_function_name(const struct ct_profile *profile, const struct ct_function *function,
			     char room[CT_FUNCTION_NAME_ROOM]);

#endif
