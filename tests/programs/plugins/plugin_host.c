/* SPDX-License-Identifier: MIT */
/*
 * Loads plugins in turn, runs them and unloads them: plugin_host [places] FILE... A plugin may be named
 * several times. "places" prints the address of each plugin's function.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"
#include "site.h"

static int places;

SITE void host_blocks(void)
{
	void *block = malloc(64);
	KEEP(block);
}

SITE void run_plugin(const char *path, int round)
{
	void *plugin = dlopen(path, RTLD_NOW);
	if (!plugin)
		exit(1);
	void (*run)(int) = (void (*)(int))dlsym(plugin, "plugin_run");
	if (!run)
		exit(2);
	if (places)
		dprintf(1, "%p\n", (void *)run);
	run(round);
	if (dlclose(plugin))
		exit(3);
}

int main(int argc, char **argv)
{
	places = argc > 1 && !strcmp(argv[1], "places");
	for (int i = 1 + places; i < argc; i++) {
		host_blocks();
		run_plugin(argv[i], i);
	}
	return 0;
}
