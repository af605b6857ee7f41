/* SPDX-License-Identifier: MIT */
#include "serve/http.h"

#include <dlfcn.h>
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "serve/black_box.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/message.h"

#define CONNECTIONS 512u /* at once; more wait in the kernel's queue */
#define WAITING_MAX 64 /* connections that wait for ?seconds= */
#define IDLE_S 15u /* a connection that is silent for so long is closed */
#define REQUEST_BYTES 32768u /* of a request line with its headers */
#define BODIES_MAX (UINT64_C(256) << 20) /* bytes of answers that clients have not taken yet */
#define TLS_VERSIONS "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define SCAN_MS 10000 /* finds processes that come and go between two requests */
#define LOOK_MS 1000 /* at the control groups of processes with a black box */

/* The functions of libmicrohttpd that are used. */
#define FUNCTIONS(each)                                                                                                \
	each(start_daemon) each(stop_daemon) each(get_daemon_info) each(get_timeout) each(run)                         \
		each(create_response_from_buffer_with_free_callback_cls) each(add_response_header)                     \
			each(queue_response) each(destroy_response) each(lookup_connection_value)                      \
				each(suspend_connection) each(resume_connection) each(is_feature_supported)

#define MEMBER(name) __typeof__(&MHD_##name) name;
static struct {
	FUNCTIONS(MEMBER)
} mhd;

static bool find(void *library, const char *name, void *function)
{
	void *found = dlsym(library, name);
	memcpy(function, &found, sizeof(found));
	return found;
}

