/* SPDX-License-Identifier: MIT */
/*
 * Forks at bad moments: fire_forks HOW ROUNDS
 *   busy      four threads allocate; children allocate and end
 *   handler   forks in a signal handler that interrupts an allocation; the child returns from the handler and continues
 *   stream    forks while another thread allocates inside the C library and holds a lock that fork takes
 *   vfork     in threads that have not allocated yet; the child allocates
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "site.h"

static volatile int done;
static volatile int left; /* how many forks the handler still has to do */
static volatile int wrong;
static volatile int is_child;

/* Each number has a different stack. */
SITE static size_t branch(unsigned number, size_t bytes)
{
	if (number) {
		size_t below = number & 1 ? branch(number >> 1, bytes) : branch(number >> 1, bytes + 1) + 1;
		KEEP(number);
		return below;
	}
	char *block = malloc(bytes);
	memset(block, 1, bytes);
	size_t sum = 0;
	for (size_t i = 0; i < bytes; i++)
		sum += (size_t)block[i];
	free(block);
	return sum - bytes;
}

static void *allocate(void *argument)
{
	for (unsigned i = 0; !done; i++)
		branch(i & 127, 20 + (i & 63));
	return argument;
}

static void note(int status, int wanted)
{
	if (!WIFEXITED(status) || WEXITSTATUS(status) != wanted)
		wrong++;
}

static void fork_once(void)
{
	int status = 0;
	pid_t child = fork();
	if (child == 0) {
		for (unsigned i = 0; i < 64; i++)
			if (branch(i << 12 | 1 << 20, 100) != 20 - (size_t)__builtin_popcount(i))
				_exit(1);
		_exit(7);
	}
	waitpid(child, &status, 0);
	note(status, 7);
}

static void on_timer(int number)
{
	if (is_child || left <= 0)
		return;
	left--;
	pid_t child = fork();
	if (child == 0) {
		is_child = 1;
		return;
	}
	int status = 0;
	waitpid(child, &status, 0);
	note(status, 9);
	KEEP(number);
}

static void from_handler(int rounds)
{
	struct itimerval timer = {{0, 1000}, {0, 1000}};
	left = rounds;
	signal(SIGALRM, on_timer);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (unsigned i = 0; left > 0 || is_child; i++) { /* the last fork may come after the look at is_child */
		branch(i & 0xfffff, 20 + (i & 63));
		if (is_child) {
			for (unsigned more = 0; more < 5000; more++)
				branch(more, 33);
			_exit(9);
		}
	}
	memset(&timer, 0, sizeof(timer));
	setitimer(ITIMER_REAL, &timer, NULL);
}

static unsigned written;

static ssize_t write_cookie(void *cookie, const char *bytes, size_t count)
{
	for (unsigned i = 0; i < 50; i++)
		branch(written++ & 0xfffff, 50);
	KEEP(cookie);
	KEEP(bytes);
	return (ssize_t)count;
}

static void *flush(void *argument)
{
	cookie_io_functions_t functions = {.write = write_cookie};
	FILE *stream = fopencookie(NULL, "w", functions);
	while (!done) {
		fputs("text", stream);
		fflush(NULL);
		usleep(500);
	}
	fclose(stream);
	return argument;
}

static void *vfork_once(void *argument)
{
	pid_t child = vfork();
	if (child == 0) {
		free(malloc(10));
		_exit(5);
	}
	int status = 0;
	waitpid(child, &status, 0);
	note(status, 5);
	for (unsigned i = 0; i < 2000; i++)
		branch(i & 255, 40);
	return argument;
}

static void with_threads(void *(*run)(void *), int threads, int rounds)
{
	pthread_t thread[8];
	for (int i = 0; i < threads; i++)
		pthread_create(&thread[i], NULL, run, NULL);
	for (int i = 0; i < rounds; i++)
		fork_once();
	done = 1;
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "busy";
	int rounds = argc > 2 ? atoi(argv[2]) : 1;
	if (!strcmp(how, "busy"))
		with_threads(allocate, 4, rounds);
	else if (!strcmp(how, "stream"))
		with_threads(flush, 1, rounds);
	else if (!strcmp(how, "handler"))
		from_handler(rounds);
	else
		for (int i = 0; i < rounds; i++)
			with_threads(vfork_once, 8, 0);
	printf("%s: %d children wrong\n", how, wrong);
	return 0;
}
