// SPDX-License-Identifier: MIT
// containers COUNT: uses the heap as C++ programs do.
#include <cstdio>
#include <cstdlib>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

struct node {
	std::string name;
	std::vector<std::shared_ptr<node>> below;
};

static std::shared_ptr<node> tree(int depth, const std::string &name)
{
	auto made = std::make_shared<node>();
	made->name = name + "/a name that is too long to lie in the string itself";
	for (int i = 0; depth && i < 3; i++)
		made->below.push_back(tree(depth - 1, name + std::to_string(i)));
	return made;
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], nullptr, 10) : 1, sum = 0;
	std::map<std::string, std::list<int>> ordered;
	for (unsigned long i = 0; i < count; i++) {
		std::unordered_map<unsigned long, std::string> words;
		for (unsigned long k = 0; k < 30; k++)
			words[k * 7 + i] = "word number " + std::to_string(k * i % 1000);
		for (const auto &[key, word] : words)
			ordered[word].push_back(static_cast<int>(key));
		if (i % 50 == 0) {
			sum += ordered.size();
			ordered.clear();
		}
		sum += tree(3, "")->below.size() + words.size();
	}
	printf("%lu\n", sum);
}
