# SPDX-License-Identifier: MIT
"""ctrace diff: rows of functions across builds and tools, whose changes add up to the change of the totals."""

import glob
import json
import os
import re
import subprocess

from lib import dhat, formats, trace
from lib.harness import CTRACE, LIBRARY, PYTHON, ROOT, check, check_equal, check_in, program, test

DATA = os.path.join(ROOT, "tests", "unit", "data")
MEMBERS = {
    "totalBytes": "tb",
    "totalBlocks": "tbk",
    "lifetime": "tl",
    "peakBytes": "gb",
    "peakBlocks": "gbk",
    "endBytes": "eb",
    "endBlocks": "ebk",
}
CAUSES = {"totalBytes", "peakBytes", "endBytes", "peakBlocks", "endBlocks", "lifetime"}

OLD_SCRIPT = "import json\nd = [{'a': list(range(50))} for i in range(300)]\njson.loads(json.dumps(d))\nimport zlib\nzlib.compress(bytes(100000))\n"
NEW_SCRIPT = "import json, re\nd = [{'a': list(range(80)), 'b': 'x' * i} for i in range(400)]\njson.loads(json.dumps(d, indent=1))\nre.compile('a+b')\n"

QUERY = "create table t(a, b); insert into t values (1, 2), (3, 4); select * from t order by b;"

SOURCE = """
#include <memory>
#include <string>
#include <vector>
struct node { std::string name; std::vector<int> values; };
static std::vector<std::unique_ptr<node>> table;
template <class T> static void fill(std::vector<T> &to, int count) { for (int i = 0; i < count; i++) to.push_back(T(i)); }
static void insert(int i) {
    table.push_back(std::make_unique<node>());
    fill(table.back()->values, i % 50);
#ifdef EXTRA
    table.back()->name.reserve(199);
#endif
}
int main() { for (int i = 0; i < 100; i++) insert(i); std::vector<double> d; fill(d, 1000); }
"""


def _record(context, name, command, **changes):
    """Record a command; returns the path of the report, which has its store beside it."""
    path = context.path(name)
    trace.run(context, command, out=name, CTRACE_KEEP_STORE=1, **changes)
    dhat.check_file(path)
    return path


def _diff(context, *words, status=0, env=None):
    return context.run([CTRACE, "diff", *words], env=env).check(status)


def _json(context, *words):
    return json.loads(_diff(context, "-f", "json", *words).stdout)


