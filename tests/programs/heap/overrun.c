/* SPDX-License-Identifier: MIT */
/* Writes behind a block, which MALLOC_CHECK_ finds in free. With an argument, mtrace is on, and nothing is wrong. */
#include <mcheck.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		mtrace();
	volatile char *block = malloc(10);
	void *aligned = aligned_alloc(64, 64);
	void *zeroed = calloc(10, 10);
	if (argc == 1)
		block[10] = 7;
	free(aligned);
	free(zeroed);
	free((void *)block);
	puts("end");
	return 0;
}
