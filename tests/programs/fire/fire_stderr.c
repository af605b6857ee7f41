/* SPDX-License-Identifier: MIT */
/*
 * fire_stderr HOW FILE: descriptor 2 soon is the program's own file (file), or a pipe whose reader is gone (pipe).
 * Then the program allocates at always new places, and so does a forked child.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "branch.h"
#include "site.h"

static void allocate(void)
{
	for (unsigned i = 0; i < 30000; i++)
		branch(i);
}

int main(int argc, char **argv)
{
	free(malloc(1));
	int pipes[2];
	close(2);
	if (argc > 2 && !strcmp(argv[1], "file")) {
		if (open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0600) != 2)
			return 1;
	} else if (pipe(pipes) == 0) {
		dup2(pipes[1], 2);
		close(pipes[0] == 2 ? pipes[1] : pipes[0]);
	}
	allocate();
	pid_t child = fork();
	if (child == 0) {
		allocate();
		_exit(4);
	}
	int status;
	waitpid(child, &status, 0);
	printf("child %x\n", (unsigned)status);
	return 6;
}
