/* SPDX-License-Identifier: MIT */
/* Opens the source line of a frame in the user's editor. */
#ifndef CT_LIVE_EDITOR_H
#define CT_LIVE_EDITOR_H

#include "model/profile.h"
#include "util/error.h"

/* A place in a source file that is there. */
struct ct_editor_place {
	char *path; /* to be freed */
	uint32_t line;
};

/*
 * The place of the first of these frames whose source file is found, at its own path or in one of the folders
 * (colon-separated, may be NULL). False: there is none.
 */
bool ct_editor_find(const struct ct_profile *profile, const uint32_t *frames, size_t count, const char *folders,
		    struct ct_editor_place *place);

/* Run $VISUAL, $EDITOR or vi on the place, and wait for it. 0 or < 0. */
int ct_editor_run(const struct ct_editor_place *place, struct ct_error_text *error);

#endif
