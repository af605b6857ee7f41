/* SPDX-License-Identifier: MIT */
/* ctrace push: sends profiles to a server that collects them. */
#include "cmd/cmd.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/shared_options.h"
#include "push/post.h"
#include "push/push.h"
#include "util/text.h"

#define COMMAND "push"
#define INTERVAL_DEFAULT 15
#define QUEUE_MIB 64u

struct request {
	const struct ct_receiver *receiver;
	unsigned interval_s;
	bool once;
	bool pid_label;
	const char *tenant;
	const char *token;
	const char *queue;
	struct ct_labels labels;
	struct ct_error_text error;
};

static const char *values_receivers(size_t index, const char **help)
{
	*help = ct_receivers[index].help;
	return ct_receivers[index].name;
}

static int set_receiver(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	(void)option;
	*(const struct ct_receiver **)member = ct_receiver_find(value);
	if (*(const struct ct_receiver **)member)
		return CT_OK;
	return ct_error_set(error, CT_ERR_USAGE, "--to %s: unknown; see ctrace push --help for the servers", value);
}

static int set_seconds(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	char *end;
	errno = 0;
	unsigned long number = strtoul(value, &end, 10);
	*(unsigned *)member = (unsigned)number;
	if (isdigit((unsigned char)*value) && (!*end || !strcmp(end, "s")) && !errno && number >= 1 && number <= 86400)
		return CT_OK;
	return ct_error_set(error, CT_ERR_USAGE, "--%s %s: not a number of seconds from 1 to 86400", option->name,
			    value);
}

static int add_label(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	const char *equal = strchr(value, '=');
	char *name = equal && equal != value ? strndup(value, (size_t)(equal - value)) : NULL;
	bool memory = name && ct_labels_set(member, name, equal + 1);
	free(name);
	if (!equal || equal == value)
		return ct_error_set(error, CT_ERR_USAGE, "--%s %s: not NAME=VALUE", option->name, value);
	return memory ? CT_OK : ct_error_no_memory(error);
}

static const struct ct_option options[] = {
	{.name = "to",
	 .argument = "SERVER",
	 .help = "what kind of server it is:",
	 .set = set_receiver,
	 .at = offsetof(struct request, receiver),
	 .value = values_receivers,
	 .values_shown = true},
	{.name = "interval",
	 .argument = "SECONDS",
	 .help = "time between two readings of a program",
	 .standard = "15",
	 .set = set_seconds,
	 .at = offsetof(struct request, interval_s)},
	{.name = "once",
	 .help = "send one reading of each program, and end",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, once)},
	{.name = "label",
	 .argument = "NAME=VALUE",
	 .help = "add a label; again for more",
	 .set = add_label,
	 .at = offsetof(struct request, labels)},
	{.name = "pid-label",
	 .help = "add a label pid; each process is then a series of its own",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, pid_label)},
	{.name = "tenant",
	 .argument = "ID",
	 .help = "send X-Scope-OrgID",
	 .set = ct_set_text,
	 .at = offsetof(struct request, tenant)},
	{.name = "token",
	 .argument = "FILE",
	 .help = "send the text of this file as a bearer token",
	 .set = ct_set_text,
	 .at = offsetof(struct request, token),
	 .file = true},
	{.name = "queue",
	 .argument = "DIR",
	 .help = "keep profiles that the server does not take in this folder, at most 64 MiB; default: in memory",
	 .set = ct_set_text,
	 .at = offsetof(struct request, queue),
	 .file = true},
};

/* The value of the header, to be freed; NULL with an error. */
static char *read_token(const char *path, struct ct_error_text *error)
{
	char text[4096] = "", *header = NULL;
	FILE *file = fopen(path, "re");
	size_t length = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
	int problem = errno;
	if (file)
		fclose(file);
	else
		return ct_error_set(error, CT_ERR_IO, "--token %s: %s", path, strerror(problem)), NULL;
	while (length && isspace((unsigned char)text[length - 1]))
		text[--length] = '\0';
	if (!length || strpbrk(text, " \t\r\n") || strlen(text) != length)
		return ct_error_set(error, CT_ERR_USAGE, "--token %s: not one word", path), NULL;
	if (asprintf(&header, "Bearer %s", text) < 0)
		return ct_error_no_memory(error), NULL;
	return header;
}

static bool is_pid(const char *word, int *pid)
{
	char *end;
	errno = 0;
	long number = strtol(word, &end, 10);
	*pid = (int)number;
	return *word >= '1' && *word <= '9' && !*end && !errno && number <= INT_MAX;
}

static int send_all(struct request *request, char **words, size_t count)
{
	struct ct_push push = {
		.receiver = request->receiver,
		.url = words[0],
		.tenant = request->tenant,
		.interval_s = request->interval_s,
		.once = request->once,
		.pid_label = request->pid_label,
		.labels = &request->labels,
	};
	struct ct_error_text *error = &request->error;
	int *pids = calloc(count, sizeof(*pids));
	size_t pid_count = 0;
	char *authorization = request->token ? read_token(request->token, error) : NULL;
	int code = request->token && !authorization ? CT_ERR_USAGE
		   : pids                           ? ct_post_init(error)
						    : ct_error_no_memory(error);
	push.authorization = authorization;
	if (!code) {
		code = ct_queue_open(&push.queue, request->queue, QUEUE_MIB << 20, error);
		for (size_t i = 1; i < count && !code; i++)
			if (is_pid(words[i], &pids[pid_count]))
				pid_count++;
			else
				code = ct_push_file(&push, words[i], error);
		if (!code)
			code = ct_push_run(&push, pids, pid_count, error);
		ct_queue_close(&push.queue);
	}
	free(authorization);
	free(pids);
	return code;
}

static int run(int argc, char **argv)
{
	struct request request = {.interval_s = INTERVAL_DEFAULT};
	int code, rest = ct_command_begin(&ct_command_push, &request, argc, argv, &code);
	if (rest < 0)
		return code;
	if (!request.receiver)
		code = ct_error_set(&request.error, CT_ERR_USAGE, "--to is missing: pyroscope, push.v1, parca or otlp");
	else if (rest == argc || (strncmp(argv[rest], "http://", 7) && strncmp(argv[rest], "https://", 8)))
		code = ct_error_set(&request.error, CT_ERR_USAGE,
				    "%s: not the URL of a server, such as http://localhost:4040",
				    rest == argc ? "nothing" : argv[rest]);
	else if (argc - rest < 2 && !request.queue)
		code = ct_error_set(&request.error, CT_ERR_USAGE, "no process and no file; see ctrace push --help");
	else
		code = send_all(&request, argv + rest, (size_t)(argc - rest));
	ct_labels_fini(&request.labels);
	return code ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", request.error.line) : CT_EXIT_FINE;
}

const struct ct_command ct_command_push = {
	.name = COMMAND,
	.summary = "send profiles to Pyroscope, Parca or OpenTelemetry, regularly or once",
	.usage = "--to SERVER [options] URL PID|FILE...",
	.about =
		"Send what running programs have allocated since the last time, and what is live in them, to a server that "
		"collects profiles, until they end. A program that is killed still has its last reading. FILE is a store or a "
		"report, which is sent once.",
	.groups = {CT_OPTION_GROUP(options, 0), CT_OPTION_GROUP(ct_sysroot_options, 0)},
	.run = run,
};
