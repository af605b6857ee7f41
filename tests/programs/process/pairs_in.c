/* SPDX-License-Identifier: MIT */
/* COUNT pairs of malloc and free. With "fork" they are made in a child. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[2], "fork") == 0 && fork() > 0)
		return wait(NULL) < 0;
	for (long left = atol(argv[1]); left > 0; left--)
		free(malloc(100));
	return 0;
}
