/* SPDX-License-Identifier: MIT */
/* Go's heap profiles, of one process or of all of them in one profile. */
#include <stdlib.h>
#include <string.h>

#include "serve/answer.h"
#include "serve/pprof.h"
#include "util/clock.h"

#define CLIENT_MAX 64 /* bytes of a client's name */

/* The processes of a request. */
struct choice {
	struct ct_pprof_part *parts;
	size_t count;
	bool all;
};

static bool add_part(struct choice *choice, struct ct_served *served)
{
	struct ct_pprof_part *parts = reallocarray(choice->parts, choice->count + 1, sizeof(*parts));
	if (!parts)
		return false;
	choice->parts = parts;
	parts[choice->count++] = (struct ct_pprof_part){.served = served};
	return true;
}

/* What a waiting request has seen of a process at its beginning; NULL: nothing. */
static const struct ct_seen *seen_of(const struct ct_wait *wait, const struct ct_served *served)
{
	for (size_t i = 0; i < wait->count; i++)
		if (wait->rows[i].serial == served->serial)
			return &wait->rows[i].seen;
	return NULL;
}

/* All that run, and the last numbers of those that have ended. */
static bool choose_all(struct ct_server *server, const struct ct_wait *wait, struct choice *choice)
{
	uint64_t now = ct_now_ns();
	choice->all = true;
	for (size_t i = 0; i < server->fleet.count; i++) {
		struct ct_served *served = server->fleet.rows[i];
		if (!served->ended_ns && ct_served_is_past(served, now))
			continue;
		if (!add_part(choice, served))
			return false;
		choice->parts[choice->count - 1].seen = seen_of(wait, served);
	}
	return true;
}

static size_t count_running(struct ct_server *server)
{
	size_t running = 0;
	for (size_t i = 0; i < server->fleet.count; i++)
		running += !ct_served_is_past(server->fleet.rows[i], ct_now_ns());
	return running;
}

/* text: of one process only. False: the answer says why not. */
static bool choose(struct ct_server *server, const struct ct_request *request, struct ct_answer *answer, bool text,
		   struct choice *choice)
{
	const struct ct_wait *wait = answer->wait;
	const char *pid = request->pid ? NULL : request->parameter(request->context, "pid");
	bool memory = true;
	ct_fleet_scan(&server->fleet);
	if (wait->began ? wait->all
			: !text && !request->pid && (pid ? !strcmp(pid, "all") : count_running(server) > 1)) {
		memory = choose_all(server, wait, choice);
	} else if (wait->began) {
		struct ct_served *served = ct_wait_process(server, answer);
		memory = !served || add_part(choice, served);
		if (choice->count)
			choice->parts->seen = &wait->rows->seen;
	} else {
		struct ct_served *served = ct_answer_profile(server, request, answer);
		memory = !served || add_part(choice, served);
	}
	if (!memory)
		ct_answer_error(answer, 503, "out of memory");
	return answer->status == 200;
}

static void put_pprof(struct ct_server *server, const struct choice *choice, const struct ct_pprof_ask *ask, bool text,
		      struct ct_answer *answer)
{
	struct ct_error_text error;
	struct ct_pprof_part *first = choice->parts;
	struct ct_pprof_ask one = *ask;
	int code = CT_OK;
	if (choice->all) {
		code = ct_pprof_write_all(&server->fleet, choice->parts, choice->count, ask, answer->out, &error);
	} else {
		one.seen = first->seen;
		one.begins = first->begins;
		code = text ? ct_pprof_write_text(first->served, &one, true, answer->out, &error)
			    : ct_pprof_write(first->served, &one, answer->out, &error);
		if (!code && first->take && ct_seen_take(first->take, first->served))
			code = ct_error_no_memory(&error);
	}
	if (code) {
		ct_answer_failure(answer, code, &error);
	} else if (!text) {
		answer->type = "application/octet-stream";
		if (choice->all)
			strcpy(answer->file_name, "all.pb.gz");
		else
			ct_answer_file(answer, first->served, ".pb.gz");
	}
}

