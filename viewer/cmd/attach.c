/* SPDX-License-Identifier: MIT */
/* ctrace attach and ctrace detach: load the library into a running process, and take its hooks out. */
#include "cmd/cmd.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/attach.h"
#include "cmd/record_options.h"
#include "live/control.h"
#include "live/control_word.h"
#include "record/settings.h"
#include "util/message.h"

#define ATTACH "attach"
#define DETACH "detach"
#define VARIABLES_MAX 8192u

static int parse_pid(int count, char **words, int *pid, struct ct_error_text *error)
{
	char *end;
	if (count != 1)
		return ct_error_set(error, CT_ERR_USAGE,
				    count ? "name one process by its pid" : "name a process by its pid");
	long number = strtol(words[0], &end, 10);
	if (*words[0] < '0' || *words[0] > '9' || *end || number <= 0 || number > INT_MAX)
		return ct_error_set(error, CT_ERR_USAGE, "%s: not a pid", words[0]);
	*pid = (int)number;
	return CT_OK;
}

/* Ask by the control page, and wait until it is done. */
static int control(int pid, const struct ct_control_wish *wish, char name[PATH_MAX], bool *asleep,
		   struct ct_error_text *error)
{
	struct ct_control_page page;
	uint32_t number;
	char word[16];
	snprintf(word, sizeof(word), "%d", pid);
	int code = ct_control_open(word, &page, error);
	if (code)
		return code;
	bool sleeps_on = page.asleep && (!wish || wish->mode == CT_CONTROL_OFF);
	if (wish && !sleeps_on)
		code = ct_control_ask(&page, wish, &number, error);
	if (!code && wish && !sleeps_on && (code = ct_control_await(&page, number, error)) > 0)
		code = CT_OK;
	snprintf(name, PATH_MAX, "%s", page.name);
	*asleep = page.asleep;
	ct_control_close(&page);
	return code;
}

static void say_attached(const struct ct_attach_done *done, int pid, const char *name, bool asleep)
{
	ct_message_for(ATTACH,
		       "attached to process %d: %u calls of malloc and its kin in %u objects lead to ctrace; it %s %s",
		       pid, done->slots, done->objects, asleep ? "sleeps, its page is" : "records into", name);
	ct_message_for(ATTACH, "a thread was stopped for %.1f ms in all, %u times", (double)done->stopped_ns / 1e6,
		       done->stops);
	if (done->locked)
		ct_message_for(
			ATTACH,
			"%u calls could not be changed, since their memory cannot be made writable; they are not recorded",
			done->locked);
	if (done->pointers == 1)
		ct_message_for(
			ATTACH,
			"1 pointer to malloc and its kin is kept elsewhere, in %s; calls through it are not recorded",
			done->pointers_in);
	else if (done->pointers)
		ct_message_for(
			ATTACH,
			"%llu pointers to malloc and its kin are kept elsewhere, most of them in %s; calls through them are not recorded",
			(unsigned long long)done->pointers, done->pointers_in);
}

static int attach(int pid, const struct ct_settings *settings, struct ct_error_text *error)
{
	struct ct_attach_order order = {.pid = pid};
	struct ct_attach_done done;
	struct ct_control_wish wish;
	char name[PATH_MAX];
	bool asleep;
	const char *mode = ct_settings_get(settings, CT_SETTING_mode);
	if (*ct_settings_get(settings, CT_SETTING_copy) == '1')
		return ct_error_set(error, CT_ERR_USAGE,
				    "--copy: copies can be recorded from the program's start only, by ctrace record");
	if (*ct_settings_get(settings, CT_SETTING_mmap) == '1')
		return ct_error_set(error, CT_ERR_USAGE,
				    "--mmap: mappings can be recorded from the program's start only, by ctrace record");
	int code = ct_control_parse(*mode ? mode : "exact", NULL, &wish, error);
	if (!code && !(order.variables = ct_settings_block(settings, pid, &order.variables_bytes)))
		code = ct_error_no_memory(error);
	if (!code && order.variables_bytes > VARIABLES_MAX)
		code = ct_error_set(error, CT_ERR_USAGE, "the options are too long");
	if (!code)
		code = ct_attach(&order, &done, error);
	if (!code)
		code = control(pid, done.started ? NULL : &wish, name, &asleep, error);
	if (!code && *ct_settings_get(settings, CT_SETTING_quiet) != '1')
		say_attached(&done, pid, name, asleep);
	free(order.variables);
	return code;
}

/* Before the calls are given back nothing is recorded any more, so that few threads are found inside the tracer. */
static void switch_off(const struct ct_attach_order *order)
{
	const struct ct_control_wish off = {.set_mode = true, .mode = CT_CONTROL_OFF};
	struct ct_error_text ignored;
	char name[PATH_MAX];
	bool asleep;
	control(order->pid, &off, name, &asleep, &ignored);
}

static int detach(int pid, struct ct_error_text *error)
{
	static char none[] = "";
	struct ct_attach_order order = {
		.pid = pid, .detach = true, .variables = none, .variables_bytes = 1, .allowed = switch_off};
	struct ct_attach_done done;
	struct ct_error_text ignored;
	char name[PATH_MAX];
	bool asleep;
	int code = ct_attach(&order, &done, error);
	if (code)
		return code;
	if (!control(pid, NULL, name, &asleep, &ignored) && !asleep)
		ct_message_for(
			DETACH,
			"detached from process %d; 'ctrace export %s' makes a report now, else one is written at its end",
			pid, name);
	else
		ct_message_for(DETACH, "detached from process %d", pid);
	return CT_OK;
}

static int run_attach(int argc, char **argv)
{
	struct ct_settings settings = {0};
	struct ct_error_text error;
	int code, pid, rest = ct_command_begin(&ct_command_attach, &settings, argc, argv, &code);
	if (rest < 0)
		return code;
	code = ct_settings_complete(&settings, &error);
	if (!code)
		code = parse_pid(argc - rest, argv + rest, &pid, &error);
	if (!code)
		code = attach(pid, &settings, &error);
	ct_settings_fini(&settings);
	return code ? ct_cmd_fail(ATTACH, ct_error_exit_code(code), "%s", error.line) : CT_EXIT_FINE;
}

static int run_detach(int argc, char **argv)
{
	struct ct_error_text error;
	int code, pid, none = 0, rest = ct_command_begin(&ct_command_detach, &none, argc, argv, &code);
	if (rest < 0)
		return code;
	code = parse_pid(argc - rest, argv + rest, &pid, &error);
	if (!code)
		code = detach(pid, &error);
	return code ? ct_cmd_fail(DETACH, ct_error_exit_code(code), "%s", error.line) : CT_EXIT_FINE;
}

static const char *const no_words[] = {NULL};

const struct ct_command ct_command_attach = {
	.name = ATTACH,
	.summary = "record a running process that was started without ctrace",
	.usage = "[OPTION]... PID",
	.about =
		"Load libctrace.so into a running process and record what it allocates from now on. One of its threads is "
		"stopped for some milliseconds. After that, the process is as if it had been started with ctrace: see ctrace "
		"ctl and ctrace top -p.",
	.groups = {{ct_record_options, CT_SETTING_COUNT, 0}},
	.words = no_words,
	.run = run_attach,
};

const struct ct_command ct_command_detach = {
	.name = DETACH,
	.summary = "take the recording out of a process that was attached to",
	.usage = "PID",
	.about =
		"Switch the recording off and give all calls of malloc and its kin back to the functions that they led to "
		"before ctrace attach. The library stays loaded and does nothing. What was recorded stays.",
	.words = no_words,
	.run = run_detach,
};
