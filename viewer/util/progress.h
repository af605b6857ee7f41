/* SPDX-License-Identifier: MIT */
/*
 * A line that shows how far a long command is: "ctrace: writing the report: 45 %, 8 s left". It appears after a second,
 * and only if stderr is a terminal that this process may write to. It goes away at the end, and before any other line.
 *
 * The whole command is the part from 0 to 1. A caller enters parts of it; the work itself says how far it is in
 * the present part, as often as it likes.
 */
#ifndef CT_UTIL_PROGRESS_H
#define CT_UTIL_PROGRESS_H

#include <stdint.h>

/* Show what follows, until ct_progress_end. In a command that is shown already, only that one's words count. */
void ct_progress_begin(const char *what);
void ct_progress_end(void);

/* Words after the time left, such as what Ctrl-C does; NULL: none. */
void ct_progress_hint(const char *hint);

struct ct_progress_part {
	double from, to;
};

/* What follows is this part of the present part, which is returned. */
struct ct_progress_part ct_progress_enter(double from, double to);

/* The part is done; go on in the outer one. */
void ct_progress_leave(struct ct_progress_part outer);

void ct_progress_at(uint64_t done, uint64_t all);

/* Take the line away for the rest of the command: the terminal is the output's. */
void ct_progress_give_way(void);

/* Take the line away, until it is drawn again. Also in signal handlers. */
void ct_progress_erase(void);

#endif
