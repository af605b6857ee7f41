/* SPDX-License-Identifier: MIT */
/*
 * ctrace complete WORD...: completes the last word, for the completion scripts of shells. The words are those after
 * "ctrace"; the last one may be empty. Prints one candidate per line, followed by a tab and a description if there is
 * one. A line ":files" or ":commands" asks the shell to complete these itself; after a line ":names" the candidates are
 * names of files. Words come from the tables in cmd/option.h.
 */
#include "cmd/cmd.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/inputs.h"

#define BEFORE_MAX 512

/* The word to complete: `before` stays (in a list, the values up to the last comma), `start` is completed. */
struct current {
	char before[BEFORE_MAX];
	const char *start;
};

static void offer(const struct current *current, const char *candidate, const char *text)
{
	if (!strncmp(candidate, current->start, strlen(current->start)))
		printf("%s%s%s%s\n", current->before, candidate, text && *text ? "\t" : "", text ? text : "");
}

static void offer_values(const struct ct_option *option, const char *word, const char *before)
{
	const char *comma = option->list ? strrchr(word, ',') : NULL, *value, *help = NULL;
	struct current current = {.start = comma ? comma + 1 : word};
	snprintf(current.before, sizeof(current.before), "%s%.*s", before, (int)(current.start - word), word);
	if (option->file)
		puts(":files");
	for (size_t i = 0; option->choices && option->choices[i]; i++)
		offer(&current, option->choices[i], NULL);
	for (size_t i = 0; option->value && (value = option->value(i, &help)); i++, help = NULL)
		offer(&current, value, help);
}

static void offer_option(void *context, const struct ct_option *option)
{
	char name[64];
	snprintf(name, sizeof(name), "--%s", option->name);
	offer(context, name, option->help);
}

/* Offer folders, and the files that commands read. */
static void offer_inputs(const char *word)
{
	const char *slash = strrchr(word, '/'), *start = slash ? slash + 1 : word;
	char *folder = slash ? strndup(word, (size_t)(slash - word + 1)) : strdup("./");
	struct dirent **entries;
	int count = *word == '~' || !folder ? -1 : scandir(folder, &entries, NULL, alphasort);
	puts(count < 0 ? ":files" : ":names"); /* the shell knows what ~ is */
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		struct stat status;
		char *path;
		if (!strncmp(name, start, strlen(start)) && (*name != '.' || *start == '.') &&
		    asprintf(&path, "%s%s", folder, name) >= 0) {
			if (stat(path, &status) == 0 && (S_ISDIR(status.st_mode) || ct_inputs_fits(path)))
				printf("%.*s%s\n", (int)(start - word), word, name);
			free(path);
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	free(folder);
}

static void offer_commands(const char *word)
{
	const struct current current = {.start = word};
	for (const struct ct_command *const *at = ct_commands; *at; at++)
		if ((*at)->summary)
			offer(&current, (*at)->name, (*at)->summary);
	puts(":files");
}

/* The index of the program's name among the words; count: it has not been typed yet. */
static int find_program(const struct ct_command *command, char **words, int count)
{
	for (int i = 1; i < count; i++) {
		if (!strcmp(words[i], "--"))
			return i + 1 < count ? i + 1 : count;
		if (words[i][0] != '-')
			return i;
		const struct ct_option *option = ct_command_find_option(command, words[i]);
		i += option && option->argument;
	}
	return count;
}

/* words[0] is the command, words[count - 1] the word to complete. */
static void complete(const struct ct_command *command, char **words, int count)
{
	struct current current = {.start = words[count - 1]};
	const char *word = words[count - 1];
	if (command->runs_program && find_program(command, words, count - 1) < count - 1) {
		puts(":files");
		return;
	}
	/* bash splits --sort=peak into three words */
	bool split = count > 2 && !strcmp(words[count - 2], "=");
	int previous = split ? count - 3 : count - 2;
	if (!strcmp(word, "=")) {
		previous = count - 2;
		word = "";
	}
	const struct ct_option *option = previous > 0 ? ct_command_find_option(command, words[previous]) : NULL;
	if (option && option->argument) {
		offer_values(option, word, "");
		return;
	}
	const char *equal = strncmp(word, "--", 2) ? NULL : strchr(word, '=');
	if (equal) {
		char name[64], before[80];
		snprintf(name, sizeof(name), "%.*s", (int)(equal - word), word);
		snprintf(before, sizeof(before), "%s=", name);
		option = ct_command_find_option(command, name);
		if (option && option->argument)
			offer_values(option, equal + 1, before);
	} else if (word[0] == '-') {
		ct_command_each_option(command, offer_option, &current);
	} else if (command->words && count > 2 && words[count - 2][0] != '-') {
		for (const char *const *at = command->words; *at; at++)
			offer(&current, *at, NULL);
	} else {
		if (command->runs_program)
			puts(":commands");
		else
			offer_inputs(word);
	}
}

static int run(int argc, char **argv)
{
	if (argc < 2)
		return ct_cmd_fail("complete", CT_EXIT_USAGE, "for completion in shells: ctrace complete WORD...");
	const struct ct_command *command = ct_command_find(argv[1]);
	if (argc == 2)
		offer_commands(argv[1]);
	else if (command && command->summary)
		complete(command, argv + 1, argc - 1);
	else
		puts(":files");
	return CT_EXIT_FINE;
}

const struct ct_command ct_command_complete = {.name = "complete", .usage = "WORD...", .about = "", .run = run};
