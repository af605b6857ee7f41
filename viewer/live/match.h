/* SPDX-License-Identifier: MIT */
/*
 * A text that frames are looked for by: an extended regular expression, or, if it is none, a plain text. Upper and
 * lower case are one unless the text has upper case. Each frame is looked at once.
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
	uint8_t *frames; /* by frame id: 0 = not looked at, 1 = no, 2 = yes */
	size_t frame_count;
};

/* Free the former text, take another one. A zeroed match has none. */
void ct_match_set(struct ct_match *match, const char *text);
/* The profile is another one now. */
void ct_match_forget(struct ct_match *match);

bool ct_match_text(const struct ct_match *match, const char *text);

/* By function, file and module. Without memory nothing matches. */
bool ct_match_frame(struct ct_match *match, const struct ct_profile *profile, uint32_t frame);

#endif
