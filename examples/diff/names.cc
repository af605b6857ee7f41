// SPDX-License-Identifier: MIT
// A table of names. Version 2 reserves room for longer names in advance, although most names are short.
#include <string>
#include <vector>

static void insert(std::vector<std::string> &table, int number)
{
	std::string name = "customer number " + std::to_string(number);
#if VERSION >= 2
	name.reserve(200);
#endif
	table.push_back(std::move(name));
}

int main()
{
	std::vector<std::string> table;
	for (int i = 0; i < 1000; i++)
		insert(table, i);
	return table.size() != 1000;
}
