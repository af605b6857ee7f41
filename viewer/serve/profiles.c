/* SPDX-License-Identifier: MIT */
/* Go's URLs, gperftools' URLs, and every format of `ctrace export`. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load/store/store_builder.h"
#include "model/threads.h"
#include "names/names.h"
#include "serve/answer.h"
#include "serve/pprof.h"
#include "util/clock.h"
#include "write/format.h"

#define SECOND_NS UINT64_C(1000000000)
#define SECONDS_MAX 3600
#define CLIENT_MAX 64 /* bytes of a client's name */

/* The status for an error, and its line. */
static void answer_failure(struct ct_answer *answer, int code, const struct ct_error_text *error)
{
	ct_answer_error(answer, code == CT_ERR_USAGE ? 400 : code == CT_ERR_MEMORY ? 503 : 500, "%s", error->line);
}

/* The process with a profile that was just read; NULL: the answer says why not. */
static struct ct_served *read_process(struct ct_server *server, const struct ct_request *request,
				      struct ct_answer *answer)
{
	struct ct_error_text error;
	struct ct_profile *profile;
	/* A process that was waited for may have another pid's number now. */
	struct ct_served *served = answer->wait->serial ? ct_fleet_serial(&server->fleet, answer->wait->serial)
							: ct_answer_process(server, request, answer);
	if (!served) {
		if (answer->wait->serial)
			ct_answer_error(answer, 410, "the process has ended, and its numbers are forgotten");
		return NULL;
	}
	int code = ct_served_profile(served, &profile, &error);
	if (!code)
		return served;
	answer_failure(answer, code, &error);
	return NULL;
}

static void name_file(struct ct_answer *answer, const struct ct_served *served, const char *suffix)
{
	char program[48];
	size_t length = 0;
	for (const char *at = ct_name_base(served->exe); *at && length < sizeof(program) - 1; at++)
		program[length++] =
			strchr("\"\\;/", *at) || (unsigned char)*at < ' ' || (unsigned char)*at > '~' ? '_' : *at;
	program[length] = '\0';
	snprintf(answer->file_name, sizeof(answer->file_name), "%s.%d%s", program, served->pid, suffix);
}

static void put_pprof(struct ct_served *served, const struct ct_pprof_ask *ask, bool text, struct ct_answer *answer)
{
	struct ct_error_text error;
	int code = text ? ct_pprof_write_text(served, ask, true, answer->out, &error)
			: ct_pprof_write(served, ask, answer->out, &error);
	if (code) {
		answer_failure(answer, code, &error);
	} else if (!text) {
		answer->type = "application/octet-stream";
		name_file(answer, served, ".pb.gz");
	}
}

/* Begin to wait for ?seconds=. */
static void begin_wait(struct ct_served *served, uint64_t seconds, struct ct_answer *answer)
{
	struct ct_wait *wait = answer->wait;
	if (ct_seen_take(&wait->seen, served)) {
		ct_answer_error(answer, 503, "out of memory");
		return;
	}
	wait->serial = served->serial;
	wait->until_ns = ct_now_ns() + seconds * SECOND_NS;
}

