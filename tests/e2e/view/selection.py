# SPDX-License-Identifier: MIT
"""--focus, --ignore, --hide, --by, --peek and --list of ctrace-top and export equal go tool pprof to the byte."""

import collections
import csv
import io
import json
import re

from lib import commands, dhat, formats, trace
from lib.harness import CTRACE, CTRACE_TOP, check, check_caught, check_equal, check_in, program, test
from lib.screen import Terminal

# Everything that ctrace-top skips at the leaf, and more. If these are hidden, both tools have the same leaf.
ALLOCATORS = "[mM]alloc|[cC][aA]lloc|[rR]ealloc|memalign|[sS]tr[nN]?[dD]up|[zZ]alloc|[mM]em[dD]up|operator new|^_[MS]_|allocat|vgpreload|^std::"

PROGRAM = """#include <stdlib.h>
static void *volatile keep;
static inline __attribute__((always_inline)) void *inner(int n)
{
	return malloc(n);
}
__attribute__((noinline)) static void outer(int n)
{
	keep = inner(1000);
	if (n)
		outer(n - 1);
	keep = inner(24);
}
int main(void)
{
	outer(2);
	outer(0);
	free(keep);
	return 0;
}
"""


def _flags(selection, pprof):
    """The selection as options. For pprof, several expressions of one kind are joined into one."""
    if not pprof:
        return [f"--{kind}={pattern}" for kind, patterns in selection.items() for pattern in patterns]
    return [f"-{kind}=" + "|".join(patterns) for kind, patterns in selection.items()]


def _number(text):
    return 0 if text in (".", "-") else int(text.rstrip("B").replace(",", ""))


def _plain(name):
    return re.sub(r" \((partial-)?inline\)$", "", name)


def _pprof(context, path, view, selection, sample="alloc_space"):
    options = ["-unit=B", "-nodecount=0", "-nodefraction=0", "-edgefraction=0", "-sample_index=" + sample]
    result = context.run(["go", "tool", "pprof", view, *options, *_flags(selection, True), path], cwd="/").check()
    return result.stdout


def _pprof_top(context, path, selection=None, sample="alloc_space"):
    """pprof's {function: (flat, cum)} without zeros, and the total."""
    text = _pprof(context, path, "-top", selection or {}, sample)
    rows = {}
    for line in text.splitlines():
        found = re.match(r"^ *(\d+)B? +\S+% +\S+% +(\d+)B? +\S+%  (.*)$", line)
        if found and int(found.group(2)):
            rows[_plain(found.group(3))] = (int(found.group(1)), int(found.group(2)))
    total = re.search(r"Total samples = (\d+)B?\s|(?:of|for) (\d+)B? total", text)
    return rows, int(total.group(1) or total.group(2))


def _top(context, *words, columns=600, status=0):
    result = context.run([CTRACE_TOP, *words], env=context.environment(LC_ALL="C.UTF-8", COLUMNS=columns)).check(status)
    return result.stdout if status == 0 else result.stderr


def _top_functions(context, path, selection, known, sort="total"):
    """Like _pprof_top, with names as they are shown, and percentages. Names that occur twice are left out."""
    shown = _top(context, "--by=function", "-n0", "--bytes", "--sort=" + sort, "--columns=" + sort, *_flags(selection, False), path)
    rows, percents, seen = {}, {}, collections.Counter()
    for line in shown.splitlines():
        found = re.match(r"^ *([\d,]+|-) +([\d.]+) +([\d.]+) +([\d,]+) +([\d.]+)  (.*)$", line)
        if not found or not _number(found.group(4)):
            continue
        name = found.group(6) if found.group(6) in known else found.group(6).rpartition(" ")[0]
        seen[name] += 1
        rows[name] = (_number(found.group(1)), _number(found.group(4)))
        percents[name] = tuple(float(found.group(i)) for i in (2, 3, 5))
    return {name: value for name, value in rows.items() if seen[name] == 1}, percents, seen


