/* SPDX-License-Identifier: MIT */
/* What the user's terminal can show. Probe it once, after setlocale. */
#ifndef CT_VIEW_TERMINAL_H
#define CT_VIEW_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

enum ct_color_mode {
	CT_COLOR_AUTO, /* on a terminal, unless NO_COLOR is set or TERM is dumb */
	CT_COLOR_ALWAYS,
	CT_COLOR_NEVER,
};

struct ct_terminal {
	int columns;
	bool color;
	bool links; /* it shows OSC 8 links */
	bool utf8; /* the locale's encoding is UTF-8; otherwise, only ASCII is written */
};

void ct_terminal_probe(struct ct_terminal *terminal, FILE *out, enum ct_color_mode mode);

#endif
