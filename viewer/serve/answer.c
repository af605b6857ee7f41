/* SPDX-License-Identifier: MIT */
#include "serve/answer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "names/names.h"
#include "util/clock.h"

#define SECOND_NS UINT64_C(1000000000)
#define WAITING_SITES_MAX (UINT64_C(4) << 20) /* 128 MiB, for all waiting requests */

static CT_ANSWER(well)
{
	(void)server;
	(void)request;
	fputs("ok\n", answer->out);
}

static CT_ANSWER(ready)
{
	(void)request;
	if (server->stopping)
		ct_answer_error(answer, 503, "stopping");
	else
		fputs("ready\n", answer->out);
}

/* Go's profiles of other things than memory. Scrapers ask for them by default. */
static CT_ANSWER(not_ours)
{
	(void)server;
	ct_answer_error(answer, 404,
			"ctrace records the heap only: %.40s is not there, but heap, allocs and delta_heap are",
			request->path);
}

enum methods { GET, GET_POST, POST };

static const struct route {
	const char *path;
	void (*answer)(struct ct_server *server, const struct ct_request *request, struct ct_answer *answer);
	enum methods methods;
} routes[] = {
	{"/", ct_answer_index, GET},
	{"/-/healthy", ct_answer_well, GET},
	{"/-/ready", ct_answer_ready, GET},
	{"/metrics", ct_answer_metrics, GET},
	{"/sd", ct_answer_sd, GET},
	{"/processes", ct_answer_processes, GET},
	{"/report", ct_answer_report, GET},
	{"/control", ct_answer_control, POST},
	{"/diff", ct_answer_diff, GET},
	{"/export", ct_answer_export, GET},
	{"/page", ct_answer_page, GET},
	{"/debug/pprof/", ct_answer_go_index, GET},
	{"/debug/pprof", ct_answer_go_index, GET},
	{"/debug/pprof/heap", ct_answer_heap, GET},
	{"/debug/pprof/allocs", ct_answer_allocs, GET},
	{"/debug/pprof/delta_heap", ct_answer_delta_heap, GET},
	{"/debug/pprof/cmdline", ct_answer_cmdline, GET},
	{"/debug/pprof/symbol", ct_answer_symbol, GET_POST},
	{"/debug/pprof/profile", ct_answer_not_ours, GET},
	{"/debug/pprof/block", ct_answer_not_ours, GET},
	{"/debug/pprof/mutex", ct_answer_not_ours, GET},
	{"/debug/pprof/goroutine", ct_answer_not_ours, GET},
	{"/debug/pprof/threadcreate", ct_answer_not_ours, GET},
	{"/debug/pprof/trace", ct_answer_not_ours, GET},
	{"/pprof/heap", ct_answer_text_heap, GET},
	{"/pprof/growth", ct_answer_text_growth, GET},
	{"/pprof/symbol", ct_answer_symbol, GET_POST},
	{"/pprof/cmdline", ct_answer_cmdline, GET},
};

#define ROUTES (sizeof(routes) / sizeof(routes[0]))

void ct_answer_error(struct ct_answer *answer, unsigned status, const char *format, ...)
{
	va_list arguments;
	answer->status = status;
	answer->type = "text/plain; charset=utf-8";
	answer->file_name[0] = answer->policy[0] = '\0';
	answer->go_error = true;
	fseek(answer->out, 0, SEEK_SET); /* drop what was written of an answer */
	va_start(arguments, format);
	vfprintf(answer->out, format, arguments);
	va_end(arguments);
	putc('\n', answer->out);
}

bool ct_answer_page_policy(struct ct_answer *answer, uint64_t *nonce)
{
	if (getrandom(nonce, sizeof(*nonce), 0) != sizeof(*nonce)) {
		ct_answer_error(answer, 503, "the kernel gives no random numbers");
		return false;
	}
	answer->type = "text/html; charset=utf-8";
	snprintf(
		answer->policy, sizeof(answer->policy),
		"default-src 'none'; script-src 'nonce-%016" PRIx64
		"'; style-src 'unsafe-inline'; connect-src 'self'; form-action 'self'; frame-src 'self'; base-uri 'none'; "
		"frame-ancestors 'none'",
		*nonce);
	return true;
}

