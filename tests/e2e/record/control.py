# SPDX-License-Identifier: MIT
"""Processes that sleep (CTRACE_MODE=off), and `ctrace ctl`, which wakes, switches and divides them."""

import glob
import os
import re
import subprocess

from lib import dhat, oracle, trace
from lib.harness import CTRACE, LIBRARY, ROOT, Skip, check, check_equal, check_in, program, test, wait_for
from lib.rules import C_LIBRARY

THREADS = 8
# What `work` does: blocks and bytes in all, and what is live afterwards.
WORK = (THREADS * 100 * 4, THREADS * 100 * (100 + 1000 + 10 + 30), THREADS * 100, THREADS * 100 * 100)


REQUEST_AT = 62284  # in a store's header; `modes` checks it


def has_done(store):
    """Does a store's header have the number of the latest request in its control page?"""
    with open(store, "rb") as file:
        header = file.read(17 * 4096)
    asked = header[-4096 + 12 :][:4]  # in the header's last page
    return header[REQUEST_AT:][:4] == asked != bytes(4)


def ctl(context, pid, pages, *words, status=0):
    """`ctrace ctl`. It waits for 3 s; if a starved process has not done it by then, this waits on."""

    def run(*words):
        return context.run([CTRACE, "ctl", pid, *words], env=context.environment(CTRACE_CONTROL=pages)).check(status)

    def store_has_done():
        store = re.search(r"^store +(.*)", run().stdout, re.M)  # none while it is asleep
        return store and has_done(store[1])

    done = run(*words)
    if "has not done it yet" in done.stderr:
        wait_for(store_has_done, f"ctl {words}")
    elif not status:
        check_equal(done.stderr, "", f"ctl {words}")
    return done


class Switched:
    """A running tests/programs/process/switched.c."""

    def __init__(self, context, out="s.json", **changes):
        self.context = context
        self.pages = context.make_folder("pages")
        changes = {"CTRACE_MODE": "off", "CTRACE_CONTROL": self.pages, "CTRACE_KEEP_STORE": 1, **changes}
        self.environment = trace.environment(context, out, **changes)
        self.store = context.path("s.json.store")
        with open(context.path("stderr"), "wb") as lines:
            self.process = subprocess.Popen(
                [program("switched")], env=self.environment, cwd=context.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=lines
            )
        self.pid = self.process.pid
        check_equal(self.answer(), "ready", "start")

    def answer(self):
        return self.process.stdout.readline().decode().strip()

    def say(self, word):
        self.process.stdin.write(word.encode() + b"\n")
        self.process.stdin.flush()

    def do(self, *words):
        for word in words:
            self.say(word)
            check_equal(self.answer(), word, "answer")

    def ctl(self, *words, target=None, status=0):
        done = ctl(self.context, target or self.pid, self.pages, *words, status=status)
        return done.stdout if not status else done.stderr

    def end(self):
        self.process.stdin.close()
        check_equal(self.process.wait(), 0, "exit status")
        check_equal(os.listdir(self.pages), [], "pages left behind")

    def lines(self):
        with open(self.context.path("stderr"), encoding="utf-8") as lines:
            return lines.read()


def totals(context, store, *words):
    """Blocks and bytes in all and at the end in one segment of a store, which must be sound and lack nothing."""
    path = context.path("segment.json")
    context.run([CTRACE, "export", "-o", path, *words, store]).check()
    report = dhat.check_file(path)
    parts = [report.below(function) for function in ("keep", "pass", "grow", "load")]
    return tuple(sum(part[key] for part in parts) for key in ("tbk", "tb", "ebk", "eb"))


def sound(context, store):
    """ctrace info finds no fault and no loss."""
    out = context.run([CTRACE, "info", store]).check().stdout
    check_equal([line for line in out.splitlines() if "loss" in line or " lost" in line], ["losses         none"], "losses")
    return out


@test()
def asleep(context):
    """A process that sleeps leaves nothing behind, prints nothing, maps one page of ours, and starts no exporter."""
    run = Switched(context)
    with open(f"/proc/{run.pid}/maps", encoding="ascii") as maps:  # our region begins at 0x48 << 40
        ours = [line.split()[-1] for line in maps if run.pages in line or ".store" in line or line.startswith("48")]
    check_equal(len(ours), 1, f"mappings of ours ({ours})")
    check_equal(os.stat(ours[0]).st_mode & 0o777, 0o600, "rights of the page")
    check_in("asleep", run.ctl(), "status")
    run.do("work", "grow", "drop", "vfork")
    check_equal(len(os.listdir(run.pages)), 1, "pages after vfork, whose child has ended in our memory")
    check_in("is asleep: nothing is recorded", context.run([CTRACE, "top", "-p", str(run.pid)]).check(3).stderr, "top -p")
    run.end()
    check_equal(run.lines(), "", "lines on stderr")
    check_equal(glob.glob(context.path("*.json*")), [], "files left behind")


