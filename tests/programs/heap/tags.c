/* SPDX-License-Identifier: MIT */
/*
 * Allocations, events and copies under tags, in two threads.
 *
 *   tags              some, nested and not
 *   tags many         5,000 tags, more than a recording has
 *   tags mixed        at changing depths, with and without allocations between two changes of tag
 *   tags names        names of all lengths, in a buffer that is overwritten before the first allocation
 *   tags steps        a signal handler pushes, allocates and pops after each instruction of a push and a pop
 *                     (prints their number)
 *   tags held         keeps blocks under 29 tags, one of them in two threads, and waits for its input to end
 *   tags ended        a thread ends below a tag, and others begin
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctrace/ctrace.h"
#include "site.h"

SITE static void work(size_t bytes)
{
	for (int i = 0; i < 10; i++)
		free(malloc(bytes));
	KEEP(bytes);
}

SITE static void request(const char *tag, size_t bytes)
{
	ctrace_tag_push(tag);
	work(bytes);
	ctrace_tag_pop();
}

SITE static void *other_thread(void *unused)
{
	work(1000);
	request("search", 100);
	return unused;
}

SITE static void deep(void)
{
	for (int i = 0; i < 12; i++)
		ctrace_tag_push("d");
	work(7);
	for (int i = 0; i < 12; i++)
		ctrace_tag_pop();
	ctrace_tag_pop(); /* one too many */
	work(8);
}

static void many(void)
{
	char name[32];
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "request %d", i);
		request(name, 16);
	}
}

SITE static void below(int depth, int round)
{
	static const char *const names[] = {"a", "b", "c"};
	if (depth) {
		below(depth - 1, round);
		KEEP(depth);
		return;
	}
	if (round % 3)
		work(3);
	ctrace_tag_push(names[round % 3]);
	if (round % 2)
		work(5);
	ctrace_tag_push(names[round % 2]);
	if (round % 5)
		work(7);
	ctrace_tag_pop();
	work(11);
	ctrace_tag_pop();
	work(13);
}

/* The name ends where readable memory does, or in the middle of a page. */
static void names(void)
{
	char *pages = (char *)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(pages + 4096, 4096, PROT_NONE);
	for (int length = 0; length < 300; length++) {
		for (int at_end = 0; at_end < 2; at_end++) {
			char *name = at_end ? pages + 4095 - length : pages + 1000;
			memset(name, 'a' + length % 26, (size_t)length);
			name[length] = 0;
			ctrace_tag_push(name);
			memset(pages, '!', 4095);
			work((size_t)(length < 256 ? length : 1000));
			ctrace_tag_pop();
		}
		ctrace_tag_push("");
		ctrace_tag_pop();
		work(1);
	}
}

static volatile int steps;

static void at_step(int number)
{
	(void)number;
	steps++;
	ctrace_tag_push("within");
	work(1);
	ctrace_tag_pop();
}

/* Between these two, the processor stops after each instruction. */
static void step(void)
{
#ifdef __x86_64__
	__asm__ volatile("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
#endif
}

static void run_on(void)
{
#ifdef __x86_64__
	__asm__ volatile("pushfq\n\tandl $~0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
#endif
}

static void stepping(void)
{
	static const char *const tags[] = {"short", "long enough to be copied by a loop"};
	signal(SIGTRAP, at_step);
	for (int round = 0; round < 6; round++) {
		const char *tag = tags[round % 2];
		KEEP(tag);
		step();
		ctrace_tag_push(tag);
		run_on();
		work(2);
		step();
		ctrace_tag_push(tag);
		ctrace_tag_pop();
		run_on();
		work(3);
		step();
		ctrace_tag_pop();
		run_on();
		work(4);
	}
	printf("%d\n", steps);
}

static void *end_below(void *unused)
{
	ctrace_tag_push("left");
	work(1);
	return unused;
}

static void *work_alone(void *unused)
{
	ctrace_tag_pop();
	work(2);
	request("new", 3);
	return unused;
}

static void ended(void)
{
	for (int i = 0; i < 40; i++) {
		pthread_t thread;
		pthread_create(&thread, NULL, i % 2 ? work_alone : end_below, NULL);
		pthread_join(thread, NULL);
	}
}

SITE static void keep(const char *tag, size_t bytes)
{
	ctrace_tag_push(tag);
	KEEP(malloc(bytes));
	work(10);
	ctrace_tag_pop();
}

static void *keep_in_thread(void *unused)
{
	keep("search", 1000);
	return unused;
}

static void held(void)
{
	char name[32];
	pthread_t thread;
	pthread_create(&thread, NULL, keep_in_thread, NULL);
	pthread_join(thread, NULL);
	for (int i = 0; i < 2; i++)
		keep("search", 1000);
	ctrace_tag_push("checkout");
	keep("payment", 400);
	ctrace_tag_pop();
	keep("a \"quoted\" \\ name\n", 300);
	keep("bad \xff\xc3 bytes", 200);
	for (int i = 1; i <= 25; i++) {
		snprintf(name, sizeof(name), "tag %d", i);
		keep(name, (size_t)i);
	}
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
}

static void mixed(void)
{
	for (int round = 0; round < 300; round++)
		below(round * 7 % 40 + (round % 50 ? 0 : 600), round);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = {{"many", many},      {"mixed", mixed}, {"names", names},
		     {"steps", stepping}, {"ended", ended}, {"held", held}};
	pthread_t thread;
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (!strcmp(argv[1], modes[i].name)) {
			modes[i].run();
			return 0;
		}
	}
	work(1);
	request("search", 10);
	request("checkout", 20);
	ctrace_tag_push("checkout");
	request("payment", 30);
	ctrace_event(5);
	ctrace_tag_pop();
	deep();
	pthread_create(&thread, NULL, other_thread, NULL);
	pthread_join(thread, NULL);
	return 0;
}
