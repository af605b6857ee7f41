# SPDX-License-Identifier: MIT
"""Threads: equal stacks of several threads are one row in all views and formats, unless they are split."""

import csv
import gzip
import io
import json
import os
import re

from lib import trace
from lib.harness import CTRACE, CTRACE_TOP, ROOT, check, check_equal, check_in, test
from lib.screen import Terminal

SERVER = os.path.join(ROOT, "tests", "programs", "heap", "server.cpp")
THREADS = 4  # that score pages


def _record(context, name="out", **changes):
    if not os.path.exists(context.path("server")):
        context.run(["g++", "-g", "-O2", "-std=c++17", "-pthread", "-o", "server", SERVER]).check()
    trace.run(context, [context.path("server")], out=name + ".json", **changes)
    return context.path(name + ".json")


def _top(context, *words, columns=200):
    return context.run([CTRACE_TOP, *words], env=context.environment(COLUMNS=columns)).check().stdout


def _score_rows(shown):
    return [line for line in shown.splitlines() if re.search(r"\bscore server\.cpp:\d+", line)]


@test(needs="g++")
def table(context):
    path = _record(context, CTRACE_THREADS=1)
    shown = _top(context, path)
    (row,) = _score_rows(shown)
    check(re.search(rf" {THREADS}  score server", row) and re.search(r"THREADS  WHERE$", shown, re.M), f"the row of score: {shown}")
    check_in(f"on {THREADS + 1} threads", shown, "the header")
    split = _top(context, "--split-threads", path)
    rows = _score_rows(split)
    check_equal(len(rows), THREADS, f"rows of --split-threads: {split}")
    check_equal(sorted(re.search(r"(\d+) server: score", row).group(1) for row in rows), ["2", "3", "4", "5"], "the threads that they name")
    check("THREADS" not in split, "a column of threads with --split-threads")
    by_thread = _top(context, "--by", "thread", path)
    check_equal(len(re.findall(r"\[thread \d+ server\]", by_thread)), THREADS + 1, f"--by thread: {by_thread}")
    first = _top(context, "--sort", "threads", "--columns", "threads,total", path)
    check(re.search(rf"THREADS .*\n *{THREADS} ", first), f"sorted by threads: {first}")
    plain = _record(context, "plain")
    check("THREADS" not in _top(context, plain) and " on " not in _top(context, plain), "threads that were not recorded")
    check_in("CTRACE_THREADS=1", context.run([CTRACE_TOP, "--sort", "threads", plain]).check(2).stderr, "without threads")
    check_in("--by thread", context.run([CTRACE_TOP, "--by", "function", "--sort", "threads", path]).check(2).stderr, "by function")


@test(needs="g++")
def other_views(context):
    path = _record(context, CTRACE_THREADS=1, CTRACE_REACH=1)
    tree = _top(context, "--tree", path)
    check("[thread" not in tree and len(re.findall(r"\bscore\b", tree)) == 1, f"--tree: {tree}")
    check_equal(len(re.findall(r"\bscore\b", _top(context, "--tree", "--split-threads", path))), THREADS, "--tree --split-threads")
    leaks = _top(context, "--leaks", path)
    check(re.search(rf"^93\.8 KiB .* 800 .* {THREADS}  leak_token server\.cpp", leaks, re.M), f"--leaks: {leaks}")
    leaks = _top(context, "--leaks", "--split-threads", path)
    check_equal(len(re.findall(r"leak_token(?! server\.cpp:\d+:)", leaks)), THREADS, f"--leaks --split-threads, without the verdict: {leaks}")
    peek = _top(context, "--peek", "^serve$", path)
    check("[thread" not in peek, f"--peek: {peek}")
    listed = _top(context, "--list", "^score$", path)
    check(re.search(r"250 MiB +96,000 +41", listed), f"--list: {listed}")
    full = _top(context, "--full", "-n", "1", path)
    check("[thread" not in full and re.search(rf" {THREADS}  score", full), f"--full: {full}")
    rows = list(csv.DictReader(io.StringIO(_top(context, "--csv", path), newline="")))
    check_equal((rows[0]["function"][:5], rows[0]["threads"], rows[0]["total-blocks"]), ("score", str(THREADS), "96000"), "--csv")
    advice = json.loads(context.run([CTRACE, "advise", "-f", "json", path]).check().stdout)["findings"]
    check_equal((advice[0]["function"], advice[0]["stacks"]), ("leak_token", 1), "advise")
    context.write("rules", "total <= 1 MiB\n")
    gate = context.run([CTRACE, "check", path, "--budget", "rules"]).check(1).stdout
    check("250 MiB" in gate and len(re.findall(r"score`? `?server\.cpp:41", gate)) == 1, f"check: {gate}")
    other = _record(context, "other", CTRACE_REACH=1)
    words = [CTRACE, "diff", "-m", "total-blocks", "--all-frames"]
    same = context.run([*words, path, other]).check().stdout
    check(not re.search(r"^ *[+-][\d,]+ .*\bscore\b", same, re.M), f"diff with a recording without threads: {same}")
    apart = context.run([*words, "--split-threads", path, other]).check().stdout
    check_equal(len(re.findall(r" gone \d+ server: .*emplace_back", apart)), THREADS, f"diff --split-threads: {apart}")


