/* SPDX-License-Identifier: MIT */
#include "cmd/option.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "util/distance.h"

#define OPTIONS_MAX 64
#define LONG_BASE 256 /* getopt's number for the option with index 0; letters are below it */
#define HELP_COLUMNS 80
#define NAMES_MAX 26 /* width of names in --help; a longer name is on a line of its own */
#define LISTED_INDENT 6

static const struct ct_option help_option = {.letter = 'h', .name = "help", .help = "show this help"};

/* The tables for getopt_long, and the option for each of its numbers. */
struct parser {
	struct option longs[OPTIONS_MAX + 1];
	const struct ct_option *rows[OPTIONS_MAX];
	size_t offsets[OPTIONS_MAX];
	int count;
	char letters[2 * OPTIONS_MAX + 3];
};

static void add_row(struct parser *parser, const struct ct_option *row, size_t offset)
{
	if (!*row->name || parser->count == OPTIONS_MAX)
		return;
	parser->longs[parser->count] = (struct option){row->name, row->argument ? required_argument : no_argument, NULL,
						       LONG_BASE + parser->count};
	parser->rows[parser->count] = row;
	parser->offsets[parser->count] = offset;
	parser->count++;
	if (row->letter) {
		char text[] = {row->letter, row->argument ? ':' : '\0', '\0'};
		strcat(parser->letters, text);
	}
}

static void fill(struct parser *parser, const struct ct_command *command)
{
	memset(parser, 0, sizeof(*parser));
	/* "+": words after a program's name belong to it. ":": getopt returns ':' for a missing value. */
	strcpy(parser->letters, command->runs_program ? "+:" : ":");
	for (int i = 0; i < CT_GROUPS_MAX; i++)
		for (size_t j = 0; j < command->groups[i].count; j++)
			add_row(parser, &command->groups[i].rows[j], command->groups[i].offset);
	add_row(parser, &help_option, 0);
}

static int index_of_letter(const struct parser *parser, int letter)
{
	for (int i = 0; i < parser->count; i++)
		if (letter && parser->rows[i]->letter == letter)
			return i;
	return -1;
}

/* The name that is most like a word, "sort" for "--srot"; NULL: none. */
static const char *name_like(const struct parser *parser, const char *word)
{
	char name[64];
	struct ct_nearest nearest = {.word = name};
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	for (int i = 0; i < parser->count; i++)
		if (parser->rows[i]->help)
			ct_nearest_offer(&nearest, parser->rows[i]->name);
	return nearest.best;
}

/* Set the error after getopt has answered '?' or ':'. */
static int refuse(const struct parser *parser, const struct ct_command *command, int answer, char **argv,
		  struct ct_error_text *error)
{
	const char *word = argv[optind - 1];
	bool is_long = !strncmp(word, "--", 2);
	int length = is_long ? (int)strcspn(word, "=") : 0;
	if (answer == ':' && is_long)
		return ct_error_set(error, CT_ERR_USAGE, "%s: the value is missing; see ctrace %s --help", word,
				    command->name);
	if (answer == ':')
		return ct_error_set(error, CT_ERR_USAGE, "-%c: the value is missing; see ctrace %s --help", optopt,
				    command->name);
	if (optopt >= LONG_BASE)
		return ct_error_set(error, CT_ERR_USAGE, "%.*s takes no value; see ctrace %s --help", length, word,
				    command->name);
	if (optopt)
		return ct_error_set(error, CT_ERR_USAGE, "unknown option '-%c'; see ctrace %s --help", optopt,
				    command->name);
	const char *like = name_like(parser, word);
	return ct_error_set(error, CT_ERR_USAGE, "unknown option '%.*s'%s%s%s; see ctrace %s --help", length, word,
			    like ? "; did you mean '--" : "", like ? like : "", like ? "'?" : "", command->name);
}

static unsigned choice_index(const char *const *choices, const char *value)
{
	unsigned i = 0;
	while (choices[i] && strcmp(choices[i], value) != 0)
		i++;
	return i;
}

int ct_set_flag(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	(void)option, (void)value, (void)error;
	*(bool *)member = true;
	return CT_OK;
}

int ct_set_text(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	(void)option, (void)error;
	*(const char **)member = value;
	return CT_OK;
}

int ct_set_choice(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	(void)error;
	*(unsigned *)member = choice_index(option->choices, value);
	return CT_OK;
}

/* Write "auto, always or never" to text. */
static void list_choices(char *text, size_t room, const char *const *choices)
{
	size_t used = 0;
	*text = '\0';
	for (; *choices && used < room; choices++)
		used += (size_t)snprintf(text + used, room - used, "%s%s", *choices,
					 !choices[1]  ? ""
					 : choices[2] ? ", "
						      : " or ");
}

static int apply(const struct ct_option *row, void *request, const char *value, struct ct_error_text *error)
{
	char known[256];
	if (row->choices && value && !row->choices[choice_index(row->choices, value)]) {
		list_choices(known, sizeof(known), row->choices);
		return ct_error_set(error, CT_ERR_USAGE, "--%s %s: must be %s", row->name, value, known);
	}
	return row->set(row, (char *)request + row->at, value, error);
}

