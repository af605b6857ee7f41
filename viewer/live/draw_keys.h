/* SPDX-License-Identifier: MIT */
/* The keys, in the bottom line and as the page of help. */
#ifndef CT_LIVE_DRAW_KEYS_H
#define CT_LIVE_DRAW_KEYS_H

#include "live/screen.h"

/* Add the hints of the bottom line. */
void ct_draw_hints(const struct ct_screen *screen, struct ct_line *line);

/* Write the page of help. */
void ct_draw_help(struct ct_line *line);

#endif
