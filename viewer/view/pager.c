/* SPDX-License-Identifier: MIT */
#include "view/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LESS_WITH_LINKS 566 /* the first version of less that passes links on */

static bool forbidden;
static pid_t pager;

void ct_pager_forbid(void)
{
	forbidden = true;
}

static bool is_in_path(const char *name)
{
	char path[4096];
	const char *folders = getenv("PATH");
	while (folders && *folders) {
		size_t length = strcspn(folders, ":");
		snprintf(path, sizeof(path), "%.*s/%s", (int)length, folders, name);
		if (length && access(path, X_OK) == 0)
			return true;
		folders += length + (folders[length] == ':');
	}
	return false;
}

/* The command to run; NULL: none. */
static const char *choose(void)
{
	const char *command = getenv("PAGER"), *term = getenv("TERM");
	if (forbidden || !term || !*term || !strcmp(term, "dumb"))
		return NULL;
	if (!command)
		return is_in_path("less") ? "less" : NULL;
	return *command && strcmp(command, "cat") ? command : NULL;
}

/* Does the pager pass links on? Only known of less, which says "less 590 (GNU regular expressions)". */
static bool passes_links(const char *command)
{
	int version = 0;
	if (strcmp(command, "less") != 0)
		return false;
	FILE *said = popen("less --version", "re");
	if (!said)
		return false;
	bool known = fscanf(said, "less %d", &version) == 1;
	pclose(said);
	return known && version >= LESS_WITH_LINKS;
}

static void end(void)
{
	fflush(stdout);
	close(STDOUT_FILENO); /* the pager sees the end */
	while (waitpid(pager, NULL, 0) < 0 && errno == EINTR)
		;
}

static void run(const char *command, int input)
{
	dup2(input, STDIN_FILENO);
	setenv("LESS", "FRX", 0);
	setenv("LV", "-c", 0);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

void ct_pager_begin(struct ct_terminal *terminal, FILE *out)
{
	int ends[2];
	const char *command = out == stdout && isatty(STDOUT_FILENO) ? choose() : NULL;
	if (!command)
		return;
	terminal->links = terminal->links && passes_links(command);
	fflush(stdout);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	pager = fork();
	if (pager == 0)
		run(command, ends[0]);
	close(ends[0]);
	if (pager > 0 && dup2(ends[1], STDOUT_FILENO) >= 0 && atexit(end) == 0) {
		/* Ctrl-C is for the pager, which must not be left without its parent. */
		signal(SIGINT, SIG_IGN);
		/* If the user leaves the pager early, writing fails with EPIPE, which is not an error. */
		signal(SIGPIPE, SIG_IGN);
	}
	close(ends[1]);
}
