/* SPDX-License-Identifier: MIT */
/*
 * A command and its options as tables. Parsing, --help, `ctrace help`, shell completion and hints about misspelt words
 * all use them, so each fact is written once.
 *
 * Some options, such as --focus, are shared by several commands. A *group* is a table of options and the offset of its
 * request inside the command's request.
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
	const char *name; /* "sort"; "" = not an option, the row is skipped */
	const char *argument; /* "COLUMN"; NULL = the option takes no value */
	const char *help; /* wrapped by --help; NULL = the option is neither shown nor completed */
	const char *standard; /* the default, for --help; NULL or "" = not shown */

	/* Apply the option to the request's member at offset `at`; value is NULL without an argument. 0 or < 0. */
	int (*set)(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error);
	size_t at;

	/* The possible values; if all are NULL or false, any text. */
	const char *const *choices; /* no other value is accepted; ends with NULL */
	const char *(*value)(size_t index, const char **help); /* the value at an index, NULL after the last */
	bool values_shown; /* --help lists the values from value() */
	bool list; /* several values, comma-separated */
	bool file;
};

struct ct_option_group {
	const struct ct_option *rows;
	size_t count;
	size_t offset; /* of the group's request in the command's request */
};

#define CT_GROUPS_MAX 6

#define CT_OPTION_GROUP(table, place)                                                                                  \
	{                                                                                                              \
		(table), sizeof(table) / sizeof((table)[0]), (place)                                                   \
	}

struct ct_command {
	const char *name;
	const char *summary; /* a line in `ctrace --help`; NULL = not listed there */
	const char *usage; /* the text after "ctrace NAME"; a line for each form */
	const char *about;
	struct ct_option_group groups[CT_GROUPS_MAX];
	void (*print_more)(FILE *out); /* prints more help below the options; may be NULL */
	const char *const
		*words; /* what may follow the first word that is not an option; ends with NULL. NULL: files */
	bool runs_program; /* the words after the options are a program and its arguments */
	int (*run)(int argc, char **argv);
};

/* All commands, in the order of `ctrace --help`; ends with NULL. */
extern const struct ct_command *const ct_commands[];

/* Find a command by its name; NULL: not found. */
const struct ct_command *ct_command_find(const char *name);

/* The name of the command most like a word, for "did you mean"; NULL = none. */
const char *ct_command_like(const char *word);

/* What does the work for which other tools have a command of this name; NULL = not known. */
const char *ct_command_for(const char *word);

void ct_command_help(const struct ct_command *command, FILE *out);

/* Returned by ct_command_parse for --help. */
#define CT_COMMAND_HELP 1

/*
 * Apply the options in argv[1] and later to the request. *rest is the index of the first word that is not an option;
 * words before it may have been reordered. 0, CT_COMMAND_HELP or < 0.
 */
int ct_command_parse(const struct ct_command *command, void *request, int argc, char **argv, int *rest,
		     struct ct_error_text *error);

/*
 * The same for a command's run(): also prints the help or the error. Returns the index of the first word that is not
 * an option, or -1 if the command is to return *exit_code.
 */
int ct_command_begin(const struct ct_command *command, void *request, int argc, char **argv, int *exit_code);

/* The option that a word names, such as "--sort" or "-s"; NULL = none. */
const struct ct_option *ct_command_find_option(const struct ct_command *command, const char *word);

/* Call visit for each option that is shown, including --help. */
void ct_command_each_option(const struct ct_command *command,
			    void (*visit)(void *context, const struct ct_option *option), void *context);

#endif