static int load_library(struct ct_error_text *error)
{
	void *library = dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return ct_error_set(error, CT_ERR_IO,
				    "libmicrohttpd.so.12 is not there; install it (Debian: libmicrohttpd12, "
				    "Fedora: libmicrohttpd)");
#define FIND(name)                                                                                                     \
	if (!find(library, "MHD_" #name, &mhd.name))                                                                   \
		return ct_error_set(error, CT_ERR_IO, "libmicrohttpd.so.12 has no MHD_" #name);
	FUNCTIONS(FIND)
	return CT_OK;
}

struct http {
	struct ct_server *server;
	const struct ct_guard *guard;
	bool any_host; /* the Host header may have any name */
	struct call *waiting[WAITING_MAX]; /* suspended */
	uint64_t bodies; /* bytes of answers that are under way */
};

/* A request under way. */
struct call {
	struct http *http;
	struct MHD_Connection *connection;
	struct ct_wait wait;
	char *body; /* NULL: there is none */
	size_t body_bytes;
	bool too_large;
};

/* The body of an answer. */
struct body {
	struct http *http;
	size_t bytes;
	char *text;
};

static void free_body(void *context)
{
	struct body *body = context;
	body->http->bodies -= body->bytes;
	free(body->text);
	free(body);
}

static const char *parameter(void *context, const char *name)
{
	return mhd.lookup_connection_value(context, MHD_GET_ARGUMENT_KIND, name);
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return mhd.lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* Other sites' pages must neither read nor frame an answer, and nothing in an answer may be run. */
static void add_headers(struct MHD_Response *response, const struct ct_answer *answer)
{
	char disposition[160];
	mhd.add_response_header(response, "Content-Type", answer->type);
	mhd.add_response_header(response, "Cache-Control", "no-store");
	mhd.add_response_header(response, "X-Content-Type-Options", "nosniff");
	mhd.add_response_header(response, "Referrer-Policy", "no-referrer");
	mhd.add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
	mhd.add_response_header(response, "Content-Security-Policy",
				*answer->policy ? answer->policy
						: "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
						  "base-uri 'none'; frame-ancestors 'none'");
	if (answer->go_error)
		mhd.add_response_header(response, "X-Go-Pprof", "1");
	if (answer->allow)
		mhd.add_response_header(response, "Allow", answer->allow);
	if (answer->status == 401)
		mhd.add_response_header(response, "WWW-Authenticate", "Basic realm=\"ctrace\"");
	if (*answer->file_name) {
		snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s\"", answer->file_name);
		mhd.add_response_header(response, "Content-Disposition", disposition);
	}
}

/* Hand an answer over; its body is freed in any case. */
static enum MHD_Result send_answer(struct call *call, struct ct_answer *answer)
{
	struct http *http = call->http;
	struct body *body = malloc(sizeof(*body));
	if (!body) {
		free(answer->body);
		return MHD_NO;
	}
	*body = (struct body){http, answer->body_bytes, answer->body};
	http->bodies += body->bytes;
	struct MHD_Response *response =
		mhd.create_response_from_buffer_with_free_callback_cls(body->bytes, body->text, free_body, body);
	if (!response) {
		free_body(body);
		return MHD_NO;
	}
	add_headers(response, answer);
	enum MHD_Result result = mhd.queue_response(call->connection, answer->status, response);
	mhd.destroy_response(response);
	return result;
}

static enum MHD_Result send_error(struct call *call, unsigned status, const char *text)
{
	struct ct_answer answer = {
		.status = status, .type = "text/plain; charset=utf-8", .go_error = true, .body = strdup(text)};
	answer.body_bytes = answer.body ? strlen(text) : 0;
	call->http->server->refused++;
	return answer.body ? send_answer(call, &answer) : MHD_NO;
}

static bool suspend(struct call *call)
{
	struct http *http = call->http;
	for (size_t i = 0; i < WAITING_MAX; i++)
		if (!http->waiting[i]) {
			http->waiting[i] = call;
			mhd.suspend_connection(call->connection);
			return true;
		}
	return false;
}

static enum MHD_Result dispatch(struct call *call, const char *path, const char *method)
{
	struct http *http = call->http;
	struct ct_answer answer = {.wait = &call->wait};
	const char *accept = header(call->connection, "Accept"), *host = header(call->connection, "Host");
	const char *origin = header(call->connection, "Origin"), *key = header(call->connection, "X-Ctrace-Key");
	const char *authorization = header(call->connection, "Authorization");
	const struct ct_request request = {
		.method = method,
		.path = path,
		.parameter = parameter,
		.context = call->connection,
		.accept = accept ? accept : "",
		.host = host ? host : "",
		.origin = origin ? origin : "",
		.key = key ? key : "",
		.bearer = ct_guard_is_bearer(http->guard, authorization),
		.body = call->body,
		.body_bytes = call->body_bytes,
	};
	bool open = !strncmp(path, "/-/", 3); /* probes know no token */
	if (!http->any_host && !ct_guard_host(http->guard, host))
		return send_error(call, 403, "the Host header must name this machine's loopback, such as localhost\n");
	if (!open && !ct_guard_admits(http->guard, authorization))
		return send_error(call, 401,
				  "a token is needed: Authorization: Bearer TOKEN, or TOKEN as the password\n");
	if (call->too_large)
		return send_error(call, 413, "the body is too large\n");
	if (http->bodies > BODIES_MAX)
		return send_error(call, 503, "too many large answers wait for slow clients; try again later\n");
	http->server->requests++;
	if (!ct_answer(http->server, &request, &answer))
		return send_error(call, 503, "out of memory; try again later\n");
	if (!call->wait.until_ns)
		return send_answer(call, &answer);
	if (suspend(call))
		return MHD_YES;
	call->wait.until_ns = 0;
	return send_error(call, 503, "too many requests wait already; try again later\n");
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path, const char *method,
			      const char *version, const char *data, size_t *data_bytes, void **state)
{
	struct call *call = *state;
	(void)version;
	if (!call) {
		call = *state = calloc(1, sizeof(*call));
		if (!call)
			return MHD_NO;
		call->http = context;
		call->connection = connection;
		return MHD_YES;
	}
	if (*data_bytes) {
		if (!call->body)
			call->body = malloc(CT_BODY_MAX);
		if (!call->body)
			return MHD_NO;
		call->too_large = call->too_large || *data_bytes > CT_BODY_MAX - call->body_bytes;
		if (!call->too_large) {
			memcpy(call->body + call->body_bytes, data, *data_bytes);
			call->body_bytes += *data_bytes;
		}
		*data_bytes = 0;
		return MHD_YES;
	}
	return dispatch(call, path, method);
}

static void end_call(void *context, struct MHD_Connection *connection, void **state,
		     enum MHD_RequestTerminationCode code)
{
	struct call *call = *state;
	(void)context;
	(void)connection;
	(void)code;
	if (!call)
		return;
	for (size_t i = 0; i < WAITING_MAX; i++)
		if (call->http->waiting[i] == call)
			call->http->waiting[i] = NULL;
	ct_wait_free(call->http->server, &call->wait);
	free(call->body);
	free(call);
	*state = NULL;
}

/* Resume what has waited long enough; returns the time until the next one in milliseconds, or -1. */
static int resume_due(struct http *http, bool all)
{
	uint64_t now = ct_now_ns();
	int next = -1;
	for (size_t i = 0; i < WAITING_MAX; i++) {
		struct call *call = http->waiting[i];
		if (!call)
			continue;
		if (all || call->wait.until_ns <= now) {
			http->waiting[i] = NULL;
			mhd.resume_connection(call->connection);
			next = 0;
		} else {
			int ms = (int)((call->wait.until_ns - now) / 1000000) + 1;
			next = next < 0 || ms < next ? ms : next;
		}
	}
	return next;
}

static void say_nothing(void *context, const char *format, va_list arguments)
{
	(void)context;
	(void)format;
	(void)arguments;
}

static int loop(struct http *http, struct MHD_Daemon *daemon, int signals)
{
	const union MHD_DaemonInfo *info = mhd.get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct signalfd_siginfo signal_info;
	struct ct_boxes *boxes = &http->server->boxes;
	struct pollfd *files = NULL;
	size_t room = 0, served = 0; /* processes at the latest look for those with a limit */
	uint64_t scanned = 0, looked = 0;
	while (info) {
		MHD_UNSIGNED_LONG_LONG wait;
		int ms = SCAN_MS, due = resume_due(http, false);
		if (due >= 0 && due < ms)
			ms = due;
		if (mhd.get_timeout(daemon, &wait) == MHD_YES && wait < (MHD_UNSIGNED_LONG_LONG)ms)
			ms = (int)wait;
		if (boxes->count && ms > LOOK_MS)
			ms = LOOK_MS;
		if (!ct_array_room(&files, &room, 3 + boxes->count * CT_BOX_FDS, sizeof(*files)))
			break;
		files[0] = (struct pollfd){info->epoll_fd, POLLIN, 0};
		files[1] = (struct pollfd){signals, POLLIN, 0};
		files[2] = (struct pollfd){http->server->fleet.folders.inotify, POLLIN, 0};
		size_t watched = ct_boxes_poll(boxes, files + 3);
		if (poll(files, 3 + watched, ms) < 0 && errno != EINTR)
			break;
		if (files[1].revents & POLLIN && read(signals, &signal_info, sizeof(signal_info)) > 0)
			break;
		if (files[2].revents & POLLIN)
			ct_folders_read_events(&http->server->fleet.folders);
		mhd.run(daemon);
		if (ct_now_ns() - scanned > SCAN_MS * UINT64_C(1000000)) {
			ct_fleet_scan(&http->server->fleet);
			scanned = ct_now_ns();
			served = 0;
		}
		if (served != http->server->fleet.count) {
			ct_black_box_find(http->server);
			served = http->server->fleet.count;
		}
		bool woken = ct_now_ns() - looked > LOOK_MS * UINT64_C(1000000);
		for (size_t i = 0; i < watched; i++)
			woken = woken || files[3 + i].revents;
		if (woken) {
			ct_boxes_look(boxes);
			looked = ct_now_ns();
		}
	}
	free(files);
	return CT_OK;
}

/* Each process takes two descriptors. */
static void raise_limit(void)
{
	struct rlimit files;
	if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* NULL: the error says why. It closes the socket in any case. */
static struct MHD_Daemon *start(struct http *http, const struct ct_tls *tls, int fd, struct ct_error_text *error)
{
	struct MHD_OptionItem secure[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, tls->certificate},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, tls->key},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, TLS_VERSIONS},
		{MHD_OPTION_END, 0, NULL},
	};
	struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
	if (tls->key && mhd.is_feature_supported(MHD_FEATURE_TLS) != MHD_YES) {
		ct_error_set(error, CT_ERR_IO, "libmicrohttpd.so.12 was built without TLS");
		close(fd);
		return NULL;
	}
	/* The logger comes first, since each option may be reported. */
	struct MHD_Daemon *daemon = mhd.start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (tls->key ? (unsigned)MHD_USE_TLS : 0),
		0, NULL, NULL, handle, http, MHD_OPTION_EXTERNAL_LOGGER, say_nothing, NULL, MHD_OPTION_LISTEN_SOCKET,
		fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES, MHD_OPTION_NOTIFY_COMPLETED, end_call, http,
		MHD_OPTION_ARRAY, tls->key ? secure : none, MHD_OPTION_END);
	if (daemon)
		return daemon;
	ct_error_set(
		error, CT_ERR_IO,
		tls->key
			? "the HTTP server does not start: the certificate or the key cannot be used, or they do not fit"
			: "the HTTP server does not start");
	close(fd);
	return NULL;
}

