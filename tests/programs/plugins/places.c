/* SPDX-License-Identifier: MIT */
/*
 * Changes its own surroundings, as programs do: places chdir FOLDER, places closefrom FILE (closes every
 * descriptor and then uses their numbers itself), places daemon FOLDER.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "site.h"

SITE static void place_blocks(void)
{
	for (int i = 0; i < 10; i++)
		free(malloc(500));
	void *block = malloc(600);
	KEEP(block);
}

static void use_descriptors(const char *path)
{
	closefrom(3);
	/* If the tracer used an old descriptor number, its writes would go to this file. */
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	for (int i = 0; i < 40; i++)
		if (dup(fd) < 0)
			exit(2);
	place_blocks();
	if (write(fd, "mine\n", 5) != 5)
		exit(3);
}

static void become_daemon(const char *folder)
{
	if (fork())
		_exit(0);
	setsid();
	if (fork())
		_exit(0);
	if (chdir(folder))
		exit(4);
	close(0);
	close(1);
	close(2);
	open("/dev/null", O_RDONLY);
	open("log", O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup(1);
	place_blocks();
	if (write(2, "working\n", 8) != 8)
		exit(5);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 1;
	if (!strcmp(argv[1], "chdir") && chdir(argv[2]))
		return 2;
	if (!strcmp(argv[1], "closefrom"))
		use_descriptors(argv[2]);
	if (!strcmp(argv[1], "daemon"))
		become_daemon(argv[2]);
	place_blocks();
	return 0;
}
