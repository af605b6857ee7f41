/* SPDX-License-Identifier: MIT */
/* A signal handler on an alternate stack allocates while main waits. Then a handler on main's own stack does. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "site.h"

static char stack[1 << 16];

SITE static void handler_blocks(void)
{
	void *block = malloc(123);
	KEEP(block);
	free(malloc(321));
}

static void on_signal(int number)
{
	handler_blocks();
	KEEP(number);
}

SITE static void wait_for_signal(void)
{
	sigset_t none;
	sigemptyset(&none);
	kill(getpid(), SIGUSR1);
	sigsuspend(&none);
	KEEP(&none);
}

int main(void)
{
	sigset_t blocked;
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	sigaltstack(&alternate, NULL);
	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < 5; i++)
		wait_for_signal();
	action.sa_flags = 0;
	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < 5; i++)
		wait_for_signal();
	return 0;
}
