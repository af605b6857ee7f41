/* SPDX-License-Identifier: MIT */
/*
 * A handler on an alternate stack allocates a thousand times a second, wherever the program is at that time: in a
 * recursion that allocates, or between two such recursions. It does not allocate if it interrupts malloc itself.
 */
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "site.h"

#define HANDLED 50
#define DEPTH 20

static _Alignas(16) char alternate[64 << 10];
static volatile sig_atomic_t inside; /* inside malloc or free */
static volatile sig_atomic_t handled;

SITE static void handler_blocks(void)
{
	void *block = malloc(30);
	KEEP(block);
	free(block);
}

static void on_signal(int number)
{
	if (!inside) {
		handler_blocks();
		handled++;
	}
	KEEP(number);
}

SITE static void blocks(size_t bytes)
{
	inside = 1;
	void *block = malloc(bytes);
	KEEP(block);
	free(block);
	inside = 0;
}

SITE static unsigned long work(unsigned long value)
{
	for (int i = 0; i < 20000; i++)
		value = value * 6364136223846793005ul + 1442695040888963407ul;
	return value;
}

SITE static unsigned long recurse(int depth, unsigned long value)
{
	char room[depth % 7 * 16 + 16];
	KEEP(room);
	value += work(value);
	blocks((size_t)depth + 1);
	if (depth)
		value += recurse(depth - 1, value);
	value += work(value);
	KEEP(room);
	return value;
}

int main(void)
{
	stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_RESTART};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF};
	struct itimerspec each_ms = {{0, 1000000}, {0, 1000000}};
	timer_t timer;

	sigaltstack(&stack, NULL);
	sigaction(SIGPROF, &action, NULL);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &each_ms, NULL))
		return 1;
	for (unsigned long value = 1; handled < HANDLED;)
		value = recurse(DEPTH, value);
	timer_delete(timer);
	return 0;
}
