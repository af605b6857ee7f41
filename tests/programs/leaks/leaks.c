/* SPDX-License-Identifier: MIT */
/*
 * Blocks that are lost or not at the end. Each kind has its own function, whose name begins with its class in
 * Valgrind's terms. The arguments choose functions, the default is all. The functions are independent of each other.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "site.h"

struct node {
	struct node *next, *other;
	char text[40];
};

static void *by_global;
static void *by_interior;
static struct node *by_list;
static _Thread_local void *by_tls;
static void **by_pool;
static volatile uintptr_t hidden;

/* Overwrites stack and registers, which keep copies of addresses. */
SITE void wipe(void)
{
	volatile char stack[64 << 10];
	for (size_t i = 0; i < sizeof(stack); i++)
		stack[i] = 0;
	__asm__ volatile(
		"xor %%eax, %%eax\n\txor %%ecx, %%ecx\n\txor %%edx, %%edx\n\txor %%esi, %%esi\n\txor %%edi, %%edi\n\t"
		"xor %%r8d, %%r8d\n\txor %%r9d, %%r9d\n\txor %%r10d, %%r10d\n\txor %%r11d, %%r11d"
		:
		:
		: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "cc", "memory");
}

/* Allocated memory may hold old values, which Valgrind knows to be undefined. */
static void *make(size_t bytes)
{
	return memset(malloc(bytes), 0, bytes);
}

static struct node *make_list(unsigned count)
{
	struct node *first = NULL;
	while (count--) {
		struct node *node = make(sizeof(*node));
		node->next = first;
		first = node;
	}
	return first;
}

static struct node *make_tree(unsigned depth)
{
	struct node *node = make(sizeof(*node));
	if (depth) {
		node->next = make_tree(depth - 1);
		node->other = make_tree(depth - 1);
	}
	return node;
}

SITE void lost_block(void)
{
	hidden = ~(uintptr_t)make(101);
	hidden = ~(uintptr_t)make(102);
}

SITE void lost_empty(void)
{
	hidden = ~(uintptr_t)malloc(0);
}

SITE void lost_large(void)
{
	hidden = ~(uintptr_t)make(300 << 10); /* this block has its own mapping */
}

SITE void lost_list(void)
{
	hidden = ~(uintptr_t)make_list(10);
}

SITE void lost_tree(void)
{
	hidden = ~(uintptr_t)make_tree(4);
}

SITE void lost_cycle(void)
{
	struct node *node = make_list(5), *last = node;
	while (last->next)
		last = last->next;
	last->next = node;
	node->other = node; /* points to itself */
	hidden = ~(uintptr_t)node;
}

SITE void lost_two_cycles(void)
{
	struct node *a = make_list(1), *b = make_list(1);
	a->next = b;
	b->next = a;
	struct node *c = make_list(1);
	c->next = a; /* a block that leads to the cycle */
	hidden = ~(uintptr_t)c;
}

SITE void possible_interior(void)
{
	by_interior = (char *)make(200) + 100;
	KEEP(&by_interior);
}

SITE void possible_below(void)
{
	static char *inside;
	struct node *node = make(sizeof(*node));
	node->next = make(77);
	inside = node->text;
	KEEP(&inside);
}

SITE void reachable_global(void)
{
	by_global = make(303);
	KEEP(&by_global);
}

SITE void reachable_list(void)
{
	by_list = make_list(20);
	KEEP(&by_list);
}

SITE void reachable_tls(void)
{
	by_tls = make(404);
	KEEP(&by_tls);
}

SITE void reachable_pool(void)
{
	by_pool = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	by_pool[1000] = make(505);
}

SITE void reachable_shared(void)
{
	void **pool = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pool[7] = make(606);
}

/* Memory that is reserved but not used must not be read, which would take minutes. */
SITE void reachable_reserve(void)
{
	char *pool =
		mmap(NULL, 64ull << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pool != MAP_FAILED)
		*(void **)(pool + (33ull << 30)) = make(707);
}

/* A pointer in a block of which a part cannot be read. */
SITE void reachable_guarded(void)
{
	static char *block;
	block = make(1 << 20);
	uintptr_t page = ((uintptr_t)block + 8192) & ~(uintptr_t)4095;
	mprotect((void *)page, 4096, PROT_NONE);
	*(void **)(page + 8192) = make(808);
	KEEP(&block);
}

/* A pointer to the last word before the next block's size. The C library's lists of free blocks also point there. */
SITE void possible_last_word(void)
{
	static char *inside;
	inside = (char *)make(24) + 16;
	KEEP(&inside);
}

