# SPDX-License-Identifier: MIT
"""A store that was copied while its program wrote it: the numbers add up, or a line says that they do not."""

import json
import os
import random
import signal
import struct
import subprocess
import time

from lib import dhat
from lib.harness import CTRACE, CTRACE_TOP, LIBRARY, check, check_equal, check_in, program, test
from lib.hostile import Bytes
from lib.store import PAGE, SECTIONS

THREADS, HELD = 2, 64  # tests/programs/heap/counted.c
SAID = "copied while it was written"
COPIES = 20


class Counted:
    """A program that allocates until it is killed, and can be stopped between any two instructions."""

    def __init__(self, context, stacks):
        self.counters, self.out = context.write("counters", bytes(PAGE)), context.path(f"{stacks}.json")
        self.store = self.out + ".store"
        env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=self.out, CTRACE_QUIET=1)
        self.process = subprocess.Popen([program("counted"), self.counters, str(THREADS), str(stacks)], env=env)

    def __enter__(self):
        self.wait_for(1)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def allocated(self):
        """The number of allocations of each thread."""
        with open(self.counters, "rb") as file:
            return struct.unpack(f"<{2 * THREADS}Q", file.read(16 * THREADS))[::2]

    def wait_for(self, blocks):
        while min(self.allocated()) < blocks:
            check(self.process.poll() is None, "the program has ended")
            time.sleep(0.001)

    def moment(self):
        """The whole store at one moment."""
        self.process.send_signal(signal.SIGSTOP)
        while not all(self.state(task) == "T" for task in os.listdir(f"/proc/{self.process.pid}/task")):
            time.sleep(0.001)
        with open(self.store, "rb") as file:
            data = file.read()
        self.process.send_signal(signal.SIGCONT)
        return data

    def state(self, task):
        with open(f"/proc/{self.process.pid}/task/{task}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0]


def moments(context, stacks):
    """Whole stores of one program at several moments. From the second on, each thread has all its live blocks."""
    with Counted(context, stacks) as counted:
        found = []
        for more in (0, 1000, 40000, 200000):
            counted.wait_for(min(counted.allocated()) + more)
            found.append(counted.moment())
        return found


def export(context, data, what):
    """Export a store. Returns None if it is refused or called torn, otherwise the report."""
    path, out = context.write("mixed.store", data), context.path("mixed.json")
    result = context.run([CTRACE, "export", "-o", out, path])
    info = context.run([CTRACE, "info", path])
    check(result.status in (0, 3), f"{what}: export {result.status} {result.stderr}")
    check_equal(info.status, 3 if result.status else 1 if SAID in result.stderr else 0, f"{what}: info's status")
    if result.status:
        check_equal(result.stderr.count("\n"), 1, f"{what}: lines that say why")
        return None
    report = dhat.load(out)
    check_equal(report.own["torn"], SAID in result.stderr, f"{what}: the report's mark")
    return None if report.own["torn"] else report


def places(data):
    """The pages of the header and of each section, by name."""
    store = Bytes(data)
    found = {"header": list(range(0, store.header_bytes // PAGE))}
    for i in range(struct.unpack_from("<I", data, store.extents)[0]):
        offset, pages, section = struct.unpack_from("<QII", data, store.extents + 8 + 16 * i)
        found.setdefault(SECTIONS[section], []).extend(range(offset // PAGE, offset // PAGE + pages))
    return found


def mix(older, newer, pages):
    """The newer store with some pages of the older one. A page that did not exist yet is empty."""
    data = bytearray(newer)
    for page in pages:
        old = older[page * PAGE : (page + 1) * PAGE]
        data[page * PAGE : (page + 1) * PAGE] = old + bytes(PAGE - len(old))
    return bytes(data)


def check_mix(report, least, most, what, settled=True):
    """
    A report that is not called torn shows one moment: no event is missing, and none is counted twice. settled: each thread
    had all its live blocks by then.
    """
    blocks = report.below("work")
    check(least <= blocks["tbk"] <= most, f"{what}: {blocks['tbk']} blocks, there were {least} to {most}")
    few = THREADS * (HELD - 1) if settled else 0
    check(few <= blocks["ebk"] <= THREADS * HELD, f"{what}: {blocks['ebk']} blocks live of {blocks['tbk']}")
    check(report.total("gb") >= report.total("eb"), f"{what}: a peak below the end")


def differing(older, newer, pages):
    return [page for page in pages if older[page * PAGE : (page + 1) * PAGE] != newer[page * PAGE : (page + 1) * PAGE]]


def mixes(older, newer):
    """Yields names and stores: one section older, one section newer, half the pages, the beginning, single pages."""
    for part, pages in places(newer).items():
        changed = differing(older, newer, pages)
        yield f"{part} older", mix(older, newer, pages)
        yield f"only {part} newer", mix(older, newer, [page for page in range(len(newer) // PAGE) if page not in pages])
        for page in random.sample(changed, min(3, len(changed))):
            yield f"page {page} of {part} older", mix(older, newer, [page])
    count = len(newer) // PAGE
    changed = differing(older, newer, range(count))
    for i in range(10):
        yield f"random half {i}", mix(older, newer, [page for page in changed if random.random() < 0.5])
        end = random.choice(changed)
        yield f"older up to page {end}", mix(older, newer, range(end))
        yield f"older from page {end} on", mix(older, newer, range(end, count))


@test()
def mixed_moments(context):
    """One file has pages of two moments of a store."""
    random.seed(12)
    tried = whole = 0
    for stacks in (1, 500):
        stores = moments(context, stacks)
        blocks = [export(context, data, "one moment").below("work")["tbk"] for data in stores]
        for i, j in ((0, 1), (1, 3), (2, 3)):
            for what, data in mixes(stores[i], stores[j]):
                what = f"{stacks} stacks, moments {i} and {j}, {what}"
                report = export(context, data, what)
                tried += 1
                if report:
                    whole += 1
                    check_mix(report, blocks[i], blocks[j], what, settled=i > 0)
    return f"{tried} mixes, of which {whole} are whole"


@test()
def live_copy(context):
    """ctrace export --live makes a whole copy of a running program's store, and a report with the same numbers."""
    with Counted(context, 500) as counted:
        counted.wait_for(HELD)
        for i, source in enumerate((counted.process.pid, counted.store) * 2):
            copy, out, again = context.path("copy.store"), context.path("copy.json"), context.path("again.store")
            before = sum(counted.allocated())
            result = context.run([CTRACE, "export", "--live", source, "-o", copy]).check()
            after = sum(counted.allocated()) + THREADS
            check_equal(result.stderr, "", "what is said of a whole copy")
            context.run([CTRACE, "info", copy]).check()
            context.run([CTRACE, "export", "-o", out, copy]).check()
            report = dhat.check_file(out)
            check_mix(report, before, after, f"copy {i}")
            # In a copy of the copy the time of the end is also the same.
            context.run([CTRACE, "export", "--live", copy, "-o", again]).check()
            context.run([CTRACE, "export", "-o", again + ".json", again]).check()
            check_equal(dhat.load(again + ".json").data, report.data, "a copy of the copy")
            now = context.run([CTRACE, "export", "--live", source, "-f", "json", "-o", "-"]).check()
            check(json.loads(now.stdout)["totals"]["totalBlocks"] >= before, "the report of now")
        for refused in (
            ["--live", str(counted.process.pid)],
            ["--live", "--remove-store", "-o", "x", counted.store],
            ["--live", "-f", "json", "-o", "x.store", counted.store],
        ):
            context.run([CTRACE, "export", *refused]).check(2)
    check_in("no process", context.run([CTRACE, "export", "--live", "4194304", "-o", "x"]).check(3).stderr, "a pid that is free")


@test()
def every_reader(context):
    """All commands say that the store is torn, in one line with the file's name. Reports keep the mark."""
    stores = moments(context, 1)
    path = context.write("mixed.store", mix(stores[2], stores[3], places(stores[3])["sites"]))
    whole, out = context.write("whole.store", stores[3]), context.path("out.json")
    budget = context.write("budget", "total >= 0\n")
    commands = {
        "export": ([CTRACE, "export", "-o", out], 0),
        "info": ([CTRACE, "info"], 1),
        "top": ([CTRACE_TOP], 0),
        "merge": ([CTRACE, "merge", "-q", "-o", context.path("merged.json"), whole], 0),
        "diff": ([CTRACE, "diff", whole], 0),
        "check": ([CTRACE, "check", "--budget", budget], 0),
        "strict check": ([CTRACE, "check", "--strict", "--budget", budget], 1),
        "advise": ([CTRACE, "advise"], 0),
        "html": ([CTRACE, "html", "-o", context.path("out.html")], 0),
    }
    for name, (command, status) in commands.items():
        result = context.run([*command, path]).check(status)
        lines = [line for line in result.stderr.splitlines() if SAID in line]
        check_equal(len(lines), 1, f"{name}: lines that say it: {result.stderr}")
        check_in(path, lines[0], name)
        check_in("ctrace export --live", lines[0], f"{name}: what to do")
        check_equal(context.run([*command, whole]).check(0).stderr.count(SAID), 0, f"{name}: said of a whole store")
    for command, name in (("export", "out.json"), ("merge", "merged.json")):
        context.run([*commands[command][0], path]).check()
        check(dhat.load(context.path(name)).own["torn"], f"{name} has no mark")
        check_in(SAID, context.run([CTRACE_TOP, context.path(name)]).check().stdout, f"ctrace top {name}")
        context.run([CTRACE, "info", context.path(name)]).check(1)
    for form, wanted in (("json", '"torn":true'), ("massif", SAID), ("speedscope", SAID), ("chrometrace", SAID)):
        check_in(wanted, context.run([CTRACE, "export", "-f", form, "-o", "-", path]).check().stdout, form)
    for side, files in (("old", [path, whole]), ("new", [whole, path])):
        check_in("caution", context.run([CTRACE, "diff", *files]).check().stdout, f"diff, {side}")
        check(json.loads(context.run([CTRACE, "diff", "-f", "json", *files]).check().stdout)[side]["torn"], f"diff -f json, {side}")
    check_in(SAID, context.run([CTRACE, "check", "--budget", budget, path]).check().stdout, "ctrace check")


@test(needs=("cp",))
def copied_while_written(context):
    """Copy a running program's store with cp many times."""
    said = 0
    with Counted(context, 500) as counted:
        counted.wait_for(HELD)
        for i in range(COPIES):
            before = sum(counted.allocated())
            subprocess.run(["cp", counted.store, context.path("copy")], check=True)
            after = sum(counted.allocated()) + THREADS
            with open(context.path("copy"), "rb") as file:
                report = export(context, file.read(), f"copy {i}")
            if report:
                check_mix(report, before, after, f"copy {i}")
            said += not report
    return f"{said} of {COPIES} copies are not whole, and say so"
