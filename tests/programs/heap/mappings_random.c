/* SPDX-License-Identifier: MIT */
/*
 * mappings_random SEED: random calls of mmap, munmap and mremap over each other, beside a model of each page. Prints
 * how many bytes the kernel has mapped in the end, and what the model knows of each function that maps.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mappings.h"

#define WINDOW ((char *)0x200000000000)
#define WINDOW_PAGES 256u
#define ORIGINS 4096u
#define ROUNDS 3000

enum { A, B, C, MOVED, SITES };

static const char *const names[SITES] = {"map_a", "map_b", "map_c", "remap"};

/* What ctrace has to say, kept in the simplest way: the mapping of each page. */
static struct {
	uint16_t page[WINDOW_PAGES]; /* its mapping; 0: none */
	struct {
		int site;
		unsigned pages;
	} origin[ORIGINS];
	unsigned origins;
	struct {
		unsigned long total, calls, live, mappings, most, peak, moves;
	} site[SITES];
	unsigned long peak;
} model;

static unsigned long live_pages(void)
{
	unsigned long pages = 0;
	for (int i = 0; i < SITES; i++)
		pages += model.site[i].live;
	return pages;
}

/* Like the peak's, the maximum is looked at when something has been mapped. */
static void model_extremes(int site)
{
	if (model.site[site].live > model.site[site].most)
		model.site[site].most = model.site[site].live;
	if (live_pages() < model.peak)
		return;
	model.peak = live_pages();
	for (int i = 0; i < SITES; i++)
		model.site[i].peak = model.site[i].live;
}

static void model_remove(unsigned from, unsigned pages)
{
	for (unsigned i = from; i < from + pages; i++) {
		unsigned origin = model.page[i];
		if (!origin)
			continue;
		model.page[i] = 0;
		model.site[model.origin[origin].site].live--;
		if (!--model.origin[origin].pages)
			model.site[model.origin[origin].site].mappings--;
	}
}

static void model_fill(unsigned origin, unsigned from, unsigned pages)
{
	for (unsigned i = from; i < from + pages; i++)
		model.page[i] = (uint16_t)origin;
	model.origin[origin].pages += pages;
	model.site[model.origin[origin].site].live += pages;
}

static void model_call(int site, unsigned pages)
{
	model.site[site].total += pages;
	model.site[site].calls++;
	model_extremes(site);
}

static void model_add(int site, unsigned from, unsigned pages)
{
	unsigned origin = ++model.origins;
	model_remove(from, pages);
	model.origin[origin].site = site;
	model.site[site].mappings++;
	model_fill(origin, from, pages);
	model_call(site, pages);
}

/* Each page keeps its mapping. The mapping of the last page grows, and the call counts as its. */
static void model_move(unsigned from, unsigned pages, unsigned to, unsigned new_pages)
{
	unsigned last = 0;
	bool shrinks = new_pages < pages;
	if (shrinks) {
		model_remove(from + new_pages, pages - new_pages);
		pages = new_pages;
	}
	if (from == to && shrinks)
		return;
	for (unsigned i = 0; i < pages; i++) {
		unsigned origin = model.page[from + i];
		if (!origin)
			continue; /* what is in the target's place stays */
		last = origin;
		if (from == to)
			continue;
		model_remove(to + i, 1);
		model.page[from + i] = 0;
		model.page[to + i] = (uint16_t)origin;
	}
	model_remove(to + pages, new_pages - pages);
	model_fill(last, to + pages, new_pages - pages);
	model.site[model.origin[last].site].moves += from != to;
	model_call(model.origin[last].site, new_pages);
}

/* MREMAP_DONTUNMAP: a new mapping in the shape of the old one. */
static void model_copy(unsigned from, unsigned pages, unsigned to)
{
	unsigned origin = ++model.origins;
	model.origin[origin].site = MOVED;
	model.site[MOVED].mappings++;
	for (unsigned i = 0; i < pages; i++) {
		if (!model.page[from + i])
			continue;
		model_remove(to + i, 1);
		model_fill(origin, to + i, 1);
	}
	model_call(MOVED, model.origin[origin].pages);
}

static unsigned below(unsigned limit)
{
	return (unsigned)rand() % limit;
}

static unsigned page_of(const char *at)
{
	return (unsigned)((size_t)(at - WINDOW) / PAGE);
}

static void random_map(void)
{
	static char *(*const maps[])(void *, size_t, int) = {map_a, map_b, map_c};
	unsigned from = below(WINDOW_PAGES), pages = 1 + below(30), site = below(3);
	if (from + pages > WINDOW_PAGES)
		pages = WINDOW_PAGES - from;
	if (maps[site](WINDOW + from * PAGE, pages, MAP_FIXED) == MAP_FAILED)
		fail("mmap");
	model_add((int)site, from, pages);
}

static void random_unmap(void)
{
	unsigned from = below(WINDOW_PAGES), pages = 1 + below(40);
	if (from + pages > WINDOW_PAGES)
		pages = WINDOW_PAGES - from;
	if (munmap(WINDOW + from * PAGE, pages * PAGE) != 0)
		fail("munmap");
	model_remove(from, pages);
}

/* In place, or to a place that overlaps nothing of the old one, whatever is there. Many of these fail. */
static void random_remap(void)
{
	unsigned from = below(WINDOW_PAGES), pages = 1 + below(20), new_pages = 1 + below(30), to = below(WINDOW_PAGES);
	bool moves = below(2), duplicates = moves && !below(6);
	if (duplicates)
		new_pages = pages;
	if (from + pages > WINDOW_PAGES || (moves ? to : from) + new_pages > WINDOW_PAGES)
		return;
	if (moves && to < from + pages && from < to + new_pages)
		return;
	char *at = remap(WINDOW + from * PAGE, pages, new_pages,
			 !moves ? 0 : MREMAP_MAYMOVE | MREMAP_FIXED | (duplicates ? 4 /* MREMAP_DONTUNMAP */ : 0),
			 WINDOW + to * PAGE);
	if (at != MAP_FAILED && duplicates)
		model_copy(from, pages, page_of(at));
	else if (at != MAP_FAILED)
		model_move(from, pages, page_of(at), new_pages);
	/* The kernel may have unmapped the target before it failed, and what is there in place of a gap. */
	for (unsigned i = 0; i < WINDOW_PAGES; i++)
		if (msync(WINDOW + i * PAGE, PAGE, MS_ASYNC) != 0)
			model_remove(i, 1);
}

/* The bytes of the window that the kernel has. */
static unsigned long kernels_bytes(void)
{
	unsigned long start, end, bytes = 0;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "r");
	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx", &start, &end) == 2 && start >= (unsigned long)WINDOW &&
		    end <= (unsigned long)WINDOW + WINDOW_PAGES * PAGE)
			bytes += end - start;
	fclose(maps);
	return bytes;
}

int main(int argc, char **argv)
{
	srand(argc > 1 ? (unsigned)atoi(argv[1]) : 1);
	for (int i = 0; i < ROUNDS && model.origins < ORIGINS - 2; i++) {
		unsigned what = below(10);
		if (what < 4)
			random_map();
		else if (what < 7)
			random_unmap();
		else
			random_remap();
	}
	printf("kernel %lu\n", kernels_bytes());
	for (int i = 0; i < SITES; i++)
		printf("%s %lu %lu %lu %lu %lu %lu %lu\n", names[i], model.site[i].total * PAGE, model.site[i].calls,
		       model.site[i].live * PAGE, model.site[i].mappings, model.site[i].most * PAGE,
		       model.site[i].peak * PAGE, model.site[i].moves);
	return 0;
}
