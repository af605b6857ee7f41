/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "ctrace/note.h"
#include "ctrace/version.h"
#include "util/message.h"

__asm__(CT_NOTE(CT_NOTE_OWNER, CT_NOTE_PROGRAM, ""));

static void print_help(FILE *out)
{
	fputs("usage: ctrace COMMAND [options]  or  ctrace PROGRAM [arguments]  or  ctrace FILE\n"
	      "Records every heap allocation of a program with its call stack.\n\n",
	      out);
	for (const struct ct_command *const *at = ct_commands; *at; at++)
		if ((*at)->summary)
			fprintf(out, "  %-8s %s\n", (*at)->name, (*at)->summary);
	fputs("\nRun 'ctrace COMMAND --help' for more.\n", out);
}

/* Would a shell find a program of this name? */
static int is_program(const char *name)
{
	char path[4096];
	if (strchr(name, '/'))
		return access(name, F_OK) == 0;
	const char *folders = getenv("PATH");
	while (folders && *folders) {
		size_t length = strcspn(folders, ":");
		snprintf(path, sizeof(path), "%.*s/%s", (int)length, folders, name);
		if (access(path, X_OK) == 0)
			return 1;
		folders += length + (folders[length] == ':');
	}
	return 0;
}

static int refuse_command(const char *name, const char *what)
{
	const char *like = ct_command_like(name), *other = like ? NULL : ct_command_for(name);
	ct_message("'%s' %s%s%s%s; see ctrace --help", name, what,
		   like    ? "; did you mean '"
		   : other ? "; try "
			   : "",
		   like    ? like
		   : other ? other
			   : "",
		   like ? "'?" : "");
	return CT_EXIT_USAGE;
}

/* `ctrace ./app args` is short for `ctrace record -- ./app args`. */
static int run_program(int argc, char **argv)
{
	if (!is_program(argv[0]))
		return refuse_command(argv[0], "is neither a ctrace command nor a program");
	char **arguments = calloc((size_t)argc + 3, sizeof(*arguments));
	if (!arguments)
		return CT_EXIT_UNREADABLE;
	arguments[0] = "record";
	arguments[1] = "--";
	memcpy(arguments + 2, argv, (size_t)argc * sizeof(*argv));
	int code = ct_command_record.run(argc + 2, arguments);
	free(arguments);
	return code;
}

static int show_version(void)
{
	puts("ctrace " CTRACE_VERSION);
	return fflush(stdout) ? CT_EXIT_UNREADABLE : CT_EXIT_FINE;
}

/* `ctrace FILE` is short for `ctrace top FILE`. */
static int show_file(int argc, char **argv)
{
	static char name[] = "top";
	char **arguments = calloc((size_t)argc + 2, sizeof(*arguments));
	if (!arguments)
		return CT_EXIT_UNREADABLE;
	arguments[0] = name;
	memcpy(arguments + 1, argv, (size_t)argc * sizeof(*argv));
	int code = ct_command_top.run(argc + 1, arguments);
	free(arguments);
	return code;
}

static int run_command(int argc, char **argv)
{
	const struct ct_command *command = ct_command_find(argv[0]);
	if (command && command != &ct_command_record && argc == 2 && !strcmp(argv[1], "--version"))
		return show_version();
	if (command)
		return command->run(argc, argv);
	return !strcmp(argv[0], "-") || ct_cmd_is_input(argv[0]) ? show_file(argc, argv) : run_program(argc, argv);
}

/* `ctrace help` and `ctrace help COMMAND`. */
static int show_help(const char *name)
{
	const struct ct_command *command = name ? ct_command_find(name) : NULL;
	if (name && !command)
		return refuse_command(name, "is not a ctrace command");
	if (command)
		ct_command_help(command, stdout);
	else
		print_help(stdout);
	return fflush(stdout) ? CT_EXIT_UNREADABLE : CT_EXIT_FINE;
}

int main(int argc, char **argv)
{
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	bool is_top = argc && !strcmp(slash ? slash + 1 : argv[0], "ctrace-top");
	if (argc < 2 && !is_top) {
		print_help(stderr);
		return CT_EXIT_USAGE;
	}
	if (argc > 1 && !strcmp(argv[1], "--version"))
		return show_version();
	if (is_top)
		return ct_command_top.run(argc, argv);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return show_help(NULL);
	if (!strcmp(argv[1], "help"))
		return show_help(argv[2]);
	if (argc > 2 && !strcmp(argv[1], "--")) /* a program, even if it has the name of a command */
		return run_program(argc - 2, argv + 2);
	if (argv[1][0] == '-' && argv[1][1]) {
		ct_message("unknown option '%s'; see ctrace --help", argv[1]);
		return CT_EXIT_USAGE;
	}
	return run_command(argc - 1, argv + 1);
}
