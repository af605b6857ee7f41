/* SPDX-License-Identifier: MIT */
/*
 * The black box of one process: looks at it (watch/look.h) when its control group comes near its limit and when it has
 * been killed, in one report as text and JSON. Nothing is done in the process: the store is whole after a SIGKILL, so
 * who holds what is known up to the last event.
 */
#ifndef CT_WATCH_BOX_H
#define CT_WATCH_BOX_H

#include "live/process.h"
#include "util/error.h"
#include "watch/group.h"

struct ct_box;

/* folder: of the reports. Both are the caller's, for as long as the box. no_arguments: they leave out the arguments of
 * the process, which may hold secrets. NULL when out of memory. */
struct ct_box *ct_box_new(const struct ct_process *process, const char *folder, bool no_arguments);
void ct_box_free(struct ct_box *box);

/* What poll waits for: the group's wake-ups and the process's end. At most CT_BOX_FDS. */
#define CT_BOX_FDS (CT_GROUP_FDS + 1)
struct pollfd;
unsigned ct_box_poll(const struct ct_box *box, struct pollfd *fds);

/* Has it ever had a store or a control page? Looks for them if not. */
bool ct_box_is_traced(struct ct_box *box);

/*
 * Look at a process that runs: about once a second, and after each wake-up. boxes: how many share the time that looks
 * may cost. Returns the level, in percent, if the group has reached one and a report was written; 0, or < 0.
 */
int ct_box_look(struct ct_box *box, const struct ct_cgroup *cgroup, size_t boxes, struct ct_error_text *error);

/* The process has ended. Returns 1 if a report was written; 0: none was due; < 0. */
int ct_box_end(struct ct_box *box, struct ct_error_text *error);

/* Why it ended: "out of memory", "killed", "ended". */
const char *ct_box_cause(const struct ct_box *box);

/* The report as text. The other one ends in .json in place of .txt. */
const char *ct_box_path(const struct ct_box *box);

#endif
