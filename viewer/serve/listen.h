/* SPDX-License-Identifier: MIT */
/*
 * Where the server listens: an address of this machine, or a Unix socket, which only its user may open. What other
 * machines can reach needs a token and TLS, unless the user says otherwise.
 */
#ifndef CT_SERVE_LISTEN_H
#define CT_SERVE_LISTEN_H

#include <sys/types.h>

#include "serve/guard.h"

struct ct_listener {
	int fd; /* -1: none; the HTTP server closes it */
	bool local; /* it cannot be reached from other machines */
	bool is_unix;
	char url[160];
	char *path; /* of a Unix socket, which is removed at the end */
	dev_t device;
	ino_t inode;
};

struct ct_listen_options {
	const char *text; /* "127.0.0.1:6070" or "unix:/path" */
	bool token, tls; /* are asked for, and used */
	bool insecure; /* other machines may ask without them */
};

/* 0 or < 0. */
int ct_listen(const struct ct_listen_options *options, struct ct_listener *listener, struct ct_error_text *error);

/* Remove the socket's name, unless it is another's by now. */
void ct_listen_end(struct ct_listener *listener);

/* A certificate and its key in PEM's form. */
struct ct_tls {
	char *certificate, *key; /* NULL: there is none */
};

/* Read both from "CERTIFICATE,KEY", two files. 0 or < 0; ct_tls_free in both cases. */
int ct_tls_read(const char *files, struct ct_tls *tls, struct ct_error_text *error);
void ct_tls_free(struct ct_tls *tls);

#endif