SITE void reachable_plugin(void)
{
	char path[4096] = "";
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - sizeof("_plugin.so"));
	if (length > 0)
		strcpy(path + length, "_plugin.so"); /* beside this program; Valgrind 3.24 writes behind the length */
	void *plugin = dlopen(path, RTLD_NOW);
	void **(*kept)(void) = plugin ? dlsym(plugin, "plugin_kept") : NULL;
	if (!kept) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	*kept() = make(909);
}

static void *wait_in_thread(void *argument)
{
	void *volatile on_stack = make(111);
	hidden = ~(uintptr_t)make(112);
	wipe();
	pthread_barrier_wait(argument);
	for (;;)
		pause();
	return on_stack;
}

static pthread_barrier_t barrier;

/* Only a thread that waits when the process ends has the pointer. */
SITE void reachable_thread(void)
{
	pthread_t thread;
	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread, NULL, wait_in_thread, &barrier);
	pthread_barrier_wait(&barrier);
}

static void *end_thread(void *argument)
{
	hidden = ~(uintptr_t)make_list(3);
	wipe();
	return argument;
}

SITE void lost_by_thread(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, end_thread, NULL);
	pthread_join(thread, NULL);
}

/* Neighbouring blocks are free at the end, and the allocator's lists hold their addresses. */
SITE void lost_among_free(void)
{
	void *rows[64];
	for (int i = 0; i < 64; i++)
		rows[i] = make(1500 + 16 * (size_t)i + 8);
	for (int i = 0; i < 64; i += 2)
		free(rows[i]);
	hidden = ~(uintptr_t)rows[1];
	memset(rows, 0, sizeof(rows));
	KEEP(rows);
}

/* The pointer is only in a register. */
SITE void reachable_register(void)
{
	register void *block __asm__("rbx") = make(1111);
	__asm__ volatile("" : "+r"(block));
	wipe();
	__asm__ volatile("xor %%edi, %%edi\n\tcall _exit@PLT" : : "r"(block) : "memory");
}

/* Threads that allocate, map and unmap while the process ends. */
static void *run_on(void *argument)
{
	for (unsigned i = 0;; i++) {
		void *block = malloc(i % 50 ? 100 + i % 1000 : 400 << 10);
		void *mapped = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (mapped != MAP_FAILED) {
			*(void **)mapped = block;
			munmap(mapped, 1 << 20);
		}
		free(block);
	}
	return argument;
}

SITE void lost_beside_threads(void)
{
	for (int i = 0; i < 4; i++) {
		pthread_t thread;
		pthread_create(&thread, NULL, run_on, NULL);
	}
	usleep(20000);
	lost_block();
}

/* The child has its parent's blocks and one more. */
SITE void lost_by_fork(void)
{
	int status;
	lost_block();
	pid_t child = fork();
	if (!child) {
		hidden = ~(uintptr_t)make(55);
		return;
	}
	waitpid(child, &status, 0);
}

struct kind {
	const char *name;
	void (*run)(void);
};

#define KIND(name)                                                                                                     \
	{                                                                                                              \
#name, name                                                                                            \
	}

static const struct kind all[] = {
	KIND(lost_block),        KIND(lost_empty),       KIND(lost_large),         KIND(lost_list),
	KIND(lost_tree),         KIND(lost_cycle),       KIND(lost_two_cycles),    KIND(lost_by_thread),
	KIND(possible_interior), KIND(possible_below),   KIND(possible_last_word), KIND(reachable_global),
	KIND(reachable_list),    KIND(reachable_tls),    KIND(reachable_pool),     KIND(reachable_shared),
	KIND(reachable_guarded), KIND(reachable_thread), KIND(reachable_plugin),
};

/* These run only if they are named: the others would disturb them, or Valgrind would read all reserved memory. */
static const struct kind alone[] = {
	KIND(lost_among_free),   KIND(lost_beside_threads), KIND(lost_by_fork),
	KIND(reachable_reserve), KIND(reachable_register),
};

#define COUNT(kinds) (sizeof(kinds) / sizeof((kinds)[0]))

int main(int count, char **words)
{
	const char *name = count > 1 ? words[1] : NULL;
	for (size_t i = 0; i < COUNT(all); i++)
		if (!name || !strcmp(name, all[i].name))
			all[i].run();
	for (size_t i = 0; i < COUNT(alone) && name; i++)
		if (!strcmp(name, alone[i].name))
			alone[i].run();
	void *volatile on_stack = NULL;
	if (name && !strcmp(name, "reachable_stack"))
		on_stack = make(1010);
	wipe();
	hidden = 0;
	if (on_stack)
		exit(0);
	return 0;
}
