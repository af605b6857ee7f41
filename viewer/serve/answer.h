/* SPDX-License-Identifier: MIT */
/*
 * What `ctrace serve` answers, without HTTP: a request is a method, a path, parameters and a body, an answer is a
 * status and bytes. Each URL has a row in the table of answer.c. Requests are untrusted.
 */
#ifndef CT_SERVE_ANSWER_H
#define CT_SERVE_ANSWER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "serve/fleet.h"
#include "watch/boxes.h"

#define CT_SECONDS_MAX 3600 /* that a request may wait */
#define CT_BODY_MAX 65536u /* bytes of a request's body; only addresses for /pprof/symbol are ever sent */

struct ct_server {
	struct ct_fleet fleet;
	uint64_t start_unix_ns;
	uint64_t requests, refused; /* for /metrics */
	size_t waiting_sites; /* what waiting requests have seen, in sites */
	struct ct_boxes boxes; /* without a folder: none */
	void (*say)(int pid, const char *line); /* about their reports */
	bool stopping;
	bool tls; /* for the targets of /sd */
	bool allow_control;
	char key[40]; /* that pages of ours have, and requests that control a process; "" = there is none */
};

struct ct_request {
	const char *method, *path;
	int pid; /* of a path that begins with /pid/N; 0 = it does not */
	/* A parameter of the query; NULL: not given. */
	const char *(*parameter)(void *context, const char *name);
	void *context;
	const char *accept, *host, *origin, *key; /* headers; "" = none */
	bool bearer; /* the token came as a Bearer */
	const char *body;
	size_t body_bytes;
};

/* A process that an answer waits for. */
struct ct_waiting {
	uint64_t serial; /* of the process */
	struct ct_seen seen; /* its sites at the beginning */
};

/* An answer that is to be given later: the handler is called again then, with `wait` as it left it. */
struct ct_wait {
	uint64_t until_ns; /* CLOCK_MONOTONIC; 0: the answer is there */
	bool began;
	bool all; /* one profile of all processes */
	struct ct_waiting *rows;
	size_t count;
};

struct ct_answer {
	unsigned status;
	const char *type; /* Content-Type */
	char file_name[96]; /* for Content-Disposition; "" = none */
	bool go_error; /* a text that `go tool pprof` is to show */
	char policy[256]; /* Content-Security-Policy; "" = nothing may be loaded or run */
	const char *allow; /* for 405 */
	FILE *out; /* writes the body */
	char *body;
	size_t body_bytes;
	struct ct_wait *wait; /* the caller's */
};

/* Make the key of the server's pages. False: there are no random numbers. */
bool ct_server_make_key(struct ct_server *server);

/* Answer a request. False: out of memory. Unless answer->wait->until_ns is set, the caller frees the body. */
bool ct_answer(struct ct_server *server, const struct ct_request *request, struct ct_answer *answer);

/* Remember what the process's profile, which was just read, has now, for an answer after some seconds. False: the
 * answer says why not. */
bool ct_wait_add(struct ct_server *server, struct ct_answer *answer, struct ct_served *served);
void ct_wait_begin(struct ct_answer *answer, uint64_t seconds);

/* The process that a request for one has waited for, with a profile that was just read. NULL: the answer says why there
 * is none. */
struct ct_served *ct_wait_process(struct ct_server *server, struct ct_answer *answer);

/* Forget what a request has waited for. */
void ct_wait_free(struct ct_server *server, struct ct_wait *wait);

/* Answer with a status and a line of text. */
void ct_answer_error(struct ct_answer *answer, unsigned status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Make the answer a page whose scripts have this nonce, and may ask this server only. False: there are no random
 * numbers, and the answer says so.
 */
bool ct_answer_page_policy(struct ct_answer *answer, uint64_t *nonce);

/* A parameter as a number of at most `most`; `standard` if it is not given. False: it is not a number, and the answer
 * says so. */
bool ct_answer_number(const struct ct_request *request, struct ct_answer *answer, const char *name, uint64_t standard,
		      uint64_t most, uint64_t *number);

/* The pid of /pid/N or ?pid=; 0: the request names none. False: it is not a number, and the answer says so. */
bool ct_answer_pid(const struct ct_request *request, struct ct_answer *answer, int *pid);

/* The process that the request names, or the only one that runs. NULL: the answer says why there is none. */
struct ct_served *ct_answer_process(struct ct_server *server, const struct ct_request *request,
				    struct ct_answer *answer);

/* The same, with a profile that was just read. */
struct ct_served *ct_answer_profile(struct ct_server *server, const struct ct_request *request,
				    struct ct_answer *answer);

/* Answer with the status for an error, and its line. */
void ct_answer_failure(struct ct_answer *answer, int code, const struct ct_error_text *error);

/* Name the file that the answer is to be saved as: "app.12.json". */
void ct_answer_file(struct ct_answer *answer, const struct ct_served *served, const char *suffix);

#define CT_ANSWER(name)                                                                                                \
	void ct_answer_##name(struct ct_server *server, const struct ct_request *request, struct ct_answer *answer)

CT_ANSWER(cmdline);
CT_ANSWER(control);
CT_ANSWER(allocs);
CT_ANSWER(delta_heap);
CT_ANSWER(diff);
CT_ANSWER(export);
CT_ANSWER(go_index);
CT_ANSWER(heap);
CT_ANSWER(index);
CT_ANSWER(metrics);
CT_ANSWER(page);
CT_ANSWER(processes);
CT_ANSWER(report);
CT_ANSWER(sd);
CT_ANSWER(symbol);
CT_ANSWER(text_growth);
CT_ANSWER(text_heap);

#endif