@test()
def addresses(context):
    """The program's blocks have the same addresses as without ctrace, and its output and status are the same."""
    command = ["setarch", "-R", program("ends"), "exit"]
    plain = context.run(command)
    traced = context.run(command, env=trace.environment(context, CTRACE_MODE="off", CTRACE_CONTROL=context.make_folder("pages")))
    check_equal((traced.status, traced.stdout, traced.stderr), (plain.status, plain.stdout, plain.stderr), "status, output, lines")


def _instructions_per_pair(context, library, *how, **changes):
    """Of malloc and free together, in the busiest process, counted by callgrind. The loader preloads, so that only this program is ours."""
    counts = []
    for pairs in (4000, 8000):
        words = [oracle.valgrind(), "--tool=callgrind", "--callgrind-out-file=/dev/null", "--trace-children=yes"]
        words += ["env", *(f"{name}={value}" for name, value in changes.items()), C_LIBRARY[1], *library, program("pairs_in"), str(pairs), *how]
        refs = re.findall(r"I +refs: +([\d,]+)", context.run(words).check().stderr)
        counts.append(max(int(known.replace(",", "")) for known in refs))
    return (counts[1] - counts[0]) / 4000


@test()
def costs_when_not_recorded(context):
    """Where nothing is recorded, for whatever reason, a call costs what it costs asleep: a few instructions."""
    native = _instructions_per_pair(context, [])

    def added(*how, **changes):
        changes = {"CTRACE_OUT": context.path("s.json"), "CTRACE_EXPORT": 0, **changes}
        return _instructions_per_pair(context, ["--preload", LIBRARY], *how, **changes) - native

    check(added() > 100, "a recorded pair costs no more: nothing was measured")
    for name, costs in {
        "asleep": added(CTRACE_MODE="off"),
        "a wrong setting": added(CTRACE_MODE="of"),
        "not admitted": added(CTRACE_DENY="*"),
        "a child without recording": added("fork", CTRACE_CHILDREN=0),
        "the same, of a sample": added("fork", CTRACE_CHILDREN=0, CTRACE_SAMPLE=100),
    }.items():
        check(0 < costs < 25, f"{name}: {costs} instructions per pair more than {native}")


@test()
def record_asleep(context):
    """ctrace record --mode off starts a program asleep, and says nothing at the end."""
    done = context.run([CTRACE, "record", "--mode", "off", "-o", context.path("r.json"), program("ends"), "exit"])
    check_equal(done.stderr, "", "lines")
    check_equal(glob.glob(context.path("r*")), [], "files left behind")
    context.run([CTRACE, "record", "--mode", "of", "true"]).check(2)
    done = context.run(["true"], env=trace.environment(context, CTRACE_MODE="of")).check()
    check_in("CTRACE_MODE=of is not off, exact or sample=BYTES", done.stderr, "a wrong mode")


@test()
def segments(context):
    """Woken, switched off, on and over: each segment has exactly what was done in it, and nothing is lost or unknown."""
    run = Switched(context, CTRACE_KEEP_STORE=0, CTRACE_QUIET=0)  # a store with earlier segments stays
    run.do("work")  # before the first segment
    run.ctl("exact", "first")
    run.do("work", "work")
    check_in("segment   1 first", run.ctl(), "status")
    run.ctl("off")
    run.do("work", "grow", "drop", "work")  # in between
    run.ctl("exact")
    run.do("work", "drop")  # frees blocks of in between, too
    run.ctl("reset", "third")
    run.do("work")
    run.ctl("reset")
    run.do("grow")  # blocks of before are resized: each is a new block of this segment
    run.end()
    check_in("this is segment 4; the store keeps the earlier ones", run.lines(), "the summary")
    sound(context, run.store)
    blocks, size, live, live_size = WORK
    check_equal(totals(context, run.store, "--segment", "1"), (2 * blocks, 2 * size, 2 * live, 2 * live_size), "first segment")
    check_equal(totals(context, run.store, "--since", "first"), (2 * blocks, 2 * size, 2 * live, 2 * live_size), "by its name")
    check_equal(totals(context, run.store, "--segment", "2"), (blocks, size, 0, 0), "second segment")
    check_equal(totals(context, run.store, "--since", "third"), WORK, "third segment")
    check_equal(totals(context, run.store), (live, 2 * live_size, live, 2 * live_size), "last segment")
    check_equal(dhat.check_file(context.path("s.json")).below("grow")["tbk"], live, "the report at exit")
    for wrong in (("--segment", "5"), ("--since", "fifth")):
        context.run([CTRACE, "export", "-o", context.path("x.json"), *wrong, run.store]).check(2)


