/* SPDX-License-Identifier: MIT */
/* as_nobody PROGRAM VARIABLE...: become the user nobody, then execute the program with only these variables. Linked statically. */
#include <grp.h>
#include <unistd.h>

#define NOBODY 65534

int main(int argc, char **argv)
{
	char *arguments[] = {argv[1], NULL};
	if (argc < 2 || setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
		return 90;
	execve(argv[1], arguments, argv + 2);
	return 91;
}
