/* SPDX-License-Identifier: MIT */
/*
 * The black boxes of several processes (watch/box.h), as `ctrace watch` and `ctrace serve` have them: each is looked at
 * about once a second and at its wake-ups, until its process has ended. All of them together cost what one may.
 */
#ifndef CT_WATCH_BOXES_H
#define CT_WATCH_BOXES_H

#include "watch/box.h"

struct ct_boxed {
	struct ct_process process;
	struct ct_box *box;
	bool failed; /* at the latest look, which was said */
	void *own; /* the caller's, freed with the box */
};

struct ct_boxes {
	/* the caller's */
	const char *folder; /* of reports */
	bool no_arguments; /* reports leave out the arguments of processes */
	/* A line for people about a process, such as which report was written. path: of the report; NULL: none. */
	void (*say)(void *context, int pid, const char *path, const char *line);
	/* After a look at a process that runs. 0 or < 0. May be NULL. */
	int (*looked)(void *context, struct ct_boxed *boxed, const struct ct_cgroup *group,
		      struct ct_error_text *error);
	void *context;
	/* made */
	struct ct_boxed **rows; /* by pid: a group may have many processes, and each is looked for every second */
	size_t count, room;
};

/* Add a process, unless it is there: then *boxed is NULL. 0 or < 0; a box that is not wanted is dropped at once. */
int ct_boxes_add(struct ct_boxes *boxes, int pid, struct ct_boxed **boxed, struct ct_error_text *error);
void ct_boxes_drop(struct ct_boxes *boxes, struct ct_boxed *boxed);
void ct_boxes_fini(struct ct_boxes *boxes);

/* What poll waits for: at most count * CT_BOX_FDS. */
size_t ct_boxes_poll(const struct ct_boxes *boxes, struct pollfd *fds);

/* Look at all of them. Those whose processes have ended have their last report, and are dropped. */
void ct_boxes_look(struct ct_boxes *boxes);

#endif