def _compare(context, dhat_path, pprof_path, selection, least):
    selection = dict(selection)
    selection["hide"] = selection.get("hide", []) + [ALLOCATORS]
    compared = 0
    for sample, sort in (("alloc_space", "total"), ("alloc_objects", "blocks"), ("peak_space", "peak")):
        wanted, total = _pprof_top(context, pprof_path, selection, sample)
        got, percents, seen = _top_functions(context, dhat_path, selection, wanted, sort)
        check_equal(set(seen), set(wanted), f"{selection}: functions, by {sort}")
        for name, values in got.items():
            check_equal(values, wanted[name], f"{selection}: self and cumulative {sort} of {name}")
            for percent, value in zip(percents[name][::2], values):
                check(abs(percent - 100 * value / max(total, 1)) < 0.06, f"{selection}: {percent} % of {name}: {value} of {total}")
        if percents:
            most = max(sums for _, sums, _ in percents.values())
            check(abs(most - 100 * sum(flat for flat, _ in wanted.values()) / total) < 0.06, f"{selection}: last SUM% {most}")
        compared += len(got)
        # Export the same selection.
        part = context.path("part.pb.gz")
        context.run([CTRACE, "export", "-f", "pprof", "-o", part, *_flags(selection, False), dhat_path]).check()
        exported, _ = _pprof_top(context, part, {}, sample)
        check_equal(exported, wanted, f"{selection}: exported, by {sort}")
    check(compared >= least, f"{selection}: only {compared} functions compared")


def _selections(context, pprof_path):
    """Selections of every kind and combination, by functions that are on some of the stacks."""
    rows, total = _pprof_top(context, pprof_path, {"hide": [ALLOCATORS]})
    names = [name for name, (_, cum) in sorted(rows.items(), key=lambda row: -row[1][1]) if re.fullmatch(r"\w+", name) and cum < total]
    check(len(names) >= 4, f"functions to select by: {names}")
    one, two = f"^{names[0]}$", f"^{names[len(names) // 3]}$"
    yield {}, 4
    yield {"focus": [one]}, 2
    yield {"focus": [one, two]}, 2
    yield {"ignore": [two]}, 2
    yield {"hide": [one]}, 2
    yield {"focus": [one], "ignore": [two]}, 0
    yield {"focus": [two], "hide": [one]}, 0
    yield {"ignore": [one], "hide": [r"libc\.so|\.c$"]}, 0
    yield {"focus": [r"libc|\.c"], "hide": [two]}, 2
    yield {"focus": ["no such name"]}, 0


RECORDINGS = {
    "python": formats.python_recording,
    "threads": formats.thread_recording,
    "sqlite3": lambda context: formats.Recording(context, commands.by_name("sqlite3").words(), "sqlite3"),
}


def _check_all(context, dhat_path):
    pprof_path = context.path("all.pb.gz")
    context.run([CTRACE, "export", "-f", "pprof", "-o", pprof_path, dhat_path]).check()
    for selection, least in _selections(context, pprof_path):
        _compare(context, dhat_path, pprof_path, selection, least)


@test(needs=("go",))
def as_pprof_python(context):
    _check_all(context, RECORDINGS["python"](context).path)


@test(needs=("go",))
def as_pprof_threads(context):
    """Selections among template names and inlined frames."""
    _check_all(context, RECORDINGS["threads"](context).path)


@test(needs=("go",))
def as_pprof_sqlite3(context):
    _check_all(context, RECORDINGS["sqlite3"](context).path)


@test(needs=("go", "gcc"))
def as_pprof_compiler(context):
    compiler = context.run(["gcc", "-print-prog-name=cc1"]).check().stdout.strip()
    source = context.write("app.c", "".join("int f%d(int n) { return n + %d; }\n" % (i, i) for i in range(99)))
    recording = formats.Recording(context, [compiler, "-quiet", source, "-o", "/dev/null"], "cc1")
    pprof_path = recording.export("pprof")
    for selection in ({}, {"focus": [r"libc\.so"]}, {"hide": ["libc"]}, {"ignore": ["obstack|main"]}):
        _compare(context, recording.path, pprof_path, selection, 0)


@test(needs=("go", "valgrind"))
def as_pprof_valgrind(context):
    out = context.path("dhat.out")
    context.run(["valgrind", "-q", "--tool=dhat", "--dhat-out-file=" + out, program("sites"), "valgrind"]).check()
    _check_all(context, out)


