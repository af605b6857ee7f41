/* SPDX-License-Identifier: MIT */
/* says [PROGRAM [ARGUMENT...]]: allocates, says its name and its user, and becomes the program. says -: waits for
 * input. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char *line = malloc(1000);
	if (!line)
		return 1;
	snprintf(line, 1000, "%s: user %d\n", argv[0], (int)geteuid());
	fputs(line, stdout);
	fflush(stdout);
	free(line);
	if (argc > 1 && argv[1][0] == '-')
		return getchar() != EOF;
	if (argc > 1)
		execv(argv[1], argv + 1);
	return argc > 1;
}
