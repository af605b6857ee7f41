/* SPDX-License-Identifier: MIT */
/*
 * pairs MODE COUNT [depth=N] [threads=N] [sites=N] [live=N]: COUNT malloc/free pairs in each thread, N frames deep.
 *
 *   same       one site                                        live   N blocks live, a random one is replaced
 *   sites      N sites; the next differs in two inner frames   sizes  random sizes up to 32 KiB
 *   scattered  N sites; the next may differ from main on       grow   realloc
 *   wander     a call deeper or back, at each pair     push   ctrace_tag_push and ctrace_tag_pop, without a pair
 *   tagged     each pair below a tag of its own        buffer the same with a name that is not a literal
 *   changing   a pair below a tag, then one without
 *   cross      one half of the threads allocates, the other half frees
 *
 * stdout: a checksum, which is the same in each run. stderr: "pairs TOTAL, CPU ns, wall ns".
 *
 * Each block is filled and read, which takes about 70 ns. Programs that allocate much do about as much with a block,
 * and a ratio to a loop that does nothing would be meaningless.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctrace/ctrace.h"

#define FRAME __attribute__((noinline, noclone))
#define KEEP(value) __asm__ volatile("" : : "g"(value) : "memory")
#define THREADS_MAX 64
#define FRAMES_AROUND 7 /* the body, and the frames below the first one */
#define WANDER_DEPTH 60
#define BATCH 256
#define USED_BYTES 64

struct worker {
	uint64_t left, sum, random;
	struct channel *channel;
	void (*body)(struct worker *);
};

/* Blocks go from thread to thread in batches, since handing over must not cost more than the pairs. */
struct channel {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned char *blocks[BATCH];
	int used;
};

static uint64_t count, depth = 20, threads = 1, sites = 4096, live = 256;
static int site_bits;

static uint32_t draw(struct worker *worker)
{
	worker->random = worker->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(worker->random >> 33);
}

static void use(struct worker *worker, unsigned char *block, size_t bytes)
{
	bytes = bytes < USED_BYTES ? bytes : USED_BYTES;
	memset(block, (int)bytes, bytes);
	KEEP(block);
	uint32_t hash = (uint32_t)worker->sum;
	for (size_t i = 0; i < bytes; i++)
		hash = (hash ^ block[i]) * 16777619u;
	worker->sum += hash;
}

FRAME static unsigned char *take(struct worker *worker, size_t bytes)
{
	unsigned char *block = malloc(bytes);
	if (!block)
		abort();
	use(worker, block, bytes);
	return block;
}

static void give(struct worker *worker, unsigned char *block)
{
	worker->sum += *block;
	free(block);
}

FRAME static void same(struct worker *worker)
{
	for (; worker->left; worker->left--)
		give(worker, take(worker, 64));
}

FRAME static void at_site(struct worker *worker, uint64_t site, int bits)
{
	if (!bits) {
		give(worker, take(worker, 64));
	} else if (site >> (bits - 1) & 1) {
		at_site(worker, site, bits - 1);
		KEEP(1); /* otherwise the compiler makes one call of the two */
	} else {
		at_site(worker, site, bits - 1);
		KEEP(2);
	}
}

FRAME static void push(struct worker *worker)
{
	for (; worker->left; worker->left--) {
		ctrace_tag_push("checkout");
		ctrace_tag_pop();
	}
}

FRAME static void buffer(struct worker *worker)
{
	char name[] = "checkout";
	for (; worker->left; worker->left--) {
		KEEP(name);
		ctrace_tag_push(name);
		ctrace_tag_pop();
	}
}

FRAME static void tagged(struct worker *worker)
{
	for (; worker->left; worker->left--) {
		ctrace_tag_push("checkout");
		give(worker, take(worker, 64));
		ctrace_tag_pop();
	}
}

FRAME static void changing(struct worker *worker)
{
	for (; worker->left; worker->left--) {
		ctrace_tag_push("checkout");
		give(worker, take(worker, 64));
		ctrace_tag_pop();
		give(worker, take(worker, 64));
	}
}

static void near_sites(struct worker *worker)
{
	for (; worker->left; worker->left--)
		at_site(worker, worker->left % sites, site_bits);
}

static void scattered_sites(struct worker *worker)
{
	for (; worker->left; worker->left--)
		at_site(worker, worker->left * 2654435761u % sites, site_bits);
}

FRAME static void wander_on(struct worker *worker, uint32_t turn, int frames);

/* Calls deeper, returns, or neither; some 10,000 stacks in total. */
FRAME static void wander_at(struct worker *worker, int frames)
{
	while (worker->left) {
		worker->left--;
		uint32_t turn = draw(worker) % 8;
		unsigned char *block = take(worker, 64);
		if (turn < 3 && frames < WANDER_DEPTH)
			wander_on(worker, turn, frames + 1);
		give(worker, block);
		if (turn > 4 && frames)
			return;
	}
}

FRAME static void wander_on(struct worker *worker, uint32_t turn, int frames)
{
	if (turn && frames % 8 == 0) {
		wander_at(worker, frames);
		KEEP(1);
	} else {
		wander_at(worker, frames);
		KEEP(2);
	}
}

static void wander(struct worker *worker)
{
	wander_at(worker, 0);
}

