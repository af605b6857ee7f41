/* SPDX-License-Identifier: MIT */
/*
 * Interrupts hooks: fire_jumps HOW ROUNDS
 *   timer      siglongjmp from a timer's handler
 *   overflow   the stack overflows; the handler of SIGSEGV jumps out, on its own stack
 *   alloc      the handler allocates on its own stack, 1000 times a second
 * Then another thread allocates at new places, and so does a forked child. Nothing may hang.
 * The first and the last do so only outside of the C library. Its allocator, interrupted, may crash or hang without us
 * too: 4 times in 300 runs.
 */
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "site.h"

static sigjmp_buf out;
static char own_stack[1 << 16];
static volatile int signals;
static volatile int jumps;

SITE static unsigned branch(unsigned number)
{
	if (number) {
		unsigned below = number & 1 ? branch(number >> 1) : branch(number >> 1) + 1;
		KEEP(number);
		return below;
	}
	void *block = malloc(40);
	KEEP(block);
	free(block);
	return 0;
}

static void *allocate(void *argument)
{
	for (unsigned i = 1; i < 3000; i++)
		branch(i << 3 | 5);
	return argument;
}

static struct {
	uintptr_t start, end;
} c_library;

static int note_c_library(struct dl_phdr_info *object, size_t bytes, void *unused)
{
	(void)bytes, (void)unused;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t start = object->dlpi_addr + segment->p_vaddr, end = start + segment->p_memsz;
		if (segment->p_type == PT_LOAD && (uintptr_t)puts >= start && (uintptr_t)puts < end) {
			c_library.start = start;
			c_library.end = end;
		}
	}
	return 0;
}

static int is_in_c_library(const void *context)
{
	uintptr_t pc = (uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	return pc >= c_library.start && pc < c_library.end;
}

static void jump_out(int number, siginfo_t *info, void *context)
{
	KEEP(info);
	if (number == SIGALRM && is_in_c_library(context))
		return;
	signals++;
	siglongjmp(out, 1);
}

static void alloc_in_handler(int number, siginfo_t *info, void *context)
{
	if (is_in_c_library(context))
		return;
	signals++;
	branch((unsigned)signals & 1023);
	KEEP(number);
	KEEP(info);
}

SITE static void overflow(unsigned depth)
{
	char room[2000];
	memset(room, (int)depth, sizeof(room));
	free(malloc(16 + depth % 8));
	if (depth != UINT_MAX)
		overflow(depth + 1);
	KEEP(room);
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
	stack_t stack = {.ss_sp = own_stack, .ss_size = sizeof(own_stack)};
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK | flags};
	sigaltstack(&stack, NULL);
	sigaction(number, &action, NULL);
}

static void start_timer(long microseconds)
{
	struct itimerval timer = {{0, microseconds}, {0, microseconds}};
	setitimer(ITIMER_REAL, &timer, NULL);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "timer";
	volatile int rounds = argc > 2 ? atoi(argv[2]) : 1;
	volatile unsigned number = 0;
	dl_iterate_phdr(note_c_library, NULL);
	if (!strcmp(how, "timer")) {
		handle(SIGALRM, jump_out, 0);
		if (sigsetjmp(out, 1))
			jumps++;
		else
			start_timer(1000);
		while (jumps < rounds)
			branch(number++ & 0xfffff);
		start_timer(0);
	} else if (!strcmp(how, "overflow")) {
		handle(SIGSEGV, jump_out, 0);
		if (sigsetjmp(out, 1))
			jumps++;
		if (jumps < rounds)
			overflow((unsigned)jumps);
	} else {
		handle(SIGALRM, alloc_in_handler, SA_RESTART);
		start_timer(1000);
		while (signals < rounds)
			branch(number++ & 0xfffff);
		start_timer(0);
	}

	pthread_t thread;
	pthread_create(&thread, NULL, allocate, NULL);
	pthread_join(thread, NULL);
	pid_t child = fork();
	if (child == 0) {
		branch(12345);
		_exit(3);
	}
	int status;
	waitpid(child, &status, 0);
	printf("%s: child %d, %s\n", how, WIFEXITED(status) ? WEXITSTATUS(status) : -1, argc > 1 ? "end" : "?");
	return 0;
}
