/* SPDX-License-Identifier: MIT */
/*
 * Frames by function: those of one name and file are one function, whatever their lines and addresses. Code
 * without a name is one function per object file, called "[libc.so.6]".
 */
#ifndef CT_MODEL_FUNCTIONS_H
#define CT_MODEL_FUNCTIONS_H

#include "model/profile.h"

#define CT_FUNCTION_NAME_ROOM 300

struct ct_function {
	uint32_t name; /* string id, 0 = not known */
	uint32_t file; /* string id */
	uint32_t module; /* string id; of one of its frames */
	uint32_t line; /* the lowest line that a frame has: near the function's first. 0 = not known */
};

struct ct_functions {
	struct ct_function *rows;
	size_t count;
	uint32_t *of_frame; /* index in rows, by frame id */
};

/* 0, or < 0 without memory. Free with ct_functions_fini, also then. */
int ct_functions_init(struct ct_functions *functions, const struct ct_profile *profile);
void ct_functions_fini(struct ct_functions *functions);

/* Its name, never empty; lives in the profile or in room. */
const char *ct_function_name(const struct ct_profile *profile, const struct ct_function *function,
			     char room[CT_FUNCTION_NAME_ROOM]);

#endif
