// SPDX-License-Identifier: MIT
// A server with four threads that fill a cache, drop most of it, and wait for a line on stdin.
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

static std::mutex lock;
static std::map<int, std::string> cache;

[[gnu::noinline]] static void fill(int worker)
{
	for (int i = 0; i < 5000; i++) {
		std::string page(static_cast<size_t>(500 + i % 3000), 'x');
		std::lock_guard<std::mutex> guard(lock);
		cache.emplace(worker * 5000 + i, std::move(page));
	}
}

int main()
{
	std::vector<std::thread> workers;
	for (int i = 0; i < 4; i++)
		workers.emplace_back(fill, i);
	for (auto &worker : workers)
		worker.join();
	for (int i = 0; i < 20000; i++)
		if (i % 8)
			cache.erase(i);
	std::puts("ready");
	std::fflush(stdout);
	return std::getchar() == EOF;
}
