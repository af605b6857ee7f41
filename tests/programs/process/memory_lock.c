/* SPDX-License-Identifier: MIT */
/*
 * memory_lock FLAGS: locks its memory (mlockall), allocates at thousands of sites, prints what is locked, in KiB, and
 * unlocks it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "branch.h"

static long locked_kib(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	long kib = -1;
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "VmLck: %ld", &kib);
	if (file)
		fclose(file);
	return kib;
}

int main(int argc, char **argv)
{
	int flags = argc > 1 ? atoi(argv[1]) : MCL_CURRENT;
	free(malloc(10));
	if (mlockall(flags)) {
		printf("mlockall: %s\n", strerror(errno));
		return 1;
	}
	for (unsigned i = 0; i < 20000; i++)
		branch(i);
	memset(malloc(300000), 1, 300000);
	printf("locked %ld\n", locked_kib());
	munlockall();
	return locked_kib() != 0;
}
