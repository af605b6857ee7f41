/* SPDX-License-Identifier: MIT */
/*
 * Requests that wait for a server, oldest first. Beyond a limit, the oldest ones are dropped and counted. In a folder,
 * they survive the process: the next one that uses the folder sends them.
 */
#ifndef CT_PUSH_QUEUE_H
#define CT_PUSH_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "push/receiver.h"
#include "util/error.h"

struct ct_queue_row {
	struct ct_push_request request; /* without body while it is in a file */
	char *file; /* name in the folder; NULL: it is in memory */
	size_t bytes;
};

struct ct_queue {
	int folder; /* -1: requests are kept in memory */
	const char *name; /* of the folder, for messages */
	size_t limit; /* bytes of all requests */
	struct ct_queue_row *rows; /* the oldest first */
	size_t count, room, bytes;
	unsigned long dropped;
	unsigned long long number; /* of the latest file */
};

/* Make the folder if it does not exist, and take the requests in it. folder NULL: in memory. 0 or < 0. */
int ct_queue_open(struct ct_queue *queue, const char *folder, size_t limit, struct ct_error_text *error);

/* Take over a request, which is empty afterwards. A file that cannot be written is a warning; then it is in memory. */
int ct_queue_add(struct ct_queue *queue, struct ct_push_request *request, struct ct_error_text *error);

/* The oldest request, read if necessary; NULL: there is none. It is valid until the queue is changed. */
const struct ct_push_request *ct_queue_first(struct ct_queue *queue);

/* Remove the oldest request. */
void ct_queue_remove(struct ct_queue *queue);

/* Files stay. */
void ct_queue_close(struct ct_queue *queue);

#endif
