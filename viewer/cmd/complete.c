/* SPDX-License-Identifier: MIT */
/*
 * ctrace complete WORD...: what the last word may become, for the shells' completion scripts. The words are those
 * behind "ctrace", the last one may be empty. Prints candidates, one a line, with a tab and a description where there
 * is one; or
 * ":files" or ":commands", which shells know themselves.
 *
 * Everything is read from the help texts, so that commands need nothing of their own for it.
 */
#include "cmd/cmd.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/capture.h"
#include "util/error.h"
#include "view/view.h"
#include "write/format.h"

#define OPTIONS_MOST 64
#define TEXT_ROOM 512
#define CONTINUED 16 /* blanks before a line that goes on with the description above */

struct help_option {
	char name[32]; /* "sort" */
	char letter; /* 's', 0: none */
	char argument[32]; /* "COLUMN", "": none */
	char text[TEXT_ROOM];
};

struct help_options {
	struct help_option rows[OPTIONS_MOST];
	size_t count;
};

/* What ctrace, or one of its commands, says on --help; free(). */
static char *read_help(const char *command)
{
	char *arguments[] = {"/proc/self/exe", (char *)(command ? command : "--help"), command ? "--help" : NULL, NULL};
	return ct_capture(arguments, (const char *const[]){"LD_PRELOAD=", NULL});
}

static void take_word(const char **at, const char *accepted, char *out, size_t room)
{
	size_t length = strspn(*at, accepted);
	snprintf(out, room, "%.*s", (int)length, *at);
	*at += length;
}

