/* SPDX-License-Identifier: MIT */
/* Leaks of C++. Each kind has its own function, as in leaks.c. */
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "site.h"

struct first {
	virtual ~first() = default;
	long a = 1;
};

struct second {
	virtual ~second() = default;
	long b = 2;
};

struct both : first, second {
	std::string text = std::string(50, 'x');
};

struct parent {
	std::shared_ptr<parent> other;
	std::vector<int> numbers = std::vector<int>(100);
};

static std::map<int, std::string> *by_map;
static second *by_base;
static std::string *by_array;
static volatile uintptr_t hidden;

SITE void reachable_map()
{
	by_map = new std::map<int, std::string>;
	for (int i = 0; i < 50; i++)
		(*by_map)[i] = std::string(40 + i, 'y');
}

/* The pointer points past the number of elements. */
SITE void reachable_array()
{
	by_array = new std::string[7];
	for (int i = 0; i < 7; i++)
		by_array[i] = std::string(100 + i, 'z');
}

SITE void base_pointer()
{
	by_base = new both;
}

SITE void lost_vector()
{
	auto *rows = new std::vector<std::string>;
	for (int i = 0; i < 20; i++)
		rows->push_back(std::string(60 + i, 'v'));
	hidden = ~reinterpret_cast<uintptr_t>(rows);
}

SITE void lost_list()
{
	auto *rows = new std::list<std::string>;
	for (int i = 0; i < 10; i++)
		rows->push_back(std::string(30 + i, 'l'));
	hidden = ~reinterpret_cast<uintptr_t>(rows);
}

SITE void lost_shared()
{
	auto a = std::make_shared<parent>();
	a->other = std::make_shared<parent>();
	a->other->other = a;
}

SITE void wipe()
{
	volatile char stack[64 << 10];
	for (char volatile &byte : stack)
		byte = 0;
}

int main()
{
	reachable_map();
	reachable_array();
	base_pointer();
	lost_vector();
	lost_list();
	lost_shared();
	wipe();
	hidden = 0;
	KEEP(&by_map);
	KEEP(&by_base);
	KEEP(&by_array);
}
