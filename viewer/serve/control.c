/* SPDX-License-Identifier: MIT */
/*
 * Switches a recording, as `ctrace ctl` does, if the server was started with --allow-control. A page of another site
 * can make a browser send requests to us, even with the user's password. So a request must have the key that is in our
 * own pages, which such a page can neither read nor send: it is in a header that needs our permission. A Bearer token
 * does as well, since no browser sends one by itself.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "live/control_word.h"
#include "serve/answer.h"
#include "write/put_json.h"

/* Does an Origin, such as "http://127.0.0.1:6070", name the host of the request? */
static bool is_own(const char *origin, const char *host)
{
	const char *at = strstr(origin, "://");
	return !*origin || (at && *host && !strcmp(at + 3, host));
}

static bool is_asked_by_us(const struct ct_server *server, const struct ct_request *request)
{
	size_t length = strlen(server->key);
	unsigned char different = strlen(request->key) != length;
	for (size_t i = 0; i < length && !different; i++)
		different |= (unsigned char)(server->key[i] ^ request->key[i]);
	return is_own(request->origin, request->host) && (request->bearer || (length && !different));
}

/* Ask the process, and make sure that it is the one that is served: its pid may be another's by now. */
static int ask(const struct ct_served *served, const char *word, const struct ct_control_wish *wish, uint32_t *number,
	       struct ct_error_text *error)
{
	struct ct_control_page page;
	struct stat file;
	char pid[16];
	snprintf(pid, sizeof(pid), "%d", served->pid);
	int code = ct_control_open(served->process.folder < 0 ? served->store : pid, &page, error);
	if (code)
		return code;
	if (fstat(page.fd, &file) < 0 || file.st_ino != served->inode || file.st_dev != served->device)
		code = ct_error_set(error, CT_ERR_IO, "process %d has another store now", served->pid);
	else if (served->numbers.mode == CT_CONTROL_OFF && ct_control_needs_recording(word))
		code = ct_error_set(error, CT_ERR_USAGE, "%s: nothing is recorded; exact or sample=BYTES begins", word);
	if (!code)
		code = ct_control_ask(&page, wish, number, error);
	ct_control_close(&page);
	return code;
}

/* Ask a process that has been asleep since its start. */
static int wake(int pid, const char *word, const struct ct_control_wish *wish, uint32_t *number,
		struct ct_error_text *error)
{
	struct ct_control_page page;
	char text[16];
	snprintf(text, sizeof(text), "%d", pid);
	int code = ct_control_open(text, &page, error);
	if (code)
		return code;
	if (page.asleep && ct_control_needs_recording(word))
		code = ct_error_set(error, CT_ERR_USAGE, "%s: nothing is recorded; exact or sample=BYTES begins", word);
	if (!code)
		code = ct_control_ask(&page, wish, number, error);
	ct_control_close(&page);
	return code;
}

CT_ANSWER(control)
{
	const char *word = request->parameter(request->context, "action");
	struct ct_control_wish wish = {0};
	struct ct_error_text error;
	uint32_t number;
	int pid;
	if (!server->allow_control) {
		ct_answer_error(answer, 403, "the server was started without --allow-control");
		return;
	}
	if (!is_asked_by_us(server, request)) {
		ct_answer_error(answer, 403,
				"control needs the key of our own pages, or --token and Authorization: Bearer TOKEN");
		return;
	}
	int code = ct_control_parse(word ? word : "", request->parameter(request->context, "name"), &wish, &error);
	if (code) {
		ct_answer_error(answer, 400, "%s", error.line);
		return;
	}
	if (!ct_answer_pid(request, answer, &pid))
		return;
	bool sleeps = ct_fleet_sleeps(&server->fleet, pid) && !ct_fleet_find(&server->fleet, pid);
	struct ct_served *served = sleeps ? NULL : ct_answer_process(server, request, answer);
	if (!served && !sleeps)
		return;
	code = sleeps ? wake(pid, word, &wish, &number, &error) : ask(served, word, &wish, &number, &error);
	if (code) {
		ct_answer_error(answer, code == CT_ERR_USAGE ? 400 : 409, "%s", error.line);
		return;
	}
	if (served)
		served->looked_ns = 0;
	fprintf(answer->out, "{\"pid\":%d", served ? served->pid : pid);
	ct_put_text_member(answer->out, "action", word);
	ct_put_number_member(answer->out, "request", number);
	fputs("}\n", answer->out);
	answer->status = 202; /* it is done at the process's next allocation */
	answer->type = "application/json";
}
