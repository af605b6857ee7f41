/* SPDX-License-Identifier: MIT */
/*
 * api CASE [ARGUMENT]: uses each function of ctrace/ctrace.h in different ways, and prints what it returns. Compiled as C
 * and as C++, with and without PIE, and statically.
 */
#include <ctrace/ctrace.h>

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char *take(size_t bytes)
{
	char *block = (char *)malloc(bytes);
	if (!block)
		abort();
	block[0] = 1;
	return block;
}

static struct ctrace_heap totals(void)
{
	struct ctrace_heap now;
	int error = ctrace_totals(&now);
	if (error && error != CTRACE_ERROR_INACTIVE)
		printf("error %d\n", error);
	return now;
}

static void show(const char *what, struct ctrace_heap before)
{
	struct ctrace_heap after = totals();
	printf("%s: total %" PRId64 " in %" PRId64 ", live %" PRId64 " in %" PRId64 ", dropped %" PRIu64
	       ", paused %" PRIu64 "\n",
	       what, after.total_bytes - before.total_bytes, after.total_blocks - before.total_blocks,
	       after.live_bytes - before.live_bytes, after.live_blocks - before.live_blocks, after.dropped,
	       after.paused);
	fflush(stdout);
}

static void *work(void *count)
{
	for (size_t i = 0; i < (size_t)count; i++)
		free(take(10));
	return take(1000);
}

static void count_threads(void)
{
	pthread_t threads[8];
	struct ctrace_heap before = totals();
	for (size_t i = 0; i < 8; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)5000))
			abort();
	for (size_t i = 0; i < 8; i++) {
		void *block;
		pthread_join(threads[i], &block);
		free(block);
	}
	/* The C library also allocates for a thread. */
	struct ctrace_heap after = totals();
	printf("blocks of 10 and 1000: %d\n", after.total_blocks - before.total_blocks >= 8 * 5001);
	printf("peak: %d\n", after.peak_bytes >= after.live_bytes && after.peak_bytes >= before.peak_bytes);
}

static void count(void)
{
	printf("active %d\n", ctrace_is_active());
	fflush(stdout);
	struct ctrace_heap before = totals();
	show("nothing", before);
	char *kept = take(100);
	free(take(50));
	show("100 kept, 50 freed", before);
	kept = (char *)realloc(kept, 150);
	show("realloc to 150", before);
	free(kept);
	show("all freed", before);
	count_threads();
}

static void mark(void)
{
	char name[1000];
	ctrace_mark("begin");
	char *block = take(1000);
	ctrace_mark("one\nline \xff");
	free(block);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ctrace_mark(name);
	ctrace_mark(NULL);
	ctrace_mark("");
}

static void mark_often(void)
{
	for (int i = 0; i < 5000; i++)
		ctrace_mark("again");
}

static void snapshot(const char *path)
{
	char *block = take(12345);
	printf("named %d\n", ctrace_snapshot(path));
	printf("numbered %d\n", ctrace_snapshot(NULL));
	free(block);
	printf("numbered %d\n", ctrace_snapshot(NULL));
	printf("empty %d\n", ctrace_snapshot(""));
	printf("nowhere %d\n", ctrace_snapshot("/nowhere/at/all.json"));
	printf("children %d\n", wait(NULL) > 0);
}

static void pause_recording(void)
{
	struct ctrace_heap before = totals();
	char *early = take(100), *grown = take(200);
	ctrace_pause();
	ctrace_pause();
	char *unseen = take(1000);
	free(early);
	grown = (char *)realloc(grown, 2000);
	show("paused", before);
	ctrace_resume();
	free(take(10));
	ctrace_resume();
	ctrace_resume(); /* one resume too many */
	char *late = take(300);
	show("resumed", before);
	free(unseen);
	free(grown);
	free(late);
	show("freed", before);
	ctrace_pause();
	free(take(1));
	ctrace_resume();
	show("again", before);
}

__attribute__((noinline)) static void event_here(uint64_t weight)
{
	ctrace_event(weight);
	__asm__ volatile("");
}

