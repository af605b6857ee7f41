/* SPDX-License-Identifier: MIT */
/*
 * fire_signals interrupted: prints which calls a signal interrupts, and how. fire_signals profile ROUNDS: SIGPROF comes every
 * millisecond while two threads allocate; prints what they have computed. The handler runs on an alternate stack, and
 * allocates if it does not interrupt a hook of this thread.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "site.h"

#define SIGNALS_LEAST 100
#define EACH_US 30000
#define WAIT_S 600

static volatile sig_atomic_t handled;
static __thread volatile sig_atomic_t inside;
static int rounds;

static void on_signal(int number)
{
	handled++;
	if (!inside)
		free(malloc(40));
	KEEP(number);
}

static void handle(int number, int flags)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
	sigaction(number, &action, NULL);
}

/* Again and again, since the first may come before the call. The handler does not allocate. us: 0: no more */
static void signal_each(int us)
{
	struct itimerval each = {{0, us}, {0, us}};
	inside = 1;
	setitimer(ITIMER_REAL, &each, NULL);
}

/* Allocates at new sites all the time: if a call were not interrupted, we would be the cause. */
static void say(const char *call, long result)
{
	int error = errno;
	signal_each(0);
	void *block = malloc(strlen(call));
	KEEP(block);
	free(block);
	errno = error;
	printf("%s: %s\n", call, result < 0 ? strerror(errno) : "done");
}


static int interrupted(void)
{
	int pipes[2];
	char byte;
	sem_t semaphore;
	struct timespec pause = {WAIT_S, 0};
	if (pipe(pipes) || sem_init(&semaphore, 0, 0))
		return 1;
	for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
		struct pollfd wait = {.fd = pipes[0], .events = POLLIN};
		handle(SIGALRM, flags);
		signal_each(EACH_US);
		say("nanosleep", nanosleep(&pause, &pause));
		printf("left: %d\n", pause.tv_sec > 0 && pause.tv_sec < WAIT_S);
		signal_each(EACH_US);
		say("poll", poll(&wait, 1, WAIT_S * 1000));
		if (!flags) {
			signal_each(EACH_US);
			say("read", read(pipes[0], &byte, 1));
			signal_each(EACH_US);
			say("sem_wait", sem_wait(&semaphore));
		}
	}
	printf("each by a signal: %d\n", handled >= 6);
	return 0;
}

SITE static unsigned long work(int depth, unsigned long value)
{
	inside = 1;
	unsigned long *block = malloc(sizeof(*block) * (1 + value % 50));
	inside = 0;
	*block = value * 6364136223846793005ul + 1442695040888963407ul;
	if (depth)
		*block += work(depth - 1, *block);
	value = *block;
	inside = 1;
	free(block);
	inside = 0;
	return value;
}

/* Works until enough signals have come, however fast the machine is. */
SITE static void work_on(void)
{
	inside = 1;
	void *block = malloc(70);
	KEEP(block);
	free(block);
	inside = 0;
}

static void *compute(void *argument)
{
	char *alternate = malloc(64 << 10);
	stack_t stack = {.ss_sp = alternate, .ss_size = 64 << 10};
	unsigned long value = (unsigned long)argument;
	sigaltstack(&stack, NULL);
	for (int i = 0; i < rounds; i++)
		value = work(i % 40, value);
	while (handled < SIGNALS_LEAST)
		work_on();
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
	free(alternate);
	return (void *)value;
}

static int profile(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF};
	const struct itimerspec each_ms = {{0, 1000000}, {0, 1000000}};
	timer_t timer; /* timers of CPU time are not finer than the kernel's tick */
	pthread_t thread[2];
	void *value[2];
	handle(SIGPROF, SA_RESTART | SA_ONSTACK);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &each_ms, NULL))
		return 1;
	for (unsigned long i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, compute, (void *)(i + 1));
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], &value[i]);
	timer_delete(timer);
	printf("%p %p\n", value[0], value[1]);
	fprintf(stderr, "%d signals\n", (int)handled);
	return 0;
}

int main(int argc, char **argv)
{
	rounds = argc > 2 ? atoi(argv[2]) : 1;
	return argc > 1 && !strcmp(argv[1], "profile") ? profile() : interrupted();
}
