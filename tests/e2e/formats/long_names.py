# SPDX-License-Identifier: MIT
"""Functions whose names are far too long: every report stays small, and no two of them become one."""

import gzip
import json
import os
import re

from lib import dhat, formats
from lib.harness import CTRACE, CTRACE_TOP, check, check_equal, check_in, test

NAME_MAX = 4096
HASH = re.compile(r" \[[0-9a-f]{16}\]")

# Written out, each Twice<T, 40> has 2^40 parts, of which the deepest are all that differs. A JIT compiler's code calls
# malloc and has names of 10,000 letters, not all of them in UTF-8.
SOURCE = r"""
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>
template <class A, class B> struct Pair { __attribute__((noinline)) static void *method(size_t n); };
template <class T, int N> struct Twice { using half = typename Twice<T, N - 1>::type; using type = Pair<half, half>; };
template <class T> struct Twice<T, 0> { using type = T; };
template <int N> struct AnArgumentWithALongName {};
template <class... T> struct List {};
template <int... N> List<AnArgumentWithALongName<N>...> *list(std::integer_sequence<int, N...>);
static inline __attribute__((always_inline)) void *touched(size_t n) { void *p = malloc(n); *(volatile char *)p = 1; return p; }
template <class A, class B> void *Pair<A, B>::method(size_t n) { return touched(n); }
template <class T> __attribute__((noinline)) void *parameter(T *, size_t n) { return touched(n); }
template <class T> __attribute__((noinline)) T *returned(size_t n) { return (T *)touched(n); }
static void jit(size_t n)
{
	unsigned char code[] = {0x48, 0x83, 0xec, 8, 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xd0, 0x48, 0x83, 0xc4, 8, 0xc3};
	void *(*allocate)(size_t) = malloc;
	memcpy(code + 6, &allocate, 8);
	char *page = (char *)mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char path[64];
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	FILE *map = fopen(path, "w");
	for (int i = 0; i < 2; i++) {
		memcpy(page + 64 * i, code, sizeof(code));
		fprintf(map, "%lx 40 Jit:", (long)page + 64 * i);
		for (int k = 0; k < 5000; k++)
			fputs(i && k == 2500 ? "\xff!" : "\xc3\xa9", map);
		fputs("\n", map);
	}
	fclose(map);
	for (int i = 0; i < 2; i++)
		free(((void *(*)(size_t))(page + 64 * i))(n + i));
}
int main(int argc, char **argv)
{
	using I = Twice<int, 40>::type;
	using L = Twice<long, 40>::type;
	free(parameter((I *)nullptr, 1001));
	free(parameter((L *)nullptr, 1002));
	free(returned<I>(1003));
	free(returned<L>(1004));
	free(I::method(1005));
	free(L::method(1006));
	free(parameter((decltype(list(std::make_integer_sequence<int, 300>())))nullptr, 1007));
	free(parameter((decltype(list(std::make_integer_sequence<int, 301>())))nullptr, 1008));
	if (argc > 1)
		jit(1009);
}
"""
CUT = 8


def _recorded(context, *arguments):
    context.write("names.cc", SOURCE)
    context.run(["g++", "-std=c++17", "-O1", "-o", "names", "names.cc"]).check()
    return formats.Recording(context, [context.path("names"), *arguments])


def _functions(report):
    """The function of each size."""
    names = {}
    for point in report["pps"]:
        for frame in point["fs"]:
            if re.search(r"\b(parameter|returned|method|Jit:)", report["ftbl"][frame]):
                names[point["tb"]] = re.match(r"0x\w+: (.*) \(", report["ftbl"][frame])[1]
    return names


@test(needs="g++")
def cut_names(context):
    """The names in the report are short, they have the parts that matter, and each function has its own."""
    recording = _recorded(context)
    with open(recording.path, "rb") as file:
        text = file.read()
    check(len(text) < 200_000, f"report of {len(text)} bytes")
    names = _functions(json.loads(text.decode()))
    check_equal(sorted(names), list(range(1001, 1001 + CUT)), "sizes")
    for size, name in names.items():
        check(len(name) <= NAME_MAX and HASH.search(name) and "..." in name, f"{size}: {name}")
    check_equal(len(set(names.values())), CUT, "functions")
    for first in range(1001, 1001 + CUT, 2):
        one, other = (HASH.sub("", names[first + i]) for i in range(2))
        check_equal(one, other, "names without hash")
    check(names[1001].startswith("void* parameter<Pair<Pair<Pair<"), names[1001])
    check(names[1003].startswith("Pair<Pair<") and "* returned<Pair<" in names[1003], names[1003])
    check(names[1005].startswith("Pair<Pair<") and ">::method(unsigned long)" in names[1005], names[1005])
    check(names[1007].startswith("void* parameter<List<AnArgumentWithALongName<"), names[1007])
    return f"{len(text)} bytes; longest name {max(map(len, names.values()))}"


