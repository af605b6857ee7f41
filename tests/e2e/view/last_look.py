# SPDX-License-Identifier: MIT
"""`ctrace record --memory`: the look at each process's end is kept in its store, until the reports are made."""

import glob
import json
import os
import struct

from lib import dhat, trace
from lib.harness import CTRACE, CTRACE_TOP, PYTHON, check, check_equal, check_in, program, test
from lib.store import Store

PAGE = 4096
FAILED = "where its memory is cannot be said: "
SANDBOX = "no exporter is started in a sandbox (seccomp)"


def _record(context, *words, status=0, **changes):
    return context.run([CTRACE, "record", "--memory", *words], env=context.environment(**changes)).check(status)


def _ledger(context, path):
    got = json.loads(context.run([CTRACE, "memory", "--json", path]).check().stdout)
    check_equal(sum(got["rows"].values()), got["rssBytes"], f"the sum of the rows of {path}")
    check(abs(got["rows"]["unexplained"]) <= got["rssBytes"] / 50, f"unexplained: {got}")
    return got


def _check_touched(context, path):
    """The report of `pages touch`, whose resident pages are known, as tests of a running program check them."""
    got, report = _ledger(context, path), dhat.check_file(path)
    check(18 << 20 < got["rows"]["live"] < 20 << 20, f"live: {got}")
    check_equal(report.total("eb"), got["liveBytes"], "live bytes of the sites, and in the ledger")
    check_equal(report.total("rsb") + report.total("utb") + report.total("swb"), got["liveBytes"], "resident, untouched and swapped bytes")


def _check_pins(context, path):
    got, report = _ledger(context, path), dhat.check_file(path)
    check(1800 * PAGE < got["pinnedBytes"] < 2200 * PAGE, f"pinned: {got}")
    check_equal(report.total("shb"), got["pinnedBytes"], "all shares")
    return got


def _by_program(context, pattern="*.json"):
    """Reports of DHAT's format by the last word of the command."""
    found = {}
    for path in glob.glob(context.path(pattern)):
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        if "dhatFileVersion" in report:
            found[report["cmd"].split()[-1]] = path
    return found


@test()
def below_a_script(context):
    """FILE is the report of the largest process, the others have theirs, and each has its own ledger."""
    path = context.path("heap.json")
    script = f"{program('pages')} touch; {program('pages')} pins"
    said = _record(context, "-o", path, "sh", "-c", script).stderr
    check_in("3 processes", said, "what record says")
    check(FAILED not in said, said)
    reports = _by_program(context)
    check_equal(sorted(reports), ["pins", "touch"], "reports")
    check_equal(reports["touch"], path, "the report of the largest process")
    _check_touched(context, path)
    _check_pins(context, reports["pins"])
    check_equal(glob.glob(context.path("*.store")), [], "stores left behind")


@test()
def a_script_that_execs(context):
    path = context.path("app")
    with open(path, "w", encoding="utf-8") as script:
        script.write(f"#!/bin/sh\nexec {program('pages')} touch\n")
    os.chmod(path, 0o755)
    _record(context, "-o", context.path("heap.json"), path)
    _check_touched(context, context.path("heap.json"))


@test(needs=PYTHON)
def forked_children(context):
    """Each process has its own, also one that was forked and ends by os._exit."""
    script = "import os\nkept = [bytes(5000) for i in range(400)]\npid = os.fork()\nmore = [bytes(9000) for i in range(300)]\n"
    script += "pid and os.waitpid(pid, 0)\nos._exit(0)"
    _record(context, "--only", "*", "-o", context.path("heap.json"), PYTHON, "-c", script)
    reports = glob.glob(context.path("heap*.json"))
    check_equal(len(reports), 2, "reports")
    for path in reports:
        got = _ledger(context, path)
        check_equal(got["liveBytes"], dhat.check_file(path).total("eb"), "live bytes in the ledger and in the report")
        check(got["rows"]["live"] > 2_000_000, f"rows: {got}")


@test()
def folders_and_formats(context):
    """A folder has the ledger in the formats that have one; so has a list of formats. --mmap names the parts, in all of them."""
    script = f"{program('pages')} touch; {program('pages')} pins"
    _record(context, "-o", context.path("runs") + "/", "sh", "-c", script)
    folder, = glob.glob(context.path("runs/*"))
    reports = _by_program(context, "runs/*/*.json")
    check_equal(sorted(reports), ["pins", "touch"], "reports")
    _check_touched(context, reports["touch"])
    got = _check_pins(context, reports["pins"])
    with open(reports["pins"].replace(".json", ".sites.json"), encoding="utf-8") as sites:
        check_equal(json.load(sites)["memory"], got, "the ledger in the format json")
    check_in("are free but pinned", context.run([CTRACE_TOP, "--pins", folder]).check().stdout, "ctrace top of the folder")
    _record(context, "--mmap", "-f", "dhat,json", "-o", context.path("held.json"), program("mappings"), "held")
    parts = [part["residentBytes"] for part in _ledger(context, context.path("held.json"))["parts"] if part["row"] == "mapped"]
    check_equal(parts, [768 * PAGE, 256 * PAGE, 0], "parts")


