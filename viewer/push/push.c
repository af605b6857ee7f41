/* SPDX-License-Identifier: MIT */
#include "push/push.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/export.h"
#include "live/target.h"
#include "model/threads.h"
#include "push/post.h"
#include "util/clock.h"
#include "util/message.h"

#define SECOND_NS UINT64_C(1000000000)
#define WAIT_FIRST_NS SECOND_NS /* before the second try; doubles with each one */
#define WAIT_LAST_NS (60 * SECOND_NS)
#define END_NS (60 * SECOND_NS) /* how long a queue is tried after the last program has ended */

static volatile sig_atomic_t stopped;

struct source {
	struct ct_target *target; /* NULL: ended */
	struct ct_labels labels;
};

struct state {
	struct ct_push *push;
	struct source *sources;
	size_t count;
	uint64_t next_reading_ns, next_try_ns; /* of the monotonic clock */
	uint64_t wait_ns; /* 0: the latest request was taken */
	uint64_t end_ns; /* when to give up; 0: programs still run */
};

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

/* Add a request for this reading to the queue. */
static int enqueue(struct ct_push *push, const struct ct_profile *profile, struct ct_reading reading,
		   struct ct_error_text *error)
{
	struct ct_push_request request = {0};
	struct ct_profile folded;
	int code = ct_threads_fold(profile, &folded, error);
	reading.profile = &folded;
	if (!code)
		code = push->receiver->request(&reading, &request, error);
	ct_threads_fini(&folded);
	if (!code && !request.empty)
		code = ct_queue_add(&push->queue, &request, error);
	ct_push_request_free(&request);
	return code;
}

/* The labels of a program, and the user's. */
static bool find_labels(const struct ct_push *push, struct ct_labels *labels, const char *program, int pid)
{
	char number[16];
	snprintf(number, sizeof(number), "%d", pid);
	return ct_labels_of(labels, program, pid) &&
	       (!push->pid_label || !pid || ct_labels_set(labels, "pid", number)) &&
	       ct_labels_add(labels, push->labels);
}

int ct_push_file(struct ct_push *push, const char *path, struct ct_error_text *error)
{
	struct ct_profile *profile;
	struct ct_labels labels = {0};
	struct ct_reading reading = {.time_ns = ct_clock_ns(CLOCK_REALTIME), .labels = &labels};
	int code = ct_export_load(path, &profile, error);
	if (code)
		return code;
	if (profile->start_unix_ns && !strcmp(profile->time_unit, "µs")) {
		reading.duration_ns = profile->end_time * 1000;
		reading.time_ns = profile->start_unix_ns + reading.duration_ns;
	}
	code = find_labels(push, &labels, profile->program, 0) ? enqueue(push, profile, reading, error)
							       : ct_error_no_memory(error);
	ct_labels_fini(&labels);
	ct_profile_free(profile);
	return code ? ct_error_context(error, code, "%s", path) : CT_OK;
}

/* Read each program. Of one that has ended, this is the last reading. */
static int read_targets(struct state *state, struct ct_error_text *error)
{
	struct ct_push *push = state->push;
	int code = CT_OK;
	for (size_t i = 0; i < state->count && !code; i++) {
		struct source *source = &state->sources[i];
		struct ct_target *target = source->target;
		if (!target)
			continue;
		code = ct_target_refresh(target, error);
		if (code == CT_ERR_MEMORY)
			return code;
		if (code) { /* the store is damaged, or was replaced: nothing more comes from this program */
			ct_message_for("push", "%s", error->line);
			ct_target_close(target);
			source->target = NULL;
			code = CT_OK;
			continue;
		}
		const struct ct_profile *profile = ct_target_profile(target);
		bool ended = ct_target_state(target) != CT_TARGET_RUNS;
		code = enqueue(push, profile,
			       (struct ct_reading){
				       .labels = &source->labels,
				       .time_ns = ct_clock_ns(CLOCK_REALTIME),
				       .duration_ns = profile->recent_us * 1000,
				       .recent = true,
			       },
			       error);
		if (ended || push->once || stopped) {
			ct_target_close(target);
			source->target = NULL;
		}
	}
	return code;
}

static bool any_runs(const struct state *state)
{
	for (size_t i = 0; i < state->count; i++)
		if (state->sources[i].target)
			return true;
	return false;
}

/* A time between half and whole, so that many hosts do not come back at the same moment. */
static uint64_t jitter(uint64_t ns)
{
	return ns / 2 + (uint64_t)rand() % (ns / 2 + 1);
}

