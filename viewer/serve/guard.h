/* SPDX-License-Identifier: MIT */
/*
 * Who may ask. Without a token, only the loopback is listened on, and the Host header must name it: a page that a
 * browser on this machine shows could otherwise reach us by a name of its own that leads to 127.0.0.1 (DNS rebinding).
 */
#ifndef CT_SERVE_GUARD_H
#define CT_SERVE_GUARD_H

#include <stdbool.h>
#include <sys/socket.h>

#include "util/error.h"

#define CT_TOKEN_MIN 8
#define CT_TOKEN_MAX 512

struct ct_guard {
	char token[CT_TOKEN_MAX + 1]; /* "" = none is asked for */
};

/* Read the token from the first line of a file. 0 or < 0. */
int ct_guard_read(struct ct_guard *guard, const char *path, struct ct_error_text *error);

/* Is the token in an Authorization header: as a Bearer, or as the password of any user (Basic)? header may be NULL. */
bool ct_guard_admits(const struct ct_guard *guard, const char *header);

/* Is the token in the header as a Bearer? A browser never sends that by itself. */
bool ct_guard_is_bearer(const struct ct_guard *guard, const char *header);

/* May a request have this Host header? NULL: it has none. */
bool ct_guard_host(const struct ct_guard *guard, const char *host);

/* Turn "127.0.0.1:6070", "[::1]:6070", "localhost:6070" or ":6070" into an address. 0 or < 0. */
int ct_guard_address(const char *text, struct sockaddr_storage *address, socklen_t *length,
		     struct ct_error_text *error);

/* Is the address of the loopback? */
bool ct_guard_is_local(const struct sockaddr_storage *address);

#endif