@test()
def under_load(context):
    """Off, exact, off again and again while 8 threads pass blocks to each other: no unknown free, and nothing looks leaked."""
    run = Switched(context)
    run.do("load")
    for turn in range(20):
        run.ctl("exact", f"turn {turn}")
        wait_for(lambda: "total     0" not in run.ctl(), "events")
        run.ctl("off" if turn % 3 else "reset")
    run.ctl("exact", "last")
    run.do("rest")
    run.end()
    info = sound(context, run.store)
    check_equal(totals(context, run.store)[2:], (0, 0), "live at the end, when all blocks were freed")
    for number in map(int, re.findall(r"^segment +(\d+)", info, re.M)):
        live = totals(context, run.store, "--segment", number)[2]
        check(live <= 512 + THREADS, f"segment {number}: {live} blocks live, and the program has at most {512 + THREADS}")


@test()
def modes(context):
    """To a sample and back; pause, resume and marks; the same request twice."""
    run = Switched(context, CTRACE_MODE="exact")
    run.do("work")
    check_equal(run.ctl("status").splitlines()[0].split(), ["mode", "exact"], "mode")
    run.ctl("exact")  # no change: the segment goes on
    run.ctl("pause")
    run.do("work")
    run.ctl("resume")
    run.ctl("mark", "after the pause")
    run.do("work")
    check(has_done(run.store), "the numbers of the latest request")
    run.ctl("sample=1")
    check_in("sample=1", run.ctl(), "mode")
    run.do("work", "drop")
    run.ctl("exact", "last")
    run.do("work", "drop")
    run.end()
    blocks, size, live, live_size = WORK
    check_equal(totals(context, run.store, "--segment", "1"), (2 * blocks, 2 * size, 2 * live, 2 * live_size), "paused in the middle")
    # In a sample, a resize is a free and an allocation. With a mean of 1 byte every block is in it.
    check_equal(totals(context, run.store, "--segment", "2")[2:], (0, 0), "live at the end of the sample")
    check_equal(totals(context, run.store, "--segment", "3"), (blocks, size, 0, 0), "exact again")
    refused = context.run([CTRACE, "export", "-o", context.path("x.json"), "--since", "after the pause", run.store]).check(2)
    check_in("no segment begins at the mark", refused.stderr, "a mark inside a segment")


@test()
def forked_and_replaced(context):
    """A child of fork has a page of its own, and is switched alone. After exec the process sleeps on, under the same pid."""
    run = Switched(context, "%p.json")
    run.say("fork")
    child = int(run.answer().split()[1])
    check_equal(len(os.listdir(run.pages)), 2, "pages")
    run.ctl("exact", target=child)
    check_in("asleep", run.ctl(), "the parent")
    run.do("go")  # the child's last word
    run.do("drop")  # the child has ended
    check_equal(dhat.check_file(context.path(f"{child}.json")).below("keep")["tbk"], 100, "blocks of the child since it woke")
    run.say("exec")
    check_equal(run.answer(), "ready", "exec")
    check_in("asleep", run.ctl(), "after exec")
    check_equal(len(os.listdir(run.pages)), 1, "pages after exec")
    run.ctl("exact")
    run.do("work")
    run.ctl("off")
    run.say("fork")  # a child of a process that is off: it is never recorded
    other = int(run.answer().split()[1])
    run.do("go")
    run.do("drop")  # the child has ended
    run.end()
    check(os.path.exists(context.path(f"{run.pid}.json")), "the report of the process itself")
    check_equal(glob.glob(context.path(f"{other}.*")), [], "files of a child that was never on")


@test()
def never_to_be_woken(context):
    """A process that sleeps and then forbids itself what waking needs has no page any more; ctl says that it is not traced."""
    run = Switched(context)
    run.say("clock")
    if run.answer() == "clock":
        raise Skip("the processor or the kernel has no PR_SET_TSC")
    check_equal(os.listdir(run.pages), [], "pages")
    check_in(f"process {run.pid} is not traced", run.ctl("exact", status=3), "ctl")
    run.do("work")
    check_equal(run.lines(), "", "stderr")
    run.end()
