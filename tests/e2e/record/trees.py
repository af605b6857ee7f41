# SPDX-License-Identifier: MIT
"""A recording of many processes: one block, one report of each that matters, the given name for the largest, again and again."""

import glob
import json
import os
import re
import signal
import subprocess

from lib import dhat, processes, trace
from lib.harness import CTRACE, PYTHON, check, check_equal, check_in, program, test, wait_for
from lib.screen import Terminal

BIG = "x = bytearray(30 << 20)"  # beside this, Python itself is small
PAIR = """
import os, sys, time
x = bytearray(8 << 20)
open(sys.argv[1], "w").close()
while not os.path.exists(sys.argv[2]): time.sleep(0.001)
os._exit(0)
"""


def _record(context, *words, status=0, **changes):
    return context.run([CTRACE, "record", *words], env=context.environment(**changes)).check(status)


def _names(context):
    """The files of ours in the test's folder."""
    return sorted(name for name in os.listdir(context.folder) if not name.startswith("."))


def _script(context):
    """A wrapper script as version managers have it: shells, env, and at last the program."""
    return context.write("wrapper", f'x=$(dirname "$0"); y=$(env echo 1); ls "$x" > /dev/null; exec {PYTHON} -c "$1"\n')


@test()
def wrapper_script(context):
    """The helpers of a wrapper script have one line together, and no files."""
    result = _record(context, "/bin/sh", _script(context), BIG)
    lines = result.stderr.splitlines()
    check_equal(len(lines), 3, f"lines: {lines}")
    check(re.fullmatch(r"ctrace: [3-6] processes; at most 3\d\.\d MiB live in all of them together, .* after start", lines[0]), lines[0])
    check(re.fullmatch(r"ctrace:   python3\S* \d+: total \d+\.\d MiB in .*; report .*/ctrace\.python3\S*\.json", lines[1]), lines[1])
    check(re.fullmatch(r"ctrace:   \d+ small ones, without a report \(.*\); --only '\*' keeps all", lines[2]), lines[2])
    for name in ("dash", "env", "ls"):
        check_in(name, lines[2], "small ones")
    names = [name for name in _names(context) if name != "wrapper"]
    check(len(names) == 1 and names[0].startswith("ctrace.python3"), f"files: {names}")


@test()
def one_process(context):
    """A process alone has no block. All others were small: they are named, but the largest has its report."""
    lines = _record(context, program("sites")).stderr.splitlines()
    check_equal([line.split(" ")[1] for line in lines], ["total", "peak", "report"], f"lines: {lines}")
    for path in glob.glob(context.path("ctrace.*")):
        os.remove(path)
    _record(context, "-o", "runs/", "/bin/sh", _script(context), BIG)
    (readme,) = glob.glob(context.path("runs", "*", "README.md"))
    with open(readme, encoding="utf-8") as file:
        text = file.read()
    check_in("The largest process:\n\n```\npython3", text, "README.md of a folder")
    check("## Other processes" not in text, "small processes in README.md")


@test()
def chosen(context):
    """--only and --skip take names with * and ?, several times."""
    script = _script(context)

    def programs(*options):
        for path in glob.glob(context.path("out.*")):
            os.remove(path)
        result = _record(context, *options, "-o", "out.%e.%p.json", "/bin/sh", script, BIG)
        return sorted({name.split(".")[1] for name in _names(context) if name.startswith("out.")}), result.stderr

    every, text = programs("--only", "*")
    check({"dash", "env", "ls", "python3"} <= set(every), f"--only '*': {every}")
    check("without a report" not in text, f"--only '*': {text}")
    check_equal(programs("--only", "l?", "--only", "env")[0], ["env", "ls"], "--only l? --only env")
    check_equal(programs("--only", "*", "--skip", "[a-k]*", "--skip", "python*")[0], ["ls"], "--only '*' --skip ...")
    found, text = programs("--only", "nothing")
    check_equal(found, [], "--only nothing")
    check(re.search(r"\d+ others, without a report \(.*dash.*\)\n", text), text)
    check_equal(glob.glob(context.path("*.store")), [], "stores")


@test()
def one_name(context):
    """-o FILE is the report of the largest process, again and again."""
    sizes = []
    for size in (30, 40, 50):
        _record(context, "-q", "-o", "heap.json", "/bin/sh", _script(context), f"x = bytearray({size} << 20)")
        check_equal(_names(context), ["heap.json", "wrapper"], "files")
        sizes.append(dhat.check_file(context.path("heap.json")).total("tb") >> 20)
    check(30 <= sizes[0] < 40 <= sizes[1] < 50 <= sizes[2], f"MiB in the reports: {sizes}")
    _record(context, "-q", "--only", "*", "--keep-store", "-o", "heap.json", "/bin/sh", _script(context), BIG)
    names = _names(context)
    check({"heap.json", "heap.json.store"} < set(names) and len(names) == len(set(names)), f"files: {names}")
    check(all(re.fullmatch(r"heap(\.(dash|env|ls|dirname|echo)\.\d+(\.\d+)?)?\.json(\.store)?|wrapper", name) for name in names), f"files: {names}")
    check_equal(sorted(name for name in names if name.endswith(".json")), [name[: -len(".store")] for name in names if name.endswith(".store")], "each report has its store")
    check(dhat.check_file(context.path("heap.json")).total("tb") >= 30 << 20, "heap.json is not the largest process's")
    context.run([CTRACE, "export", "-o", "again.json", "heap.json.store"]).check()
    check_equal(dhat.check_file(context.path("again.json")).data["pps"], dhat.check_file(context.path("heap.json")).data["pps"], "the store beside it")


