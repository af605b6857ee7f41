/* SPDX-License-Identifier: MIT */
/*
 * Measures on a painted stack how much stack an allocation takes: at a known place, at new places (call tree, growing
 * store), when journals are folded, as the first one of a thread, and as the first one of a forked child.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "branch.h"
#include "site.h"

#define STACK_BYTES (256 * 1024)
#define PAINT 0xa5

static unsigned char *stack;
static unsigned first_place;

static void once(void)
{
	free(malloc(30));
}

static void places(void)
{
	for (unsigned i = 0; i < 2000; i++)
		branch(first_place + i);
	first_place += 2000;
}

static void often(void)
{
	for (int i = 0; i < 20000; i++)
		free(malloc(30));
}

/* How many bytes below this frame a function touches, including its callees. */
SITE static long measure(void (*function)(void))
{
	unsigned char *here = (unsigned char *)__builtin_frame_address(0) - 256;
	for (unsigned char *byte = stack; byte < here; byte++)
		*(volatile unsigned char *)byte = PAINT;
	function();
	unsigned char *touched = stack;
	while (touched < here && *touched == PAINT)
		touched++;
	return here - touched;
}

static void *on_own_stack(void *argument)
{
	long first = measure(once);
	long warm = measure(once);
	long fold = measure(often);
	long fresh = measure(places);
	long childs = -1;
	int pipes[2];
	if (pipe(pipes))
		return NULL;
	pid_t child = fork();
	if (child == 0) {
		long bytes = measure(once);
		_exit(write(pipes[1], &bytes, sizeof(bytes)) != sizeof(bytes));
	}
	if (read(pipes[0], &childs, sizeof(childs)) != sizeof(childs))
		return NULL;
	waitpid(child, NULL, 0);
	fprintf(stderr, "first %ld, warm %ld, fold %ld, new places %ld, child's first %ld\n", first, warm, fold, fresh,
		childs);
	printf("warm: %s, cold: %s\n", warm <= 4096 && fold <= 4096 ? "little" : "much",
	       first <= 8192 && fresh <= 8192 && childs <= 8192 ? "little" : "much");
	return argument;
}

int main(void)
{
	pthread_t thread;
	pthread_attr_t attributes;
	free(malloc(1));
	stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stack, STACK_BYTES);
	if (stack == MAP_FAILED || pthread_create(&thread, &attributes, on_own_stack, NULL))
		return 1;
	pthread_join(thread, NULL);
	return 0;
}
