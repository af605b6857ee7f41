/* SPDX-License-Identifier: MIT */
/* Sends a request to a server, by libcurl, which is loaded when it is first needed: other commands start faster. */
#ifndef CT_PUSH_POST_H
#define CT_PUSH_POST_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

enum ct_post_result {
	CT_POST_DONE,
	CT_POST_LATER, /* the server cannot be reached, has failed, or asks for fewer requests */
	CT_POST_REFUSED, /* the same request would be refused again */
};

struct ct_post {
	const char *url;
	const char *content_type;
	const char *body;
	size_t length;
	const char *authorization; /* value of the header, or NULL */
	const char *tenant; /* value of X-Scope-OrgID, or NULL */
	/* May be NULL. Whether an answer with success means that all was taken; if not, `why` gets a line. */
	bool (*accepts)(const char *answer, size_t length, struct ct_error_text *why);
};

/* Load libcurl. 0 or < 0, with what to install. */
int ct_post_init(struct ct_error_text *error);

/* Send, within 30 s. `why` gets one line if it is not done; *wait_s the number of seconds that the server asks to wait.
 */
enum ct_post_result ct_post_send(const struct ct_post *post, unsigned *wait_s, struct ct_error_text *why);

#endif