int ct_http_serve(struct ct_server *server, const struct ct_http_options *options, struct ct_error_text *error)
{
	struct http *http = calloc(1, sizeof(*http));
	struct ct_listener listener = {.fd = -1};
	sigset_t ends, before;
	int code = http ? load_library(error) : ct_error_no_memory(error);
	if (!code)
		code = ct_listen(&options->listen, &listener, error);
	if (code) {
		free(http);
		return code;
	}
	http->server = server;
	http->guard = options->guard;
	http->any_host = listener.is_unix || !listener.local;
	raise_limit();
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, &before);
	int signals = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
	struct MHD_Daemon *daemon = start(http, options->tls, listener.fd, error);
	if (daemon && signals >= 0) {
		options->started(listener.url);
		code = loop(http, daemon, signals);
	} else {
		code = CT_ERR_IO;
		if (daemon)
			ct_error_set(error, CT_ERR_IO, "signalfd: %s", strerror(errno));
	}
	server->stopping = true;
	if (daemon) {
		resume_due(http, true);
		mhd.run(daemon);
		mhd.stop_daemon(daemon);
	}
	ct_listen_end(&listener);
	if (signals >= 0)
		close(signals);
	sigprocmask(SIG_SETMASK, &before, NULL);
	free(http);
	return code;
}