@test(needs="g++")
def in_every_format(context):
    """All formats keep the functions apart, and so do the tables, which show names without the hash."""
    recording = _recorded(context)
    wanted = {HASH.search(name)[0] for name in _functions(recording.report.data).values()}
    check_equal(len(wanted), CUT, "hashes")
    for name in formats.NAMES:
        with open(recording.export(name), "rb") as file:
            data = file.read()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        check(len(data) < 2_000_000, f"{name}: {len(data)} bytes")
        text = data.decode("latin-1" if name in ("pprof", "parquet") else "utf-8")  # these are not text
        if name not in ("html", "parquet", "chrometrace", "massif"):  # compressed, totals, what was live at a time
            check(all(each in text for each in wanted), f"{name}: {len({each for each in wanted if each in text})} functions")
    for options in (["--full"], ["--csv"], ["--json"], ["--by", "function"], ["--by", "function", "--csv"], ["--tree"], ["--peek", "parameter"]):
        result = context.run([CTRACE_TOP, "-n", "0", *options, recording.path]).check()
        result.stdout_bytes.decode("utf-8")
        check(len(result.stdout) < 400_000, f"{options}: {len(result.stdout)} bytes")
        for part in ("parameter", "returned", "method"):
            if options[0] != "--peek" or part == "parameter":
                check_in(part + ("<" if part != "method" else ""), result.stdout, f"{options}")
    table = context.run([CTRACE_TOP, "-n", "0", "--by", "function", recording.path]).check().stdout
    check_equal(len(re.findall(r"\bparameter<", table)), 4, f"rows: {table}")
    context.run([CTRACE, "merge", "-o", context.path("twice.json"), recording.path, recording.path]).check()
    merged = dhat.check_file(context.path("twice.json")).data
    check({HASH.search(name)[0] for name in _functions(merged).values()} == wanted, "a merged report")


@test(needs="g++")
def jit_names(context):
    """Names of a perf map have the same bound."""
    recording = _recorded(context, "jit")
    os.remove(f"/tmp/perf-{recording.report.data['pid']}.map")
    names = _functions(recording.report.data)
    for size in (1009, 1010):
        length = len(names[size].encode())
        check(names[size].startswith("Jit:éé") and NAME_MAX - 8 <= length <= NAME_MAX, f"{length}: {names[size]}")
        check_in("...", names[size], "what is left out")
    check(names[1009] != names[1010], "two functions have one name")


@test()
def foreign_names(context):
    """The names of another tool's report have the same bound, also with its file and library, and stay apart."""
    names = ["x" + part * 3000 + end + part * 3000 for part in ("name", "é") for end in "AB"]
    places = ["(a.c:1)", "(" + "long/" * 2000 + "a.c:1)", "(" + "é" * 3000 + ".c:1)", "(in /" + "l" * 10000 + ".so)"]
    point = dict.fromkeys(("tl", "mb", "mbk", "gb", "gbk", "eb", "ebk"), 0)
    table = ["[root]", *(f"0x{i:X}: {name} {place}" for i, (name, place) in enumerate(((n, p) for n in names for p in places), 1))]
    data = {
        "dhatFileVersion": 2, "mode": "heap", "verb": "Allocated", "bklt": True, "bkacc": False, "tu": "instrs", "Mtu": "Minstr",
        "tuth": 10, "cmd": "x", "pid": 1, "te": 9, "tg": 1, "ftbl": table,
        "pps": [dict(point, tb=10 + i, tbk=1, fs=[i]) for i in range(1, len(table))],
    }
    context.write("foreign.json", json.dumps(data))
    shown = json.loads(context.run([CTRACE_TOP, "-n", "0", "--json", "foreign.json"]).check().stdout)
    check_equal(len(shown["sites"]), len(table) - 1, "sites")
    for options in ([], ["--full"], ["--by", "file"], ["--tree", "--min", "0"], ["--csv"]):
        context.run([CTRACE_TOP, "-n", "0", *options, "foreign.json"]).check().stdout_bytes.decode("utf-8")
    context.run([CTRACE, "merge", "-o", "once.json", "foreign.json"]).check()
    once = json.loads(context.run(["cat", "once.json"]).stdout)["ftbl"]
    frames = [frame for frame in once if re.match("0x", frame)]
    check_equal(len(set(frames)), len(table) - 1, "frames")
    for frame in frames:
        check(len(frame.encode()) <= 2 * NAME_MAX + 64 and len(HASH.findall(frame)) <= 2, f"{len(frame)}: {frame[:200]}")
        check(frame.endswith((":1)", "])")) and "..." in frame, frame[-200:])
