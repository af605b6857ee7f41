/* SPDX-License-Identifier: MIT */
/*
 * Steady growth: live bytes that rise through a run as along a line. It separates a leak from a cache that fills and
 * stays (a plateau), from a buffer that doubles now and then (steps), and from what comes and goes. The start of the
 * run may be flat, as in a server that waits for its first request: the window of time that is judged begins with the
 * growth, and must be a large part of the run.
 */
#ifndef CT_MODEL_GROWTH_H
#define CT_MODEL_GROWTH_H

#include <stdbool.h>
#include <stddef.h>

/* What was live at a moment. */
struct ct_moment {
	double time;
	double bytes;
	double blocks;
};

struct ct_growth {
	struct ct_moment first, last; /* of the window */
	double slope; /* bytes per unit of time, of the line with the least squares */
	double fit; /* R²: 1 = all moments lie on the line */
	unsigned intervals, rises; /* between the window's moments, and those of them in which live bytes rose */
};

#define CT_GROWTH_MOMENTS 6 /* fewer moments say nothing */
#define CT_GROWTH_FIT 0.8 /* below this it is not steady */
#define CT_GROWTH_SURE 0.95 /* from here on there is little doubt */

/* Judge moments in order of time, the last one at the end. False: no steady growth; *growth is not set. */
bool ct_growth_find(const struct ct_moment *moments, size_t count, struct ct_growth *growth);

#endif