@test()
def name_in_use(context):
    """A name under which a process is being recorded is refused. If that recording was killed, its store is replaced."""
    # The shell, whose store has the name, becomes another program.
    script = f"{program('tiny')}; exec {program('ends')} wait"
    first = subprocess.Popen([CTRACE, "record", "-q", "-o", "heap.json", "/bin/sh", "-c", script], env=context.environment(), cwd=context.folder)

    def waiting():
        return len(glob.glob(context.path("heap*.store"))) >= 2 and any("in 10 blocks" in context.run([CTRACE, "info", store]).stdout for store in glob.glob(context.path("heap*.store")))

    wait_for(waiting, "the first recording")
    before = _names(context)
    for name in ("heap.json", context.path("heap.json")):
        result = _record(context, "-o", name, "/bin/sh", "-c", "touch started", status=2)
        check(re.fullmatch(r"ctrace record: \S*heap\.json: process \d+ is being recorded under this name; choose another with -o\n", result.stderr), result.stderr)
    check_equal(_names(context), before, "files after the refusal")
    _record(context, "-q", "-o", "other.json", program("sites"))
    # The recording and all of its processes die, before anything was exported.
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(first.pid)], capture_output=True, text=True, check=True).stdout.split()
    grandchildren = [pid for child in children for pid in subprocess.run(["ps", "-o", "pid=", "--ppid", child], capture_output=True, text=True, check=False).stdout.split()]
    for pid in [first.pid, *map(int, children), *map(int, grandchildren)]:
        os.kill(pid, signal.SIGKILL)
    first.wait()
    wait_for(lambda: not any(os.path.exists(f"/proc/{pid}/maps") and open(f"/proc/{pid}/maps", encoding="utf-8").read() for pid in children + grandchildren), "the processes to end")
    _record(context, "-q", "-o", "heap.json", program("sites"))
    check("heap.json" in _names(context) and "heap.json.store" not in _names(context), f"files: {_names(context)}")


@test()
def together(context):
    """The most that was live in all processes at one moment: side by side it adds up, one after the other it does not."""
    code = context.write("pair.py", PAIR)
    a, b = context.path("a"), context.path("b")

    def together_mib(script):
        for path in (a, b):
            if os.path.exists(path):
                os.remove(path)
        text = _record(context, "-o", "out.%e.%p.json", "/bin/sh", "-c", script).stderr
        return float(re.search(r"at most ([\d.]+) MiB live in all of them together", text)[1])

    side_by_side = together_mib(f"{PYTHON} {code} {a} {b} & {PYTHON} {code} {b} {a} & wait")
    in_turn = together_mib(f"{PYTHON} {code} {a} {a}; {PYTHON} {code} {b} {b}")
    check(16 <= side_by_side < 22, f"side by side: {side_by_side} MiB")
    check(8 <= in_turn < 12, f"one after the other: {in_turn} MiB")


FORK = trace.AGE + """
before = bytearray(15 << 20) # live in the parent alone
del before
time.sleep(0.02 + age() / 32)  # longer than a bucket
x = bytearray(8 << 20)
if os.fork() == 0:
    y = bytearray(4 << 20)
    os._exit(0)
os.wait()
os._exit(0)
"""