/* Send the oldest request. */
static void try_first(struct state *state, const struct ct_push_request *request)
{
	struct ct_push *push = state->push;
	struct ct_error_text why;
	unsigned asked_s;
	char *url = NULL;
	size_t length = strlen(push->url);
	while (length && push->url[length - 1] == '/')
		length--;
	if (asprintf(&url, "%.*s%s", (int)length, push->url, request->path) < 0)
		return;
	const struct ct_post post = {
		.url = url,
		.content_type = request->content_type,
		.body = request->body,
		.length = request->length,
		.authorization = push->authorization,
		.tenant = push->tenant,
		.accepts = push->receiver->accepts,
	};
	enum ct_post_result result = ct_post_send(&post, &asked_s, &why);
	uint64_t now = ct_now_ns();
	if (result == CT_POST_LATER) {
		uint64_t wait = state->wait_ns ? state->wait_ns * 2 : WAIT_FIRST_NS;
		if (!state->wait_ns)
			ct_message_for("push", "%s: %s; profiles wait until it takes them", push->url, why.line);
		state->wait_ns = wait < WAIT_LAST_NS ? wait : WAIT_LAST_NS;
		state->next_try_ns = now + (asked_s ? asked_s * SECOND_NS : jitter(state->wait_ns));
	} else {
		if (state->wait_ns)
			ct_message_for("push", "%s: it takes profiles again", push->url);
		if (result == CT_POST_REFUSED && !push->refused++)
			ct_message_for("push", "%s: %s; the profile is dropped", push->url, why.line);
		push->sent += result == CT_POST_DONE;
		state->wait_ns = 0;
		state->next_try_ns = now;
		ct_queue_remove(&push->queue);
	}
	free(url);
}

/* Sleep until this time, or a signal. */
static void sleep_until(uint64_t ns)
{
	struct timespec time = {.tv_sec = (time_t)(ns / SECOND_NS), .tv_nsec = (long)(ns % SECOND_NS)};
	if (!stopped)
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static int run(struct state *state, struct ct_error_text *error)
{
	const struct ct_push_request *first;
	int code = CT_OK;
	while (!code) {
		uint64_t now = ct_now_ns();
		bool runs = any_runs(state), last = stopped;
		if (runs && (now >= state->next_reading_ns || last)) {
			code = read_targets(state, error);
			state->next_reading_ns = now + state->push->interval_s * SECOND_NS;
			continue;
		}
		first = ct_queue_first(&state->push->queue);
		if (!runs && !state->end_ns)
			state->end_ns = now + END_NS;
		if (!runs && (!first || now >= state->end_ns))
			break;
		if (first && (now >= state->next_try_ns || last)) {
			try_first(state, first);
			if (last && state->wait_ns)
				break;
			continue;
		}
		uint64_t next = runs ? state->next_reading_ns : state->end_ns;
		if (first && state->next_try_ns < next)
			next = state->next_try_ns;
		sleep_until(next);
	}
	return code;
}

static int open_targets(struct state *state, const int *pids, struct ct_error_text *error)
{
	for (size_t i = 0; i < state->count; i++) {
		struct source *source = &state->sources[i];
		char link[64], program[PATH_MAX] = "";
		int code = ct_target_open(pids[i], &source->target, error);
		if (code)
			return code;
		snprintf(link, sizeof(link), "/proc/%d/exe", pids[i]);
		if (readlink(link, program, sizeof(program) - 1) < 0)
			*program = '\0';
		if (!find_labels(state->push, &source->labels, program, pids[i]))
			return ct_error_no_memory(error);
	}
	return CT_OK;
}

int ct_push_run(struct ct_push *push, const int *pids, size_t count, struct ct_error_text *error)
{
	struct state state = {.push = push, .count = count};
	const struct sigaction action = {.sa_handler = on_signal};
	int code;
	state.sources = calloc(count + 1, sizeof(*state.sources));
	code = state.sources ? open_targets(&state, pids, error) : ct_error_no_memory(error);
	if (!code) {
		sigaction(SIGINT, &action, NULL);
		sigaction(SIGTERM, &action, NULL);
		srand((unsigned)ct_now_ns());
		uint64_t now = ct_now_ns();
		/* The first reading has no interval before it, and hosts that start together do not stay together. */
		state.next_reading_ns = push->once ? now : now + jitter(push->interval_s * SECOND_NS);
		code = run(&state, error);
	}
	for (size_t i = 0; i < count && state.sources; i++) {
		if (state.sources[i].target)
			ct_target_close(state.sources[i].target);
		ct_labels_fini(&state.sources[i].labels);
	}
	free(state.sources);
	unsigned long lost = push->queue.dropped + push->refused + (push->queue.folder < 0 ? push->queue.count : 0);
	if (code)
		return code;
	if (push->queue.folder >= 0 && push->queue.count)
		ct_message_for("push", "%zu profiles wait in %s; the next ctrace push --queue sends them",
			       push->queue.count, push->queue.name);
	if (lost)
		return ct_error_set(error, CT_ERR_IO, "%lu of %lu profiles were not taken", lost, lost + push->sent);
	return CT_OK;
}
