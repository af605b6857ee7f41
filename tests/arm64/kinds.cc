// SPDX-License-Identifier: MIT
// The kinds of stacks: the same blocks, at the same places, on each processor. `kinds KIND...` runs those alone.
#include <alloca.h>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <ucontext.h>
#include <unistd.h>
#include <vector>

#include "site.h"

extern "C" void bare_outer(void (*work)(void *), void *argument); // bare.c

SITE static void blocks(size_t bytes, int count = 1)
{
	for (int i = 0; i < count; i++) {
		void *block = malloc(bytes);
		KEEP(block);
		free(block);
	}
}

SITE static void in_alloca(size_t bytes)
{
	char *room = (char *)alloca(bytes);
	memset(room, 1, bytes);
	KEEP(room);
	blocks(100 + bytes % 7);
	KEEP(room);
}

SITE static void in_large_frame()
{
	char room[100000];
	KEEP(room);
	blocks(300, 3);
	KEEP(room);
}

SITE static void thrower(int depth)
{
	std::vector<int> values(10 + depth);
	KEEP(values.data());
	if (!depth)
		throw std::runtime_error("thrown through all of them, with a text too long to be kept in place");
	thrower(depth - 1);
	KEEP(values.data());
}

SITE static void exceptions()
{
	for (int i = 0; i < 20; i++) {
		try {
			thrower(i % 5);
		} catch (const std::runtime_error &error) {
			std::string text = error.what();
			blocks(text.size());
		}
	}
}

SITE static void frames()
{
	for (size_t i = 1; i < 50; i++)
		in_alloca(i * 16);
	in_large_frame();
}

SITE static void recursion(int depth)
{
	blocks((size_t)depth + 1);
	if (depth)
		recursion(depth - 1);
	blocks((size_t)depth + 1);
}

SITE static void bare_work(void *argument)
{
	blocks(*(size_t *)argument, 2);
}

SITE static void bare()
{
	size_t bytes = 77;
	bare_outer(bare_work, &bytes);
	bytes = 78;
	bare_outer(bare_work, &bytes);
}

SITE static void threads()
{
	std::vector<std::thread> all;
	for (int i = 0; i < 4; i++)
		all.emplace_back([] {
			recursion(10);
			exceptions();
		});
	for (auto &thread : all)
		thread.join();
}

SITE static void forks()
{
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();
		if (!pid) {
			recursion(5);
			_exit(0);
		}
		waitpid(pid, nullptr, 0);
		blocks(11);
	}
}

static volatile sig_atomic_t handled, in_leaf;

static void on_signal(int number)
{
	// On a slow machine the alarm may come before the leaf is called.
	if (number == SIGALRM && !in_leaf) {
		ualarm(20000, 0);
		return;
	}
	blocks(500 + (size_t)number, 2);
	handled = 1;
}

// It calls no other function, and waits for the signal with its return address in the register.
SITE static int leaf(int value)
{
	in_leaf = 1;
	while (!handled)
		value++;
	return value;
}

SITE static void signals()
{
	struct sigaction action = {};
	action.sa_handler = on_signal;
	sigaction(SIGUSR1, &action, nullptr);
	sigaction(SIGALRM, &action, nullptr);
	raise(SIGUSR1);
	handled = 0;
	ualarm(20000, 0);
	KEEP(leaf(1));
}

static ucontext_t outside, inside;

static void context_body()
{
	blocks(900);
	swapcontext(&inside, &outside);
	blocks(901);
}

SITE static void contexts()
{
	char *stack = (char *)malloc(128 << 10);
	getcontext(&inside);
	inside.uc_stack.ss_sp = stack;
	inside.uc_stack.ss_size = 128 << 10;
	inside.uc_link = &outside;
	makecontext(&inside, context_body, 0);
	swapcontext(&outside, &inside);
	blocks(902);
	swapcontext(&outside, &inside);
	free(stack);
}

static int compare(const void *a, const void *b)
{
	blocks(5);
	return *(const int *)a - *(const int *)b;
}

// Through the C library and back.
SITE static void callbacks()
{
	int values[16];
	for (int i = 0; i < 16; i++)
		values[i] = i * 7 % 16;
	qsort(values, 16, sizeof(values[0]), compare);
}

SITE static void operators()
{
	struct alignas(64) wide {
		char bytes[200];
	};
	for (int i = 0; i < 3; i++) {
		wide *aligned = new wide;
		KEEP(aligned);
		delete aligned;
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)();
	} kinds[] = {{"frames", frames},   {"exceptions", exceptions}, {"bare", bare},           {"threads", threads},
		     {"signals", signals}, {"contexts", contexts},     {"callbacks", callbacks}, {"operators", operators},
		     {"forks", forks}};
	for (auto &kind : kinds) {
		bool wanted = argc == 1;
		for (int i = 1; i < argc; i++)
			wanted = wanted || !strcmp(argv[i], kind.name);
		if (wanted)
			kind.run();
	}
	recursion(30);
	return 0;
}