/* "  -s, --sort COLUMN    text" */
static bool parse_option(const char *line, struct help_option *option)
{
	const char *at = line + strspn(line, " ");
	*option = (struct help_option){.letter = 0};
	if (at[0] == '-' && isalnum((unsigned char)at[1]) && !strncmp(at + 2, ", ", 2)) {
		option->letter = at[1];
		at += 4;
	}
	if (strncmp(at, "--", 2) != 0)
		return false;
	at += 2;
	take_word(&at, "abcdefghijklmnopqrstuvwxyz-", option->name, sizeof(option->name));
	if (*at == ' ' && at[1] != ' ') {
		at++;
		take_word(&at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ01|/", option->argument, sizeof(option->argument));
	}
	snprintf(option->text, sizeof(option->text), "%s", at + strspn(at, " "));
	return true;
}

static void parse_help(char *help, struct help_options *options)
{
	options->count = 0;
	for (char *line = strtok(help, "\n"); line && options->count < OPTIONS_MOST; line = strtok(NULL, "\n")) {
		struct help_option *latest = options->count ? &options->rows[options->count - 1] : NULL;
		size_t blanks = strspn(line, " ");
		if (blanks && parse_option(line, &options->rows[options->count])) {
			options->count++;
		} else if (latest && blanks >= CONTINUED) {
			size_t used = strlen(latest->text);
			snprintf(latest->text + used, sizeof(latest->text) - used, " %s", line + blanks);
		}
	}
}

/* The option that a word is: "--sort", "-s". */
static const struct help_option *find_option(const struct help_options *options, const char *word)
{
	for (size_t i = 0; i < options->count; i++) {
		const struct help_option *option = &options->rows[i];
		if ((!strncmp(word, "--", 2) && !strcmp(word + 2, option->name)) ||
		    (word[0] == '-' && option->letter && word[1] == option->letter && !word[2]))
			return option;
	}
	return NULL;
}

/* The word being completed: `before` stays (the values of a list up to the last comma), `start` is what is replaced. */
struct current {
	char before[TEXT_ROOM];
	const char *start;
};

static void offer(const struct current *current, const char *candidate, const char *text)
{
	if (!strncmp(candidate, current->start, strlen(current->start)))
		printf("%s%s%s%s\n", current->before, candidate, text && *text ? "\t" : "", text ? text : "");
}

/* A text like "auto (default), always or never" lists the values. Are there any? */
static bool offer_listed(const struct current *current, const char *text)
{
	static const char *const between[] = {", ", " or "};
	char copy[TEXT_ROOM], *values[OPTIONS_MOST];
	size_t count = 0;
	snprintf(copy, sizeof(copy), "%.*s", (int)strcspn(text, ":;"), text);
	for (char *at; (at = strstr(copy, " ("));) { /* "(default)" and the like */
		char *end = strchr(at, ')');
		if (!end)
			return false;
		memmove(at, end + 1, strlen(end));
	}
	for (size_t i = 0; i < sizeof(between) / sizeof(between[0]); i++)
		for (char *at; (at = strstr(copy, between[i]));)
			memset(at, ',', strlen(between[i]));
	for (char *value = strtok(copy, ","); value && count < OPTIONS_MOST; value = strtok(NULL, ",")) {
		if (value[strspn(value, "abcdefghijklmnopqrstuvwxyz-")])
			return false;
		values[count++] = value;
	}
	for (size_t i = 0; i < count && count > 1; i++)
		offer(current, values[i], NULL);
	return count > 1;
}

static void offer_formats(const struct current *current)
{
	for (const struct ct_format *format = ct_formats; format->name; format++)
		offer(current, format->name, format->help);
}

static void offer_metrics(const struct current *current)
{
	for (int i = 1; i < CT_METRIC_COUNT; i++)
		offer(current, ct_metric_name((enum ct_metric)i), NULL);
}

static void offer_columns(const struct current *current)
{
	for (int i = 0; i < CT_COLUMN_COUNT; i++)
		offer(current, ct_column_name((enum ct_column)i), NULL);
}

/* "0|1" */
static void offer_choices(const struct current *current, const char *argument)
{
	char choices[32];
	snprintf(choices, sizeof(choices), "%s", argument);
	for (char *choice = strtok(choices, "|"); choice; choice = strtok(NULL, "|"))
		offer(current, choice, NULL);
}

static void offer_values(const struct help_option *option, const char *word, const char *before)
{
	static const struct {
		const char *name;
		void (*offer)(const struct current *current);
	} lists[] = {{"format", offer_formats}, {"metric", offer_metrics}, {"sort", offer_columns}};
	static const char *const files[] = {"FILE", "DIR", "DIRS", "D", "OLD", "RULES"};
	const char *comma = strrchr(word, ',');
	struct current current = {.start = comma ? comma + 1 : word};
	snprintf(current.before, sizeof(current.before), "%s%.*s", before, (int)(current.start - word), word);
	if (strchr(option->argument, '|')) {
		offer_choices(&current, option->argument);
		return;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (strcmp(option->argument, files[i]) != 0)
			continue;
		puts(":files");
		return;
	}
	if (offer_listed(&current, option->text))
		return;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (!strcmp(option->name, lists[i].name))
			lists[i].offer(&current);
}

static void offer_options(const struct help_options *options, const char *word)
{
	const struct current current = {.start = word};
	for (size_t i = 0; i < options->count; i++) {
		char name[40];
		snprintf(name, sizeof(name), "--%s", options->rows[i].name);
		offer(&current, name, options->rows[i].text);
	}
}

/* A line of the commands' list: two blanks, its name, blanks, and what it does. Cuts name and text apart; NULL: none.
 */
static char *parse_command(char *line, const char **text)
{
	char *name = line + 2;
	if (strspn(line, " ") != 2)
		return NULL;
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz");
	if (!length || name[length] != ' ')
		return NULL;
	name[length] = '\0';
	*text = name + length + 1;
	*text += strspn(*text, " ");
	return name;
}

/* Offer all commands for the word; NULL: only look. Is one called `wanted`? */
static bool look_at_commands(const char *word, const char *wanted)
{
	const struct current current = {.start = word};
	char *help = read_help(NULL);
	bool found = false;
	for (char *line = help ? strtok(help, "\n") : NULL; line; line = strtok(NULL, "\n")) {
		const char *text = "", *name = parse_command(line, &text);
		found = found || (name && wanted && !strcmp(name, wanted));
		if (name && word)
			offer(&current, name, text);
	}
	free(help);
	return found;
}

/* Where the program's name stands among the words of record and doctor; count: not yet there. */
static int find_program(const struct help_options *options, char **words, int count)
{
	for (int i = 1; i < count; i++) {
		if (!strcmp(words[i], "--"))
			return i + 1 < count ? i + 1 : count;
		if (words[i][0] != '-')
			return i;
		const struct help_option *option = find_option(options, words[i]);
		i += option && *option->argument;
	}
	return count;
}

/* words[0] is the command, words[count - 1] what is being completed. */
static void complete(const struct help_options *options, char **words, int count)
{
	char *word = words[count - 1];
	bool runs = !strcmp(words[0], "record") || !strcmp(words[0], "doctor");
	if (runs && find_program(options, words, count - 1) < count - 1) {
		puts(":files");
		return;
	}
	/* bash makes three words of --sort=peak */
	bool split = count > 2 && !strcmp(words[count - 2], "=");
	int previous = split ? count - 3 : count - 2;
	if (!strcmp(word, "=")) {
		previous = count - 2;
		word = "";
	}
	const struct help_option *option = previous > 0 ? find_option(options, words[previous]) : NULL;
	if (option && *option->argument) {
		offer_values(option, word, "");
		return;
	}
	char *equal = strncmp(word, "--", 2) ? NULL : strchr(word, '=');
	if (equal) {
		char name[64], before[80];
		snprintf(name, sizeof(name), "%.*s", (int)(equal - word), word);
		snprintf(before, sizeof(before), "%s=", name);
		option = find_option(options, name);
		if (option && *option->argument)
			offer_values(option, equal + 1, before);
	} else if (word[0] == '-') {
		offer_options(options, word);
	} else {
		puts(runs ? ":commands" : ":files");
	}
}

int ct_cmd_complete(int argc, char **argv)
{
	static struct help_options options;
	if (argc < 2)
		return ct_cmd_fail("complete", CT_EXIT_USAGE, "for completion in shells: ctrace complete WORD...");
	if (argc == 2) {
		look_at_commands(argv[1], NULL);
		puts(":files");
		return CT_EXIT_FINE;
	}
	/* Only of a command of ours: asking another name for its help would run that program. */
	char *help = look_at_commands(NULL, argv[1]) ? read_help(argv[1]) : NULL;
	if (help) {
		parse_help(help, &options);
		complete(&options, argv + 1, argc - 1);
	} else {
		puts(":files");
	}
	free(help);
	return CT_EXIT_FINE;
}
