/* SPDX-License-Identifier: MIT */
/*
 * switched: does what its stdin asks for, a word a line, and answers with a line. While it waits, it calls free(NULL),
 * which allocates nothing but lets ctrace see a request. Reading and writing allocate nothing either.
 *   work    each of 8 threads allocates: 100 blocks of 100 bytes that it keeps, 100 of 1000 bytes that it frees at once,
 *           and 100 of 10 bytes that it resizes to 30 and frees
 *   grow    each thread resizes the blocks that it keeps to 200 bytes
 *   drop    each thread frees the blocks that it keeps
 *   load    the threads allocate, resize and free without pause, and pass blocks to each other
 *   rest    they stop, and free all of these blocks
 *   fork    a child works, and answers with its pid; with the next word it works again, answers and ends
 *   vfork   a child ends at once, in the memory of its parent
 *   exec    the program executes itself
 *   clock   its main thread forbids itself to read the processor's counter; the answer is "no clock", or "clock" if it may
 */
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "site.h"

#define THREADS 8
#define BLOCKS 100
#define KEPT 1000
#define SLOTS 512

static void *kept[THREADS][KEPT];
static int kept_count[THREADS];
static void *slots[SLOTS]; /* of the load; any thread takes what another has put there */
static int loading; /* atomic */
static char task;
static pthread_barrier_t begin, end;

SITE static void *keep(void)
{
	return malloc(100);
}

SITE static void pass(void)
{
	free(malloc(1000));
}

SITE static void *grow(void *block, size_t bytes)
{
	return realloc(block, bytes);
}

static void work(int thread)
{
	for (int i = 0; i < BLOCKS; i++) {
		kept[thread][kept_count[thread]++] = keep();
		pass();
		free(grow(grow(NULL, 10), 30));
	}
}

SITE static void load(int thread)
{
	uint64_t random = (uint64_t)thread + 1;
	while (__atomic_load_n(&loading, __ATOMIC_RELAXED)) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		void *block = random >> 40 & 1 ? malloc(random >> 50) : calloc(1, random >> 50);
		if (random >> 41 & 1)
			block = realloc(block, 1 + (random >> 52));
		free(__atomic_exchange_n(&slots[random >> 32 & (SLOTS - 1)], block, __ATOMIC_ACQ_REL));
	}
}

static void *thread_main(void *argument)
{
	int thread = (int)(intptr_t)argument;
	for (;;) {
		pthread_barrier_wait(&begin);
		if (task == 'w')
			work(thread);
		for (int i = 0; task == 'g' && i < kept_count[thread]; i++)
			kept[thread][i] = grow(kept[thread][i], 200);
		while (task == 'd' && kept_count[thread])
			free(kept[thread][--kept_count[thread]]);
		if (task == 'l')
			load(thread);
		pthread_barrier_wait(&end);
	}
	return NULL;
}

static void pause_a_little(void)
{
	free(NULL);
	poll(NULL, 0, 5);
}

/* Wait for a word; false: there is none any more. */
static int next(char word[32])
{
	struct pollfd in = {.fd = 0, .events = POLLIN};
	size_t length = 0;
	for (;;) {
		free(NULL);
		if (poll(&in, 1, 5) <= 0)
			continue;
		if (read(0, word + length, 1) != 1)
			return 0;
		if (word[length] == '\n' || length == 31)
			break;
		length++;
	}
	word[length] = '\0';
	return 1;
}

static void answer(const char *word)
{
	char line[33];
	size_t length = strlen(word);
	memcpy(line, word, length);
	line[length] = '\n';
	if (write(1, line, length + 1) < 0)
		_exit(1);
}

static void run(char what)
{
	task = what;
	pthread_barrier_wait(&begin);
	pthread_barrier_wait(&end);
}

static void start_threads(void)
{
	pthread_t thread;
	pthread_barrier_init(&begin, NULL, THREADS + 1);
	pthread_barrier_init(&end, NULL, THREADS + 1);
	for (intptr_t i = 0; i < THREADS; i++)
		pthread_create(&thread, NULL, thread_main, (void *)i);
}

static int child(void)
{
	char word[32];
	work(0);
	snprintf(word, sizeof(word), "child %d", getpid());
	answer(word);
	next(word);
	work(0);
	answer(word);
	return 0;
}

int main(int argc, char **argv)
{
	char word[32];
	start_threads();
	answer("ready");
	while (next(word)) {
		if (!strcmp(word, "work") || !strcmp(word, "grow") || !strcmp(word, "drop")) {
			run(word[0]);
		} else if (!strcmp(word, "load")) {
			loading = 1;
			task = 'l';
			pthread_barrier_wait(&begin);
		} else if (!strcmp(word, "rest")) {
			__atomic_store_n(&loading, 0, __ATOMIC_RELAXED);
			pthread_barrier_wait(&end);
			for (int i = 0; i < SLOTS; i++) {
				free(slots[i]);
				slots[i] = NULL;
			}
		} else if (!strcmp(word, "fork")) {
			pid_t pid = fork();
			if (!pid)
				return child();
			while (waitpid(pid, NULL, WNOHANG) != pid)
				pause_a_little();
			continue; /* the child has answered, and taken the next word */
		} else if (!strcmp(word, "vfork")) {
			pid_t pid = vfork();
			if (!pid)
				_exit(0);
			waitpid(pid, NULL, 0);
		} else if (!strcmp(word, "exec")) {
			execv(argv[0], argv + (argc > 1));
		} else if (!strcmp(word, "clock") && !prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0)) {
			strcpy(word, "no clock");
		}
		answer(word);
	}
	return 0;
}
