/* SPDX-License-Identifier: MIT */
/* C++: operators new and delete, containers, exceptions through frames with destructors. */
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "site.h"

namespace {

struct node {
	int payload[10];
};

struct alignas(64) wide {
	char payload[128];
};

SITE void do_new()
{
	node *one = new node;
	KEEP(one);
	delete one;
}

SITE void do_new_array()
{
	char *many = new char[1234];
	KEEP(many);
	delete[] many;
}

SITE void do_new_aligned()
{
	wide *block = new wide;
	KEEP(block);
	delete block;
}

/* 65 bytes at a multiple of 64, in four ways. */
constexpr std::align_val_t line{64};

#ifdef __cpp_sized_deallocation
#define SIZED(bytes) bytes,
#else
#define SIZED(bytes)
#endif

SITE void do_new_odd()
{
	void *block = operator new(65, line);
	KEEP(block);
	operator delete(block, line);
}

SITE void do_new_array_odd()
{
	void *block = operator new[](65, line);
	KEEP(block);
	operator delete[](block, SIZED(65) line);
}

SITE void do_new_odd_nothrow()
{
	void *block = operator new(65, line, std::nothrow);
	KEEP(block);
	operator delete(block, SIZED(65) line);
}

SITE void do_new_array_odd_nothrow()
{
	void *block = operator new[](65, line, std::nothrow);
	KEEP(block);
	operator delete[](block, line, std::nothrow);
}

SITE void do_aligned_alloc()
{
	void *rounded = aligned_alloc(64, 128);
	KEEP(rounded);
	free(rounded);
}

/* If the program itself rounds the size in this way, where an operator could be the caller, this size is what it requested. */
SITE void do_aligned_alloc_after_new()
{
	void *block = operator new(65, line);
	KEEP(block);
	do_aligned_alloc();
	operator delete(block, line);
}

/* A plain new leaves no request, which the aligned_alloc after it would be taken for. */
SITE void do_aligned_alloc_after_plain_new()
{
	char *block = new char[100];
	KEEP(block);
	do_aligned_alloc();
	delete[] block;
}

SITE void do_new_nothrow()
{
	node *one = new (std::nothrow) node;
	KEEP(one);
}

/* 1, 2, 4, ... 128 ints. While the vector grows, the old and the new block are both live. */
SITE size_t do_vector()
{
	std::vector<int> numbers;
	for (int i = 0; i < 100; i++)
		numbers.push_back(i);
	KEEP(numbers.data());
	return numbers.size();
}

SITE size_t do_map()
{
	std::map<int, std::string> names;
	for (int i = 0; i < 20; i++)
		names[i] = std::string(100 + i, 'x');
	return names.size();
}

struct holder {
	std::unique_ptr<char[]> block{new char[321]};
	~holder()
	{
		KEEP(this);
	}
};

SITE void thrower(int depth)
{
	holder held;
	if (depth)
		thrower(depth - 1);
	else
		throw std::runtime_error("a message that is too long for any short string buffer");
	KEEP(&held);
}

SITE int do_exceptions()
{
	int caught = 0;
	for (int i = 0; i < 10; i++) {
		try {
			thrower(i);
		} catch (const std::runtime_error &error) {
			caught += std::strlen(error.what()) > 20;
		}
	}
	return caught;
}

SITE int do_bad_alloc()
{
	try {
		volatile size_t huge = PTRDIFF_MAX / 2;
		char *block = new char[huge];
		KEEP(block);
	} catch (const std::bad_alloc &) {
		return 1;
	}
	return 0;
}

} // namespace

/* The argument "valgrind" leaves out what Valgrind's tools do not support: a failing new ends the program there. */
int main(int argc, char **)
{
	do_new();
	do_new_array();
	do_new_aligned();
	do_new_odd();
	do_new_array_odd();
	do_new_odd_nothrow();
	do_new_array_odd_nothrow();
	do_aligned_alloc_after_new();
	do_aligned_alloc_after_plain_new();
	do_new_nothrow();
	if (do_vector() != 100 || do_map() != 20 || do_exceptions() != 10 || (argc == 1 && do_bad_alloc() != 1))
		abort();
	return 0;
}
