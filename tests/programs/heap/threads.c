/* SPDX-License-Identifier: MIT */
/*
 * Threads hand blocks to each other: threads PAIRS ROUNDS [serial]. In each pair a maker allocates and a dropper frees,
 * with a queue between them. Every 100th block is kept. "serial" runs one thread at a time.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "site.h"

#define SLOTS 32
#define PAIRS_MAX 16

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	void *slots[SLOTS];
	unsigned in, out;
};

static struct queue queues[PAIRS_MAX];
static int rounds;

static void put(struct queue *queue, void *block)
{
	pthread_mutex_lock(&queue->lock);
	while (queue->in - queue->out == SLOTS)
		pthread_cond_wait(&queue->moved, &queue->lock);
	queue->slots[queue->in++ % SLOTS] = block;
	pthread_cond_broadcast(&queue->moved);
	pthread_mutex_unlock(&queue->lock);
}

static void *get(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	while (queue->in == queue->out)
		pthread_cond_wait(&queue->moved, &queue->lock);
	void *block = queue->slots[queue->out++ % SLOTS];
	pthread_cond_broadcast(&queue->moved);
	pthread_mutex_unlock(&queue->lock);
	return block;
}

SITE void *make_block(int round)
{
	void *block = malloc(50 + (size_t)(round % 7) * 100);
	KEEP(block);
	return block;
}

SITE void drop_block(void *block, int round)
{
	if (round % 100)
		free(block);
	KEEP(block);
}

SITE void *resize_block(void *block)
{
	block = realloc(block, 2000);
	KEEP(block);
	return block;
}

static void *maker(void *argument)
{
	for (int i = 0; i < rounds; i++)
		put(argument, make_block(i));
	return NULL;
}

static void *dropper(void *argument)
{
	for (int i = 0; i < rounds; i++) {
		void *block = get(argument);
		if (i % 10 == 0)
			block = resize_block(block);
		drop_block(block, i);
	}
	return NULL;
}

static void *serial(void *argument)
{
	(void)argument;
	for (int i = 0; i < rounds; i++)
		drop_block(make_block(i), i);
	return NULL;
}

int main(int argc, char **argv)
{
	int pairs = argc > 1 ? atoi(argv[1]) : 2;
	rounds = argc > 2 ? atoi(argv[2]) : 1000;
	pthread_t threads[2 * PAIRS_MAX];

	if (argc > 3) {
		for (int i = 0; i < pairs; i++) {
			pthread_create(&threads[0], NULL, serial, NULL);
			pthread_join(threads[0], NULL);
		}
		return 0;
	}
	for (int i = 0; i < pairs && i < PAIRS_MAX; i++) {
		pthread_mutex_init(&queues[i].lock, NULL);
		pthread_cond_init(&queues[i].moved, NULL);
		pthread_create(&threads[2 * i], NULL, maker, &queues[i]);
		pthread_create(&threads[2 * i + 1], NULL, dropper, &queues[i]);
	}
	for (int i = 0; i < 2 * pairs; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
