// SPDX-License-Identifier: MIT
// A std::vector that grows, or is reserved if there is an argument.
#include <vector>

#include "site.h"

SITE void fill(std::vector<int> &numbers, bool reserve)
{
	if (reserve)
		numbers.reserve(1000000);
	for (int i = 0; i < 1000000; i++)
		numbers.push_back(i);
}

int main(int argc, char **)
{
	std::vector<int> numbers;
	fill(numbers, argc > 1);
	KEEP(numbers.data());
}
