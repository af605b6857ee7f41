/* SPDX-License-Identifier: MIT */
/*
 * Mappings by each function that libctrace-mmap.so has. What a mode prints is for tests/e2e/record/mappings.py.
 *
 *   mappings sites           each in a function of its own; then waits for a line, or with "end" ends
 *   mappings threads         stacks of threads; prints the kernel's sizes of them
 *   mappings races           threads that map and unmap at the same time
 *   mappings handlers        in handlers, which interrupt allocations and other mappings
 *   mappings fork            in children of fork and vfork
 *   mappings paused          between ctrace_pause and ctrace_resume, and beside ctrace_event and the heap
 *   mappings held            touches parts of its mappings and stacks, a known number of pages, and waits for a line
 *   mappings killed          maps and unmaps until it is killed
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctrace/ctrace.h"
#include "mappings.h"

SITE static char *grow_break(intptr_t bytes)
{
	char *memory = sbrk(bytes);
	KEEP(memory);
	return memory;
}

SITE static int set_break(char *end)
{
	int result = brk(end);
	KEEP(result);
	return result;
}

static void wait_for_line(void)
{
	char byte;
	puts("ready");
	fflush(stdout);
	while (read(0, &byte, 1) == 1 && byte != '\n')
		continue;
}

static void sites(void)
{
	char *a = map_a(NULL, 100, 0), *b = map_b(NULL, 50, 0);
	munmap(a + 10 * PAGE, 20 * PAGE); /* in the middle */
	munmap(b, 10 * PAGE); /* at the start */
	if (munmap(b + 1, PAGE) == 0 || munmap(b, 0) == 0)
		fail("munmap");
	map_c(a + 90 * PAGE, 5, MAP_FIXED); /* in place of a part */
	char *d = map_c(NULL, 8, 0);
	munmap(d, 8 * PAGE);
	remap(map_c(NULL, 4, 0), 4, 60, MREMAP_MAYMOVE, NULL);
	char *again = remap(NULL, 1, 1, 0, NULL); /* fails: nothing is there */
	if (again != MAP_FAILED || mmap(NULL, 0, 0, PRIVATE, -1, 0) != MAP_FAILED)
		fail("mremap");
	grow_break(10000);
	set_break(grow_break(-3000) - 3000 + 512);
}

/* --- threads --- */

static pthread_barrier_t barrier;
static unsigned long stack_bytes[8];

/* The kernel's mapping of this stack, and the guard below it. */
static void *measure(void *number)
{
	unsigned long here = (unsigned long)__builtin_frame_address(0), start, end, before_start = 0, before_end = 0;
	char line[512], access[8], before[8] = "";
	FILE *maps = fopen("/proc/self/maps", "r");
	while (maps && fgets(line, sizeof(line), maps) && sscanf(line, "%lx-%lx %7s", &start, &end, access) == 3) {
		if (here >= start && here < end) {
			stack_bytes[(size_t)number] = end - start;
			if (before_end == start && !strncmp(before, "---p", 4))
				stack_bytes[(size_t)number] += before_end - before_start;
		}
		before_start = start;
		before_end = end;
		strcpy(before, access);
	}
	fclose(maps);
	return NULL;
}

static void *wait_for_the_others(void *unused)
{
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return unused;
}

static void *leave(void *unused)
{
	(void)unused;
	pthread_exit(NULL);
}

static void *be_cancelled(void *unused)
{
	for (;;)
		pause();
	return unused;
}

SITE static pthread_t create(void *(*function)(void *), void *argument, const pthread_attr_t *attributes)
{
	pthread_t thread;
	if (pthread_create(&thread, attributes, function, argument) != 0)
		fail("pthread_create");
	KEEP(&thread);
	return thread;
}

SITE static pthread_t create_with_own_stack(void *(*function)(void *), void *argument, const pthread_attr_t *attributes)
{
	pthread_t thread;
	if (pthread_create(&thread, attributes, function, argument) != 0)
		fail("pthread_create");
	KEEP(&thread);
	return thread;
}

/* Touches 256 pages of its stack. */
static void *touch_stack(void *unused)
{
	volatile char pages[256 * PAGE];
	for (size_t i = 0; i < sizeof(pages); i += PAGE)
		pages[i] = 1;
	return wait_for_the_others(unused);
}

static void held(void)
{
	memset(map_a(NULL, 2048, 0), 1, 700 * PAGE);
	memset(map_a(NULL, 100, 0), 1, 68 * PAGE);
	memset(map_b(NULL, 512, 0), 1, 256 * PAGE);
	map_c(NULL, 4096, 0);
	pthread_barrier_init(&barrier, NULL, 4);
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 512 * PAGE);
	pthread_t threads[3] = {
		create(touch_stack, NULL, &attributes),
		create(touch_stack, NULL, &attributes),
		create_with_own_stack(touch_stack, NULL, &attributes),
	};
	pthread_barrier_wait(&barrier);
	wait_for_line();
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

SITE static int fail_to_create(void)
{
	pthread_t thread;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 1ul << 46);
	int error = pthread_create(&thread, &attributes, measure, NULL);
	KEEP(error);
	return error;
}

