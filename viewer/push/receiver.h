/* SPDX-License-Identifier: MIT */
/* The servers that profiles are sent to: one table, with a function that makes the request of each. */
#ifndef CT_PUSH_RECEIVER_H
#define CT_PUSH_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/profile.h"
#include "push/labels.h"
#include "util/error.h"

/* What is sent: a reading of a program. */
struct ct_reading {
	const struct ct_profile *profile;
	const struct ct_labels *labels;
	uint64_t time_ns; /* of the numbers, since 1970 */
	uint64_t duration_ns; /* of the interval that the allocations are of */
	bool recent; /* they are those since the reading before; false: since the start */
};

struct ct_push_request {
	char *path; /* with its query; to be freed */
	const char *content_type;
	char *body; /* to be freed */
	size_t length;
	bool empty; /* nothing was allocated, and nothing is live: not to be sent */
};

struct ct_receiver {
	const char *name;
	const char *help;
	int (*request)(const struct ct_reading *reading, struct ct_push_request *request, struct ct_error_text *error);
	/* May be NULL: for ct_post.accepts */
	bool (*accepts)(const char *answer, size_t length, struct ct_error_text *why);
};

/* The last row has no name. */
extern const struct ct_receiver ct_receivers[];

/* Find a receiver by name; NULL: unknown. */
const struct ct_receiver *ct_receiver_find(const char *name);

void ct_push_request_free(struct ct_push_request *request);

#endif