__attribute__((noinline)) static void event_there(void)
{
	event_here(7);
	__asm__ volatile("");
}

static void event(void)
{
	struct ctrace_heap before = totals();
	for (int i = 0; i < 1000; i++)
		event_here(3);
	event_there();
	ctrace_event(UINT64_MAX);
	show("events", before);
}

static void pool(size_t distance)
{
	struct ctrace_heap before = totals();
	char *base = take(64000);
	ctrace_pool_create(base);
	show("storage", before);
	for (size_t i = 0; i < 100; i++)
		ctrace_pool_alloc(base + i * distance, distance);
	show("100 blocks", before);
	for (size_t i = 0; i < 100; i += 2)
		ctrace_pool_free(base + i * distance);
	show("50 blocks", before);
	ctrace_pool_alloc(base + distance, 1); /* its free was missed */
	ctrace_pool_free(NULL);
	ctrace_pool_alloc(NULL, 5);
	ctrace_pool_clear(base, 0);
	show("49 blocks and a byte", before);
	ctrace_pool_clear(base + 10 * distance, 64000 - 10 * distance);
	show("5 blocks", before);
	ctrace_pool_clear(base, 64000);
	show("cleared", before);
	free(base);
	show("freed", before);
}

static void pool_wrong(void)
{
	struct ctrace_heap before = totals();
	ctrace_pool_alloc((void *)0x10000004, 8); /* not a multiple of 8 */
	ctrace_pool_alloc((void *)0x10000000, SIZE_MAX);
	ctrace_pool_alloc((void *)~(uintptr_t)7, 8); /* not an address of a program */
	ctrace_pool_free((void *)0x10000008);
	ctrace_pool_create((void *)0x10000008);
	ctrace_pool_clear((void *)0x10000001, 100);
	ctrace_pool_clear((void *)0x10000000, SIZE_MAX);
	show("wrong", before);
}

static void after_fork(const char *path)
{
	struct ctrace_heap before = totals();
	char *kept = take(500);
	pid_t child = fork();
	if (!child) {
		show("child begins", before);
		free(kept);
		kept = take(700);
		ctrace_mark("in the child");
		printf("snapshot %d\n", ctrace_snapshot(path));
		show("child", before);
		exit(0);
	}
	waitpid(child, NULL, 0);
	ctrace_mark("in the parent");
	show("parent", before);
	free(kept);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int signal)
{
	struct ctrace_heap now;
	(void)signal;
	if (alarms == 200)
		return;
	ctrace_totals(&now);
	ctrace_mark("alarm");
	ctrace_pause();
	ctrace_event(1);
	ctrace_resume();
	alarms = alarms + 1;
}

static void in_handlers(void)
{
	signal(SIGALRM, on_alarm);
	struct ctrace_heap before = totals();
	ualarm(500, 500);
	while (alarms < 200)
		free(take(10));
	ualarm(0, 0);
	struct ctrace_heap after = totals();
	printf("live %" PRId64 " in %" PRId64 "\n", after.live_bytes - before.live_bytes,
	       after.live_blocks - before.live_blocks);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *argument = argc > 2 ? argv[2] : NULL;
	static char buffer[4096]; /* not a block of the C library */
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	if (!strcmp(what, "totals"))
		count();
	else if (!strcmp(what, "mark"))
		mark();
	else if (!strcmp(what, "mark-often"))
		mark_often();
	else if (!strcmp(what, "snapshot"))
		snapshot(argument);
	else if (!strcmp(what, "pause"))
		pause_recording();
	else if (!strcmp(what, "event"))
		event();
	else if (!strcmp(what, "pool"))
		pool(argument ? (size_t)atoi(argument) : 16);
	else if (!strcmp(what, "pool-wrong"))
		pool_wrong();
	else if (!strcmp(what, "fork"))
		after_fork(argument);
	else if (!strcmp(what, "handlers"))
		in_handlers();
	else
		return 2;
	return 0;
}
