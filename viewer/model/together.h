/* SPDX-License-Identifier: MIT */
/*
 * What several processes had live at the same time: the sum of their timelines, its maximum and its curve. A process
 * counts from its begin to its end. Within a step of a timeline it counts with the most that it had live there, so the
 * sum is an upper bound, by what lives shorter than a step.
 */
#ifndef CT_MODEL_TOGETHER_H
#define CT_MODEL_TOGETHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/profile.h"

/* What was live from a moment on. Times are of one clock for all processes, in any unit. */
struct ct_life_step {
	uint64_t time;
	uint64_t bytes;
};

struct ct_life {
	uint64_t begin, end;
	struct ct_life_step *steps; /* in order of time; to be freed */
	size_t step_count;
};

#define CT_TOGETHER_CELLS 240

struct ct_together {
	uint64_t begin, end; /* of the first and the last process */
	uint64_t most_bytes, most_time;
	uint64_t cells[CT_TOGETHER_CELLS]; /* the most in each part of the time from begin to end, all of them equal */
};

/* The life of a profile's process, in ns since 1970; without steps if it is not known. 0, or < 0 when out of memory. */
int ct_life_of_profile(const struct ct_profile *profile, struct ct_life *life);

/* Did any two of the processes run at the same time? If not, their sum says nothing. Sorts the lives by begin. */
bool ct_together_overlap(struct ct_life *lives, size_t count);

/* Add up. 0, or < 0 when out of memory. */
int ct_together_add_up(const struct ct_life *lives, size_t count, struct ct_together *together);

/* The most in one of `parts` equal parts of the time; parts <= CT_TOGETHER_CELLS. */
uint64_t ct_together_most(const struct ct_together *together, size_t part, size_t parts);

/* The end of a cell, in time since the begin. */
uint64_t ct_together_cell_end(const struct ct_together *together, size_t cell);

#endif
