/* SPDX-License-Identifier: MIT */
/* What a user may ask of a recording, as words: those of `ctrace ctl` and of `ctrace serve`. */
#ifndef CT_LIVE_CONTROL_WORD_H
#define CT_LIVE_CONTROL_WORD_H

#include "live/control.h"

#define CT_CONTROL_SAMPLE_WORD "sample=" /* and a number of bytes */

/*
 * Turn "off", "exact", "sample=512k", "pause", "resume", "mark" or "reset" into a wish. name: of the mark or segment;
 * NULL: none was given. The wish refers to it. 0 or < 0.
 */
int ct_control_parse(const char *word, const char *name, struct ct_control_wish *wish, struct ct_error_text *error);

/* Does the word make no sense while nothing is recorded? */
bool ct_control_needs_recording(const char *word);

#endif