def _sites(path):
    """DHAT's program points, read without any code of ours."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)["pps"]


def _check_sums(context, old, new, reports=None, members=MEMBERS):
    """Compare every number that both files have, by site and in total, with the sums over their program points."""
    points = [_sites(path) for path in reports or (old, new)]
    for member, key in members.items():
        if not all(site and key in site[0] for site in points):
            continue
        metric = re.sub("[A-Z]", lambda letter: "-" + letter.group().lower(), member)
        shown = _json(context, "-m", metric, old, new)
        sums = [sum(site[key] for site in side) for side in points]
        check_equal((shown["metric"], shown["change"]), (member, sums[1] - sums[0]), f"change of {metric}")
        check_equal(sum(row["change"] for row in shown["rows"]), sums[1] - sums[0], f"sum of the rows of {metric}")
        for row in shown["rows"]:
            check_equal(row["new"][member] - row["old"][member], row["change"], f"a row of {metric}")
            check_equal({"both", "new", "gone"} >= {row["state"]}, True, "state")
            if member in CAUSES:
                check_equal(sum(row["causes"].values()), row["change"], f"sum of the causes of {metric}")
        sizes = [abs(row["change"]) for row in shown["rows"]]
        check_equal(sizes, sorted(sizes, reverse=True), f"order of the rows of {metric}")
    return len(shown["rows"]), shown["unchanged"]


@test()
def sums(context):
    """Two Python scripts, compared by their reports and by their stores."""
    context.write("old.py", OLD_SCRIPT)
    context.write("new.py", NEW_SCRIPT)
    old, new = (_record(context, name + ".json", [PYTHON, name + ".py"], PYTHONMALLOC="malloc") for name in ("old", "new"))
    rows, same = _check_sums(context, old, new)
    check(rows > 20 and same > 100, f"{rows} rows, {same} without a difference")
    _check_sums(context, new, old)
    _check_sums(context, old + ".store", new + ".store", reports=(old, new))
    # Seeded violation: a wrong sum must be noticed.
    with open(old, encoding="utf-8") as file:
        text = file.read()
    points = json.loads(text)["pps"]
    changed = context.write("changed.json", re.sub(r'\{"tb":(\d+)', lambda found: '{"tb":' + str(int(found.group(1)) + 1), text, count=1))
    check_equal(_json(context, old, changed)["change"], 1, "change by one byte")
    check_equal(len(_json(context, old, changed)["rows"]), 1, "rows of it")
    return f"{rows} rows of {len(points)} and {len(_sites(new))} sites"


@test()
def identical(context):
    path = _record(context, "a.json", [program("sites")])
    for one, other in ((path, path), (path, path + ".store")):
        check_equal(_diff(context, one, other).stdout.splitlines()[-1], "no difference", "last line")
        shown = _json(context, one, other)
        check_equal((shown["rows"], shown["change"]), ([], 0), "rows")
        check(shown["unchanged"] > 5, "unchanged sites")


@test()
def other_producers(context):
    """Files of Valgrind in heap, copy and ad-hoc mode, and files that cannot be compared."""
    heap, copy, ad_hoc = (os.path.join(DATA, "dhat.out." + mode) for mode in ("heap", "copy", "ad-hoc"))
    for path in (heap, copy, ad_hoc):
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
        data["pps"][0]["tb"] += 7
        data["pps"] = data["pps"][:-1]
        _check_sums(context, path, context.write("changed", json.dumps(data)))
        check_in("no difference", _diff(context, path, path).stdout, "a file and itself")
    metrics = [("-m", metric, heap, heap) for metric in ("max", "temporary", "x")] + [("-m", "peak", copy, copy)]
    for words in (*metrics, (heap, copy), (heap,), ("-f", "xml", heap, heap), ("-n", "x", heap, heap)):
        check_equal(len(_diff(context, *words, status=2).stderr.splitlines()), 1, f"lines about {words}")
    check_equal(len(_diff(context, heap, context.path("none"), status=3).stderr.splitlines()), 1, "lines about no file")


@test(needs=("valgrind", "sqlite3"))
def against_valgrind(context):
    """The same program recorded by both tools has the same sites with the same numbers."""
    out, words = context.path("dhat.out"), ["sqlite3", ":memory:", QUERY]
    context.run(["valgrind", "-q", "--tool=dhat", "--num-callers=500", "--dhat-out-file=" + out, *words]).check()
    ours = _record(context, "ours.json", words)
    _check_sums(context, out, ours, members={name: key for name, key in MEMBERS.items() if name != "lifetime"})
    for metric in ("total", "blocks", "peak"):
        shown = _json(context, "-m", metric, out, ours)
        check_equal([row["chain"] for row in shown["rows"] if row["change"]], [], f"sites that differ in {metric}")
        check(len(shown["rows"]) + shown["unchanged"] > 100, "too few sites")
    refused = _diff(context, "-m", "lifetime", out, ours, status=2).stderr
    check_in("no common unit of time: 'instrs' and 'µs'", refused, "lifetimes in instructions and in time")


@test(needs=("g++",))
def builds(context):
    """The same source without and with optimization. Inlined functions match in spite of other names; one allocation is new."""
    context.write("a.cc", SOURCE)
    paths = {}
    for name, flags in {"plain": ["-O0"], "fast": ["-O2"], "extra": ["-O2", "-DEXTRA"]}.items():
        context.run(["g++", "-g", *flags, "-o", name, "a.cc"]).check()
        paths[name] = _record(context, name + ".json", [context.path(name)])
    shown = _json(context, paths["plain"], paths["fast"])
    check_equal(shown["change"], 0, "change")
    check_equal([row["chain"] for row in shown["rows"] if row["state"] != "both"], [], "rows of one build only")
    shown = _json(context, paths["fast"], paths["extra"])
    (row,) = [row for row in shown["rows"] if row["change"]]
    check_equal((row["state"], row["change"], row["causes"]), ("new", 20000, {"moreBlocks": 20000, "biggerBlocks": 0}), "the new allocation")
    check_equal((row["new"]["totalBlocks"], row["chain"][1:]), (100, ["insert", "main"]), "its blocks and callers")
    check_equal((row["ownFunction"], row["ownPlace"][:5]), ("insert", "a.cc:"), "its place in the program")
    text = _diff(context, "--bytes", "--all-frames", paths["fast"], paths["extra"]).stdout
    check(re.search(r"^\+20,000 .* new .*reserve", text, re.M), "the text has no such row: " + text)
    text = _diff(context, "--bytes", "--all-frames", paths["extra"], paths["fast"]).stdout
    check(re.search(r"^-20,000 .* gone .*reserve", text, re.M), "the other way round: " + text)
    # By default, the row is that of the program's function, which allocates in other ways too.
    text = _diff(context, "--bytes", paths["fast"], paths["extra"]).stdout
    check(re.search(r"^\+20,000 .* insert a.cc:\d+ \(.*\) < main$", text, re.M), "by own code: " + text)


@test(needs=("perl", formats.FLAMEGRAPH))
def folded(context):
    """Two numbers per stack, which flamegraph.pl shows in red and blue."""
    context.write("old.py", OLD_SCRIPT)
    context.write("new.py", NEW_SCRIPT)
    old, new = (_record(context, name + ".json", [PYTHON, name + ".py"], PYTHONMALLOC="malloc") for name in ("old", "new"))
    out = context.path("diff.folded")
    _diff(context, "-f", "folded", "-o", out, old, new)
    with open(out, encoding="utf-8") as file:
        lines = [re.fullmatch(r"(.+) (\d+) (\d+)", line.rstrip("\n")).groups() for line in file]
    check_equal(len({line[0] for line in lines}), len(lines), "stacks that are distinct")
    for column, path in ((1, old), (2, new)):
        check_equal(sum(int(line[column]) for line in lines), sum(site["tb"] for site in _sites(path)), "sum of a column")
    drawn = context.run([formats.FLAMEGRAPH, out]).check().stdout
    for colour, pattern in {"red": r'fill="rgb\(255,(\d+),\1\)"', "blue": r'fill="rgb\((\d+),\1,255\)"'}.items():
        shades = {shade for shade in re.findall(pattern, drawn) if shade != "255"}
        check(shades, "no " + colour + " box in the flame graph")


@test()
def text(context):
    context.write("old.py", OLD_SCRIPT)
    context.write("new.py", NEW_SCRIPT)
    old, new = (_record(context, name + ".json", [PYTHON, name + ".py"], PYTHONMALLOC="malloc") for name in ("old", "new"))

    def rows(*words):
        shown = _diff(context, "--bytes", *words, old, new).stdout.splitlines()
        (head,) = [i for i, line in enumerate(shown) if line.startswith(" ") and "CHANGE" in line and "WHERE" in line]
        rows = [line for line in shown[head + 1 :] if re.match(r" *[+-][\d,]+ ", line)]
        return shown[head].split(), rows, shown

    head, few, shown = rows("-n", "3")
    check_equal((head, len(few)), (["CHANGE", "%", "MORE", "BIGGER", "OLD", "NEW", "WHERE"], 3), "heads, rows of -n 3")
    number = r"([+-][\d,]+|-)"
    (rest,) = [re.match(rf"[\d,]+ more rows with {number} and {number};", line) for line in shown if " more rows with " in line]

    def value(text):
        return 0 if text == "-" else int(text.replace(",", ""))

    total = sum(value(line.split()[0]) for line in few) + value(rest.group(1)) + value(rest.group(2))
    check_equal(total, _json(context, old, new)["change"], "rows and the rest")
    head, many, _ = rows("-n", "0", "-m", "peak")
    check_equal(head, ["CHANGE", "%", "MORE", "BIGGER", "LONGER", "OLD", "NEW", "WHERE"], "heads of peak")
    check_equal(sum(value(line.split()[0]) for line in many), _json(context, "-m", "peak", old, new)["change"], "sum of all rows")
    check_equal(rows("-m", "blocks", "-n1")[0], ["CHANGE", "%", "OLD", "NEW", "WHERE"], "heads of blocks")
    check(0 < len(rows("--min", "5", "-n0")[1]) < len(rows("-n0")[1]), "--min leaves nothing out")
    check_in("    by ", _diff(context, "--full", "-n1", old, new).stdout, "--full")
    check("\x1b[" in _diff(context, "--color=always", old, new).stdout, "no colours")
    narrow = _diff(context, old, new, env=context.environment(COLUMNS=60)).stdout
    check_equal(max(len(line) for line in narrow.splitlines() if " < " in line) <= 60, True, "width of a narrow terminal")


@test()
def losses(context):
    """Text and JSON say what was not recorded."""
    path = _record(context, "a.json", [program("sites")])
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    data["ctrace"]["losses"]["dropped"] = 1234
    lossy = context.write("lossy.json", json.dumps(data))
    shown = _diff(context, path, lossy).stdout
    check(re.search(r"^new .*lossy\.json.*\ncaution +1,234 events dropped", shown, re.M), "the text: " + shown)
    check_equal([_json(context, path, lossy)[side]["dropped"] for side in ("old", "new")], [0, 1234], "dropped in the JSON")
    check("caution" not in _diff(context, path, path).stdout, "losses of a recording without")


@test(needs=("sqlite3",))
def sqlite(context):
    """One run has one more query. The rows are functions of SQLite, and all other stacks match."""
    words = ["sqlite3", ":memory:"]
    old = _record(context, "old.json", words + [QUERY])
    again = _record(context, "again.json", words + [QUERY])
    check_equal([row["chain"] for row in _json(context, old, again)["rows"] if row["change"]], [], "rows of two runs alike")
    new = _record(context, "new.json", words + [QUERY + "create index i on t(a);"])
    _check_sums(context, old, new)
    check(any("sqlite3BtreeCreateTable" in " ".join(row["chain"]) for row in _json(context, old, new)["rows"]), "no row of the new index")
    check_equal(len(glob.glob(context.path("*.store"))), 3, "stores")


LOOPS = """
#include <stdlib.h>
#define SITE __attribute__((noinline, noipa))
static void *volatile kept;
SITE static void fill(int bytes) { kept = malloc(bytes); }
SITE static void load(int count) { for (int i = 0; i < count; i++) fill(100); kept = malloc(1000); }
SITE static void store(int count) { for (int i = 0; i < count; i++) fill(10); }
SITE static void more(int count) { if (count) { fill(COUNT); more(count - 1); } }
int main(void) { load(COUNT); store(50); more(COUNT - 20); kept = malloc(1 << 20); return 0; }
"""


def _rows_of_peek(text):
    """The rows by their name with its sign: [old, new, change], in bytes."""
    rows = {}
    for line in text.splitlines():
        found = re.match(r" *([\d,]+|-)  +([\d,]+|-)  +([+-][\d,]+|-)  +(\S+)  (  [<>] )?(.*)", line)
        if found:
            numbers = [0 if cell == "-" else int(cell.replace(",", "")) for cell in found.groups()[:3]]
            rows[(found[5] or "").strip() + found[6]] = [*numbers, found[4]]
    return rows


@test(needs=("gcc",))
def peek(context):
    """Callers and callees of a function on both sides, also those of one side only; a function that calls itself counts once."""
    context.write("a.c", LOOPS)
    paths = []
    for count in (20, 24):
        context.run(["gcc", "-g", "-O1", f"-DCOUNT={count}", "-o", f"loops{count}", "a.c"]).check()
        paths.append(_record(context, f"{count}.json", [context.path(f"loops{count}")]))
    text = _diff(context, "--bytes", "--peek", "^fill$", *paths).stdout
    wanted = {
        "<more": [0, 96, 96, "new"],
        "<load": [2000, 2400, 400, "+20.0"],
        "<store": [500, 500, 0, "-"],
        "fill": [2500, 2996, 496, "+19.8"],
        ">(itself)": [2500, 2996, 496, "+19.8"],
    }
    check_equal(_rows_of_peek(text), wanted, "fill: " + text)
    names = [line.split()[-1] for line in text.splitlines() if re.match(r" *[\d,-]+  ", line)]
    check_equal(names, ["load", "more", "store", "fill", "(itself)"], "callers by their change, the function, callees")
    text = _diff(context, "--bytes", "--peek", "^load$", *paths).stdout
    check_equal(_rows_of_peek(text), {"<main": [3000, 3400, 400, "+13.3"], "load": [3000, 3400, 400, "+13.3"], ">fill": [2000, 2400, 400, "+20.0"], ">(itself)": [1000, 1000, 0, "-"]}, "load: " + text)
    rows = _rows_of_peek(_diff(context, "--bytes", "--peek", "^more$", "-m", "blocks", *paths).stdout)
    check_equal(rows["more"], [0, 4, 4, "new"], "calls of a function by itself")
    check_equal(_rows_of_peek(_diff(context, "--bytes", "--peek", "^more$", *reversed(paths)).stdout)["more"], [96, 0, -96, "-100.0"], "the other way round")
    check_in("matches no function", _diff(context, "--peek", "nothing", *paths, status=2).stderr, "no such function")
    check_in("--peek is for text", _diff(context, "--peek", "fill", "-f", "json", *paths, status=2).stderr, "JSON")
    # What has hardly changed is not red: 496 bytes of a MiB. A function that has grown by a fifth is.
    check(not re.search("\x1b\\[0;31m *\\+", _diff(context, "--color=always", *paths).stdout), "a change of 0.0 % is red")
    check(re.search("\x1b\\[0;31m *\\+", _diff(context, "--color=always", "--peek", "fill", *paths).stdout), "a change of 20 % is not red")


@test()
def running(context):
    """-p PID: the new side is a running process, as it is now; it goes on."""
    context.write("app.c", """