@test()
def in_a_store(context):
    """A kept store has what its report has, for each reader, and a second reader finds the same in it; so has a later export."""
    path = context.path("heap.json")
    _record(context, "--keep-store", "-o", path, program("pages"), "pins")
    wanted = _check_pins(context, path)
    got = _ledger(context, path + ".store")
    check_equal(got, wanted, "the ledger in the store")
    store = Store(path + ".store")
    _, ledger, sites = store.last_look()
    names = [name for name in ledger if name in wanted]
    check_equal({name: ledger[name] for name in names}, {name: wanted[name] for name in names}, "a second reader's ledger")
    check_equal({row: ledger[row] for row in wanted["rows"] if row in ledger}, {row: wanted["rows"][row] for row in wanted["rows"] if row in ledger}, "its rows")
    check_equal(sum(numbers[6] for _, numbers in sites.values()), wanted["pinnedBytes"], "its shares")
    keys = ("ownPlace", "endBytes", "residentBytes", "untouchedBytes", "pinnedBytes", "shareBytes")
    shown = [json.loads(context.run([CTRACE_TOP, "--json", file]).check().stdout)["sites"] for file in (path, path + ".store")]
    rows = [sorted([site[key] for key in keys] for site in sites) for sites in shown]
    check_equal(rows[0], rows[1], "the sites of ctrace top")
    context.run([CTRACE, "export", "--live", "-o", "copy.store", path + ".store"]).check()
    check_equal(_ledger(context, context.path("copy.store")), wanted, "the ledger of a copy")
    trace.run(context, [program("pages"), "pins"], out="later.json", CTRACE_MEMORY=1, CTRACE_EXPORT=0)
    context.run([CTRACE, "export", "later.json.store"]).check()
    later = _check_pins(context, context.path("later.json"))
    context.run([CTRACE, "merge", "-o", "sum.json", path + ".store", "later.json"]).check()
    check_equal(dhat.check_file(context.path("sum.json")).total("shb"), wanted["pinnedBytes"] + later["pinnedBytes"], "shares of a store and a report, merged")


@test()
def failures(context):
    """A process that could not be looked at is recorded without a ledger, and a line says why, in each kind of recording."""
    pages, sandbox = [program("pages"), "touch"], [program("fire_sandbox"), "kill"]
    for more in (["-o", "a.json"], ["-o", "b.json", "-f", "dhat,pprof"], ["-o", "runs/"]):
        for command, status, why in ((pages, 0, "no exporter ran (CTRACE_BIN names it)"), (sandbox, 7, SANDBOX)):
            missing = {} if status else {"CTRACE_BIN": "/nonexistent"}
            said = _record(context, *more, *command, status=status, **missing).stderr
            check_equal(said.count(FAILED + why), 1, f"lines with {more}: {said}")
    script = f"{program('pages')} pins; {' '.join(sandbox)}; {PYTHON} -c 'import os; a = [bytes(9) for _ in range(9)]; os.kill(os.getpid(), 9)'; true"
    said = _record(context, "--only", "*", "-o", "tree.json", "sh", "-c", script).stderr
    for name, why in (("fire_sandbox", SANDBOX), ("python3", "the program has not come to its end")):
        line = next(line for line in said.splitlines() if line.startswith("ctrace:   " + name))
        check_in(FAILED + why, line, "the line of a child")
    check(all(FAILED not in line for line in said.splitlines() if line.startswith("ctrace:   pages")), said)
    quiet = _record(context, "--quiet", "-o", "q.json", *pages, CTRACE_BIN="/nonexistent")
    check_equal(quiet.stderr, "", "a quiet recording")
    check_in("record with --memory", context.run([CTRACE, "memory", "q.json"]).check(2).stderr, "ctrace memory of it")


@test()
def damaged(context):
    """A look that was cut or changed gives one line, and the rest of the store is read; without --memory there is neither."""
    path = context.path("heap.json.store")
    _record(context, "--keep-store", "-o", "heap.json", program("pages"), "pins")
    store = Store(path)
    whole = context.run([CTRACE_TOP, path]).check()
    check_equal(whole.stderr, "", "a whole store")
    for what, at, new, why in (
        ("a flipped bit", store.end + 300, bytes([store.data[store.end + 300] ^ 1]), "its words do not fit its hash"),
        ("a longer one", store.look_at, struct.pack("<Q", len(store.look) + 64), "damaged: "),
        ("a huge one", store.look_at, struct.pack("<Q", 2**64 - 24), "a wrong size"),
        ("a cut one", store.end + 100, None, "the file ends before it does"),
    ):
        with open(path, "wb") as file:
            file.write(store.data[:at] if new is None else store.data[:at] + new + store.data[at + len(new) :])
        shown = context.run([CTRACE_TOP, path]).check()
        check_equal(shown.stderr.count("\n"), 1, f"lines about {what}: {shown.stderr}")
        check_in(f"{path}: {FAILED}the look at it in the store is damaged: ", shown.stderr, what)
        check_in(why, shown.stderr, what)
        rows = [result.stdout[result.stdout.index("WHERE") :] for result in (shown, whole)]
        check_equal(rows[0], rows[1], f"the sites with {what}")
        check_in(FAILED, context.run([CTRACE, "export", "-o", "again.json", path]).check().stderr, f"an export with {what}")
        check_in("record with --memory", context.run([CTRACE, "memory", path]).check(2).stderr, f"ctrace memory with {what}")
    trace.run(context, [program("pages"), "pins"], out="plain.json", CTRACE_KEEP_STORE=1)
    plain = Store(context.path("plain.json.store"))
    check_equal((plain.look, plain.look_problem), (b"", ""), "a recording without --memory")


@test(needs="strace")
def costs_nothing_without(context):
    """Without --memory the program starts no process at its end, and with it one that looks."""
    for words, started in (([], 0), (["--memory"], 1)):
        log = context.path("log")
        command = ["strace", "-f", "-qq", "-e", "trace=execve", "-o", log, CTRACE, "record", *words, "-o", "heap.json", program("pages"), "pins"]
        context.run(command).check()
        with open(log, encoding="utf-8") as file:
            exporters = [line for line in file if "execve" in line and '"export"' in line]
        check_equal(len(exporters), started, f"exporters with {words}: {exporters}")
