/* SPDX-License-Identifier: MIT */
/* ctrace export: turns a store, or a report of any producer, into a file in another format. */
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/pick.h"
#include "cmd/shared_options.h"
#include "export/export.h"
#include "live/process.h"
#include "names/names.h"
#include "record/images.h"
#include "record/left_store.h"
#include "record/notes.h"
#include "util/message.h"
#include "util/progress.h"

#define COMMAND "export"

struct request {
	struct ct_export job;
	struct ct_selection selection;
	struct ct_format_set formats;
	bool remove_store;
	bool at_exit; /* called by the preload library: export, print a summary, remove the store unless it is to be
			 kept */
	bool last_look; /* called by the preload library, if others export the store later */
	const char *notes; /* at exit: a note in this file takes the place of lines on stderr */
};

/* Print the error. left: the store that stays behind after a failed export at exit, or NULL. */
static int fail(int status, const struct ct_error_text *error, const char *left)
{
	return ct_cmd_fail(COMMAND, status, "%s%s%s", error->line, left ? "; the store stays: " : "", left ? left : "");
}

/* Allow --remove-store only for a store that its program no longer uses, and never for a report. */
static int check_removable(const struct ct_input *input, struct ct_error_text *error)
{
	struct ct_left_store left;
	if (!input->is_store)
		return ct_error_set(error, CT_ERR_USAGE, "%s is not a store; --remove-store is for stores",
				    input->path);
	char *path = realpath(input->path, NULL);
	bool in_use = path && ct_left_store_read(AT_FDCWD, path, &left) && ct_left_store_in_use(&left, path);
	free(path);
	return in_use ? ct_error_set(error, CT_ERR_USAGE,
				     "%s: pid %u still records into it; export it without --remove-store", input->path,
				     left.pid)
		      : CT_OK;
}

/* What the options rule out together; NULL = nothing. */
static const char *conflict(const struct request *request)
{
	const struct ct_export *job = &request->job;
	bool remove = request->remove_store || request->at_exit;
	if (ct_selection_any(&request->selection) && !job->output)
		return "-o is required with --focus, --ignore or --hide";
	if (ct_selection_any(&request->selection) && remove)
		return "--remove-store cannot be combined with --focus, --ignore or --hide";
	if (job->live && !job->output)
		return "--live needs -o: FILE.store for a copy of the store, or a report";
	if (job->memory && (!job->live || ct_export_is_store(job->output)))
		return "--memory needs --live and -o FILE, a report: it looks at the running process";
	if (job->segment && job->since)
		return "--segment and --since cannot be combined";
	if ((job->segment || job->since) && (remove || !job->output || ct_export_is_store(job->output)))
		return "--segment and --since need -o FILE, a report, and leave the store";
	if (job->live && remove)
		return "--live leaves the program its store: leave --remove-store out";
	if (job->live && request->formats.count && ct_export_is_store(job->output))
		return "--live copies the store to -o FILE.store: leave --format out, or name a report";
	return job->output && request->formats.count > 1 ? "-o names one file, and there are several formats" : NULL;
}

/* name: room for the name of a process's store. */
static int open_input(const char *word, bool live, char name[PATH_MAX], struct ct_input *input,
		      struct ct_error_text *error)
{
	if (!live || !*word || word[strspn(word, "0123456789")]) {
		int code = ct_input_open(word, input, error);
		return !code && live && !input->is_store
			       ? ct_error_set(error, CT_ERR_USAGE, "%s is neither a store nor a process", word)
			       : code;
	}
	*input = (struct ct_input){.path = name, .fd = -1, .is_store = true};
	long pid = strtol(word, NULL, 10);
	input->fd = ct_process_open_store(pid < INT_MAX ? (int)pid : INT_MAX, name, error);
	return input->fd < 0 ? input->fd : CT_OK;
}

static int write_format(const struct request *request, const char *word, size_t index, struct ct_error_text *error)
{
	struct ct_input input;
	struct ct_export job = request->job;
	char name[PATH_MAX];
	int code = open_input(word, job.live, name, &input, error);
	job.input = &input;
	job.selection = &request->selection;
	job.format = request->formats.formats[index];
	job.brief = index > 0;
	job.one_line = request->notes != NULL;
	job.at_exit = request->at_exit;
	job.remove_store = request->at_exit && index + 1 == request->formats.count;
	if (!code && request->remove_store)
		code = check_removable(&input, error);
	if (!code)
		code = ct_export_run(&job, error);
	ct_input_close(&input);
	return code;
}

