/* SPDX-License-Identifier: MIT */
/*
 * Sends readings of running programs to a server, one in each interval, until the programs have ended or the user stops
 * it. The last reading of a program is that of its end, also if it was killed. Requests that the server does not take
 * now wait in a queue, and are tried again after a time that doubles.
 */
#ifndef CT_PUSH_PUSH_H
#define CT_PUSH_PUSH_H

#include "push/queue.h"
#include "push/receiver.h"

struct ct_push {
	const struct ct_receiver *receiver;
	const char *url; /* of the server, to which the receiver's path is added */
	const char *authorization, *tenant; /* of struct ct_post; may be NULL */
	unsigned interval_s; /* 1 or more */
	bool once; /* send one reading of each program, and end */
	bool pid_label;
	const struct ct_labels *labels; /* the user's; come before those of the program */
	struct ct_queue queue;
	unsigned long sent, refused;
};

/* Add a finished recording or a report. Its time is that of its end. 0 or < 0. */
int ct_push_file(struct ct_push *push, const char *path, struct ct_error_text *error);

/*
 * Send what is in the queue, and readings of these processes. Returns 0; CT_ERR_IO if requests were dropped, were
 * refused or are left; or another code < 0.
 */
int ct_push_run(struct ct_push *push, const int *pids, size_t count, struct ct_error_text *error);

#endif
