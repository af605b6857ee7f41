/* SPDX-License-Identifier: MIT */
/*
 * Allocations, events and copies under tags, in two threads.
 *
 *   tags              some, nested and not
 *   tags many         5,000 tags, more than a recording has
 *   tags mixed        at changing depths, with and without allocations between two changes of tag
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void mixed(void)
{
	for (int round = 0; round < 300; round++)
		below(round * 7 % 40 + (round % 50 ? 0 : 600), round);
}

int main(int argc, char **argv)
{
	pthread_t thread;
	if (argc > 1 && !strcmp(argv[1], "many")) {
		many();
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "mixed")) {
		mixed();
		return 0;
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
