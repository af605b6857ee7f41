/* SPDX-License-Identifier: MIT */
/*
 * Requests to ctrace serve, without HTTP: a first line "METHOD PATH?QUERY", lines with the headers Host, Authorization,
 * Accept and the address to listen on, and the body. They go to a server with two processes, one of them damaged.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "serve/answer.h"
#include "serve/guard.h"
#include "store_builder.h"

#define PARAMETERS 16

struct query {
	char *names[PARAMETERS], *values[PARAMETERS];
	size_t count;
};

static const char *parameter(void *context, const char *name)
{
	const struct query *query = context;
	for (size_t i = 0; i < query->count; i++)
		if (!strcmp(query->names[i], name))
			return query->values[i];
	return NULL;
}

static void split(char *text, struct query *query)
{
	for (char *part; query->count < PARAMETERS && (part = strsep(&text, "&"));) {
		query->names[query->count] = strsep(&part, "=");
		query->values[query->count++] = part;
	}
}

static char folder[] = "/tmp/ctrace-fuzz-XXXXXX";

static const char *name_of(int i)
{
	static char path[64];
	snprintf(path, sizeof(path), "%s/%d.store", folder, i);
	return path;
}

/* A store that is removed would be forgotten. */
static void remove_stores(void)
{
	unlink(name_of(0));
	unlink(name_of(1));
	rmdir(folder);
}

/* A store in a folder of its own, and a damaged one. */
static void make_server(struct ct_server *server)
{
	struct ct_error_text error;
	struct store_builder *builder = store_builder_new();
	store_builder_event(builder, 0, 2000, 1, CT_EVENT_ALLOC, 100, 0);
	store_builder_event(builder, 0, 3000, 2, CT_EVENT_ALLOC, 30, 0);
	if (!mkdtemp(folder) || ct_fleet_init(&server->fleet, false, &error))
		abort();
	for (int i = 0; i < 2; i++) {
		builder->header.pid = (uint32_t)(7 + i);
		builder->sites[1].node = i ? UINT32_MAX : builder->sites[1].node;
		store_builder_write(builder, name_of(i));
	}
	free(builder);
	atexit(remove_stores);
	if (ct_fleet_watch(&server->fleet, folder, &error) || server->fleet.count != 2)
		abort();
}

static void ask(struct ct_server *server, const struct ct_request *request)
{
	struct ct_wait wait = {0};
	struct ct_answer answer = {.wait = &wait};
	/* The second time, a request that had to wait gets its answer. */
	for (int i = 0; i < 2; i++) {
		if (!ct_answer(server, request, &answer))
			break;
		if (!wait.until_ns) {
			if (answer.status < 200 || answer.status > 599 || !answer.type || !answer.body)
				abort();
			free(answer.body);
			break;
		}
	}
	ct_wait_free(server, &wait);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ct_server server;
	static const struct ct_guard with_token = {"correct horse battery"}, without;
	struct sockaddr_storage address;
	socklen_t length;
	struct ct_error_text error;
	struct query query = {.count = 0};
	if (!server.fleet.count)
		make_server(&server);
	server.allow_control = true;
	char *text = calloc(1, size + 1), *at = text;
	memcpy(text, data, size);
	char *lines[5];
	for (int i = 0; i < 5; i++)
		lines[i] = at && (i < 4 || strchr(at, '\n')) ? strsep(&at, "\n") : NULL;
	char *target = lines[0], *method = strsep(&target, " "), *path = target ? strsep(&target, "?") : NULL;
	if (target)
		split(target, &query);
	ct_guard_admits(&without, lines[2]);
	ct_guard_admits(&with_token, lines[2]);
	ct_guard_host(&without, lines[1]);
	if (lines[4])
		ct_guard_address(lines[4], &address, &length, &error);
	if (path) {
		const struct ct_request request = {
			.method = method,
			.path = path,
			.parameter = parameter,
			.context = &query,
			.host = lines[1] ? lines[1] : "",
			.origin = "",
			.key = "",
			.bearer = size % 2,
			.accept = lines[3] ? lines[3] : "",
			.body = at ? at : "",
			.body_bytes = at ? size - (size_t)(at - text) : 0,
		};
		ask(&server, &request);
	}
	free(text);
	return 0;
}
