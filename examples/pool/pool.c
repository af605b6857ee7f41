/* SPDX-License-Identifier: MIT */
/* An arena hands out parts of one mapping, which malloc never sees. Calls of ctrace_pool_* report the parts to ctrace. */
#include <ctrace/ctrace.h>

#include <stdlib.h>
#include <sys/mman.h>

struct arena {
	char *memory;
	size_t used, size;
};

static void arena_open(struct arena *arena, size_t size)
{
	/* Memory from malloc would also need ctrace_pool_create, or it would count twice. */
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		abort();
	*arena = (struct arena){.memory = memory, .size = size};
}

static void *arena_alloc(struct arena *arena, size_t bytes)
{
	size_t rounded = (bytes + 15) & ~(size_t)15;
	if (rounded > arena->size - arena->used)
		abort();
	void *part = arena->memory + arena->used;
	arena->used += rounded;
	ctrace_pool_alloc(part, bytes);
	return part;
}

static void arena_reset(struct arena *arena)
{
	ctrace_pool_clear(arena->memory, arena->size);
	arena->used = 0;
}

static void parse(struct arena *arena)
{
	for (int i = 0; i < 100; i++)
		arena_alloc(arena, 40);
}

static void render(struct arena *arena)
{
	for (int i = 0; i < 10; i++)
		arena_alloc(arena, 5000);
}

int main(void)
{
	struct arena arena;
	arena_open(&arena, 1 << 20);
	for (int request = 0; request < 20; request++) {
		parse(&arena);
		render(&arena);
		arena_reset(&arena);
	}
	return munmap(arena.memory, arena.size);
}
