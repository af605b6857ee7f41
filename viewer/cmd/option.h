/* SPDX-License-Identifier: MIT */
/*
 * A command and its options as tables. From them come the reading of the command line, --help, `ctrace help`, what the
 * shells complete, and the hints about misspelt words: each fact is written once.
 *
 * Several commands share a part of their options, such as --focus: a group is a table and the place of its request
 * inside the command's.
 */
#ifndef CT_CMD_OPTION_H
#define CT_CMD_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "util/error.h"

struct ct_option;

/* Setters, by the type of the member: bool, const char *, and an enum whose values are the choices' indices. */
int ct_set_flag(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error);
int ct_set_text(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error);
int ct_set_choice(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error);

struct ct_option {
	char letter; /* 's'; 0 = none */
	const char *name; /* "sort"; "" = no option, the row is skipped */
	const char *argument; /* "COLUMN"; NULL = takes no value */
	const char *help; /* wrapped by --help; NULL = neither shown nor completed */
	const char *standard; /* what --help names as the default; NULL or "" = nothing */

	/* Apply it to the member of the request at offset `at`; value is NULL without an argument. 0 or < 0. */
	int (*set)(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error);
	size_t at;

	/* What the value can be; all NULL and false = any text. */
	const char *const *choices; /* no other value is accepted; ends with NULL */
	const char *(*value)(size_t index, const char **help); /* the value with that index, NULL behind the last */
	bool values_shown; /* --help lists what value() gives */
	bool list; /* several values, separated by commas */
	bool file;
};

struct ct_option_group {
	const struct ct_option *rows;
	size_t count;
	size_t offset; /* of the group's request in the command's */
};

#define CT_GROUPS_MAX 4

#define CT_OPTION_GROUP(table, place)                                                                                  \
	{                                                                                                              \
		(table), sizeof(table) / sizeof((table)[0]), (place)                                                   \
	}

struct ct_command {
	const char *name;
	const char *summary; /* a line of `ctrace --help`; NULL = not shown there */
	const char *usage; /* what follows "ctrace NAME"; a line for each form */
	const char *about;
	struct ct_option_group groups[CT_GROUPS_MAX];
	void (*print_more)(FILE *out); /* below the options; may be NULL */
	bool runs_program; /* the words behind the options are a program and its arguments */
	int (*run)(int argc, char **argv);
};

/* All commands, in the order of `ctrace --help`; ends with NULL. */
extern const struct ct_command *const ct_commands[];

/* NULL: there is none of that name. */
const struct ct_command *ct_command_find(const char *name);

/* The command whose name is like the word, for "did you mean"; NULL = none is. */
const char *ct_command_like(const char *word);

void ct_command_help(const struct ct_command *command, FILE *out);

/* ct_command_parse has met --help. */
#define CT_COMMAND_HELP 1

/*
 * Apply the options in argv[1] and later to the request. *rest: the index of the first word that is none; words before
 * it may have changed places. 0, CT_COMMAND_HELP or < 0.
 */
int ct_command_parse(const struct ct_command *command, void *request, int argc, char **argv, int *rest,
		     struct ct_error_text *error);

/*
 * The same for a command's run(): prints the help or the error. Returns the index of the first word that is not an
 * option, or -1 when the command is to return *exit_code.
 */
int ct_command_begin(const struct ct_command *command, void *request, int argc, char **argv, int *exit_code);

/* The option that a word of the command line names, "--sort" or "-s"; NULL = none. */
const struct ct_option *ct_command_find_option(const struct ct_command *command, const char *word);

/* Call visit for each option that is shown, --help included. */
void ct_command_each_option(const struct ct_command *command,
			    void (*visit)(void *context, const struct ct_option *option), void *context);

#endif
