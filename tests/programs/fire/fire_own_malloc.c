/* SPDX-License-Identifier: MIT */
/* A program with its own malloc, which takes precedence over that of any library. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Alignas(16) char memory[1 << 20];
static size_t used, calls;

void *malloc(size_t bytes)
{
	size_t start = __atomic_fetch_add(&used, (bytes + 31) / 16 * 16, __ATOMIC_RELAXED);
	calls++;
	if (start + bytes + 32 > sizeof(memory))
		return NULL;
	memcpy(memory + start, &bytes, sizeof(bytes));
	return memory + start + 16;
}

void free(void *block)
{
	(void)block;
}

void *calloc(size_t count, size_t size)
{
	return malloc(count * size);
}

void *realloc(void *block, size_t bytes)
{
	size_t old = 0;
	void *moved = malloc(bytes);
	if (block)
		memcpy(&old, (char *)block - 16, sizeof(old));
	return moved && block ? memcpy(moved, block, old < bytes ? old : bytes) : moved;
}

int main(void)
{
	char *line = strdup("allocated here");
	line = realloc(line, 1000);
	printf("%s %d\n", line, (uintptr_t)line - (uintptr_t)memory < sizeof(memory));
	free(line);
	return calls < 2;
}