bool ct_answer_number(const struct ct_request *request, struct ct_answer *answer, const char *name, uint64_t standard,
		      uint64_t most, uint64_t *number)
{
	const char *text = request->parameter(request->context, name);
	*number = standard;
	if (!text)
		return true;
	*number = 0;
	const char *at = text;
	while (*at >= '0' && *at <= '9' && *number <= most)
		*number = *number * 10 + (uint64_t)(*at++ - '0');
	if (at > text && !*at && *number <= most)
		return true;
	ct_answer_error(answer, 400, "%s is not a number from 0 to %llu", name, (unsigned long long)most);
	return false;
}

bool ct_answer_pid(const struct ct_request *request, struct ct_answer *answer, int *pid)
{
	uint64_t number = 0;
	if (!request->pid && !ct_answer_number(request, answer, "pid", 0, INT32_MAX, &number))
		return false;
	*pid = request->pid ? request->pid : (int)number;
	return true;
}

struct ct_served *ct_answer_process(struct ct_server *server, const struct ct_request *request,
				    struct ct_answer *answer)
{
	struct ct_served *only = NULL;
	int pid;
	size_t running = 0;
	if (!ct_answer_pid(request, answer, &pid))
		return NULL;
	ct_fleet_scan(&server->fleet);
	if (pid) {
		only = ct_fleet_find(&server->fleet, pid);
		if (!only) {
			ct_fleet_take(&server->fleet, pid);
			only = ct_fleet_find(&server->fleet, pid);
		}
		if (!only)
			ct_answer_error(answer, 404,
					ct_fleet_sleeps(&server->fleet, pid)
						? "process %d is asleep, and has recorded nothing"
						: "no recorded process %d; /processes lists them",
					pid);
		return only;
	}
	for (size_t i = 0; i < server->fleet.count; i++) {
		struct ct_served *served = server->fleet.rows[i];
		if (ct_served_is_past(served, ct_now_ns()))
			continue;
		running++;
		only = served;
	}
	if (running == 1)
		return only;
	ct_answer_error(answer, running ? 300 : 404,
			running ? "%zu processes are recorded: choose one with ?pid=; /processes lists them"
				: "%zu processes are recorded; start one with LD_PRELOAD=libctrace.so or ctrace record",
			running);
	return NULL;
}

struct ct_served *ct_answer_profile(struct ct_server *server, const struct ct_request *request,
				    struct ct_answer *answer)
{
	struct ct_error_text error;
	struct ct_profile *profile;
	struct ct_served *served = ct_answer_process(server, request, answer);
	int code = served ? ct_served_profile(served, &profile, &error) : CT_OK;
	if (!code)
		return served;
	ct_answer_failure(answer, code, &error);
	return NULL;
}

void ct_answer_failure(struct ct_answer *answer, int code, const struct ct_error_text *error)
{
	ct_answer_error(answer, code == CT_ERR_USAGE ? 400 : code == CT_ERR_MEMORY ? 503 : 500, "%s", error->line);
}

void ct_answer_file(struct ct_answer *answer, const struct ct_served *served, const char *suffix)
{
	char program[48];
	size_t length = 0;
	for (const char *at = served->name; *at && length < sizeof(program) - 1; at++)
		program[length++] =
			strchr("\"\\;/", *at) || (unsigned char)*at < ' ' || (unsigned char)*at > '~' ? '_' : *at;
	program[length] = '\0';
	snprintf(answer->file_name, sizeof(answer->file_name), "%s.%d%s", program, served->pid, suffix);
}

static const struct route *find_route(const char *path)
{
	for (size_t i = 0; i < ROUTES; i++)
		if (!strcmp(path, routes[i].path))
			return &routes[i];
	return NULL;
}