#include <stdlib.h>
#include <unistd.h>
static void *volatile sink;
__attribute__((noinline)) static void grow(void) { sink = malloc(1000); }
int main(void)
{
	char letter;
	for (grow(), write(1, ".", 1); read(0, &letter, 1) == 1; write(1, ".", 1))
		grow();
	return 0;
}
""")
    context.run(["gcc", "-g", "-O1", "-fno-optimize-sibling-calls", "app.c", "-o", "app"]).check()
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=context.path("old.json"), CTRACE_QUIET="1")
    context.run([context.path("app")], env=env, stdin=b"aa").check()
    app = subprocess.Popen([context.path("app")], env=dict(env, CTRACE_OUT=context.path("new.json")), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, cwd=context.folder)
    try:
        app.stdout.read(1)
        for _ in range(6):
            app.stdin.write(b"a")
            app.stdout.read(1)
        text = _diff(context, "--bytes", "-p", str(app.pid), "old.json").stdout
        check(re.search(r"\+4,000 .* grow app\.c:5", text), text)
        check_in("with -p PID, name one file", _diff(context, "-p", str(app.pid), "old.json", "old.json", status=2).stderr, "two files")
        check_in(str(os.getpid()), _diff(context, "-p", str(os.getpid()), "old.json", status=3).stderr, "a process that is not recorded")
    finally:
        app.stdin.close()
        check_equal(app.wait(), 0, "the process's end")
        app.stdout.close()
