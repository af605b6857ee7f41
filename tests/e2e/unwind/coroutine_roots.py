# SPDX-License-Identifier: MIT
"""The first frames of coroutines, in assembler code without an unwind table: such stacks are whole."""

from lib import trace
from lib.harness import check, check_equal, program, test

BOOST = """
#include <boost/context/fiber.hpp>
#include <cstdlib>
namespace context = boost::context;
__attribute__((noinline)) static void work(int blocks)
{
	while (blocks--)
		free(malloc(123));
}
int main()
{
	context::fiber fiber{[](context::fiber &&caller) {
		for (int i = 0; i < 5; i++) {
			work(10);
			caller = std::move(caller).resume();
		}
		return std::move(caller);
	}};
	for (int i = 0; i < 5; i++) {
		fiber = std::move(fiber).resume();
		work(2);
	}
	return 0;
}
"""


@test()
def without_tables(context):
    """A planted return address, a call at the end of a stack or above zeros: roots. On the thread's own stack it is none."""
    report = trace.one(context, [program("fiber_roots")])
    rooted = [site for site in report.leaf("fiber_blocks") if not site.frames[-1].mark]
    check_equal(sum(site["tbk"] for site in rooted), 90, "blocks of coroutines, each with its root")
    roots = {site.functions()[-1] for site in rooted}
    check_equal(roots, {"planted", "calling", "calling_from_register", "fiber_main"}, "roots")
    check(all("fiber_main" in site.functions()[1:2] for site in rooted), "the frames below the root")
    hidden = [site.functions() for site in report.leaf("hidden_blocks")]
    check_equal(hidden, [["hidden_blocks", "hiding", "[callers unknown]"]], "what hides its callers is no root")
    check_equal(report.losses["unrooted"], 10, "events without a root")


@test(needs=("g++", "/usr/include/boost/context/fiber.hpp"))
def boost_context(context):
    """Boost.Context's fibers, and the exception that ends one."""
    context.write("app.cc", BOOST)
    context.run(["g++", "-O1", "-g", "-fno-builtin", "-o", "app", "app.cc", "-lboost_context"]).check()
    report = trace.one(context, [context.path("app")])
    check_equal(report.losses["unrooted"], 0, "stacks without a root")
    ends = {}
    for site in report.sites:
        if site.functions()[0].startswith("work("):
            ends[site.functions()[-1]] = ends.get(site.functions()[-1], 0) + site["tbk"]
    check_equal(ends, {"make_fcontext": 50, "_start": 10}, "blocks by root")
