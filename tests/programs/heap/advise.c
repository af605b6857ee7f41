/* SPDX-License-Identifier: MIT */
/*
 * Programs for ctrace advise, one kind of finding at a time, and for each a program that looks similar but is fine:
 * advise KIND bad|good [SECONDS]. The function with the name of the kind does the work. A leak takes SECONDS, and prints
 * how late a block was at most, as a share of them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "site.h"

#define COUNT 20000
#define OFTEN (10 * COUNT) /* calls: more than 1,000 a second in a run of minutes, too */

static void *held[COUNT];
static double seconds = 1, latest;

static void drop(int count)
{
	for (int i = 0; i < count; i++)
		free(held[i]);
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_BOOTTIME, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* When the process started, by the same clock. Without stdio, which would allocate. */
static double process_start(void)
{
	char text[1024] = "";
	int fd = open("/proc/self/stat", O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		abort();
	close(fd);
	const char *at = strrchr(text, ')');
	for (int field = 2; field < 22; field++)
		at = strchr(at + 1, ' ');
	return strtod(at, NULL) / (double)sysconf(_SC_CLK_TCK);
}

static void wait_until(double time)
{
	struct timespec until = {.tv_sec = (time_t)time, .tv_nsec = (long)((time - (double)(time_t)time) * 1e9)};
	clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, NULL);
}

/* Good: two blocks at a time, freed in turn, of many sizes (with one size they would be a case for a free list). */
SITE void temporary(int good)
{
	for (int i = 0; i < OFTEN; i++) {
		void *first = malloc(100 + (size_t)i % 50), *second = good ? malloc(300 - (size_t)i % 50) : NULL;
		KEEP(first);
		KEEP(second);
		free(first);
		free(second);
	}
}

/* Good: the final size at the second attempt. */
SITE void growth(int good)
{
	for (int i = 0; i < 40; i++)
		held[i] = malloc(good ? 20000 : 16);
	for (size_t bytes = good ? 40000 : 16; bytes <= 40000; bytes += 100)
		for (int i = 0; i < 40; i++) /* each prevents the previous block from growing in place */
			held[i] = realloc(held[i], bytes);
	drop(40);
}

/* Good: blocks of all sizes. */
SITE void one_size(int good)
{
	for (int i = 0; i < OFTEN; i += 5)
		for (int j = 0; j < 5; j++) {
			free(held[j]);
			held[j] = malloc(good ? 40 + (size_t)(i + j) % 100 : 64);
		}
	drop(5);
}

/* Along the clock, so that it is as steady on a busy machine. Good: a ring with a fixed number of blocks. */
SITE void leak(int good)
{
	double start = now();
	for (int i = 0; i < COUNT; i++) {
		int slot = good ? i % 600 : i;
		free(held[slot]);
		held[slot] = malloc(1000 + (size_t)i % 64);
		double due = start + (i + 1) * seconds / COUNT;
		if (now() - due > latest)
			latest = now() - due;
		wait_until(due);
	}
}

/* Good: everything in one block. */
SITE void tiny(int good)
{
	for (int i = 0; i < (good ? 1 : COUNT); i++)
		held[i] = malloc(good ? COUNT * 8 : 8);
	drop(COUNT);
}

/* Good: a larger size, of which the same slack is a smaller part. */
SITE void slack(int good)
{
	for (int i = 0; i < COUNT; i++)
		held[i] = malloc(good ? 90 : 41);
	drop(COUNT);
}

/* Good: freed after it was read. */
SITE void kept(int good)
{
	char *table = malloc(4000000);
	memset(table, 1, 4000000);
	KEEP(table);
	if (good)
		free(table);
	/* The time before this is less than a quarter of the run, however long it took. */
	double start = process_start(), before = now() - start;
	wait_until(start + 4 * before + 0.1);
}

/* Good: the memory is used in pieces. The blocks live for less than half of the run, or they would be kept ones. */
SITE void peak(int good)
{
	double start = now();
	for (int i = 0; i < 20; i++) {
		char *text = malloc(good ? 100000 : 2000000);
		KEEP(text);
		held[i] = text;
		if (good)
			free(text);
	}
	if (!good)
		drop(20);
	wait_until(2 * now() - start + 0.01);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(int good);
	} shapes[] = {
		{"temporary", temporary}, {"growth", growth}, {"one-size", one_size}, {"leak", leak},
		{"tiny", tiny},           {"slack", slack},   {"kept", kept},         {"peak", peak},
	};
	if (argc < 3)
		return 2;
	if (argc > 3)
		seconds = strtod(argv[3], NULL);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (!strcmp(argv[1], shapes[i].name)) {
			shapes[i].run(!strcmp(argv[2], "good"));
			if (shapes[i].run == leak)
				printf("%.3f\n", latest / seconds);
			return 0;
		}
	return 2;
}
