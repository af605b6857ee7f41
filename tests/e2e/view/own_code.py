# SPDX-License-Identifier: MIT
"""Own code first: rows begin at the program's own line, whatever the library did for it, and fold by it."""

import csv
import glob
import io
import json
import os
import re
import shutil

from lib import trace
from lib.harness import BUILD, CTRACE, CTRACE_TOP, PYTHON, ROOT, Skip, check, check_equal, check_in, program, test

SERVER = os.path.join(ROOT, "tests", "programs", "heap", "server.cpp")

RUST = """
use std::collections::HashMap;
#[inline(never)] fn build(n: u64) -> Vec<u64> { let mut v = Vec::new(); for i in 0..n { v.push(i * i); } v }
#[inline(never)] fn names(n: u64) -> Vec<String> { (0..n).map(|i| i.to_string()).collect() }
#[inline(never)] fn count(n: u64) -> HashMap<u64, String> {
    let mut m = HashMap::new(); for i in 0..n { m.insert(i, format!("word {}", i)); } m }
fn main() { println!("{} {} {}", build(30000).len(), names(2000).len(), count(3000).len()); }
"""

C = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int order(const void *a, const void *b) { return memcmp(a, b, 400); }
static void *load(const char *path) { FILE *file = fopen(path, "r"); char *line = NULL; size_t room = 0; getline(&line, &room, file); fclose(file); return line; }
static void sort(void) { char *rows = calloc(5000, 400); qsort(rows, 5000, 400, order); free(rows); }
int main(void) { for (int i = 0; i < 50; i++) free(load("/etc/passwd")); sort(); return 0; }
"""


def _line(source, text):
    """The number of the line that has this text."""
    (number,) = [i for i, line in enumerate(source.splitlines(), 1) if text in line]
    return number


def _record(context, words, name="out", **changes):
    result = trace.run(context, words, out=name + ".json", **changes)
    check_equal(result.status, 0, "status")
    return context.path(name + ".json")


def _server(context, *flags, compiler="g++", **changes):
    context.run([compiler, "-g", "-O2", "-std=c++17", "-pthread", "-o", "server", SERVER, *flags]).check()
    return _record(context, [context.path("server")], **changes)


def _top(context, *words, columns=80):
    return context.run([CTRACE_TOP, *words], env=context.environment(COLUMNS=columns)).check().stdout


def _where(shown):
    """The texts of the rows below WHERE."""
    lines = shown.splitlines()
    (head,) = [i for i, line in enumerate(lines) if re.search(r"\bTOTAL\b.*WHERE$", line)]
    column = lines[head].index("WHERE")
    return [line[column:] for line in lines[head + 1 :] if line and " more row" not in line]


def _csv(context, *words):
    text = context.run([CTRACE_TOP, "--csv", *words]).check().stdout
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _check_server(context, path):
    source = open(SERVER, encoding="utf-8").read()
    score = _line(source, "weights.push_back")
    rows = _where(_top(context, path))
    check_equal(rows[0][: len("score server.cpp:41")], f"score server.cpp:{score}", "row 1 at 80 columns")
    check_in("(vector::", rows[0], "what it called")
    wide = _where(_top(context, path, columns=200))
    check(re.match(rf"score server.cpp:{score} \(vector::(push|emplace)_back\) < handle < serve$", wide[0]), f"row 1 at 200 columns: {wide[0]}")
    for function, text in (("render", '"<html>"'), ("parse", "path +="), ("Cache::get", "pages.emplace"), ("leak_token", "new char[120]")):
        check(any(re.match(rf"{function} server.cpp:\d+( |$)", row) for row in wide), f"no row of {function}: {wide}")
    check(not any(re.match(r"std::|\[lib|operator new", row) for row in wide), f"a row begins in a library: {wide}")
    places = [row.split(" < ")[0].split(" (")[0] for row in wide]
    check_equal(len(places), len(set(places)), f"rows of one line: {wide}")


@test(needs="g++")
def cxx_libstdcxx(context):
    """A threaded server: its lines come first, with threads recorded or not, in every order of columns."""
    _check_server(context, _server(context))
    _check_server(context, _server(context, CTRACE_THREADS=1, name="threads"))


@test(needs="clang++")
def cxx_libcxx(context):
    roots = glob.glob(os.path.join(BUILD, "libcxx", "usr", "lib", "llvm-*"))
    if not roots:
        raise Skip("libc++ in build/libcxx")
    libraries = os.path.join(roots[0], "lib")
    flags = ["-nostdinc++", "-isystem", os.path.join(roots[0], "include", "c++", "v1"), "-nostdlib++"]
    flags += ["-L" + libraries, "-Wl,-rpath," + libraries, "-lc++", "-lc++abi"]
    _check_server(context, _server(context, *flags, compiler="clang++"))


@test(needs="g++")
def cxx_without_optimization(context):
    """Without inlining, each function of the library has a frame of its own."""
    path = _server(context, "-O0")
    first = _where(_top(context, path, columns=200))[0]
    check(re.match(r"score server.cpp:41 \(vector::push_back\) < handle < serve$", first), first)


@test(needs="g++")
def numbers(context):
    """Folded rows add up to what the stacks have; --full and --all-frames have a row for each stack."""
    path = _server(context, CTRACE_THREADS=1)
    with open(path, encoding="utf-8") as file:
        sites = json.load(file)["pps"]
    folded = _csv(context, path)
    apart, whole = (_csv(context, option, "--split-threads", path) for option in ("--all-frames", "--full"))
    check(len(folded) < len(sites) / 2, f"{len(folded)} rows of {len(sites)} stacks")
    check_equal((len(apart), len(whole)), (len(sites), len(sites)), "rows of --all-frames and --full")
    for column, key in {"total-bytes": "tb", "total-blocks": "tbk", "peak-bytes": "gb", "end-blocks": "ebk", "lifetime": "tl"}.items():
        for rows in (folded, apart, whole):
            check_equal(sum(int(row[column]) for row in rows), sum(site[key] for site in sites), column)
    for row in folded:
        check(int(row["max-bytes"]) >= max(int(row["peak-bytes"]), int(row["end-bytes"])), f"max below peak or end: {row}")
    check(apart[0]["function"].endswith("emplace_back<long>(long&&)") or "push_back" in apart[0]["function"], f"--all-frames: {apart[0]}")
    check(folded[0]["function"].startswith("score("), f"the first row: {folded[0]}")
    shown = _top(context, "--full", "-n", "1", path, columns=120)
    for part in ("score server.cpp:41 (", "operator new", "start_thread"):
        check_in(part, shown, "--full")
    check_in("std::vector", _where(_top(context, "--all-frames", path))[0], "--all-frames")
    check_in("std::vector", _where(_top(context, "--all-frames", "-n", "1", path, columns=200))[0], "--all-frames, wide")


@test(needs="g++")
def other_views(context):
    """diff, check, advise, json, the folder's README and the page name the program's line too."""
    old = _server(context, CTRACE_KEEP_STORE=1)
    new = _record(context, [context.path("server")], name="new", CTRACE_THREADS=1)
    advice = json.loads(context.run([CTRACE, "advise", "-f", "json", old]).check().stdout)["findings"]
    (grown,) = [finding for finding in advice if finding["kind"] == "growth"]
    check_equal((grown["function"], grown["place"]), ("score", "server.cpp:41"), "advise")
    context.write("rules", "total <= 1 MiB\n")
    gate = context.run([CTRACE, "check", old, "--budget", "rules"]).check(1).stdout
    check_in("250 MiB  score server.cpp:41", gate, "check")
    gate = context.run([CTRACE, "check", old, "--baseline", old, "--max-growth", "total 0"]).check().stdout
    check_in("1 rule holds", gate, "check against itself")
    sites = json.loads(context.run([CTRACE, "export", "-f", "json", "-o", "-", old]).check().stdout)["sites"]
    check_equal((sites[0]["ownFunction"].split("(")[0], sites[0]["ownPlace"]), ("score", "server.cpp:41"), "json")
    check_in("vector", sites[0]["function"], "json keeps the function that allocates")
    # With threads, stacks differ only in the thread: nothing has changed.
    shown = context.run([CTRACE, "diff", "--bytes", "-m", "total-blocks", old, new], env=context.environment(COLUMNS=200)).check().stdout
    check(not re.search(r"^ *[+-][\d,]+ .*(score|parse|render|leak_token)", shown, re.M), f"diff of two equal runs: {shown}")
    text = context.run([CTRACE, "record", "-o", "runs/", context.path("server")]).check() and None
    (folder,) = os.listdir(context.path("runs"))
    with open(context.path("runs", folder, "README.md"), encoding="utf-8") as file:
        text = file.read()
    check(re.search(r"78\.\d .* score server\.cpp:41 \(vector::\w+\) < handle < serve$", text, re.M), f"README: {text[:2000]}")


@test(needs="g++")
def styles(context):
    """On a terminal, own functions are bold, callers plain, and what belongs to the library faint."""
    path = _server(context)
    shown = context.run([CTRACE_TOP, "--color", "always", "-n", "1", path], env=context.environment(COLUMNS=200)).check().stdout
    bold, faint, plain = "\x1b[0;1m", "\x1b[0;2m", "\x1b[0m"
    check(re.search(re.escape(bold) + "score" + re.escape(faint) + r" server.cpp:41" + re.escape(plain), shown), f"the own function: {shown!r}")
    check(re.search(re.escape(faint) + r" \(vector::\w+\)" + re.escape(plain), shown), f"the library's function: {shown!r}")
    check(re.search(re.escape(faint) + " < " + re.escape(plain) + "handle", shown), f"a caller: {shown!r}")
    full = context.run([CTRACE_TOP, "--color", "always", "--full", "-n", "1", path]).check().stdout
    check(re.search(re.escape(faint) + r"std::vector<long", full), "a library's frame of --full")
    check(re.search(r"by score\(", full), "an own frame of --full")


@test()
def rust(context):
    if not shutil.which("rustc"):
        raise Skip("rustc")
    context.write("app.rs", RUST)
    env = context.environment(HOME=os.environ.get("HOME", context.folder), PATH=os.environ["PATH"])
    context.run(["rustc", "-g", "-O", "-o", "app", "app.rs"], env=env).check()
    plain = _where(_top(context, _record(context, [context.path("app")]), columns=200))
    context.run(["rustc", "-g", "-o", "app", "app.rs"], env=env).check()
    debug = _where(_top(context, _record(context, [context.path("app")]), columns=200))
    context.run(["rustc", "-O", "-C", "symbol-mangling-version=v0", "-C", "strip=debuginfo", "-o", "app", "app.rs"], env=env).check()
    nameless = _where(_top(context, _record(context, [context.path("app")]), columns=200))
    for rows, place in ((plain, r" app\.rs:\d+ \("), (debug, r" app\.rs:\d+ \("), (nameless, "")):
        for function in ("build", "names", "count"):
            check(any(re.match(rf"app::{function}\b(::{{{{?closure[^ ]*)?{place}", row) for row in rows[:6]), f"no row of {function}: {rows[:8]}")
        check(not any(re.match(r"<?(alloc|core|std|hashbrown)::", row) and "< app::" in row for row in rows), f"a row begins in the library: {rows}")


@test(needs="cc")
def plain_c(context):
    """In C, it is the C library that is left out, at the leaf and between two of the program's functions."""
    context.write("app.c", C)
    context.run(["cc", "-g", "-O0", "-o", "app", "app.c"]).check()
    rows = _where(_top(context, _record(context, [context.path("app")]), columns=200))
    number = _line(C, "fopen(path")
    check(any(re.match(rf"load app.c:{number} \(\w+, ~\) < main$", row) for row in rows), f"fopen, fclose and getline of one line: {rows}")
    check(any(re.match(r"sort app.c:\d+ < main$", row) for row in rows), f"a call of malloc itself has no parentheses: {rows}")


