/* SPDX-License-Identifier: MIT */
/*
 * Allocates in threads until it is killed, and counts what it has done in a file that survives it:
 * counted FILE THREADS [STACKS [leak]]. Each thread has its own two counters, written after malloc has returned and
 * before free is called. STACKS is the number of different stacks, which makes the recording grow. leak: nothing is freed.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "site.h"

#define HELD 64

struct counters {
	volatile uint64_t allocated;
	volatile uint64_t freed;
};

static unsigned stacks = 1;
static bool leaking;

/* Each number has a different stack. */
SITE static void *branch(unsigned number, size_t bytes)
{
	if (!number)
		return malloc(bytes);
	void *block = number & 1 ? branch(number >> 1, bytes) : branch(number >> 1, bytes);
	KEEP(block);
	return block;
}

SITE static void work(struct counters *counters)
{
	void *held[HELD] = {0};
	for (uint64_t i = 0;; i++) {
		void **slot = &held[i * 7 % HELD];
		if (*slot && !leaking) {
			counters->freed++;
			free(*slot);
		}
		*slot = branch((unsigned)i % stacks, i % 1000);
		counters->allocated++;
	}
}

static void *thread(void *counters)
{
	work(counters);
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	int threads = atoi(argv[2]);
	if (argc > 3)
		stacks = (unsigned)atoi(argv[3]);
	leaking = argc > 4;
	int fd = open(argv[1], O_RDWR);
	struct counters *counters = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (counters == MAP_FAILED)
		return 1;
	for (int i = 1; i < threads; i++) {
		pthread_t id;
		pthread_create(&id, NULL, thread, &counters[i]);
	}
	work(&counters[0]);
}
