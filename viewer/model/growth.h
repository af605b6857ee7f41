/* SPDX-License-Identifier: MIT */
/*
 * A verdict on live bytes over time: do they leak, or are they a cache that is full, or a sawtooth? What counts is the
 * *floor*: the least that is live from a moment to the end. What comes and goes is above it, so the floor of a sawtooth
 * is flat, and that of a leak rises to the end. A buffer that doubles rises too, but in few large steps.
 *
 * The start of the run may be flat, as in a server that waits for its first request, or a jump, as in one that loads
 * its tables first. The *window*, which is judged, begins after it and must be a large part of the run.
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

enum ct_growth_kind {
	CT_GROWTH_NONE, /* none of the others */
	CT_GROWTH_LEAK, /* the floor rises along a line to the end */
	CT_GROWTH_FULL, /* it grew, and has stayed as it is for a quarter of the run or longer */
	CT_GROWTH_FLAT, /* the same, but it was there from the first moment on, or fell before */
	CT_GROWTH_SAWTOOTH, /* large falls again and again, and the floor does not rise, or not as a leak's does */
	CT_GROWTH_KINDS,
};

struct ct_growth {
	enum ct_growth_kind kind;
	struct ct_moment first, last; /* of the window; of what is full or flat, first is since when */
	double slope; /* of a leak: the median of the slopes between any two parts of the window, bytes per unit of time
		       */
	double fit; /* of a leak: R² of its floor, 1 = it is a line */
	double sure; /* of a leak: how sure it is that the floor would not have risen by chance, up to
			CT_GROWTH_SURE_MAX */
	unsigned intervals, rises; /* of a leak: between the window's moments, and those in which live bytes rose */
	unsigned falls; /* large ones, each with a large rise after it or at the end */
	bool lows_rise; /* of a sawtooth: its low points rise, but too unsteadily, or too few are known, for a leak */
};

#define CT_GROWTH_MOMENTS 6 /* fewer moments say nothing */
#define CT_GROWTH_SURE_MIN 0.9 /* a leak that is less sure than this is not reported */
#define CT_GROWTH_SURE_MAX 0.99

/* Judge moments in order of time, the last one at the end. */
enum ct_growth_kind ct_growth_judge(const struct ct_moment *moments, size_t count, struct ct_growth *growth);

/* "leak", "full", "flat", "sawtooth"; "" for CT_GROWTH_NONE. */
const char *ct_growth_name(enum ct_growth_kind kind);

#endif
