/* SPDX-License-Identifier: MIT */
/*
 * fire_plugins PLUGIN ROUNDS: loads and unloads a library while other threads allocate. Prints whether it has more
 * than 150 mappings or more than 20 MB of memory at the end.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "site.h"

static volatile int done;

SITE static void branch(unsigned number)
{
	if (number) {
		branch(number >> 1);
		KEEP(number);
		return;
	}
	free(malloc(30));
}

static void *allocate(void *argument)
{
	for (unsigned i = 0; !done; i++)
		branch(i & 255);
	return argument;
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : 1;
	pthread_t thread[2];
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, allocate, NULL);
	for (int i = 0; i < rounds; i++) {
		void *library = dlopen(argv[1], RTLD_NOW);
		if (!library)
			return 1;
		branch(i & 15);
		dlclose(library);
		branch(i & 15);
	}
	done = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);

	char line[512];
	int mappings = 0;
	long resident_kib = 0;
	FILE *file = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof(line), file))
		mappings += strchr(line, '\n') != NULL;
	fclose(file);
	file = fopen("/proc/self/status", "r");
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, "VmRSS:", 6))
			resident_kib = atol(line + 6);
	fclose(file);
	fprintf(stderr, "%d mappings, %ld KiB\n", mappings, resident_kib);
	printf("few mappings: %d, little memory: %d\n", mappings < 150, resident_kib < 20000);
	return 0;
}