static void threads(void)
{
	static const size_t sizes[] = {0, 64 << 10, 1 << 20, 100 << 10, (200 << 10) + 1000};
	pthread_t thread;
	pthread_attr_t attributes;
	for (size_t i = 0; i < 5; i++) {
		pthread_attr_init(&attributes);
		if (sizes[i])
			pthread_attr_setstacksize(&attributes, sizes[i]);
		if (i == 3)
			pthread_attr_setguardsize(&attributes, 5 * PAGE);
		pthread_join(create(measure, (void *)i, i ? &attributes : NULL), NULL);
		printf("%lu\n", stack_bytes[i]);
		mmap(NULL, PAGE, PROT_NONE, PRIVATE, -1, 0);
	}
	pthread_join(create(leave, NULL, NULL), NULL);
	thread = create(be_cancelled, NULL, NULL);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	if (!fail_to_create())
		fail("a stack of 64 TiB");
	static char own[256 << 10] __attribute__((aligned(4096)));
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, own, sizeof(own));
	pthread_join(create_with_own_stack(measure, (void *)5, &attributes), NULL);
	/* These live at the end. */
	pthread_barrier_init(&barrier, NULL, 3);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 128 << 10);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	create(wait_for_the_others, NULL, &attributes);
	create(wait_for_the_others, NULL, &attributes);
	pthread_barrier_wait(&barrier);
	fflush(stdout);
	if (fork() == 0)
		map_a(NULL, 3, 0);
	else
		wait(NULL);
	exit(0);
}

static void *race(void *seed)
{
	unsigned state = (unsigned)(uintptr_t)seed;
	for (int i = 0; i < 3000; i++) {
		size_t pages = 1 + (size_t)rand_r(&state) % 20;
		char *a = map_a(NULL, pages, 0), *b = map_b(NULL, pages, 0);
		munmap(a, pages * PAGE);
		if (i % 3 == 0)
			b = remap(b, pages, 2 * pages, MREMAP_MAYMOVE, NULL);
		munmap(b, (i % 3 == 0 ? 2 : 1) * pages * PAGE);
	}
	return NULL;
}

static void races(void)
{
	pthread_t thread[4];
	for (size_t i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, race, (void *)(i + 1));
	for (size_t i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
}

/* --- handlers --- */

static volatile sig_atomic_t handled;

SITE static void map_in_handler(void)
{
	char *memory = mmap(NULL, 2 * PAGE, PROT_READ, PRIVATE, -1, 0);
	KEEP(memory);
	munmap(memory, 2 * PAGE);
}

static void handle(int number)
{
	(void)number;
	int error = errno;
	map_in_handler();
	handled++;
	if (errno != error)
		_exit(3);
}

static void handlers(void)
{
	static char stack[16384];
	const stack_t other = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK | SA_RESTART};
	const struct itimerval often = {{0, 300}, {0, 300}};
	sigaltstack(&other, NULL);
	sigaction(SIGPROF, &action, NULL);
	setitimer(ITIMER_PROF, &often, NULL);
	while (handled < 1000) {
		char *block = malloc(100);
		KEEP(block);
		free(block);
		munmap(map_a(NULL, 1, 0), PAGE);
	}
	const struct itimerval never = {0};
	setitimer(ITIMER_PROF, &never, NULL);
	printf("%d\n", (int)handled);
}

/* --- children --- */

SITE static void in_child(char *inherited)
{
	munmap(inherited, 4 * PAGE);
	map_c(NULL, 7, 0);
	_exit(0);
}

static void children(void)
{
	char *inherited = map_a(NULL, 10, 0);
	fflush(stdout);
	pid_t child = fork();
	if (!child)
		in_child(inherited);
	waitpid(child, NULL, 0);
	child = vfork();
	if (!child) {
		map_b(NULL, 20, 0); /* in the parent's memory */
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void paused(void)
{
	free(malloc(50));
	ctrace_event(1000);
	ctrace_pause();
	char *unknown = map_a(NULL, 10, 0);
	ctrace_resume();
	munmap(unknown, 5 * PAGE);
	munmap((char *)0x300000000000, 5 * PAGE);
	map_b(NULL, 3, 0);
}

static void until_killed(void)
{
	map_c(NULL, 9, 0);
	puts("ready");
	fflush(stdout);
	for (;;) {
		char *a = map_a(NULL, 5, 0);
		munmap(a + PAGE, PAGE);
		munmap(a, 5 * PAGE);
	}
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "sites";
	if (!strcmp(mode, "threads"))
		threads();
	else if (!strcmp(mode, "races"))
		races();
	else if (!strcmp(mode, "handlers"))
		handlers();
	else if (!strcmp(mode, "fork"))
		children();
	else if (!strcmp(mode, "paused"))
		paused();
	else if (!strcmp(mode, "held"))
		held();
	else if (!strcmp(mode, "killed"))
		until_killed();
	else
		sites();
	if (!strcmp(mode, "sites") && argc == 2)
		wait_for_line();
	return 0;
}