/* The library starts us with all signals blocked, so that those which end the program do not end its report. */
static void hear_ctrl_c(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	if (isatty(STDERR_FILENO))
		sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static int export(struct request *request, const char *word)
{
	struct ct_error_text error;
	const char *why = conflict(request);
	if (why)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s", why);
	request->job.unnamed = !request->formats.count && !request->job.output && !request->job.mode;
	if (!request->formats.count)
		request->formats = (struct ct_format_set){{ct_formats}, 1};
	int code = CT_OK;
	ct_cmd_begin_work("writing the report", ct_export_is_store(word) ? word : NULL);
	if (request->at_exit)
		hear_ctrl_c();
	for (size_t i = 0; i < request->formats.count && !code; i++) {
		double count = (double)request->formats.count;
		struct ct_progress_part all = ct_progress_enter((double)i / count, (double)(i + 1) / count);
		code = write_format(request, word, i, &error);
		ct_progress_leave(all);
	}
	ct_cmd_end_work();
	if (code)
		return fail(ct_error_exit_code(code), &error, request->at_exit ? word : NULL);
	/* A successful export at exit has already removed it. */
	if (request->remove_store && remove(word) < 0 && errno != ENOENT)
		return ct_cmd_fail(COMMAND, CT_EXIT_UNREADABLE, "%s: cannot be removed: %s", word, strerror(errno));
	return CT_EXIT_FINE;
}

static int set_segment(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	char *end;
	unsigned long number = strtoul(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || !number || number > UINT32_MAX)
		return ct_error_set(error, CT_ERR_USAGE, "--%s %s: not a segment's number, which are 1 and up",
				    option->name, value);
	*(uint32_t *)member = (uint32_t)number;
	return CT_OK;
}

/* --events, --copies or --mappings; the last one counts. */
static int set_mode(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	(void)value;
	(void)error;
	*(enum ct_profile_mode *)member = !strcmp(option->name, "copies")     ? CT_MODE_COPY
					  : !strcmp(option->name, "mappings") ? CT_MODE_MAPPINGS
									      : CT_MODE_AD_HOC;
	return CT_OK;
}

static const struct ct_option options[] = {
	{.letter = 'f',
	 .name = "format",
	 .argument = "FORMAT",
	 .help = "output format, comma-separated list allowed",
	 .standard = "dhat",
	 .set = ct_set_formats,
	 .at = offsetof(struct request, formats),
	 .value = ct_values_formats,
	 .values_shown = true,
	 .list = true},
	{.letter = 'm',
	 .name = "metric",
	 .argument = "METRIC",
	 .help = "number to export (formats with one number per stack) or to show first",
	 .set = ct_set_metric,
	 .at = offsetof(struct request, job.metric),
	 .value = ct_values_metrics,
	 .values_shown = true},
	{.letter = 'o',
	 .name = "output",
	 .argument = "FILE",
	 .help = "the file to write; - is stdout. Default: named after the input, or as the recording wanted it",
	 .set = ct_set_text,
	 .at = offsetof(struct request, job.output),
	 .file = true},
	{.name = "host",
	 .argument = "NAME",
	 .help = "the machine on which it ran, if that is not known or not this one",
	 .set = ct_set_text,
	 .at = offsetof(struct request, job.host)},
	{.name = "service",
	 .argument = "NAME",
	 .help = "what the program is part of; default for databases: its name",
	 .set = ct_set_text,
	 .at = offsetof(struct request, job.service)},
	{.name = "service-version",
	 .argument = "TEXT",
	 .help = "the version of the service",
	 .set = ct_set_text,
	 .at = offsetof(struct request, job.service_version)},
	{.name = "split-threads",
	 .help = "with threads recorded, do not fold equal stacks of several threads; dhat and pprof keep them apart anyway",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, job.split_threads)},
	{.name = "events",
	 .help = "export the program's own events instead of the heap (stores only)",
	 .set = set_mode,
	 .at = offsetof(struct request, job.mode)},
	{.name = "copies",
	 .help = "export what --copy has recorded instead of the heap (stores only)",
	 .set = set_mode,
	 .at = offsetof(struct request, job.mode)},
	{.name = "mappings",
	 .help = "export what --mmap has recorded instead of the heap (stores only)",
	 .set = set_mode,
	 .at = offsetof(struct request, job.mode)},
	{.name = "segment",
	 .argument = "N",
	 .help = "export this segment of a store that 'ctrace ctl' has divided; default: the latest one",
	 .set = set_segment,
	 .at = offsetof(struct request, job.segment)},
	{.name = "since",
	 .argument = "NAME",
	 .help = "export the segment that began with this name ('ctrace ctl PID reset NAME')",
	 .set = ct_set_text,
	 .at = offsetof(struct request, job.since)},
	{.name = "live",
	 .help = "INPUT is the pid or the store of a running program; -o FILE.store makes a whole copy of the store",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, job.live)},
	{.name = "memory",
	 .help = "with --live, also take the process's ledger (see ctrace-memory(1)) and each site's resident bytes",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, job.memory)},
	{.name = "remove-store",
	 .help = "remove the store after a successful export",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, remove_store)},
	{.name = "notes", .argument = "FILE", .set = ct_set_text, .at = offsetof(struct request, notes)},
	{.name = "last-look", .set = ct_set_flag, .at = offsetof(struct request, last_look)},
	{.name = "at-exit", .set = ct_set_flag, .at = offsetof(struct request, at_exit)},
};

