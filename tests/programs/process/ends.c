/* SPDX-License-Identifier: MIT */
/*
 * ends HOW: ends in every possible way. Before that it allocates 10 blocks of 1000 bytes, of which 4 stay live, and
 * prints their addresses.
 */
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "site.h"

static void *blocks[10];

SITE static void before_end(void)
{
	for (int i = 0; i < 10; i++)
		blocks[i] = malloc(1000);
	for (int i = 0; i < 6; i++)
		free(blocks[i]);
}

/* The program ends normally: exit handlers run and streams are flushed. */
static void on_signal(int number)
{
	dprintf(1, "signal %d\n", number);
	exit(20 + number);
}

SITE static void overflow(unsigned depth)
{
	char room[1000];
	memset(room, (int)depth, sizeof(room));
	free(malloc(100));
	if (depth != UINT_MAX)
		overflow(depth + 1);
	KEEP(room);
}

/* Memory that is never touched is not used, so only addresses run out. */
SITE static void exhaust(void)
{
	setrlimit(RLIMIT_AS, &(struct rlimit){1 << 30, 1 << 30});
	while (malloc(1 << 20))
		;
	abort();
}

static void by_signal(int number, const char *how)
{
	if (!strcmp(how, "handled"))
		signal(number, on_signal);
	kill(getpid(), number);
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

static const struct {
	const char *name;
	int number;
} signals[] = {{"SIGKILL", SIGKILL}, {"SIGTERM", SIGTERM}, {"SIGINT", SIGINT}};

int main(int argc, char **argv)
{
	static pthread_t main_thread, other;
	static volatile int *nowhere;
	const char *how = argc > 1 ? argv[1] : "return";

	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	before_end();
	for (int i = 0; i < 10; i++)
		dprintf(1, "%p\n", blocks[i]);
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
	if (!strcmp(how, "raw"))
		syscall(SYS_exit_group, 12);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (!strcmp(how, signals[i].name))
			by_signal(signals[i].number, argc > 2 ? argv[2] : "");
	if (!strcmp(how, "SIGSEGV"))
		*nowhere = 1;
	if (!strcmp(how, "overflow"))
		overflow(0);
	if (!strcmp(how, "exhaust"))
		exhaust();
	if (!strcmp(how, "exec"))
		execl("/proc/self/exe", argv[0], "return", NULL);
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