@test()
def interpreters(context):
    """The C functions of an interpreter are its own code: nothing else is known."""
    rows = _where(_top(context, _record(context, [PYTHON, "-c", "import json; json.dumps([[1] * 99] * 999)"], PYTHONMALLOC="malloc"), columns=200))
    check(any("[python3" in row for row in rows[:5]), f"python3: {rows[:5]}")
    check(not any(row.startswith(("[libc", "malloc")) for row in rows), f"python3: {rows}")


@test()
def node(context):
    if not shutil.which("node"):
        raise Skip("node")
    path = _record(context, ["node", "-e", "console.log(JSON.stringify([...Array(9999).keys()]).length)"])
    rows = _where(_top(context, path, columns=200))
    own = [row for row in rows if re.match(r"(v8|node)::|\[node\]|uv_|\w+ \[node\]|\(anonymous", row)]
    check(len(own) > len(rows) / 2, f"node: {rows}")
    check(not any(row.startswith(("std::", "[libc")) and " < " in row and "v8::" in row for row in rows), f"node: {rows}")


@test(needs="valgrind")
def valgrind(context):
    """Valgrind's reports have neither folders nor the object files of named functions, only names."""
    path = context.path("dhat.json")
    context.run(["valgrind", "--tool=dhat", f"--dhat-out-file={path}", program("advise_vector")]).check()
    rows = _where(_top(context, path, columns=200))
    check(not any(re.match(r"std::|push_back|emplace_back|allocate", row) for row in rows), f"{rows}")
    check(any(re.match(r"fill advise_vector\.cc:\d+ \(vector::\w+\) < main", row) for row in rows), f"no row with a call of the library: {rows}")


@test(needs="g++")
def tree(context):
    """A chain of calls has own code only, and ends in the library's function that it calls; --all-frames has all of it."""
    path = _server(context)
    shown = _top(context, "--tree", path, columns=120)
    check(re.search(r" all > serve > handle$", shown, re.M), f"the first chain: {shown}")
    check(re.search(r"- score server\.cpp:41 \(vector::\w+\)$", shown, re.M), f"a leaf: {shown}")
    every = _top(context, "--tree", "--all-frames", path, columns=120)
    for part in ("clone3", "start_thread", "> std::vector<"):
        check_in(part, every, "--tree --all-frames")
    amounts = re.compile(r"^ *[\d.]+ \w+ .*?(?=[-+|a])", re.M)
    check_equal(amounts.findall(shown), amounts.findall(every), "the numbers of both trees")
