/* SPDX-License-Identifier: MIT */
/*
 * fire_threads HOW NUMBER
 *   short    NUMBER threads, ten at a time, each of which allocates a little; prints whether memory accumulates
 *   exit     NUMBER threads allocate while main returns
 *   small    on stacks of 16 and 64 KiB, allocations at always new places, as deep as possible
 *   keys     60 pthread keys before the first allocation; their destructors free and allocate again
 *   cancel   threads are cancelled while they allocate; cleanup handlers free
 *   child    a forked child's first allocation, on a stack of 16 KiB
 *   tls      destructors of thread-local objects free and allocate again
 *   gone     each of NUMBER threads allocates; main frees the blocks after the threads have ended
 *   live     NUMBER threads, which all live until each has allocated
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "branch.h"
#include "site.h"

#define KEYS 60

static pthread_key_t keys[KEYS];
static int destroyed;
static volatile int go_on = 1;

static void *a_little(void *argument)
{
	for (unsigned i = 0; i < 20; i++)
		branch(i);
	return argument;
}

static void *many_places(void *argument)
{
	for (unsigned i = 0; i < 3000; i++)
		branch(i);
	return argument;
}

static void *without_end(void *argument)
{
	for (unsigned i = 0; go_on; i++)
		branch(i & 1023);
	return argument;
}

static void *fork_here(void *argument)
{
	int status = 0;
	pid_t child = fork();
	if (child == 0) {
		branch(77);
		_exit(3);
	}
	waitpid(child, &status, 0);
	*(int *)argument = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return NULL;
}

static void destroy(void *block)
{
	free(block);
	free(malloc(100));
	__atomic_fetch_add(&destroyed, 1, __ATOMIC_RELAXED);
}

static void *with_keys(void *argument)
{
	for (int i = 0; i < KEYS; i++)
		pthread_setspecific(keys[i], malloc(10));
	pthread_exit(argument);
}

static void *until_cancelled(void *argument)
{
	void *block = malloc(50);
	pthread_cleanup_push(free, block);
	for (unsigned i = 0;; i++) {
		branch(i & 255);
		pthread_testcancel();
	}
	pthread_cleanup_pop(1);
	return argument;
}

/* C++ registers destructors of thread_local objects with this function. */
int __cxa_thread_atexit_impl(void (*destructor)(void *), void *object, void *library);
extern void *__dso_handle;

static void *with_objects(void *argument)
{
	for (int i = 0; i < KEYS; i++)
		__cxa_thread_atexit_impl(destroy, malloc(10), &__dso_handle);
	return argument;
}

SITE static void *leave_block(void *argument)
{
	*(void **)argument = malloc(40);
	return NULL;
}

static pthread_barrier_t barrier;

static void *meet(void *argument)
{
	leave_block(argument);
	pthread_barrier_wait(&barrier);
	return NULL;
}

/* Each thread leaves a block, which is freed after the thread has ended. */
static int leave_blocks(void *(*function)(void *), int count)
{
	pthread_t *threads = calloc((size_t)count, sizeof(*threads));
	void **blocks = calloc((size_t)count, sizeof(*blocks));
	int found = 0;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
	pthread_barrier_init(&barrier, NULL, (unsigned)count);
	for (int i = 0; i < count; i++)
		if (pthread_create(&threads[i], &attributes, function, &blocks[i]))
			abort();
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < count; i++) {
		found += blocks[i] != NULL;
		free(blocks[i]);
	}
	free(threads);
	free(blocks);
	return found;
}

static void run(void *(*function)(void *), size_t stack_bytes, int count, void *argument)
{
	pthread_t threads[256];
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	if (stack_bytes)
		pthread_attr_setstacksize(&attributes, stack_bytes);
	for (int i = 0; i < count; i++)
		if (pthread_create(&threads[i], &attributes, function, argument))
			abort();
	if (function == until_cancelled)
		for (int i = 0; i < count; i++)
			pthread_cancel(threads[i]);
	for (int i = 0; i < count && function != without_end; i++)
		pthread_join(threads[i], NULL);
}

static long resident_kib(void)
{
	char line[256];
	long kib = 0;
	FILE *file = fopen("/proc/self/status", "r");
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, "VmRSS:", 6))
			kib = atol(line + 6);
	fclose(file);
	return kib;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "short";
	int number = argc > 2 ? atoi(argv[2]) : 1;
	if (!strcmp(how, "keys"))
		for (int i = 0; i < KEYS; i++)
			pthread_key_create(&keys[i], destroy);
	if (!strcmp(how, "short")) {
		for (int i = 0; i < number / 10; i++)
			run(a_little, 0, 10, NULL);
		printf("little memory: %d\n", resident_kib() < 16000);
	} else if (!strcmp(how, "exit")) {
		run(without_end, 1 << 16, number, NULL);
		usleep(20000);
		printf("returning\n");
		return 5;
	} else if (!strcmp(how, "small")) {
		run(many_places, PTHREAD_STACK_MIN, 4, NULL);
		run(many_places, 1 << 16, 4, NULL);
	} else if (!strcmp(how, "keys")) {
		run(with_keys, 0, number, NULL);
		printf("%d destroyed\n", destroyed);
	} else if (!strcmp(how, "tls")) {
		run(with_objects, 0, number, NULL);
		printf("%d destroyed\n", destroyed);
	} else if (!strcmp(how, "gone") || !strcmp(how, "live")) {
		printf("%d blocks\n", leave_blocks(*how == 'l' ? meet : leave_block, number));
	} else if (!strcmp(how, "cancel")) {
		for (int i = 0; i < number; i++)
			run(until_cancelled, 0, 8, NULL);
	} else {
		int status = 0;
		free(malloc(1));
		run(fork_here, PTHREAD_STACK_MIN, 1, &status);
		printf("child %d\n", status);
	}
	printf("%s: end\n", how);
	return 0;
}