static void answer_heap(struct ct_server *server, const struct ct_request *request, struct ct_answer *answer,
			enum ct_pprof_kind kind)
{
	struct ct_wait *wait = answer->wait;
	uint64_t seconds, debug, top;
	if (!ct_answer_number(request, answer, "seconds", 0, SECONDS_MAX, &seconds) ||
	    !ct_answer_number(request, answer, "debug", 0, 2, &debug) ||
	    !ct_answer_number(request, answer, "top", 0, UINT32_MAX, &top))
		return;
	if (seconds && debug) {
		ct_answer_error(answer, 400, "seconds and debug cannot be combined");
		return;
	}
	struct ct_served *served = read_process(server, request, answer);
	if (!served)
		return;
	if (seconds && !wait->serial) {
		begin_wait(served, seconds, answer);
		return;
	}
	if (seconds && wait->seen.generation != served->generation) {
		ct_answer_error(answer, 503, "the process was read anew meanwhile; try again");
		return;
	}
	const struct ct_pprof_ask ask = {
		.kind = seconds ? CT_PPROF_CHANGE : kind, .seen = seconds ? &wait->seen : NULL, .top = (size_t)top};
	put_pprof(served, &ask, debug, answer);
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

CT_ANSWER(delta_heap)
{
	const char *client = request->parameter(request->context, "client");
	if (client && strlen(client) > CLIENT_MAX) {
		ct_answer_error(answer, 400, "client is longer than %d bytes", CLIENT_MAX);
		return;
	}
	struct ct_served *served = read_process(server, request, answer);
	if (!served)
		return;
	struct ct_seen *seen = find_client(served, client ? client : "");
	if (!seen) {
		ct_answer_error(answer, 503, "out of memory");
		return;
	}
	/* Without sites that were seen, this is the change since the process's start. */
	struct ct_seen first = {.unix_ns = served->numbers.start_unix_ns};
	const struct ct_pprof_ask ask = {.kind = CT_PPROF_DELTA, .seen = seen->sites ? seen : &first};
	put_pprof(served, &ask, false, answer);
	if (answer->status == 200 && strcmp(request->method, "HEAD") && ct_seen_take(seen, served))
		ct_answer_error(answer, 503, "out of memory");
}

static void answer_text(struct ct_server *server, const struct ct_request *request, struct ct_answer *answer,
			enum ct_pprof_kind kind)
{
	struct ct_served *served = read_process(server, request, answer);
	struct ct_error_text error;
	const struct ct_pprof_ask ask = {.kind = kind};
	int code = served ? ct_pprof_write_text(served, &ask, false, answer->out, &error) : CT_OK;
	if (code)
		answer_failure(answer, code, &error);
}

CT_ANSWER(text_heap)
{
	answer_text(server, request, answer, CT_PPROF_ALLOCS);
}

CT_ANSWER(text_growth)
{
	answer_text(server, request, answer, CT_PPROF_GROWTH);
}

/* Readers drop ?pid= when they ask for names, and mean the process whose addresses they have just got. */
CT_ANSWER(symbol)
{
	struct ct_served *latest = NULL;
	struct ct_error_text error;
	if (strcmp(request->method, "POST")) {
		fputs("num_symbols: 1\n", answer->out);
		return;
	}
	for (size_t i = 0; i < server->fleet.count; i++) {
		struct ct_served *served = server->fleet.rows[i];
		if (served->builder && (!latest || served->used_ns > latest->used_ns))
			latest = served;
	}
	if (request->pid || request->parameter(request->context, "pid"))
		latest = read_process(server, request, answer);
	if (answer->status != 200 || !latest)
		return;
	int code = ct_pprof_write_symbols(latest, request->body, request->body_bytes, answer->out, &error);
	if (code)
		answer_failure(answer, code, &error);
}

/* Arguments may hold secrets. Perl's pprof needs at least a name. */
CT_ANSWER(cmdline)
{
	struct ct_served *served = ct_answer_process(server, request, answer);
	char room[4096];
	ssize_t got;
	if (!served)
		return;
	int fd = served->process.folder < 0 || !server->fleet.arguments
			 ? -1
			 : openat(served->process.folder, "cmdline", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && (got = read(fd, room, sizeof(room))) > 0)
		fwrite(room, 1, (size_t)got, answer->out);
	if (fd >= 0)
		close(fd);
	else
		fputs(served->exe, answer->out);
}

static const char *type_of(const struct ct_format *format)
{
	static const struct {
		const char *suffix, *type;
	} types[] = {{".html", "text/html; charset=utf-8"},
		     {".gz", "application/octet-stream"},
		     {".svg", "image/svg+xml"},
		     {".json", "application/json"},
		     {".heapprofile", "application/json"},
		     {"", "text/plain; charset=utf-8"}};
	size_t i = 0, length = strlen(format->suffix);
	while (strlen(types[i].suffix) > length ||
	       strcmp(format->suffix + length - strlen(types[i].suffix), types[i].suffix))
		i++;
	return types[i].type;
}

static int write_format(const struct ct_profile *profile, const struct ct_format *format, enum ct_metric metric,
			FILE *out, struct ct_error_text *error)
{
	struct ct_profile folded;
	enum ct_metric chosen = metric ? metric : format->metric;
	if (chosen && !ct_metric_exists(profile, chosen))
		chosen = ct_metric_main(profile);
	if (format->has_threads)
		return format->write(profile, chosen, out, error);
	int code = ct_threads_fold(profile, &folded, error);
	if (!code)
		code = format->write(&folded, chosen, out, error);
	ct_threads_fini(&folded);
	return code;
}

CT_ANSWER(export)
{
	const char *name = request->parameter(request->context, "format");
	const char *metric_name = request->parameter(request->context, "metric");
	const char *look = request->parameter(request->context, "view");
	const struct ct_format *format = ct_format_find(name ? name : "dhat");
	enum ct_metric metric = metric_name ? ct_metric_find(metric_name) : CT_METRIC_NONE;
	struct ct_error_text error;
	if (!format || (metric_name && !metric)) {
		ct_answer_error(answer, 400, "%s; ctrace export --help lists the formats and metrics",
				format ? "unknown metric" : "unknown format");
		return;
	}
	struct ct_served *served = read_process(server, request, answer);
	if (!served)
		return;
	const struct ct_profile *profile = ct_store_builder_profile(served->builder);
	int code = ct_format_check(format, metric, profile, "the process", &error);
	if (!code)
		code = write_format(profile, format, metric, answer->out, &error);
	if (code) {
		answer_failure(answer, code, &error);
		return;
	}
	answer->type = type_of(format);
	if (!strcmp(format->name, "html")) /* it names its script and style by hash */
		strcpy(answer->policy, "frame-ancestors 'self'");
	if (!look)
		name_file(answer, served, format->suffix);
}
