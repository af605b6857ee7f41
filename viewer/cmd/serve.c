/* SPDX-License-Identifier: MIT */
/* ctrace serve: answers HTTP requests about the recorded processes of this machine. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "serve/black_box.h"
#include "serve/http.h"
#include "util/clock.h"
#include "util/message.h"

#define COMMAND "serve"
#define STANDARD_LISTEN "127.0.0.1:6070"
#define FOLDERS_MAX 64

struct request {
	const char *listen;
	const char *folders[FOLDERS_MAX];
	size_t folder_count;
	const char *token, *tls;
	bool insecure;
	bool no_proc;
	bool arguments;
	bool allow_control;
	const char *reports;
};

static int add_folder(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	struct request *request = member;
	(void)option;
	if (request->folder_count == FOLDERS_MAX)
		return ct_error_set(error, CT_ERR_USAGE, "more than %d folders", FOLDERS_MAX);
	request->folders[request->folder_count++] = value;
	return CT_OK;
}

static const struct ct_option options[] = {
	{.letter = 'l',
	 .name = "listen",
	 .argument = "ADDRESS:PORT",
	 .help = "where to listen, or unix:PATH; what other machines can reach needs --token and --tls",
	 .standard = STANDARD_LISTEN,
	 .set = ct_set_text,
	 .at = offsetof(struct request, listen)},
	{.name = "stores",
	 .argument = "DIR",
	 .help = "also serve the stores in this folder, and watch it for new ones; may be given several times",
	 .set = add_folder,
	 .at = 0,
	 .file = true},
	{.name = "token",
	 .argument = "FILE",
	 .help = "a file whose first line every request must have, as Bearer token or as password",
	 .set = ct_set_text,
	 .at = offsetof(struct request, token),
	 .file = true},
	{.name = "tls",
	 .argument = "CERT,KEY",
	 .help = "speak HTTPS, with this certificate and key, two files in PEM's form",
	 .set = ct_set_text,
	 .at = offsetof(struct request, tls),
	 .file = true},
	{.name = "insecure",
	 .help = "let other machines ask without --token or --tls, if something else protects the server",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, insecure)},
	{.name = "no-proc",
	 .help = "serve only the stores in the folders, not the processes of /proc",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, no_proc)},
	{.name = "arguments",
	 .help = "show the arguments of processes, which may hold secrets",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, arguments)},
	{.name = "allow-control",
	 .help = "let pages and requests switch recordings, as ctrace ctl does: off, exact, sample, pause, mark, reset",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, allow_control)},
	{.name = "reports",
	 .argument = "DIR",
	 .help = "write reports there, as ctrace watch does, of all processes whose control group comes near its memory limit, and of those that are killed for lack of memory",
	 .set = ct_set_text,
	 .at = offsetof(struct request, reports),
	 .file = true},
};

static void say(int pid, const char *line)
{
	ct_message_for(COMMAND, "%d: %s", pid, line);
}

static void started(const char *url)
{
	ct_message_for(COMMAND, "serving %s", url);
}

static int serve(const struct request *request, struct ct_error_text *error)
{
	struct ct_server server = {.start_unix_ns = ct_clock_ns(CLOCK_REALTIME)};
	struct ct_guard guard = {""};
	struct ct_tls tls = {NULL, NULL};
	const struct ct_http_options http = {
		.listen = {.text = request->listen ? request->listen : STANDARD_LISTEN,
			   .token = request->token != NULL,
			   .tls = request->tls != NULL,
			   .insecure = request->insecure},
		.guard = &guard,
		.tls = &tls,
		.started = started,
	};
	int code = request->token ? ct_guard_read(&guard, request->token, error) : CT_OK;
	if (!code && request->tls)
		code = ct_tls_read(request->tls, &tls, error);
	if (code) {
		ct_tls_free(&tls);
		return code;
	}
	code = ct_fleet_init(&server.fleet, !request->no_proc, error);
	server.tls = request->tls != NULL;
	server.fleet.arguments = request->arguments;
	server.allow_control = request->allow_control;
	ct_black_box_init(&server, request->reports, say);
	if (!code && !ct_server_make_key(&server))
		code = ct_error_set(error, CT_ERR_IO, "the kernel gives no random numbers");
	for (size_t i = 0; i < request->folder_count && !code; i++)
		code = ct_fleet_watch(&server.fleet, request->folders[i], error);
	if (!code)
		code = ct_http_serve(&server, &http, error);
	ct_black_box_fini(&server);
	ct_fleet_fini(&server.fleet);
	ct_tls_free(&tls);
	return code;
}

static int run(int argc, char **argv)
{
	struct ct_error_text error;
	struct request request = {0};
	int code, rest = ct_command_begin(&ct_command_serve, &request, argc, argv, &code);
	if (rest < 0)
		return code;
	if (rest < argc)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "'%s' is one word too many; a folder is given with --stores",
				   argv[rest]);
	code = serve(&request, &error);
	return code < 0 ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line) : CT_EXIT_FINE;
}

const struct ct_command ct_command_serve = {
	.name = COMMAND,
	.summary = "serve the processes of this machine to Prometheus, pprof and browsers",
	.usage = "[options]",
	.about = "Answer HTTP requests about all recorded processes that this user may read, while they run. They are "
		 "neither stopped nor changed.",
	.groups = {CT_OPTION_GROUP(options, 0)},
	.run = run,
};
