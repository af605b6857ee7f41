# SPDX-License-Identifier: MIT
"""Shared by the soak tests: do the same work without the library, recorded exactly and sampled, and check all recordings."""

import collections
import contextlib
import difflib
import glob
import os
import pprint
import re
import shutil
import subprocess

from lib import processes
from lib.harness import CTRACE, LIBRARY, Failure, check, check_equal, wait_for

FACTOR = int(os.environ.get("CTRACE_SOAK", "1"))  # make soak: how many times longer

LOST = re.compile(r"^  lost +([\d,]+) (.*)$", re.M)
BLOCKS = re.compile(r"^total .* in ([\d,]+) blocks?", re.M)
LATE = "calls after the recording had ended (not in the numbers)"  # from threads that end together with the process; not a loss
BYPASSED = "allocator functions not recorded (what they allocate is missing)"
CUT = "events with stacks cut at the depth limit (CTRACE_DEPTH raises it)"
UNROOTED = "events with stacks that do not reach their root"


def number(text):
    return int(text.replace(",", ""))


class Way:
    """One way to run the work, with its folder, its environment, and the recordings that it leaves."""

    def __init__(self, context, name, library=None, **changes):
        self.context, self.name = context, name
        self.folder = context.make_folder("work")
        self.changes = changes
        self.out = context.make_folder("recorded") if library else None
        for folder in filter(None, (self.folder, self.out)):
            os.chmod(folder, 0o777)  # servers change their user
        os.chmod(context.folder, 0o711)
        self.library = library

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def environment(self, **more):
        env = self.context.environment(**more)
        if self.library:
            out = os.path.join(self.out, "out.%e.%p.json")
            env.update(LD_PRELOAD=self.library, CTRACE_OUT=out, CTRACE_QUIET="1", CTRACE_KEEP_STORE="1", **self.changes)
        return env

    def run(self, command, env=None, cwd=None, **popen):
        return self.context.run(command, env=self.environment(**(env or {})), cwd=cwd or self.folder, **popen)

    def untraced(self, command, **popen):
        return self.context.run(command, cwd=self.folder, **popen)

    def end(self):
        for folder in filter(None, (self.folder, self.out)):
            shutil.rmtree(folder, ignore_errors=True)  # a server may not have ended yet


def check_recording(context, store, allowed, stores_stay):
    """Check store and report, and that nothing was lost. Returns how many blocks were recorded."""
    name = os.path.basename(store)
    info = context.run([CTRACE, "info", store])
    failed = [line for line in info.stdout.splitlines() if "FAILED" in line or line.startswith("stopped early")]
    check(info.status == 0 and not failed, f"{name}: {failed} {info.stderr}")
    for count, what in LOST.findall(info.stdout):
        check(what in allowed or what == LATE, f"{name}: lost {count} {what}")
    report = store.removesuffix(".store")
    if not os.path.exists(report):
        check(stores_stay, f"{name}: no report: {info.stdout[:600]}")
        context.run([CTRACE, "export", store]).check()
    context.run([CTRACE, "info", report]).check()
    (blocks,) = BLOCKS.findall(info.stdout)
    return number(blocks)


def is_begun(store):
    """Was the store completed? A process may be killed while it makes its store. The first word is written last."""
    with open(store, "rb") as file:
        return file.read(8).strip(b"\0") != b""


def check_recordings(way, programs, allowed, stores_stay):
    """programs maps names to minimum numbers of recorded processes. Returns the processes and their blocks."""
    stores = glob.glob(os.path.join(way.out, "*.store"))
    for store in [store for store in stores if stores_stay and not is_begun(store)]:
        stores.remove(store)
        os.remove(store)
    found = collections.Counter(os.path.basename(store).split(".")[1] for store in stores)
    for name, count in programs.items():
        if way.name == "sampled":  # a forked child's recording begins with its first sampled event
            count = 1
        check(found[name] >= count, f"{way.name}: {found[name]} recordings of {name} in {dict(found)}, wanted {count}")
    blocks = sum(check_recording(way.context, store, allowed, stores_stay) for store in stores)
    reports = {path + ".store" for path in glob.glob(os.path.join(way.out, "*")) if not path.endswith(".store")}
    check_equal(sorted(reports ^ set(stores)), [], "stores without a report, reports without a store")
    return len(stores), blocks


def check_same(got, wanted, what):
    lines = [pprint.pformat(value, width=120).splitlines() for value in (wanted, got)]
    different = [line for line in difflib.unified_diff(*lines, "without", what, lineterm="", n=0)]
    check(got == wanted, "\n".join(["the output differs", *different[:30]]))


def installed(context):
    """A copy of library and program that every user can read."""
    prefix = context.make_folder("installed")
    for path in (LIBRARY, CTRACE):
        folder = os.path.join(prefix, os.path.basename(os.path.dirname(path)))
        os.makedirs(folder)
        shutil.copy(path, folder)
    return os.path.join(prefix, "lib", os.path.basename(LIBRARY))


def soak(context, work, programs, allowed=(), stores_stay=False):
    """work(way) returns what must be the same in each way. Returns a text that says what was recorded."""
    plain_way = Way(context, "plain")
    wanted = work(plain_way)
    plain_way.end()
    library = installed(context)
    told = []
    for name, changes in (("exact", {}), ("sampled", {"CTRACE_SAMPLE": "512k"})):
        way = Way(context, name, library, **changes)
        check_same(work(way), wanted, name)
        processes, blocks = check_recordings(way, programs, allowed, stores_stay)
        told.append(f"{name}: {processes} processes, {blocks:,} blocks")
        way.end()
    return "; ".join(told)


def wait_for_all_ends():
    """Wait for daemons too, which the test's process has adopted."""
    wait_for(lambda: not processes.descendants(os.getpid()), "all processes to end")


@contextlib.contextmanager
def server(way, command, answers, status=0, **popen):
    """A server in the foreground. The code in the `with` block ends it."""
    log = way.path("log")
    with open(log, "ab") as out:
        process = subprocess.Popen(
            command, env=way.environment(), cwd=way.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **popen
        )
    try:
        wait_for(lambda: answers() or process.poll() is not None, f"{command[0]} to answer")
        yield process
        check_equal(process.wait(), status, f"status of {command[0]}")
    except BaseException as error:
        process.kill()
        process.wait()
        with open(log, encoding="utf-8", errors="replace") as file:
            raise Failure(f"{error}; log: {file.read()[-2000:]}") from error


def talk_to(way, command, answers, talk, daemon=None):
    """Call talk(), which also ends the server, and return its result. The server is in the foreground or a daemon."""
    if daemon:
        way.run(daemon).check()
        wait_for(answers, f"{command[0]} to answer")
        shown = talk()
    else:
        with server(way, command, answers):
            shown = talk()
    wait_for_all_ends()
    return shown