@test()
def together_over_time(context):
    """The curve of all processes: in the folder's README.md and processes.json, in top DIR, on a terminal. A fork counts once."""
    code, fork = context.write("pair.py", PAIR), context.write("fork.py", FORK)
    a, b = context.path("a"), context.path("b")
    result = _record(context, "-f", "dhat", "-o", "runs/", "/bin/sh", "-c", f"{PYTHON} {code} {a} {b} & {PYTHON} {code} {b} {a} & wait; exec {PYTHON} {fork}")
    folder = result.stderr.splitlines()[-1].split(" report ")[1]
    with open(os.path.join(folder, "processes.json"), encoding="utf-8") as file:
        shown = json.load(file)
    check_equal((shown["format"], shown["version"], shown["timeUnit"]), ("ctrace-processes", 1, "µs"), "head")
    large = [process for process in shown["processes"] if process["totalBytes"] > 8 << 20]
    check_equal(len(large), 4, f"large processes: {shown['processes']}")
    for process in large:
        check(os.path.exists(os.path.join(folder, process["report"])), f"no such report: {process}")
        check(0 <= process["startTime"] <= process["endTime"] <= shown["endTime"], f"times: {process}")
    points = shown["timeline"]
    check_equal([point["time"] for point in points], sorted(point["time"] for point in points), "times in order")
    check_equal(points[-1]["time"], shown["endTime"], "the last time")
    check_equal(max(point["mostBytes"] for point in points), shown["mostBytes"], "the most")
    check(16 << 20 <= shown["mostBytes"] < 24 << 20, f"the most: {shown['mostBytes']}")
    (child,) = [process for process in large if process["startTime"] == max(other["startTime"] for other in large)]
    after = [point["mostBytes"] for point in points if point["time"] > child["startTime"]]
    check(20 << 20 <= max(after) < 28 << 20, f"parent and child: {max(after)}")
    with open(os.path.join(folder, "README.md"), encoding="utf-8") as file:
        readme = file.read()
    check(re.search(r"```\nlive {6}[▁▂▃▄▅▆▇█ ]{20,60} up to (1[6-9]|2\d)\.\d MiB\n```", readme), readme)
    listed = context.run([CTRACE, "top", folder], env=context.environment(LC_ALL="C.UTF-8")).check().stdout
    found = re.search(r"at most ([\d.]+) MiB live in all of them together, .* after start\nlive {6}[▁▂▃▄▅▆▇█ ]{20,60} up to \1 MiB\n", listed)
    check(found, listed)
    check_equal(float(found[1]), round(shown["mostBytes"] / (1 << 20), 1), "the same from the reports alone")
    check("processes.json" not in listed, "processes.json is taken for a report")
    # The shell's *.json names it, too.
    context.run([CTRACE, "merge", "-q", "-o", "all.json", *glob.glob(os.path.join(folder, "*.json"))]).check()
    context.run([CTRACE, "trend", *glob.glob(os.path.join(folder, "*.json"))]).check()
    with Terminal(context, [CTRACE, "record", "-o", context.path("x.json"), "/bin/sh", "-c", f"{PYTHON} {fork}; true"], columns=100) as terminal:
        terminal.ended()
        check(re.search(r"ctrace:   live {6}[▁▂▃▄▅▆▇█ ]{20,60} up to ", terminal.text()), terminal.text())


@test()
def exported_afterwards(context):
    """ctrace record exports when its program has ended. If it was killed, a process exports its own store."""
    script = context.write("exporter", f'#!/bin/sh\necho "$@" >> {context.path("exported")}\nexec {CTRACE} "$@"\n')
    os.chmod(script, 0o755)
    result = _record(context, "-o", "out.%e.json", "/bin/sh", "-c", f"{program('prints')} exit; {program('sites')}; true", CTRACE_BIN=script)
    check("the last words of exit\n" in result.stdout, "output: " + result.stdout)
    check(not os.path.exists(context.path("exported")), "a process has exported its own store")
    check(os.path.exists(context.path("out.sites.json")), f"files: {_names(context)}")
    env = context.environment(CTRACE_BIN=script, CTRACE_QUIET=1, CTRACE_OUT=context.path("killed.json"))
    os.mkfifo(context.path("fifo"))
    wrapper = subprocess.Popen([CTRACE, "record", "/bin/sh", "-c", f"read x < {context.path('fifo')}; {program('sites')}; true"], env=env, cwd=context.folder)
    wait_for(lambda: glob.glob(context.path("killed*.store")), "the recording")
    wrapper.kill()
    wrapper.wait()
    with open(context.path("fifo"), "w", encoding="utf-8") as file:
        file.write("\n")
    wait_for(lambda: os.path.exists(context.path("killed.json")) and not glob.glob(context.path("killed*.store")), "the reports of all processes")


@test()
def interrupted(context):
    """Ctrl-C while ctrace record exports, once or twice: the stores stay, a line says how to go on, the status is the program's."""
    line = re.compile(r"ctrace: writing the report: \d+ %")
    for times in (1, 2):
        words = [CTRACE, "record", "--only", "many_sites", "-o", context.path("many.json"), "/bin/sh", "-c", f"{program('many_sites')} 19; echo done; exit 5"]
        with Terminal(context, words, columns=200) as terminal:
            terminal.wait_for("done")
            # It has waited until now: all of its processor time is the export's.
            wait_for(lambda: processes.cpu_ticks(terminal.pid) >= 8, "the export", terminal.text)
            processes.hold(terminal.pid, 1.1)
            terminal.wait(lambda text: line.search(text), "the line")
            check_in("done", terminal.text(), "output of the program before its report")
            for _ in range(times):
                os.write(terminal.master, b"\x03")
            check_equal(terminal.ended(), 5, "status")
            text = terminal.text()
        (store,) = glob.glob(context.path("*.store"))
        said = text.count("ctrace: stopped; the store stays; make the report with: ctrace export " + store)
        # A second Ctrl-C makes the terminal drop what it has not shown yet.
        check(said == 1 or (said == 0 and times > 1), "the line: " + text)
        check("total" not in text and "removed" not in text, "other lines: " + text)
        check_equal([name for name in _names(context) if name != os.path.basename(store)], [], "files")
        context.run([CTRACE, "export", store]).check()
        check_in("524,288", context.run([CTRACE, "info", store.removesuffix(".store")]).check().stdout, "the report that was made later")
        for path in glob.glob(context.path("many*")):
            os.remove(path)
