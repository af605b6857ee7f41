// SPDX-License-Identifier: MIT
// A leak beside a cache, along the clock: what is live follows the time that has passed, however busy the machine is.
// leaky MODE: cache (it fills in the first third and stays), leak (a small leak beside it), late (the leak begins after a
// quarter), kept (the same as leak, but what is allocated stays reachable), few (100 lost blocks of 8 bytes),
// teeth (no cache; a batch grows and is freed, ten times, the last time not), none.
// Where it may, it runs at real-time priority: a pause of 0.1 s is another shape, and its verdict another one.
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "site.h"

#define SECONDS 0.5
#define CACHE 20000
#define TOKENS 900
#define TEETH 10
#define LAST_TOOTH 0.99

char *cached[CACHE], *kept[TOKENS], *batch[CACHE / TEETH];

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

SITE void fill_cache(int count)
{
	static int done;
	for (; done < count && done < CACHE; done++)
		memset(cached[done] = malloc(1000), 'x', 1000);
}

SITE void leak_token(int count, int keeps)
{
	static int done;
	for (; done < count && done < TOKENS; done++) {
		char *token = malloc(120);
		snprintf(token, 120, "token %d", done);
		if (keeps)
			kept[done] = token;
	}
}

SITE void fill_batch(int count)
{
	static int done, of;
	for (; of < count / (CACHE / TEETH); of++)
		while (done)
			free(batch[--done]);
	for (; done < count % (CACHE / TEETH); done++)
		memset(batch[done] = malloc(1000), 'x', 1000);
}

SITE void lose(int count)
{
	for (int i = 0; i < count; i++)
		memset(malloc(8), 0, 8);
}

int main(int argc, char **argv)
{
	sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &(struct sched_param){1});
	const char *mode = argc > 1 ? argv[1] : "none";
	double start = seconds(), now = 0;
	int late = !strcmp(mode, "late"), leaks = late || !strcmp(mode, "leak") || !strcmp(mode, "kept");
	if (!strcmp(mode, "few"))
		lose(100);
	while (strcmp(mode, "none") && strcmp(mode, "few") && now < 1) {
		now = (seconds() - start) / SECONDS;
		if (strcmp(mode, "teeth"))
			fill_cache((int)(now * 3 * CACHE));
		else
			fill_batch((int)((now < LAST_TOOTH ? now : LAST_TOOTH) * CACHE));
		if (leaks && now > late * 0.25)
			leak_token((int)((now - late * 0.25) * TOKENS), !strcmp(mode, "kept"));
		free(malloc(50));
		usleep(500);
	}
	return 0;
}
