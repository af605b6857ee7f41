// SPDX-License-Identifier: MIT
// Input for cc1plus: COUNT types, each with its own containers.
#include <algorithm>
#include <map>
#include <vector>

template <int N> struct item {
	int value, other;
	bool operator<(const item &right) const
	{
		return value != right.value ? value < right.value : other < right.other;
	}
};

template <int N> int use(const std::vector<int> &numbers)
{
	std::map<item<N>, std::vector<item<N>>> groups;
	int sum = 0;
	for (int number : numbers)
		groups[item<N>{number % (N + 7), N}].push_back({N, number});
	for (auto &[key, items] : groups)
		sum += std::max_element(items.begin(), items.end())->other;
	return sum;
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
