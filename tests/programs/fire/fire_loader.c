/* SPDX-License-Identifier: MIT */
/*
 * fire_loader HOW PLUGIN ROUNDS. deepbind, dlmopen: loads a plugin in that way, runs it and unloads it, while a thread
 * allocates. keys: a thread sets 50 keys before its first allocation.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"
#include "site.h"

#define KEYS 50

static volatile int done;
static pthread_key_t keys[KEYS];
static int destroyed;

static void *allocate(void *argument)
{
	while (!done)
		free(malloc(30));
	return argument;
}

static void load(const char *how, const char *path, int round)
{
	void *plugin =
		!strcmp(how, "dlmopen") ? dlmopen(LM_ID_NEWLM, path, RTLD_NOW) : dlopen(path, RTLD_NOW | RTLD_DEEPBIND);
	if (!plugin) {
		puts(dlerror());
		exit(1);
	}
	void (*run)(int) = (void (*)(int))dlsym(plugin, "plugin_run");
	run(round);
	if (dlclose(plugin))
		exit(2);
}

static void destroy(void *value)
{
	char *block = malloc(10);
	destroyed += *(int *)value;
	free(block);
}

static void *set_keys(void *argument)
{
	static const int one = 1;
	for (int i = 0; i < KEYS; i++)
		pthread_setspecific(keys[i], &one);
	free(malloc(20));
	return argument;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int rounds = argc > 3 ? atoi(argv[3]) : 1;
	if (!strcmp(argv[1], "keys")) {
		for (int i = 0; i < KEYS; i++)
			pthread_key_create(&keys[i], destroy);
		for (int i = 0; i < rounds; i++) {
			pthread_create(&thread, NULL, set_keys, NULL);
			pthread_join(thread, NULL);
		}
		printf("%d\n", destroyed);
		return 0;
	}
	pthread_create(&thread, NULL, allocate, NULL);
	for (int i = 0; i < rounds; i++)
		load(argv[1], argv[2], i);
	done = 1;
	pthread_join(thread, NULL);
	puts("done");
	return 0;
}
