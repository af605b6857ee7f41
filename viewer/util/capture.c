/* SPDX-License-Identifier: MIT */
#include "util/capture.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX (1 << 20)

static bool is_given(const char *const variables[], const char *entry)
{
	for (size_t i = 0; variables[i]; i++)
		if (!strncmp(entry, variables[i], strcspn(variables[i], "=") + 1))
			return true;
	return false;
}

/* The caller frees the array but not its entries. */
static const char **make_environment(const char *const variables[])
{
	size_t present = 0, given = 0, count = 0;
	const char **all;
	while (environ && environ[present])
		present++;
	while (variables[given])
		given++;
	all = calloc(present + given + 1, sizeof(*all));
	for (size_t i = 0; all && i < given; i++)
		all[count++] = variables[i];
	for (size_t i = 0; all && i < present; i++)
		if (!is_given(variables, environ[i]))
			all[count++] = environ[i];
	return all;
}

/* Read to the end, so that the program never blocks; output beyond OUTPUT_MAX is dropped. */
static char *read_all(int fd)
{
	char *text = malloc(OUTPUT_MAX + 1), rest[4096];
	size_t length = 0;
	ssize_t got;
	if (!text)
		return NULL;
	do {
		bool full = length == OUTPUT_MAX;

		got = read(fd, full ? rest : text + length, full ? sizeof(rest) : OUTPUT_MAX - length);
		length += got > 0 && !full ? (size_t)got : 0;
	} while (got > 0);
	text[length] = '\0';
	return text;
}

char *ct_capture(char *const arguments[], const char *const variables[])
{
	const char **environment = make_environment(variables);
	posix_spawn_file_actions_t actions;
	char *text = NULL;
	int ends[2], failed;
	pid_t pid;
	if (!environment || pipe2(ends, O_CLOEXEC) != 0) {
		free(environment);
		return NULL;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
	failed = posix_spawn(&pid, arguments[0], &actions, NULL, arguments, (char *const *)environment);
	posix_spawn_file_actions_destroy(&actions);
	free(environment);
	close(ends[1]);
	if (!failed) {
		text = read_all(ends[0]);
		waitpid(pid, NULL, 0);
	}
	close(ends[0]);
	return text;
}
