/* SPDX-License-Identifier: MIT */
/*
 * A search text for frames: an extended regular expression or, if it is not a valid one, plain text. Case is ignored
 * unless the text has upper case. The answer for each frame is cached.
 */
#ifndef CT_LIVE_MATCH_H
#define CT_LIVE_MATCH_H

#include <regex.h>

#include "model/profile.h"

#define CT_MATCH_ROOM 256

struct ct_match {
	char text[CT_MATCH_ROOM]; /* "": matches nothing */
	regex_t regex;
	bool is_regex;
	bool ignore_case;
	uint8_t *frames; /* by frame id: 0 = not matched yet, 1 = no, 2 = yes */
	size_t frame_count;
};

/* Replace the text. A zeroed match has none. */
void ct_match_set(struct ct_match *match, const char *text);
/* Forget the cached answers, since the profile is another one now. */
void ct_match_forget(struct ct_match *match);

bool ct_match_text(const struct ct_match *match, const char *text);

/* Does the frame's function, file or module match? When out of memory, nothing does. */
bool ct_match_frame(struct ct_match *match, const struct ct_profile *profile, uint32_t frame);

#endif