@test(needs=("go",))
def fails_when_wrong(context):
    """The comparison notices a selection that differs from pprof's."""
    recording = RECORDINGS["python"](context)
    other = recording.export("pprof", "--ignore=^_PyEval_EvalFrameDefault$")
    check_caught(lambda: _compare(context, recording.path, other, {}, 4), Exception, "", "a recording without some of its sites")


def _app(context):
    context.write("app.c", PROGRAM)
    context.run(["gcc", "-g", "-O2", "-fno-builtin", "-fno-optimize-sibling-calls", "app.c", "-o", "app"]).check()
    return formats.Recording(context, [context.path("app")])


def _pprof_peek(text):
    """pprof's {function: (flat, cum, {caller: sum}, {callee: sum})}."""
    found, before, current = {}, {}, None
    for line in text.splitlines():
        if line.startswith("-----"):
            before, current = {}, None
        edge = re.match(r"^ {20,}(\d+)B? +\S+% \|   (.*)$", line)
        node = re.match(r"^ *(\d+)B? +\S+% +\S+% +(\d+)B? +\S+% +\| (.*)$", line)
        if node:
            current = (int(node.group(1)), int(node.group(2)), before, {})
            found[_plain(node.group(3))] = current
        elif edge and int(edge.group(1)):
            (current[3] if current else before)[_plain(edge.group(2))] = int(edge.group(1))
    return found


def _our_peek(text, known):
    found, callers, current = {}, {}, None
    for line in text.splitlines():
        edge = re.match(r"^ {6,}([\d,]+) +[\d.]+    ([<>]) (.*)$", line)
        node = re.match(r"^ *([\d,]+) +[\d.]+ +([\d,]+) +[\d.]+  (.*)$", line)
        if edge and _number(edge.group(1)):
            (callers if edge.group(2) == "<" else current[3])[edge.group(3)] = _number(edge.group(1))
        elif node:
            name = node.group(3) if node.group(3) in known else node.group(3).rpartition(" ")[0]
            current = (_number(node.group(1)), _number(node.group(2)), callers, {})
            found[name] = current
        elif not line:
            callers, current = {}, None
    return found


@test(needs=("go", "gcc"))
def peek_as_pprof(context):
    for make, pattern, least in ((_app, "outer|main|inner", 3), (RECORDINGS["python"], "^_?Py", 30), (RECORDINGS["sqlite3"], "sqlite3", 10)):
        recording = make(context)
        hidden = {"hide": [ALLOCATORS]}
        wanted = _pprof_peek(_pprof(context, recording.export("pprof"), "-peek=" + pattern, hidden))
        wanted = {name: values for name, values in wanted.items() if values[1]}
        shown = _top(context, "--peek=" + pattern, "--bytes", *_flags(hidden, False), recording.path)
        check_equal(_our_peek(shown, wanted), wanted, "--peek " + pattern)
        check(len(wanted) >= least, f"--peek {pattern}: {list(wanted)}")


def _pprof_list(text):
    found, routine = {}, None
    for line in text.splitlines():
        head = re.match(r"^ROUTINE =+ (.*) in (.*)$", line)
        row = re.match(r"^ *(\.|\d+B?) +(\.|\d+B?) +(\d+):", line)
        if head:
            routine = head.group(1)
        elif row and _number(row.group(2)):
            found[routine, int(row.group(3))] = (_number(row.group(1)), _number(row.group(2)))
    return found


def _our_list(text):
    """The numbers of --list in bytes and in blocks."""
    found, blocks, routine = {}, {}, None
    for line in text.splitlines():
        head = re.match(r"^ *\S+ +\S+ +\S+ +\S+ +[\d.]+%  (\S+) /", line)
        row = re.match(r"^ *([\d,.]+) +([\d,.]+) +([\d,.]+) +([\d,.]+) +(\d+)(  |$)", line)
        if head:
            routine = head.group(1)
        elif row:
            found[routine, int(row.group(5))] = (_number(row.group(1)), _number(row.group(3)))
            blocks[routine, int(row.group(5))] = (_number(row.group(2)), _number(row.group(4)))
    return tuple({place: values for place, values in rows.items() if values[1]} for rows in (found, blocks))