/* Begin to wait for ?seconds=. */
static void begin_wait(struct ct_server *server, const struct choice *choice, uint64_t seconds,
		       struct ct_answer *answer)
{
	struct ct_error_text ignored;
	struct ct_profile *profile;
	for (size_t i = 0; i < choice->count; i++) {
		struct ct_served *served = choice->parts[i].served;
		if (choice->all && ct_served_profile(served, &profile, &ignored))
			continue; /* it counts as missing at the end, if it cannot be read then */
		if (!ct_wait_add(server, answer, served))
			return;
		ct_fleet_used(&server->fleet, served);
	}
	answer->wait->all = choice->all;
	ct_wait_begin(answer, seconds);
}

static void answer_heap(struct ct_server *server, const struct ct_request *request, struct ct_answer *answer,
			enum ct_pprof_kind kind)
{
	struct choice choice = {0};
	uint64_t seconds, debug, top;
	if (!ct_answer_number(request, answer, "seconds", 0, CT_SECONDS_MAX, &seconds) ||
	    !ct_answer_number(request, answer, "debug", 0, 2, &debug) ||
	    !ct_answer_number(request, answer, "top", 0, UINT32_MAX, &top))
		return;
	const struct ct_pprof_ask ask = {.kind = seconds ? CT_PPROF_CHANGE : kind, .top = (size_t)top};
	bool again = answer->wait->began;
	if (seconds && debug)
		ct_answer_error(answer, 400, "seconds and debug cannot be combined");
	else if (choose(server, request, answer, debug, &choice) && seconds && !again)
		begin_wait(server, &choice, seconds, answer);
	else if (answer->status == 200)
		put_pprof(server, &choice, &ask, debug, answer);
	free(choice.parts);
}

CT_ANSWER(heap)
{
	answer_heap(server, request, answer, CT_PPROF_HEAP);
}

CT_ANSWER(allocs)
{
	answer_heap(server, request, answer, CT_PPROF_ALLOCS);
}

/* What a client has seen; the one that was not used for longest makes room for a new one. NULL: out of memory. */
static struct ct_seen *find_client(struct ct_served *served, const char *client)
{
	struct ct_seen *oldest = &served->clients[0];
	for (size_t i = 0; i < CT_CLIENTS_MAX; i++) {
		struct ct_seen *seen = &served->clients[i];
		if (seen->client && !strcmp(seen->client, client))
			return seen;
		if (!seen->client || (oldest->client && seen->used_ns < oldest->used_ns))
			oldest = seen;
	}
	char *name = strdup(client);
	if (!name)
		return NULL;
	ct_seen_free(oldest);
	oldest->client = name;
	return oldest;
}

/* A process that was not read yet may have started before. */
static bool starts_before(struct ct_served *served, uint64_t unix_ns)
{
	if (!served->known)
		ct_served_look(served);
	return !served->known || served->numbers.start_unix_ns < unix_ns;
}

CT_ANSWER(delta_heap)
{
	const char *client = request->parameter(request->context, "client");
	struct choice choice = {0};
	const struct ct_pprof_ask ask = {.kind = CT_PPROF_DELTA};
	if (client && strlen(client) > CLIENT_MAX) {
		ct_answer_error(answer, 400, "client is longer than %d bytes", CLIENT_MAX);
		return;
	}
	bool chosen = choose(server, request, answer, false, &choice);
	for (size_t i = 0; i < choice.count && chosen; i++) {
		struct ct_seen *seen = find_client(choice.parts[i].served, client ? client : "");
		/*
		 * A server that was killed and started again knows of no client. If it gave all since the process's
		 * start, that would count twice, so only what was allocated meanwhile is lost.
		 */
		choice.parts[i].begins =
			seen && !seen->sites && starts_before(choice.parts[i].served, server->start_unix_ns);
		choice.parts[i].seen = seen;
		choice.parts[i].take = strcmp(request->method, "HEAD") ? seen : NULL;
		chosen = seen != NULL;
		if (!chosen)
			ct_answer_error(answer, 503, "out of memory");
	}
	if (chosen)
		put_pprof(server, &choice, &ask, false, answer);
	free(choice.parts);
}
