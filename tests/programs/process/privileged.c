/* SPDX-License-Identifier: MIT */
/*
 * A program that gains rights from its file. It allocates, calls hooked functions, and prints what it sees. With START it
 * becomes its effective user for good, and executes that program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void look(void)
{
	int ours = 0, others = 0;
	for (char **variable = environ; *variable; variable++)
		if (!strncmp(*variable, "CTRACE_", 7))
			ours++;
		else
			others += !strncmp(*variable, "OTHER=", 6);
	printf("effective %d:%d, secure %lu, %d variables of ctrace, %d other\n", (int)geteuid(), (int)getegid(),
	       getauxval(AT_SECURE), ours, others);
	fflush(stdout);
}

int main(void)
{
	free(malloc(10));
	free(realloc(calloc(3, 5), 100));
	prctl(PR_SET_NAME, "privileged");
	const char *start = getenv("START");
	if (start && !setuid(geteuid())) {
		char *arguments[] = {(char *)start, NULL};
		execv(start, arguments);
		return 92;
	}
	look();
	pid_t child = fork();
	if (child == 0) {
		free(malloc(20));
		_exit(0);
	}
	waitpid(child, NULL, 0);
	return 3;
}
