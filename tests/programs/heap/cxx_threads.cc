// SPDX-License-Identifier: MIT
// C++ threads with inlined calls, for the tests of formats. Every counter of a site gets a different value.
#include <cstddef>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

struct node {
	node *next;
	char text[40];
};

static inline __attribute__((always_inline)) node *make_node(node *next)
{
	return new node{next, ""};
}

static inline __attribute__((always_inline)) node *push_twice(node *list)
{
	return make_node(make_node(list));
}

__attribute__((noinline)) static node *build(int length)
{
	node *list = nullptr;
	for (int i = 0; i < length; i++)
		list = push_twice(list);
	return list;
}

__attribute__((noinline)) static void drop(node *list, int keep)
{
	while (list) {
		node *next = list->next;
		if (keep-- <= 0)
			delete list;
		list = next;
	}
}

/* Each block is freed at once. */
__attribute__((noinline)) static std::size_t temporary(int count)
{
	std::size_t sum = 0;
	for (int i = 0; i < count; i++)
		sum += std::string(static_cast<std::size_t>(100 + i), 'x').size();
	return sum;
}

template <typename Value> __attribute__((noinline)) static Value *grown(std::size_t count)
{
	auto *values = static_cast<Value *>(std::malloc(sizeof(Value)));
	for (std::size_t i = 2; i <= count; i *= 2)
		values = static_cast<Value *>(std::realloc(values, i * sizeof(Value)));
	return values;
}

static void work(int number)
{
	node *list = build(200 + number);
	volatile std::size_t sum = temporary(50);
	int *values = grown<int>(4096);
	drop(list, number);
	if (number % 2)
		std::free(values);
	(void)sum;
}

int main()
{
	std::vector<std::thread> threads;
	for (int i = 0; i < 4; i++)
		threads.emplace_back(work, i);
	for (auto &thread : threads)
		thread.join();
	return 0;
}