@test(needs=("go", "gcc"))
def list_as_pprof(context):
    for recording in (_app(context), formats.Recording(context, [program("sites")], "sites")):
        pattern, path = "^(outer|inner|main|do_.*)$", recording.export("pprof")
        # ctrace-top takes these two for allocators because of their names, and counts their allocations for main.
        hidden = {"hide": ["^do_(m|c)alloc(_zero)?$"]}
        shown = _top(context, "--list=" + pattern, "--bytes", *_flags(hidden, False), recording.path)
        for wanted, got in zip(
            (_pprof_list(_pprof(context, path, "-list=" + pattern, hidden, sample)) for sample in ("alloc_space", "alloc_objects")),
            _our_list(shown),
        ):
            check(len(wanted) >= 6, f"pprof -list: {wanted}")
            check_equal(sorted(got.items()), sorted(wanted.items()), "--list")
    shown = _top(context, "--list=^do_peak$", recording.path)
    check(re.search(r"1\.00 MiB +1  1\.00 MiB +1 +\d+          void \*block = malloc\(1 << 20\);", shown), shown)


@test(needs=("valgrind", "gcc"))
def list_finds_source(context):
    """Files of Valgrind have no folders. A message names a source file that is missing."""
    context.make_folder("source")
    context.write("source/app.c", PROGRAM)
    context.run(["gcc", "-g", "-O0", "-fno-builtin", "source/app.c", "-o", "app"]).check()
    out = context.path("dhat.out")
    context.run(["valgrind", "-q", "--tool=dhat", "--dhat-out-file=" + out, context.path("app")]).check()
    shown = _top(context, "--list=^outer$", out)
    check_in("--source-path", shown, "--list without the source")
    check("noinline" not in shown, "--list shows source that it was not told of")
    shown = _top(context, "--list=^outer$", "--source-path=/nonexistent:" + context.path("source"), out)
    check(re.search(r"4  +9          keep = inner\(1000\);", shown), "--list with --source-path: " + shown)


@test()
def groups(context):
    """Groups by file, line, module and thread have the sums of the report's frames. CSV has the same numbers."""
    recording = RECORDINGS["threads"](context)
    total = recording.report.total("tb")
    for by, key in (("function", "function"), ("file", "file"), ("line", "line"), ("module", "module")):
        text = context.run([CTRACE_TOP, "--csv", "--by", by, recording.path]).check().stdout_bytes.decode()
        check(text.endswith("\r\n") and "\n" not in text.replace("\r\n", ""), "CSV: ends of lines")
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        check(key in rows[0], f"CSV --by {by}: {list(rows[0])}")
        check_equal(sum(int(row["total-bytes"]) for row in rows), total, f"--by {by}: sum of self")
        check_equal([int(row["total-bytes"]) for row in rows], sorted((int(row["total-bytes"]) for row in rows), reverse=True), "order")
        check(all(int(row["cum-total-bytes"]) >= int(row["total-bytes"]) for row in rows), f"--by {by}: self above cumulative")
        check(len(rows) > 1, f"--by {by}: {len(rows)} row")
    check_in("CTRACE_THREADS=1", _top(context, "--by=thread", recording.path, status=2), "--by thread without threads")


@test()
def machine_forms(context):
    recording = RECORDINGS["python"](context)
    whole = json.loads(_top(context, "--json", recording.path))
    check_equal(whole["totals"]["totalBytes"], recording.report.total("tb"), "--json")
    part = json.loads(_top(context, "--json", "--focus=PyDict", "--sort=end", recording.path))
    check_equal(part["sortedBy"], "endBytes", "--json --sort end")
    wanted = [site for site in whole["sites"] if any(re.search("PyDict", whole["frames"][i].get("function", "")) for i in site["stack"])]
    check(0 < len(wanted) < len(whole["sites"]), f"sites with PyDict: {len(wanted)}")
    for member in ("totalBytes", "peakBlocks", "endBytes", "lifetime"):
        check_equal(part["totals"][member], sum(site[member] for site in wanted), "--json --focus: " + member)
    rows = list(csv.DictReader(io.StringIO(_top(context, "--csv", "--focus=PyDict", recording.path))))
    check_equal(len(rows), len(wanted), "rows of --csv")
    for name, member in (("total-bytes", "totalBytes"), ("max-bytes", "maxBytes"), ("temporary-blocks", "temporaryBlocks")):
        check_equal(sum(int(row[name]) for row in rows), sum(site[member] for site in wanted), "--csv: " + name)
    # An exported selection is a normal report, and selecting again changes nothing.
    out = context.path("part.json")
    context.run([CTRACE, "export", "--focus=PyDict", "-o", out, recording.path]).check()
    check_equal(dhat.check_file(out).total("tb"), part["totals"]["totalBytes"], "exported")
    shown = _top(context, "--focus=PyDict", out)
    check_in("100 % of total", shown.replace("100.0 %", "100 %"), "selected again")


