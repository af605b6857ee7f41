/* SPDX-License-Identifier: MIT */
/*
 * Forks beside busy threads, with the numbers that a child's report must have: fire_forks_counted THREADS FORKS
 * [FORKERS]
 *
 * Each thread allocates and frees. A child prints its pid and how many blocks the threads had allocated at the fork, at
 * least and at most. Then it frees all of their blocks that are left, allocates a little and ends, every second one by
 * _exit. The parent does not wait for a child before it forks the next. FORKERS threads fork at once.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "site.h"

#define THREADS_MAX 64
#define KEPT 16
#define CHILDS_BLOCKS 100

static int threads, forks;
static volatile int done;
static struct own {
	volatile unsigned long begun, made;
	void *volatile kept[KEPT]; /* NULL before a block is freed */
	char space[64];
} owns[THREADS_MAX];

SITE static void *by_a_thread(size_t bytes)
{
	void *block = malloc(bytes);
	KEEP(block);
	return block;
}

SITE static void *by_a_child(size_t bytes)
{
	void *block = malloc(bytes);
	KEEP(block);
	return block;
}

static void release(void *volatile *slot)
{
	void *block = *slot;
	*slot = NULL;
	free(block);
}

static void *allocate(void *argument)
{
	struct own *own = argument;
	for (unsigned long i = 0; !done; i++) {
		release(&own->kept[i % KEPT]);
		own->begun++;
		own->kept[i % KEPT] = by_a_thread(20 + i % 50);
		own->made++;
	}
	return NULL;
}

static _Noreturn void in_child(int number)
{
	unsigned long begun = 0, made = 0;
	char line[100];
	for (int i = 0; i < threads; i++) {
		begun += owns[i].begun;
		made += owns[i].made;
		for (int k = 0; k < KEPT; k++)
			release(&owns[i].kept[k]);
	}
	for (int i = 0; i < CHILDS_BLOCKS; i++)
		free(by_a_child(30));
	int length = snprintf(line, sizeof(line), "%d %lu %lu\n", getpid(), made, begun);
	if (write(1, line, (size_t)length) != length || number % 2)
		_exit(0);
	exit(0);
}

static void *fork_often(void *argument)
{
	for (int i = 0; i < forks; i++)
		if (!fork())
			in_child(i);
	return argument;
}

int main(int argc, char **argv)
{
	pthread_t thread[THREADS_MAX], forker[THREADS_MAX];
	int forkers = argc > 3 ? atoi(argv[3]) : 1;
	threads = argc > 1 ? atoi(argv[1]) : 6;
	forks = (argc > 2 ? atoi(argv[2]) : 126) / forkers;
	for (int i = 0; i < threads; i++)
		pthread_create(&thread[i], NULL, allocate, &owns[i]);
	for (int i = 1; i < forkers; i++)
		pthread_create(&forker[i], NULL, fork_often, NULL);
	fork_often(NULL);
	for (int i = 1; i < forkers; i++)
		pthread_join(forker[i], NULL);
	while (wait(NULL) > 0)
		;
	done = 1;
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
