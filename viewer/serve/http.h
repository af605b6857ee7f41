/* SPDX-License-Identifier: MIT */
/*
 * The HTTP side of `ctrace serve`: one thread, one loop, by libmicrohttpd. That library is loaded when it is needed,
 * since it brings a dozen others, which every export would have to load otherwise.
 */
#ifndef CT_SERVE_HTTP_H
#define CT_SERVE_HTTP_H

#include "serve/answer.h"
#include "serve/listen.h"

struct ct_http_options {
	struct ct_listen_options listen;
	const struct ct_guard *guard;
	const struct ct_tls *tls;
	void (*started)(const char *url);
};

/* Serve until SIGINT or SIGTERM. 0 or < 0. */
int ct_http_serve(struct ct_server *server, const struct ct_http_options *options, struct ct_error_text *error);

#endif