@test()
def columns(context):
    env = trace.environment(context, "c.json", CTRACE_REACH=1, CTRACE_THREADS=1)
    command = commands.by_name("sqlite3")
    context.run(command.words(), env=env).check()
    path = context.path("c.json")
    options = context.run([CTRACE_TOP, "--help"]).check().stdout
    refused = _top(context, "--columns=none", path, status=2)
    for name in re.search("must be (.*)", refused).group(1).replace(" or ", ", ").split(", "):
        check_in(name, options, "--help")
        if name in ("resident", "untouched", "swapped", "pinned", "share"):
            check_in("record with --memory", _top(context, "--columns=" + name, path, status=2), "--columns " + name)
            continue
        limit = ["--min-size=1"] if name == "matching" else []
        check(len(_top(context, *limit, "--columns=" + name, "-n1", path)) > 100, "--columns " + name)
    for name in ("--focus", "--ignore", "--hide", "--by", "--peek", "--list", "--json", "--csv"):
        check_in(name, options, "--help")
    shown = _top(context, "--columns=never-freed,temporaries,blocks,total", "--sort=blocks", "-n3", path)
    check(re.search(r"^ *KEPT% +TEMP +BLOCKS +% +SUM% +TOTAL  WHERE$", shown, re.M), shown)
    check("SUM%" not in _top(context, path, columns=80), "SUM% on a narrow terminal")


@test()
def interactive(context):
    """The interactive view shows the same sites, with the same totals."""
    path = RECORDINGS["python"](context).path
    sites, share = re.search(r" at ([\d,]+) sites, ([\d.]+) % of total", _top(context, "--focus=PyDict", path)).groups()
    with Terminal(context, [CTRACE_TOP, "-i", "--focus=PyDict", path], columns=160) as terminal:
        text = terminal.shown(f"{share} % of total")
        check_in(f" {sites} sites", text, "the part's sites")
        rows = [line for line in text.splitlines() if " < " in line]
        percent = re.search(r"^ *\S+ +[KMG]?i?B +([\d.]+) ", rows[0])
        check(percent and float(percent.group(1)) <= float(share), f"a row's part of the whole: {rows[0]}")


@test()
def wrong_usage(context):
    recording = RECORDINGS["python"](context)
    for words, part in (
        (["--focus=a("], "--focus a(: no regular expression"),
        (["--peek=["], "--peek [: no regular expression"),
        (["--list=no such function"], "--list matches no function"),
        (["--by=size"], "site, function, file, line, module, thread or tag"),
        (["--json", "--cum"], "--json"),
        (["--csv", "--tree"], "--csv"),
        (["--columns=total,many"], "never-freed"),
        (["--columns=rate"], "never-freed"),
        (["-i", "--by=file"], "-i and -p show sites"),
        (["-i", "--list=main"], "-i and -p show sites"),
    ):
        check_in(part, _top(context, *words, recording.path, status=2), " ".join(words))
    for words, part in (
        (["--focus=Py", recording.path], "-o"),
        (["--ignore=PyDict", "-o", "x.massif", "-f", "massif", recording.path], "whole process"),
        (["--hide=Py", "-o", "x.json", "--remove-store", recording.store], "--remove-store"),
    ):
        check_in(part, context.run([CTRACE, "export", *words]).check(2).stderr, " ".join(words))
    result = context.run([CTRACE_TOP, "--focus=no such name", recording.path]).check()
    check_in("--focus matches no", result.stderr, "a pattern that matches nothing")
