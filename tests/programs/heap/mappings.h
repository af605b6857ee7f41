/* SPDX-License-Identifier: MIT */
/* The functions that map, for the programs that test mappings. */
#ifndef MAPPINGS_H
#define MAPPINGS_H

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "site.h"

#define PAGE 4096ul
#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS)

SITE static char *map_a(void *at, size_t pages, int flags)
{
	char *memory = mmap(at, pages * PAGE, PROT_READ | PROT_WRITE, PRIVATE | flags, -1, 0);
	KEEP(memory);
	return memory;
}

SITE static char *map_b(void *at, size_t pages, int flags)
{
	char *memory = mmap64(at, pages * PAGE - 1, PROT_READ | PROT_WRITE, PRIVATE | flags, -1, 0);
	KEEP(memory);
	return memory;
}

SITE static char *map_c(void *at, size_t pages, int flags)
{
	char *memory = mmap(at, pages * PAGE, PROT_NONE, PRIVATE | MAP_NORESERVE | flags, -1, 0);
	KEEP(memory);
	return memory;
}

SITE static char *remap(char *at, size_t pages, size_t new_pages, int flags, char *to)
{
	char *memory = mremap(at, pages * PAGE, new_pages * PAGE, flags, to);
	KEEP(memory);
	return memory;
}

static void fail(const char *what)
{
	perror(what);
	_exit(1);
}

#endif