@test(needs="g++")
def formats(context):
    """Each format has a stack once. dhat keeps threads apart, and so does pprof, by a label."""
    path = _record(context, CTRACE_THREADS=1)
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    total = sum(point["tb"] for point in data["pps"])
    check_equal(sum("[thread 3 server]" == data["ftbl"][point["fs"][-1]] for point in data["pps"]) > 3, True, "labels in dhat")

    def export(name, *words):
        out = context.path(f"out.{name}.{len(words)}")
        context.run([CTRACE, "export", "-f", name, "-o", out, *words, path]).check()
        with open(out, "rb") as file:
            content = file.read()
        return (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode("utf-8", "replace")

    def stacks(name, text):
        """The texts of all frames that stacks have."""
        if name == "speedscope":
            data = json.loads(text)
            frames = {i for profile in data["profiles"] for sample in profile["samples"] for i in sample}
            return " ".join(data["shared"]["frames"][i]["name"] for i in frames)
        if name == "json":
            data = json.loads(text)
            return " ".join(data["frames"][i]["text"] for i in {i for site in data["sites"] for i in site["stack"]})
        return text

    for name in ("folded", "speedscope", "heapprofile", "massif", "heaptrack", "json"):
        folded, split = stacks(name, export(name)), stacks(name, export(name, "--split-threads"))
        check("[thread " not in folded, f"{name}: a label of a thread")
        check_in("[thread 3 server]", split, f"{name} --split-threads")
    lines = export("folded").splitlines()
    check_equal(sum(int(line.rpartition(" ")[2]) for line in lines), total, "folded: sum")
    check_equal(len([line for line in lines if ";score;" in line or ";score(" in line]), 1, "folded: stacks of score")
    sites = json.loads(export("json"))["sites"]
    check_equal((sites[0]["totalBlocks"], sites[0]["threads"]), (96000, [f"{i} server" for i in range(2, 6)]), "json: the threads of score")
    check("threads" not in json.loads(export("json", "--split-threads"))["sites"][0], "json --split-threads")
    merged = context.path("merged.json")
    context.run([CTRACE, "merge", "-o", merged, path, path]).check()
    check_equal(len(re.findall(r"\[thread \d+ server\]", _top(context, "--by", "thread", merged))), THREADS + 1, "merge keeps threads")
    (row,) = _score_rows(_top(context, merged))
    check_in(f" {THREADS}  score", row, "merged")


@test(needs=("g++", "go"))
def pprof(context):
    """pprof has one label for each thread, and no frame for it."""
    path = _record(context, CTRACE_THREADS=1)
    out = context.path("server.pb.gz")
    context.run([CTRACE, "export", "-f", "pprof", "-o", out, path]).check()

    def go(*words):
        env = context.environment(HOME=context.folder, GOCACHE=context.path("go"))
        return context.run(["go", "tool", "pprof", *words, out], env=env).check().stdout

    check("[thread" not in go("-top", "-nodecount=0", "-nodefraction=0"), "a frame for a thread")
    tags = go("-tags", "-unit=B")
    check_equal(sorted(re.findall(r"\): (\d+) server$", tags, re.M)), ["1", "2", "3", "4", "5"], f"labels: {tags}")
    one = go("-top", "-cum", "-unit=B", "-tagfocus=thread=3 server", "-nodefraction=0")
    check(re.search(r" 65520000B .* score$", one, re.M), f"what thread 3 allocates in score: {one}")
    check(re.search(r"thread:\s*3 server|3 server", go("-top", "-cum", "-tagroot=thread", "-nodefraction=0")), "-tagroot")


@test(needs="g++")
def interactive(context):
    """Sites and trees have a stack once; the view of threads still has each thread."""
    path = _record(context, CTRACE_THREADS=1)
    with Terminal(context, [CTRACE_TOP, "-i", path], columns=160, lines=40) as terminal:
        text = terminal.shown("[Sites]")
        (row,) = _score_rows(text)
        check(re.search(rf"THREADS +WHERE", text) and re.search(rf" {THREADS} +score", row), f"Sites: {text}")
        terminal.press("t", "t")
        check("[thread" not in terminal.shown("[Tree]"), "Tree")
        terminal.press("T", "T", "T", "T")
        check_in("[thread 3 server]", terminal.shown("[Threads]"), "Threads")
        terminal.press("q")
        check_equal(terminal.ended(), 0, "status")
    with Terminal(context, [CTRACE_TOP, "-i", "--split-threads", path], columns=160, lines=40) as terminal:
        check_equal(len(_score_rows(terminal.shown("[Sites]"))), THREADS, "Sites of --split-threads")
        terminal.press("q")
        check_equal(terminal.ended(), 0, "status")
