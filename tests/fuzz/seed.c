/* SPDX-License-Identifier: MIT */
/* The program that the seeds are recorded from: a few sites in two threads, an inlined call, a deep stack, marks and
 * events. The argument says how it ends. */
#include <ctrace/ctrace.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *volatile held[64];

static inline __attribute__((always_inline)) void replace(int i, size_t bytes)
{
	free(held[i]);
	held[i] = malloc(bytes);
}

__attribute__((noinline)) static void deep(int depth)
{
	if (depth)
		deep(depth - 1);
	else
		held[1] = realloc(held[1], 4000);
	__asm__ volatile("");
}

static void *work(void *base)
{
	struct timespec pause = {0, 100000};
	for (int i = 0; i < 60; i++) {
		replace((int)(size_t)base + i % 8, (size_t)i * 16);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	pthread_create(&thread, NULL, work, (void *)32);
	work((void *)0);
	pthread_join(thread, NULL);
	ctrace_mark("joined");
	deep(20);
	ctrace_event(7);
	ctrace_mark("deep");
	if (argc > 1 && !strcmp(argv[1], "fork")) {
		if (fork() == 0)
			deep(3);
		else
			wait(NULL);
	}
	if (argc > 1 && !strcmp(argv[1], "kill"))
		raise(SIGKILL);
	return 0;
}