/* Take /pid/N off a path: gperftools' pprof knows no parameters, but any path before /pprof/. */
static void take_prefix(struct ct_request *request)
{
	static const char prefix[] = "/pid/";
	int pid = 0;
	if (strncmp(request->path, prefix, sizeof(prefix) - 1))
		return;
	const char *at = request->path + sizeof(prefix) - 1;
	while (*at >= '0' && *at <= '9' && pid < INT32_MAX / 10)
		pid = pid * 10 + (*at++ - '0');
	if (pid && *at == '/') {
		request->pid = pid;
		request->path = at;
	}
}

static void dispatch(struct ct_server *server, const struct ct_request *request, struct ct_answer *answer)
{
	static const char *const allowed[] = {"GET, HEAD", "GET, HEAD, POST", "POST"};
	const struct route *route = find_route(request->path);
	bool get = !strcmp(request->method, "GET") || !strcmp(request->method, "HEAD");
	bool post = !strcmp(request->method, "POST");
	if (!route) {
		ct_answer_error(answer, 404, "nothing is here; / lists what there is");
	} else if ((get && route->methods != POST) || (post && route->methods != GET)) {
		route->answer(server, request, answer);
	} else {
		ct_answer_error(answer, 405, "only %s is answered here", allowed[route->methods]);
		answer->allow = allowed[route->methods];
	}
}

bool ct_server_make_key(struct ct_server *server)
{
	uint64_t random[2];
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return false;
	snprintf(server->key, sizeof(server->key), "%016" PRIx64 "%016" PRIx64, random[0], random[1]);
	return true;
}

bool ct_wait_add(struct ct_server *server, struct ct_answer *answer, struct ct_served *served)
{
	struct ct_wait *wait = answer->wait;
	struct ct_waiting *rows = reallocarray(wait->rows, wait->count + 1, sizeof(*rows));
	if (rows) {
		wait->rows = rows;
		rows[wait->count] = (struct ct_waiting){.serial = served->serial};
	}
	if (!rows || ct_seen_take(&rows[wait->count].seen, served)) {
		ct_answer_error(answer, 503, "out of memory");
		return false;
	}
	server->waiting_sites += rows[wait->count++].seen.count;
	if (server->waiting_sites <= WAITING_SITES_MAX)
		return true;
	ct_answer_error(answer, 503, "too many requests wait already; try again later");
	return false;
}

void ct_wait_begin(struct ct_answer *answer, uint64_t seconds)
{
	answer->wait->began = true;
	answer->wait->until_ns = ct_now_ns() + seconds * SECOND_NS;
}

struct ct_served *ct_wait_process(struct ct_server *server, struct ct_answer *answer)
{
	const struct ct_waiting *waiting = answer->wait->rows;
	struct ct_served *served = ct_fleet_serial(&server->fleet, waiting->serial);
	struct ct_error_text error;
	struct ct_profile *profile;
	int code = served ? ct_served_profile(served, &profile, &error) : CT_OK;
	if (!served)
		ct_answer_error(answer, 410, "the process has ended, and its numbers are forgotten");
	else if (code)
		ct_answer_failure(answer, code, &error);
	return code ? NULL : served;
}

void ct_wait_free(struct ct_server *server, struct ct_wait *wait)
{
	for (size_t i = 0; i < wait->count; i++) {
		server->waiting_sites -= wait->rows[i].seen.count;
		ct_seen_free(&wait->rows[i].seen);
	}
	free(wait->rows);
	*wait = (struct ct_wait){0};
}

bool ct_answer(struct ct_server *server, const struct ct_request *request, struct ct_answer *answer)
{
	struct ct_wait *wait = answer->wait;
	struct ct_request taken = *request;
	take_prefix(&taken);
	*answer = (struct ct_answer){.status = 200, .type = "text/plain; charset=utf-8", .wait = wait};
	answer->out = open_memstream(&answer->body, &answer->body_bytes);
	if (!answer->out)
		return false;
	wait->until_ns = 0;
	dispatch(server, &taken, answer);
	ct_fleet_trim(&server->fleet);
	bool failed = ferror(answer->out);
	failed = fclose(answer->out) || failed;
	answer->out = NULL;
	if (failed || wait->until_ns) {
		free(answer->body);
		answer->body = NULL;
		answer->body_bytes = 0;
	}
	return !failed;
}