/* Export the stores of the older images of a process that ends. */
static void export_images(const struct request *request, const char *word, const struct ct_left_store *own)
{
	struct ct_error_text error;
	int code = ct_images_end(word, own, &request->formats, &error);
	if (code)
		fail(ct_error_exit_code(code), &error, NULL);
}

static void leave_note(const struct request *request, const struct ct_left_store *own)
{
	char *text = ct_message_collected();
	if (text)
		ct_notes_append(request->notes, own->pid, ct_name_base(own->exe), text);
	free(text);
}

static int run(int argc, char **argv)
{
	struct request request = {0};
	struct ct_error_text error;
	struct ct_left_store own = {0};
	int rest, code = ct_command_parse(&ct_command_export, &request, argc, argv, &rest, &error);
	/* The store of the process that ends is read now, since it is about to be removed. */
	bool ends = request.at_exit && ct_left_store_read(AT_FDCWD, argv[argc - 1], &own);
	if (request.notes)
		ct_message_collect();
	if (code == CT_COMMAND_HELP) {
		ct_command_help(&ct_command_export, stdout);
		code = fflush(stdout) ? CT_EXIT_UNREADABLE : CT_EXIT_FINE;
	} else if (code) { /* at exit, the program's CTRACE_FORMAT is a value here and may be wrong */
		code = fail(ct_error_exit_code(code), &error, request.at_exit ? argv[argc - 1] : NULL);
	} else if (argc - rest != 1) {
		code = ct_cmd_fail_files(COMMAND, argc - rest);
	} else if (request.last_look) { /* the store says why there is none; the program's stderr is not ours */
		code = ct_error_exit_code(ct_export_last_look(argv[rest], &error));
	} else if (request.at_exit || request.job.live) {
		code = export(&request, argv[rest]);
		if (ends)
			export_images(&request, argv[rest], &own);
	} else {
		char *path;
		code = ct_pick(COMMAND, argv[rest], NULL, &path, &error);
		code = code ? fail(ct_error_exit_code(code), &error, NULL) : export(&request, path);
		free(path);
	}
	if (request.notes)
		leave_note(&request, &own);
	ct_selection_fini(&request.selection);
	return code;
}

const struct ct_command ct_command_export = {
	.name = COMMAND,
	.summary = "turn a store or a report into a file for another tool",
	.usage = "[options] INPUT",
	.about =
		"Turn a store (FILE.json.store) or a report of ctrace, Valgrind's DHAT or dhat-rs, or a heap profile of pprof, massif, heaptrack or others, into another file.",
	.groups = {CT_OPTION_GROUP(options, 0), CT_OPTION_GROUP(ct_select_options, offsetof(struct request, selection)),
		   CT_OPTION_GROUP(ct_sysroot_options, 0), CT_OPTION_GROUP(ct_debuginfod_options, 0)},
	.run = run,
};