int ct_command_parse(const struct ct_command *command, void *request, int argc, char **argv, int *rest,
		     struct ct_error_text *error)
{
	struct parser parser;
	int answer, code = CT_OK;
	fill(&parser, command);
	opterr = 0;
	optind = 0; /* makes glibc's getopt start over */
	while (!code && (answer = getopt_long(argc, argv, parser.letters, parser.longs, NULL)) != -1) {
		int index = answer >= LONG_BASE ? answer - LONG_BASE : index_of_letter(&parser, answer);
		if (answer == '?' || answer == ':' || index < 0)
			code = refuse(&parser, command, answer, argv, error);
		else if (parser.rows[index] == &help_option)
			code = CT_COMMAND_HELP;
		else
			code = apply(parser.rows[index], (char *)request + parser.offsets[index], optarg, error);
	}
	*rest = optind;
	return code;
}

int ct_command_begin(const struct ct_command *command, void *request, int argc, char **argv, int *exit_code)
{
	struct ct_error_text error;
	int rest, code = ct_command_parse(command, request, argc, argv, &rest, &error);
	if (!code)
		return rest;
	if (code == CT_COMMAND_HELP) {
		ct_command_help(command, stdout);
		*exit_code = fflush(stdout) ? CT_EXIT_UNREADABLE : CT_EXIT_FINE;
	} else {
		*exit_code = ct_cmd_fail(command->name, ct_error_exit_code(code), "%s", error.line);
	}
	return -1;
}

const struct ct_option *ct_command_find_option(const struct ct_command *command, const char *word)
{
	struct parser parser;
	if (word[0] != '-')
		return NULL;
	fill(&parser, command);
	for (int i = 0; i < parser.count; i++) {
		const struct ct_option *row = parser.rows[i];
		if (row->help && ((word[1] == '-' && !strcmp(word + 2, row->name)) ||
				  (row->letter && word[1] == row->letter && !word[2])))
			return row;
	}
	return NULL;
}

void ct_command_each_option(const struct ct_command *command,
			    void (*visit)(void *context, const struct ct_option *option), void *context)
{
	struct parser parser;
	fill(&parser, command);
	for (int i = 0; i < parser.count; i++)
		if (parser.rows[i]->help)
			visit(context, parser.rows[i]);
}

/* --- help --- */

static size_t name_columns(const struct ct_option *row)
{
	return strlen("  -x, --") + strlen(row->name) + (row->argument ? 1 + strlen(row->argument) : 0);
}

/* Write words from `column` on, wrapped; later lines start at `indent`. Ends the line. */
static void put_wrapped(FILE *out, const char *text, size_t column, size_t indent)
{
	bool first = true;
	while (*text) {
		size_t length = strcspn(text, " \n");
		if (!first && column + 1 + length > HELP_COLUMNS) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			putc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", (int)length, text);
		column += length;
		first = false;
		text += length;
		text += strspn(text, " \n");
	}
	putc('\n', out);
}

/* Write the values: "  total-bytes, total-blocks, ...", or a line for each one with a description. */
static void put_values(FILE *out, const struct ct_option *row)
{
	char list[1024] = "";
	size_t used = 0;
	const char *help = NULL, *value;
	for (size_t i = 0; (value = row->value(i, &help)); i++, help = NULL) {
		if (help)
			fprintf(out, "%*s%-12s %s\n", LISTED_INDENT, "", value, help);
		else if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", value);
	}
	if (!used)
		return;
	fprintf(out, "%*s", LISTED_INDENT, "");
	put_wrapped(out, list, LISTED_INDENT, LISTED_INDENT);
}

struct help_writer {
	FILE *out;
	size_t width; /* of the names */
};

static void widen(void *context, const struct ct_option *row)
{
	struct help_writer *writer = context;
	size_t columns = name_columns(row);
	if (columns <= NAMES_MAX && columns > writer->width)
		writer->width = columns;
}

static void put_option(void *context, const struct ct_option *row)
{
	const struct help_writer *writer = context;
	char text[1024], letter[] = {'-', row->letter, ',', '\0'};
	size_t indent = writer->width + 2;
	fprintf(writer->out, "  %-3s --%s%s%s", row->letter ? letter : "", row->name, row->argument ? " " : "",
		row->argument ? row->argument : "");
	size_t columns = name_columns(row);
	if (columns > writer->width) {
		putc('\n', writer->out);
		columns = 0;
	}
	fprintf(writer->out, "%*s", (int)(indent - columns), "");
	snprintf(text, sizeof(text), row->argument && row->standard && *row->standard ? "%s (default %s)" : "%s",
		 row->help, row->standard);
	put_wrapped(writer->out, text, indent, indent);
	if (row->values_shown)
		put_values(writer->out, row);
}

void ct_command_help(const struct ct_command *command, FILE *out)
{
	struct help_writer writer = {.out = out};
	const char *before = "usage: ";
	for (const char *form = command->usage; *form; before = "       ") {
		size_t length = strcspn(form, "\n");
		fprintf(out, "%sctrace %s %.*s\n", before, command->name, (int)length, form);
		form += length + (form[length] == '\n');
	}
	put_wrapped(out, command->about, 0, 0);
	putc('\n', out);
	ct_command_each_option(command, widen, &writer);
	ct_command_each_option(command, put_option, &writer);
	if (command->print_more)
		command->print_more(out);
}
