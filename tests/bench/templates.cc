// SPDX-License-Identifier: MIT
// Food for cc1plus: COUNT types, each with containers of its own.
#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

template <int N> struct item {
	std::string name;
	int value;
	bool operator<(const item &other) const
	{
		return std::tie(name, value) < std::tie(other.name, other.value);
	}
};

template <int N> int use(const std::vector<int> &numbers)
{
	std::map<item<N>, std::vector<item<N>>> groups;
	for (int number : numbers)
		groups[item<N>{std::to_string(number % (N + 7)), number}].push_back({"x", N});
	for (auto &[key, items] : groups)
		std::sort(items.begin(), items.end(), [](const auto &a, const auto &b) { return b < a; });
	return std::accumulate(groups.begin(), groups.end(), 0, [](int sum, const auto &group) {
		return sum + group.first.value + int(group.second.size());
	});
}

template <int N> int use_all(const std::vector<int> &numbers)
{
	if constexpr (N == 0)
		return 0;
	else
		return use<N>(numbers) + use_all<N - 1>(numbers);
}

int all(const std::vector<int> &numbers)
{
	return use_all<COUNT>(numbers);
}
