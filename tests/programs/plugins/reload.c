/* SPDX-License-Identifier: MIT */
/*
 * reload PLUGIN ROUNDS: loads and unloads a plugin again and again. Says so if memory or mappings accumulate.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"
#include "site.h"

struct size {
	long kilobytes;
	long mappings;
};

static struct size measure(void)
{
	struct size size = {0, 0};
	char line[4096];
	FILE *file = fopen("/proc/self/smaps", "r");
	while (fgets(line, sizeof(line), file)) {
		long kilobytes;
		size.mappings += strchr(line, '-') && !strstr(line, "kB");
		if (sscanf(line, "Rss: %ld", &kilobytes) == 1)
			size.kilobytes += kilobytes;
	}
	fclose(file);
	return size;
}

SITE static void turn(const char *path)
{
	void *plugin = dlopen(path, RTLD_NOW);
	void (*run)(int);
	*(void **)&run = dlsym(plugin, "plugin_run");
	run(0);
	dlclose(plugin);
}

int main(int argc, char **argv)
{
	int rounds = argc == 3 ? atoi(argv[2]) : 0;
	for (int i = 0; i < rounds / 10; i++)
		turn(argv[1]);
	struct size before = measure();
	for (int i = 0; i < rounds; i++)
		turn(argv[1]);
	struct size after = measure();
	/* Each round leaves a block of 100 bytes. */
	if (after.kilobytes - before.kilobytes > rounds / 4 + 400 || after.mappings - before.mappings > 20)
		printf("%ld KiB and %ld mappings more\n", after.kilobytes - before.kilobytes,
		       after.mappings - before.mappings);
	puts("done");
}
