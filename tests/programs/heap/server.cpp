// SPDX-License-Identifier: MIT
// A server with four threads: requests are parsed, looked up in a cache that never evicts, scored and answered. Every
// tenth request leaks its token.
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

constexpr int threads = 4, requests = 2000;

class Cache {
	std::mutex lock;
	std::map<std::string, std::string> pages;

public:
	std::string get(const std::string &name)
	{
		std::lock_guard<std::mutex> guard(lock);
		auto found = pages.find(name);
		if (found == pages.end())
			found = pages.emplace(name, std::string(2000, 'x')).first;
		return found->second;
	}
};

static Cache cache;

[[gnu::noinline]] static std::string parse(int worker, int request)
{
	std::string path = "/page/of/worker/" + std::to_string(worker);
	path += "/number/" + std::to_string(request / 2);
	return path;
}

[[gnu::noinline]] static long score(const std::string &page)
{
	std::vector<long> weights;
	for (size_t i = 0; i < page.size(); i++)
		weights.push_back(page[i] * static_cast<long>(i));
	return weights.back();
}

[[gnu::noinline]] static std::string render(const std::string &page, long score)
{
	return "<html>" + page + "<p>score " + std::to_string(score) + "</p></html>";
}

[[gnu::noinline]] static char *leak_token(const std::string &name)
{
	char *token = new char[120];
	snprintf(token, 120, "token of %s", name.c_str());
	return token;
}

[[gnu::noinline]] static size_t handle(int worker, int request)
{
	std::string name = parse(worker, request);
	std::string page = cache.get(name);
	std::string answer = render(page, score(page));
	if (request % 10 == 0)
		leak_token(name);
	return answer.size();
}

static void serve(int worker)
{
	for (int i = 0; i < requests; i++)
		handle(worker, i);
}

int main()
{
	std::vector<std::thread> workers;
	for (int i = 0; i < threads; i++)
		workers.emplace_back(serve, i);
	for (auto &worker : workers)
		worker.join();
}
