/* SPDX-License-Identifier: MIT */
/*
 * A program that damages the block map of the ctrace in it, and waits for a line on stdin. usage: scribble HOW
 *   leaves  each leaf is the same page, full of rows
 *   rows    there are no rows
 *   sizes   every row has the largest size
 *   shift   the granule is of no known size
 */
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctrace/block_map.h"
#include "ctrace/note.h"

#define LEAVES ((size_t)1 << (CT_ADDRESS_BITS - CT_LEAF_SHIFT))
#define LEAF_BYTES ((size_t)8 << 20)

/* Where the library begins, from /proc/self/maps. */
static const char *library(void)
{
	static char line[4096];
	unsigned long start = 0;
	FILE *maps = fopen("/proc/self/maps", "r");
	while (!start && fgets(line, sizeof(line), maps))
		if (strstr(line, "/libctrace.so"))
			sscanf(line, "%lx", &start);
	fclose(maps);
	return (const char *)start;
}

/* The note is on the first page. */
static struct ct_block_map *find_map(const char *start)
{
	static const Elf64_Nhdr head = {sizeof(CT_NOTE_OWNER), 2 * sizeof(int32_t), CT_NOTE_BLOCKS};
	const char *note = memmem(start, 4096, &head, sizeof(head));
	const char *content = note + sizeof(head) + 8;
	return (struct ct_block_map *)(content + *(const int32_t *)content);
}

static void *pages(size_t bytes)
{
	return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	char byte;
	static char *kept[100];
	for (int i = 0; i < 100; i++)
		kept[i] = malloc(1000);
	struct ct_block_map *map = find_map(library()), damaged = *map;
	uint32_t *leaf = pages(LEAF_BYTES), **leaves = pages(LEAVES * sizeof(*leaves));
	struct ct_block *rows = pages(LEAF_BYTES);
	if (!strcmp(how, "leaves")) {
		for (size_t i = 0; i < LEAF_BYTES / sizeof(*leaf); i++)
			leaf[i] = (uint32_t)i + 1;
		for (size_t i = 0; i < LEAVES; i++)
			leaves[i] = leaf;
		damaged.leaves = leaves;
	}
	if (!strcmp(how, "rows"))
		damaged.rows = (void *)0x1000;
	if (!strcmp(how, "sizes")) {
		memset(rows, 0x7f, LEAF_BYTES);
		for (size_t i = 0; i < LEAF_BYTES / sizeof(*rows); i++)
			rows[i].site_size = rows[i].site_size >> 32 << 32 | 1;
		damaged.rows = rows;
	}
	if (!strcmp(how, "shift"))
		damaged.granule_shift = 63;
	*map = damaged;
	if (write(1, "ready\n", 6) != 6 || read(0, &byte, 1) < 0)
		return 1;
	_exit(kept[0] == NULL); /* ctrace must not look at its map any more */
}
