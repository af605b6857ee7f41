/* SPDX-License-Identifier: MIT */
/* ctrace record, also `ctrace PROGRAM`: runs a program with the library preloaded, then takes care of its report. */
#include "cmd/cmd.h"

#include <errno.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/record_options.h"
#include "cmd/shared_options.h"
#include "record/collect.h"
#include "record/folder.h"
#include "record/run.h"
#include "record/settings.h"
#include "record/program.h"
#include "util/library.h"
#include "util/message.h"

#define COMMAND "record"
#define SESSION_BYTES 12

struct recording {
	struct ct_settings settings;
	char **arguments; /* the program and its arguments */
	char **environment;
	char path[PATH_MAX];
	char library[PATH_MAX];
	char fixed[PATH_MAX]; /* the one name of all reports; "" = each process has its own */
	bool quiet; /* the user's setting; the library may get another */
	struct ct_format_set own_formats; /* the formats that programs write themselves */
	struct ct_run run;
	struct ct_folder folder;
	struct ct_notes notes;
	bool late; /* we write all reports at the end, the programs write none */
	struct ct_error_text error;
};

/* Choose a unique name for the session, by which a recording finds its own stores. */
static int set_session(struct recording *recording)
{
	unsigned char random[SESSION_BYTES];
	char name[SESSION_BYTES * 2 + 1];
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return ct_error_set(&recording->error, CT_ERR_IO, "no random numbers: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(name + i * 2, 3, "%02x", random[i]);
	if (ct_settings_set(&recording->settings, CT_SETTING_session, name) < 0)
		return ct_error_set(&recording->error, CT_ERR_MEMORY, "not enough memory");
	return 0;
}

/*
 * The program is the first process of its recording, even if we are in another recording: its stderr is ours, and the
 * only one where its processes write lines. The others' lines come into the notes.
 */
static int set_stderr(struct recording *recording)
{
	struct ct_settings *settings = &recording->settings;
	struct stat status = {0};
	char mark[64];
	if (fstat(STDERR_FILENO, &status) < 0)
		status.st_ino = 0;
	snprintf(mark, sizeof(mark), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
	ct_notes_make(&recording->notes, ct_settings_get(settings, CT_SETTING_tmpdir),
		      ct_settings_get(settings, CT_SETTING_session));
	return ct_settings_set(settings, CT_SETTING_heard, mark) < 0 ||
			       ct_settings_set(settings, CT_SETTING_notes, recording->notes.path) < 0
		       ? ct_error_no_memory(&recording->error)
		       : 0;
}

/* Could a store be made? If not, the program's process has said so. */
static bool has_room(const struct ct_collect *work)
{
	const char *slash = strrchr(work->pattern, '/');
	char folder[PATH_MAX];
	snprintf(folder, sizeof(folder), "%.*s/", slash ? (int)(slash - work->pattern) : 1,
		 slash ? work->pattern : ".");
	return access(folder, W_OK) == 0 || strchr(folder, '%') || access(work->temporary, W_OK) == 0;
}

/* A name as a shell takes it; to be freed. */
static char *quote(const char *name)
{
	char *quoted = malloc(4 * strlen(name) + 3), *to = quoted;
	bool plain = !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-@%,:")];
	if (!quoted || plain)
		return quoted ? strcpy(quoted, name) : NULL;
	*to++ = '\'';
	for (; *name; name++) {
		if (*name == '\'')
			to = stpcpy(to, "'\\'");
		*to++ = *name;
	}
	strcpy(to, "'");
	return quoted;
}

/* On a terminal, say what can be done with a report, or with a folder of them. */
static void say_next(const char *path)
{
	char here[PATH_MAX];
	size_t length = getcwd(here, sizeof(here)) ? strlen(here) : 0;
	if (!path || !isatty(STDERR_FILENO))
		return;
	if (length > 1 && !strncmp(path, here, length) && path[length] == '/' && path[length + 1] != '-')
		path += length + 1;
	const char *ctrace = strchr(program_invocation_name, '/') ? program_invocation_name : "ctrace";
	char *name = quote(path), *program = quote(ctrace);
	if (name && program)
		ct_message("next: %s top %s, %s html --open %s, %s advise %s", program, name, program, name, program,
			   name);
	free(name);
	free(program);
}

/* After the program's end, export what its processes left behind. Say so if there is nothing at all. */
static void collect(struct recording *recording, time_t start)
{
	const struct ct_settings *settings = &recording->settings;
	struct ct_collect work = {
		.pattern = ct_settings_get(settings, CT_SETTING_out),
		.session = ct_settings_get(settings, CT_SETTING_session),
		.temporary = ct_settings_get(settings, CT_SETTING_tmpdir),
		.run = &recording->run,
		.start = start,
		.export = recording->late || *ct_settings_get(settings, CT_SETTING_export) == '1',
		.keep = *ct_settings_get(settings, CT_SETTING_keep_store) == '1',
		.quiet = recording->quiet,
		.formats = settings->formats,
		.late = recording->late,
		.folder = recording->late && settings->folder ? &recording->folder : NULL,
		.notes = &recording->notes,
		.keep_name = settings->named && settings->formats.count,
		.fixed = *recording->fixed ? recording->fixed : NULL,
		.only = &settings->only,
		.skip = &settings->skip,
	};
	if (!work.formats.count)
		work.formats = recording->own_formats;
	ct_notes_read(&recording->notes);
	ct_collect_run(&work);
	if (ct_folder_end(&recording->folder, recording->arguments, recording->run.status, &recording->error) &&
	    !work.failed)
		ct_cmd_fail(COMMAND, 0, "%s", recording->error.line);
	if (!recording->quiet && work.exported)
		say_next(*recording->folder.path ? recording->folder.path : work.report);
	free(work.report);
	bool nothing = !work.found && !work.exported && !work.failed && !work.tree.count;
	ct_tree_fini(&work.tree);
	bool asleep = !strcmp(ct_settings_get(settings, CT_SETTING_mode), "off");
	if (nothing && !asleep && has_room(&work))
		ct_cmd_fail(COMMAND, 0,
			    "no report: unless a line above says why, %s did not get past start-up, or clears "
			    "LD_PRELOAD before it starts the real program",
			    recording->arguments[0]);
}

/* What the recording needs beside libctrace.so: CT_LIBRARY_*. */
static unsigned libraries(const struct ct_settings *settings)
{
	bool copies = *ct_settings_get(settings, CT_SETTING_copy) == '1';
	bool mappings = *ct_settings_get(settings, CT_SETTING_mmap) == '1';
	return (copies ? CT_LIBRARY_COPY : 0) | (mappings ? CT_LIBRARY_MMAP : 0);
}

static int run(struct recording *recording)
{
	char *preload = ct_library_preload(recording->library, libraries(&recording->settings), getenv("LD_PRELOAD"));
	time_t start = time(NULL);
	int code;
	recording->environment = preload ? ct_settings_environment(&recording->settings, preload) : NULL;
	if (!recording->environment)
		code = ct_error_set(&recording->error, CT_ERR_MEMORY, "not enough memory");
	else
		code = ct_run_program(recording->path, recording->arguments, recording->environment, &recording->run,
				      &recording->error);
	free(preload);
	if (*recording->folder.path && (code < 0 || recording->run.exec_errno))
		rmdir(recording->folder.path);
	if (code < 0)
		return ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", recording->error.line);
	if (recording->run.exec_errno)
		return ct_cmd_fail(COMMAND,
				   recording->run.exec_errno == ENOENT ? CT_EXIT_NOT_FOUND : CT_EXIT_NOT_EXECUTABLE,
				   "%s: cannot be started: %s", recording->path, strerror(recording->run.exec_errno));
	setlocale(LC_CTYPE, "");
	collect(recording, start);
	return ct_run_exit_like(&recording->run);
}

/* A report of this name, and the store of a recording that has ended, are replaced. */
static int take_name(struct recording *recording)
{
	char store[PATH_MAX + sizeof(".store")];
	if (recording->settings.folder || !ct_settings_fixed_name(&recording->settings, recording->fixed))
		recording->fixed[0] = '\0';
	snprintf(store, sizeof(store), "%s.store", recording->fixed);
	uint32_t pid = *recording->fixed ? ct_left_store_replace(store) : 0;
	return pid ? ct_error_set(&recording->error, CT_ERR_USAGE,
				  "%s: process %u is being recorded under this name; choose another with -o",
				  recording->fixed, pid)
		   : CT_OK;
}

static int prepare(struct recording *recording)
{
	const char *word = recording->arguments[0];
	int code = ct_program_find(word, recording->path, &recording->error);
	if (code && ct_cmd_is_input(word))
		return ct_cmd_fail(COMMAND, code,
				   "%s: holds recordings, and is not a program; see it with: ctrace top %s", word,
				   word);
	if (code == 0) {
		code = ct_library_find(NULL, recording->library, &recording->error);
		if (code == 0)
			code = ct_library_check(recording->library, libraries(&recording->settings), &recording->error);
		if (code < 0)
			return ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", recording->error.line);
		code = ct_program_check(recording->path, recording->arguments, recording->library, &recording->error);
	}
	if (code)
		return ct_cmd_fail(COMMAND, code, "%s", recording->error.line);
	code = ct_format_parse(ct_settings_get(&recording->settings, CT_SETTING_format), &recording->own_formats,
			       &recording->error);
	if (code < 0)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "CTRACE_FORMAT: %s", recording->error.line);
	code = take_name(recording);
	if (code == 0)
		code = set_session(recording);
	recording->quiet = *ct_settings_get(&recording->settings, CT_SETTING_quiet) == '1';
	/* A program that exports itself writes only CTRACE_FORMAT, so other formats and folders are written by us. */
	recording->late =
		recording->settings.formats.count ||
		(recording->settings.folder && *ct_settings_get(&recording->settings, CT_SETTING_export) == '1');
	if (code == 0)
		code = set_stderr(recording);
	if (code == 0 && recording->settings.folder)
		code = ct_folder_make(
			&recording->folder, &recording->settings,
			recording->arguments[ct_program_behind_loader(recording->path, recording->arguments)],
			&recording->error);
	if (code == 0 && recording->late &&
	    (ct_settings_set(&recording->settings, CT_SETTING_export, "0") < 0 ||
	     ct_settings_set(&recording->settings, CT_SETTING_quiet, "1") < 0))
		code = ct_error_no_memory(&recording->error);
	return code < 0 ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", recording->error.line) : 0;
}

static void print_more(FILE *out)
{
	fputs("\n-o DIR/ makes a new folder in DIR with the formats for all readers and a README.md.\n"
	      "Every option also has an environment variable for plain LD_PRELOAD use: see ctrace-record(1).\n",
	      out);
}

static int start(int argc, char **argv)
{
	static struct recording recording;
	int code, rest = ct_command_begin(&ct_command_record, &recording.settings, argc, argv, &code);
	if (rest >= 0) {
		code = ct_settings_complete(&recording.settings, &recording.error);
		if (code < 0) {
			code = ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", recording.error.line);
		} else if (rest >= argc) {
			code = ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "no program to run; see ctrace record --help");
		} else {
			recording.arguments = argv + rest;
			code = prepare(&recording);
			if (code == 0)
				code = run(&recording);
		}
	}
	ct_folder_fini(&recording.folder);
	ct_notes_fini(&recording.notes);
	ct_settings_fini(&recording.settings);
	return code;
}

const struct ct_command ct_command_record = {
	.name = COMMAND,
	.summary = "run a program and record its allocations (also: ctrace ./app args)",
	.usage = "[options] [--] PROGRAM [ARGUMENT...]",
	.about = "Run a program and record every allocation. The report is written when it ends, however it ends.",
	.groups = {CT_OPTION_GROUP(ct_record_options, 0), CT_OPTION_GROUP(ct_debuginfod_options, 0)},
	.print_more = print_more,
	.runs_program = true,
	.run = start,
};
