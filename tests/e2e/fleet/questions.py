# SPDX-License-Identifier: MIT
"""The queries of examples/fleet over recordings of six hosts and two versions, and the number that a site has on all of them."""

import os
import re

from lib import databases, trace
from lib.harness import CTRACE, ROOT, check, check_equal, check_in, test

QUERIES = os.path.join(ROOT, "examples", "fleet")
BAD = ("web4", "web5", "web6")

# On a bad host, cache_put keeps ten times as much. In version 2, parse needs more at the peak, and a new function keeps a bit.
SOURCE = r"""
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#define APART __attribute__((noinline))
static void *volatile kept[1000];
static int count;
#if VERSION == 2
APART static void added(void) { kept[count++] = malloc(300); }
#endif
APART static void cache_put(int n) { for (int i = 0; i < n; i++) kept[count++] = malloc(1000); }
APART static void parse(void) { void *volatile text = malloc(VERSION * 2000000); free(text); }
APART static void serve(int n)
{
	parse();
	cache_put(n);
#if VERSION == 2
	added();
#endif
}
int main(int argc, char **argv)
{
	serve(!strcmp(argv[1], "bad") ? 50 : 5);
	if (argc > 2)
		raise(SIGKILL);
	return 0;
}
"""


def _fleet(context):
    """Two processes on each of six hosts, the second of another version; one is killed."""
    folder = context.make_folder("hosts")
    for version in (1, 2):
        # The versions are built in folders of their own, with other lines, and one is optimized.
        place = context.make_folder(f"build{version}")
        with open(os.path.join(place, "shop.c"), "w", encoding="utf-8") as file:
            file.write("\n" * (10 * version) + SOURCE)
        level = "-O1" if version == 1 else "-O2"
        flags = [level, "-g", "-fno-builtin", "-fno-optimize-sibling-calls", f"-DVERSION={version}"]
        context.run(["gcc", *flags, "shop.c", "-o", "shop"], cwd=place).check()
        for number in range(1, 7):
            host = f"web{number}"
            words = [os.path.join(place, "shop"), "bad" if host in BAD else "good"] + (["kill"] if (host, version) == ("web5", 2) else [])
            out = os.path.join(folder, f"{host}.{version}")
            env = context.environment(LD_PRELOAD=trace.LIBRARY, CTRACE_OUT=out + ".json", CTRACE_QUIET="1", CTRACE_KEEP_STORE="1")
            result = context.run(words, env=env)
            check_equal(result.status, -9 if len(words) > 2 else 0, f"status on {host}")
            context.run([CTRACE, "export", "-f", "parquet,jsonl", "--host", host, "--service", "shop", "--service-version", f"{version}.0", out + ".json.store"]).check()


def _ask(context, name):
    with open(os.path.join(QUERIES, name + ".sql"), encoding="utf-8") as file:
        return databases.rows(file.read().replace("'hosts/", f"'{context.path('hosts')}/"))


@test(needs=("gcc",))
def answers(context):
    """Each query finds what was built in."""
    databases.package("duckdb")
    _fleet(context)
    first, second = _ask(context, "differs")[:2]
    check_equal((first["function"], first["bytes_per_bad_host"], first["bytes_per_other_host"]), ("cache_put", 2 * 50_000, 2 * 5_000), "what differs")
    check_equal(second["bytes_per_bad_host"], second["bytes_per_other_host"], "the others do not")
    grown = [(row["function"], row["from_version"], row["to_version"], row["old_bytes"], row["new_bytes"]) for row in _ask(context, "versions")]
    check_equal(grown[0], ("parse", "1.0", "2.0", 2_000_000, 4_000_000), "growth")
    check_equal({row[0] for row in grown}, {"parse"}, "what grew")
    killed = _ask(context, "killed")
    check_equal([(row["host"], row["function"], row["end_bytes"]) for row in killed], [("web5", "cache_put", 50_000), ("web5", "added", 300)], "killed")
    check_in("serve", killed[0]["stack"], "stack")
    check_equal(len(_ask(context, "rising")), 10, "rates")
    with open(os.path.join(QUERIES, "README.md"), encoding="utf-8") as file:
        listed = re.findall(r"\[(\w+\.sql)\]", file.read())
    check_equal(sorted(listed), sorted(name for name in os.listdir(QUERIES) if name.endswith(".sql")), "queries in README.md")


@test(needs=("gcc",))
def stable_numbers(context):
    """A site has the same number on all hosts, in builds with other lines, levels and folders; different stacks have others."""
    databases.package("duckdb")
    _fleet(context)
    found = databases.rows(f"select function, count(distinct site) as sites, count(distinct host) as hosts, count(distinct line) as lines, count(distinct build_id) as builds from '{context.path('hosts')}/*.sites.parquet' group by function order by function")
    wanted = [("added", 1, 6, 1, 1), ("cache_put", 1, 6, 2, 2), ("parse", 1, 6, 2, 2)]
    check_equal([tuple(row.values()) for row in found], wanted, "function, sites, hosts, lines, builds")
    numbers = databases.rows(f"select distinct site from '{context.path('hosts')}/*.sites.jsonl'")
    check_equal(len(numbers), 3, "numbers")
    check(all(re.fullmatch("[0-9a-f]{16}", row["site"]) for row in numbers), numbers)
