/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "ctrace/note.h"
#include "ctrace/version.h"
#include "util/error.h"

/* A compiler would make it a section of another type. */
#define TEXT(number) #number
#define NOTE(owner, type)                                                                                              \
	".pushsection .note.ctrace, \"a\", @note\n"                                                                    \
	".balign 4\n"                                                                                                  \
	".long 2f - 1f, 0, " TEXT(type) "\n"                                                                           \
	"1: .asciz \"" owner "\"\n"                                                                                    \
	"2: .balign 4\n"                                                                                               \
	".popsection\n"
__asm__(NOTE(CT_NOTE_OWNER, CT_NOTE_PROGRAM));

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"record", ct_cmd_record, "run a program and record its allocations (also: ctrace ./app args)"},
	{"top", ct_cmd_top, "show who allocates, in the terminal (also: ctrace-top)"},
	{"diff", ct_cmd_diff, "what has changed between two recordings, also of different builds"},
	{"check", ct_cmd_check, "gate for CI: budgets, and growth against an older recording"},
	{"html", ct_cmd_html, "make a page to look at in a browser"},
	{"advise", ct_cmd_advise, "what may be worth changing, in plain words with the numbers"},
	{"export", ct_cmd_export, "turn a store or a report into a file for another tool"},
	{"merge", ct_cmd_merge, "add up reports and stores of many processes or hosts"},
	{"info", ct_cmd_info, "what is in a report or store: checks, losses, modules"},
	{"doctor", ct_cmd_doctor, "why is my recording empty? checks a program and what is around it"},
	{"complete", ct_cmd_complete, NULL}, /* for the shells */
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *out)
{
	fputs("usage: ctrace COMMAND [options]    or    ctrace PROGRAM [arguments]\n"
	      "Records every heap allocation of a program with its call stack.\n\n",
	      out);
	for (size_t i = 0; i < COMMANDS; i++)
		if (commands[i].help)
			fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
	fputs("\nctrace COMMAND --help tells more.\n", out);
}

/* Is there a program of this name, as the shell would find it? */
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

/* ctrace ./app args = ctrace record -- ./app args */
static int run_program(int argc, char **argv)
{
	if (!is_program(argv[0])) {
		ct_cmd_say("'%s' is neither a command of ctrace nor a program; see ctrace --help", argv[0]);
		return CT_EXIT_USAGE;
	}
	char **arguments = calloc((size_t)argc + 3, sizeof(*arguments));
	if (!arguments)
		return CT_EXIT_UNREADABLE;
	arguments[0] = "record";
	arguments[1] = "--";
	memcpy(arguments + 2, argv, (size_t)argc * sizeof(*argv));
	int code = ct_cmd_record(argc + 2, arguments);
	free(arguments);
	return code;
}

static int run_command(int argc, char **argv)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(argv[0], commands[i].name))
			return commands[i].run(argc, argv);
	return run_program(argc, argv);
}

int main(int argc, char **argv)
{
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	if (argc && !strcmp(slash ? slash + 1 : argv[0], "ctrace-top"))
		return ct_cmd_top(argc, argv);
	if (argc < 2) {
		print_help(stderr);
		return CT_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return CT_EXIT_FINE;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("ctrace " CTRACE_VERSION);
		return CT_EXIT_FINE;
	}
	if (argc > 2 && !strcmp(argv[1], "--")) /* a program, even when it is called like a command */
		return run_program(argc - 2, argv + 2);
	if (argv[1][0] == '-') {
		ct_cmd_say("unknown option '%s'; see ctrace --help", argv[1]);
		return CT_EXIT_USAGE;
	}
	return run_command(argc - 1, argv + 1);
}
