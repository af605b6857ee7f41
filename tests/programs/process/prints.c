/* SPDX-License-Identifier: MIT */
/* prints HOW: allocates, prints a line that stays in stdout's buffer if that is a file or a pipe, and ends. */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sem_t held;

/* Never gives the lock of stdout back. */
static void *hold(void *unused)
{
	(void)unused;
	flockfile(stdout);
	sem_post(&held);
	pause();
	return NULL;
}

static void start_holder(void)
{
	pthread_t thread;
	sem_init(&held, 0, 0);
	pthread_create(&thread, NULL, hold, NULL);
	sem_wait(&held);
}

static void on_signal(int number)
{
	dprintf(2, "signal %d\n", number);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	free(malloc(1000));
	if (!strcmp(how, "handled"))
		signal(SIGPIPE, on_signal);
	printf("the last words of %s\n", how);
	if (!strcmp(how, "locked"))
		start_holder();
	if (!strcmp(how, "closed"))
		fclose(stdout);
	if (!strcmp(how, "replaced")) {
		FILE *other = fopen("/dev/null", "w");
		fprintf(other, "never written\n");
		stdout = other;
		fclose(other);
	}
	if (!strcmp(how, "_exit"))
		_exit(3);
	if (!strcmp(how, "quick_exit"))
		quick_exit(3);
	exit(3);
}
