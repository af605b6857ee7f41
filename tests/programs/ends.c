/* SPDX-License-Identifier: MIT */
/* Ends in every way there is: ends HOW. Before that 10 blocks of 1000 bytes, 4 of which are live. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "site.h"

SITE static void before_end(void)
{
	void *blocks[10];
	for (int i = 0; i < 10; i++)
		blocks[i] = malloc(1000);
	for (int i = 0; i < 6; i++)
		free(blocks[i]);
	KEEP(blocks);
}

static void *late_thread(void *main_thread)
{
	pthread_join(*(pthread_t *)main_thread, NULL);
	void *block = malloc(7);
	KEEP(block);
	exit(9);
}

static void *exiting_thread(void *argument)
{
	(void)argument;
	exit(11);
}

int main(int argc, char **argv)
{
	static pthread_t main_thread, other;
	static volatile int *nowhere;
	const char *how = argc > 1 ? argv[1] : "return";

	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	before_end();
	if (!strcmp(how, "exit"))
		exit(3);
	if (!strcmp(how, "_exit"))
		_exit(4);
	if (!strcmp(how, "_Exit"))
		_Exit(5);
	if (!strcmp(how, "quick_exit"))
		quick_exit(6);
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "SIGKILL"))
		kill(getpid(), SIGKILL);
	if (!strcmp(how, "SIGTERM"))
		kill(getpid(), SIGTERM);
	if (!strcmp(how, "SIGSEGV"))
		*nowhere = 1;
	if (!strcmp(how, "wait"))
		for (;;)
			pause();
	if (!strcmp(how, "pthread_exit")) {
		main_thread = pthread_self();
		pthread_create(&other, NULL, late_thread, &main_thread);
		pthread_exit(NULL);
	}
	if (!strcmp(how, "thread")) {
		pthread_create(&other, NULL, exiting_thread, NULL);
		pthread_join(other, NULL);
	}
	return 8;
}