static void hold(struct worker *worker, size_t (*size)(struct worker *))
{
	uint64_t blocks = live < worker->left ? live : worker->left;
	unsigned char **block = calloc(blocks, sizeof(*block));
	for (uint64_t i = 0; i < blocks; i++, worker->left--)
		block[i] = take(worker, size(worker));
	for (; worker->left; worker->left--) {
		uint64_t i = draw(worker) % blocks;
		give(worker, block[i]);
		block[i] = take(worker, size(worker));
	}
	for (uint64_t i = 0; i < blocks; i++)
		give(worker, block[i]);
	free(block);
}

static size_t small_size(struct worker *worker)
{
	return 16 + draw(worker) % 112;
}

static size_t any_size(struct worker *worker)
{
	uint32_t most = 8u << draw(worker) % 13;
	return 1 + draw(worker) % most;
}

static void live_blocks(struct worker *worker)
{
	hold(worker, small_size);
}

static void sizes(struct worker *worker)
{
	hold(worker, any_size);
}

static void grow(struct worker *worker)
{
	while (worker->left) {
		unsigned char *block = NULL;
		for (size_t bytes = 16; worker->left && bytes < 20000; worker->left--, bytes += bytes / 2) {
			block = realloc(block, bytes);
			use(worker, block, bytes);
		}
		give(worker, block);
	}
}

static void produce(struct worker *worker)
{
	struct channel *channel = worker->channel;
	while (worker->left) {
		unsigned char *blocks[BATCH];
		int used = 0;
		for (; worker->left && used < BATCH; worker->left--)
			blocks[used++] = take(worker, 64);
		pthread_mutex_lock(&channel->lock);
		while (channel->used)
			pthread_cond_wait(&channel->changed, &channel->lock);
		memcpy(channel->blocks, blocks, sizeof(blocks));
		channel->used = used;
		pthread_cond_signal(&channel->changed);
		pthread_mutex_unlock(&channel->lock);
	}
}

static void consume(struct worker *worker)
{
	struct channel *channel = worker->channel;
	while (worker->left) {
		unsigned char *blocks[BATCH];
		pthread_mutex_lock(&channel->lock);
		while (!channel->used)
			pthread_cond_wait(&channel->changed, &channel->lock);
		int used = channel->used;
		memcpy(blocks, channel->blocks, sizeof(blocks));
		channel->used = 0;
		pthread_cond_signal(&channel->changed);
		pthread_mutex_unlock(&channel->lock);
		worker->left -= (uint64_t)used;
		while (used)
			give(worker, blocks[--used]);
	}
}

FRAME static void below(struct worker *worker, uint64_t frames)
{
	if (frames > FRAMES_AROUND)
		below(worker, frames - 1);
	else
		worker->body(worker);
	KEEP(frames);
}

static void *run(void *argument)
{
	below(argument, depth);
	return NULL;
}

static uint64_t nanoseconds(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static const struct {
	const char *name;
	void (*body)(struct worker *);
} modes[] = {
	{"same", same},     {"sites", near_sites}, {"scattered", scattered_sites},
	{"wander", wander}, {"live", live_blocks}, {"sizes", sizes},
	{"grow", grow},     {"cross", produce},    {"push", push},
	{"buffer", buffer}, {"tagged", tagged},    {"changing", changing},
};

static void (*find_mode(const char *name))(struct worker *)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(name, modes[i].name))
			return modes[i].body;
	exit(2);
}

static void read_option(const char *word)
{
	if (sscanf(word, "depth=%lu", &depth) != 1 && sscanf(word, "threads=%lu", &threads) != 1 &&
	    sscanf(word, "sites=%lu", &sites) != 1 && sscanf(word, "live=%lu", &live) != 1)
		exit(2);
}

int main(int argc, char **argv)
{
	static struct worker workers[THREADS_MAX];
	static struct channel channels[THREADS_MAX];
	pthread_t thread[THREADS_MAX];
	if (argc < 3)
		return 2;
	void (*body)(struct worker *) = find_mode(argv[1]);
	count = strtoull(argv[2], NULL, 10);
	for (int i = 3; i < argc; i++)
		read_option(argv[i]);
	if (threads > THREADS_MAX)
		return 2;
	while (1ull << site_bits < sites)
		site_bits++;

	for (uint64_t i = 0; i < threads; i++) {
		workers[i] = (struct worker){count, 0, i, &channels[i / 2], body == produce && i % 2 ? consume : body};
		pthread_mutex_init(&channels[i].lock, NULL);
		pthread_cond_init(&channels[i].changed, NULL);
	}
	uint64_t cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID), wall = nanoseconds(CLOCK_MONOTONIC), sum = 0;
	if (threads == 1)
		run(&workers[0]);
	for (uint64_t i = 0; threads > 1 && i < threads; i++)
		pthread_create(&thread[i], NULL, run, &workers[i]);
	for (uint64_t i = 0; threads > 1 && i < threads; i++)
		pthread_join(thread[i], NULL);
	cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = nanoseconds(CLOCK_MONOTONIC) - wall;
	for (uint64_t i = 0; i < threads; i++)
		sum += workers[i].sum;
	uint64_t pairs = body == produce ? count * threads / 2 : count * threads;
	printf("%lu\n", sum);
	fprintf(stderr, "pairs %lu, CPU %lu, wall %lu\n", pairs, cpu, wall);
	return 0;
}
