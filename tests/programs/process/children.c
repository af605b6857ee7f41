/* SPDX-License-Identifier: MIT */
/* children HOW: starts children in every possible way. With "leaf" it is such a child itself. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "site.h"

extern char **environ;
static void *from_parent[5];

SITE static void parent_blocks(void)
{
	for (int i = 0; i < 5; i++)
		from_parent[i] = malloc(100);
}

/* The child allocates 3 blocks, and frees 2 that came from the parent. */
SITE static void child_blocks(void)
{
	for (int i = 0; i < 3; i++) {
		void *block = malloc(50);
		KEEP(block);
	}
	free(from_parent[0]);
	free(from_parent[1]);
}

SITE static void leaf_blocks(void)
{
	void *block = malloc(4321);
	KEEP(block);
}

SITE static void parent_after(void)
{
	void *block = malloc(17);
	KEEP(block);
	for (int i = 0; i < 5; i++)
		free(from_parent[i]);
}

static int wait_for(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			exit(100);
	if (!WIFEXITED(status))
		exit(101);
	return WEXITSTATUS(status);
}

static int forked(char *const *leaf, int exec)
{
	pid_t pid = fork();
	if (pid == 0) {
		if (exec)
			execve(leaf[0], leaf, environ);
		child_blocks();
		exit(21);
	}
	return wait_for(pid);
}

static int forked_twice(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		child_blocks();
		pid_t grandchild = fork();
		if (grandchild == 0) {
			leaf_blocks();
			exit(23);
		}
		exit(wait_for(grandchild));
	}
	return wait_for(pid);
}

static int vforked(char *const *leaf)
{
	pid_t pid = vfork();
	if (pid == 0) {
		execve(leaf[0], leaf, environ);
		_exit(127);
	}
	return wait_for(pid);
}

static int vfork_without_exec(void)
{
	pid_t pid = vfork();
	if (pid == 0)
		_exit(24);
	return wait_for(pid);
}

static int spawned(char *const *leaf)
{
	pid_t pid;
	if (posix_spawn(&pid, leaf[0], NULL, NULL, leaf, environ))
		exit(102);
	return wait_for(pid);
}

static int through_shell(const char *self, int use_popen)
{
	char command[4200];
	snprintf(command, sizeof(command), "'%s' leaf", self);
	if (!use_popen)
		return WEXITSTATUS(system(command));
	FILE *pipe = popen(command, "r");
	while (fgetc(pipe) != EOF)
		;
	return WEXITSTATUS(pclose(pipe));
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "leaf";
	char *const leaf[] = {argv[0], "leaf", NULL};
	int status = 0;

	if (!strcmp(how, "leaf")) {
		leaf_blocks();
		return 22;
	}
	parent_blocks();
	if (!strcmp(how, "exec"))
		execve(leaf[0], leaf, environ);
	else if (!strcmp(how, "fork"))
		status = forked(leaf, 0);
	else if (!strcmp(how, "fork-exec"))
		status = forked(leaf, 1);
	else if (!strcmp(how, "fork-fork"))
		status = forked_twice();
	else if (!strcmp(how, "vfork"))
		status = vforked(leaf);
	else if (!strcmp(how, "vfork-exit"))
		status = vfork_without_exec();
	else if (!strcmp(how, "spawn"))
		status = spawned(leaf);
	else if (!strcmp(how, "system") || !strcmp(how, "popen"))
		status = through_shell(argv[0], *how == 'p');
	parent_after();
	/* No other child may be seen here, neither the exporter nor a helper. */
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		return 103;
	return status;
}
