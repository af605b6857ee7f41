# SPDX-License-Identifier: MIT
"""What `ctrace ctl` refuses, and what a process survives: damaged pages, full disks, kills, users who may not."""

import os
import random
import shutil
import signal
import struct
import subprocess

from control import Switched, sound
from lib import dhat, trace
from lib.harness import CTRACE, LIBRARY, Skip, check, check_equal, check_in, program, test, wait_for

STRANGER = 65533
PAGE = 4096
NUMBERS = range(12, 48, 4)  # the offsets of a page's numbers, from `request` on


def _refused(context, part, *words, status=3):
    check_in(part, context.run([CTRACE, "ctl", *words]).check(status).stderr, f"ctl {words}")


@test()
def refused(context):
    """A wrong pid, a process without the library, files that are no stores, an ended recording, wrong words."""
    sleeper = subprocess.Popen(["sleep", "1000"])
    try:
        _refused(context, "is not traced by ctrace", str(sleeper.pid), "exact")
    finally:
        sleeper.kill()
        sleeper.wait()
    _refused(context, "there is no process 999999999", "999999999", "exact")
    _refused(context, "is not a store", context.write("text", "text" * PAGE), "exact")
    _refused(context, "No such file", context.path("nothing"), "exact")
    trace.run(context, [program("ends"), "exit"], 3, out="e.json", CTRACE_KEEP_STORE=1)
    _refused(context, "the recording has ended", context.path("e.json.store"), "off")
    os.symlink(context.path("e.json.store"), context.path("link"))
    _refused(context, "link", context.path("link"), "off")
    for words in ((), ("1", "on"), ("1", "mark"), ("1", "off", "x"), ("1", "sample=0"), ("1", "sample=129m"), ("1", "mark", "n" * 256), ("1", "exact", "a", "b")):
        context.run([CTRACE, "ctl", *words]).check(2)


@test()
def other_users(context):
    """Another user may neither find the page of a process nor write to it; root may. The rights of the files say so, too."""
    if os.geteuid():
        raise Skip("root, to be several users")
    os.chmod(context.folder, 0o755)
    run = Switched(context)
    stranger = [shutil.copy(CTRACE, context.path("ctrace")), "ctl"]
    page = os.path.join(run.pages, os.listdir(run.pages)[0])
    check_in("another user's", context.run([*stranger, str(run.pid), "exact"], user=STRANGER).check(3).stderr, "asleep")
    run.ctl("exact")
    check_in("another user's", context.run([*stranger, str(run.pid), "off"], user=STRANGER).check(3).stderr, "awake")
    check_in("ermission denied", context.run([*stranger, run.store, "off"], user=STRANGER).check(3).stderr, "by the store")
    os.chmod(run.store, 0o666)
    check_in("others may write to it", run.ctl("off", status=3), "rights of the store")
    os.chmod(run.store, 0o600)
    run.ctl("off")
    check(not os.path.exists(page), "the page of the sleep is left")
    run.end()


@test()
def privileged(context):
    """A program that gains rights from its file sleeps for good: it makes no page."""
    if os.geteuid():
        raise Skip("root, to make a set-user-ID program")
    pages = context.make_folder("pages")
    os.chmod(context.folder, 0o755)
    os.chmod(pages, 0o777)
    copy = shutil.copy(program("privileged"), context.path("privileged"))
    os.chown(copy, STRANGER, STRANGER)
    os.chmod(copy, 0o4755)
    probe = context.run([copy], env=trace.environment(context, CTRACE_MODE="off", CTRACE_CONTROL=pages))
    check_equal(os.listdir(pages), [], "pages")
    check_equal(probe.stderr, "", "lines")


@test()
def left_behind(context):
    """Pages of processes that were killed asleep: the next process with that pid takes its own, ctl removes the others."""
    run = Switched(context)
    run.process.kill()
    run.process.wait()
    left = os.listdir(run.pages)
    check_equal(len(left), 1, "pages left by a kill")
    other = Switched(context)
    stranger = context.write("pages/ctrace-notours-1", "x" * PAGE)
    other.ctl()
    check(left[0] not in os.listdir(run.pages), "the page of the killed process is still there")
    os.remove(stranger)
    other.ctl("exact")  # of a reused pid there is nothing to mistake: the page has the pid of its process
    other.end()


@test()
def wrong_pid_in_page(context):
    """The page of another process, such as that of a parent, is not taken for a process's own."""
    run = Switched(context)
    page = os.path.join(run.pages, os.listdir(run.pages)[0])
    with open(page, "r+b") as file:
        file.seek(16)
        file.write(struct.pack("<I", run.pid + 1))
    check_in("has not allocated anything yet", run.ctl("exact", status=3), "a page of another pid")
    run.end()


@test()
def damaged(context):
    """Whatever stands in the page, asleep or awake under load: the program goes on, and can be controlled again after it."""
    run = Switched(context)
    rng = random.Random(7)
    page = os.path.join(run.pages, os.listdir(run.pages)[0])
    run.do("load")
    for awake in (False, True):
        path = run.store if awake else page
        if awake:
            wait_for(lambda: os.path.exists(run.store) or run.ctl("exact"), "the store")
        offset = struct.unpack("<I", open(path, "rb").read(20)[16:])[0] - PAGE if awake else 0
        with open(path, "r+b", buffering=0) as file:
            file.seek(offset)
            good = file.read(PAGE)
            for turn in range(200):
                at = rng.choice(NUMBERS)
                value = rng.choice((0, 1, 2, 3, 0x7FFFFFFF, 0xFFFFFFFF, rng.getrandbits(32)))
                file.seek(offset + at)
                file.write(struct.pack("<I", value))
                if turn % 20 == 0:
                    file.seek(offset + 12)
                    file.write(rng.randbytes(PAGE - 12))
            file.seek(offset)
            file.write(b"\xff" * PAGE)
            check_in("damaged" if awake else "is not traced", run.ctl("exact", status=3), "the page")
            # A whole page, with a mark whose name is longer than the page.
            marks = struct.unpack_from("<I", good, 40)[0] + 1
            file.seek(offset)
            file.write(good[:12] + struct.pack("<I", (1 << 20) - 1) + good[16:40] + struct.pack("<2I", marks, 5000) + b"n" * (PAGE - 48))
            file.seek(offset + 12)
            file.write(struct.pack("<I", 1 << 20))
            if awake:  # once it is done, the header has the number too
                wait_for(lambda: struct.pack("<I", 1 << 20) in open(path, "rb").read(offset), "the request")
    run.ctl("exact", "after")
    run.do("rest")
    check_in("exact", run.ctl(), "status")
    run.end()
    context.run([CTRACE, "info", run.store]).check()


@test(needs="/usr/bin/unshare")
def full_disk(context):
    """No room for the page: the program sleeps on. No room for the store: it says so, and sleeps on."""
    probe = context.run(["unshare", "-m", "true"])
    if probe.status:
        raise Skip("mounts of one's own")
    small, pages = context.make_folder("small"), context.make_folder("pages")
    fill = f"mount -t tmpfs -o size=16k none {small} && head -c 16384 /dev/zero > {small}/full;"
    env = trace.environment(context, CTRACE_MODE="off", CTRACE_CONTROL=small)
    done = context.run(["unshare", "-m", "sh", "-c", fill + program("sites") + f"; ls {small}"], env={**env, "LD_PRELOAD": ""})
    traced = context.run(["unshare", "-m", "sh", "-c", fill + f"LD_PRELOAD={LIBRARY} {program('sites')}; ls {small}"], env={**env, "LD_PRELOAD": ""})
    check_equal((traced.status, traced.stdout, traced.stderr), (done.status, done.stdout, ""), "no room for the page")
    # The store and the place where it would go instead are on the full disk.
    script = f"""{fill} mkfifo in; CTRACE_QUIET=0 CTRACE_OUT={small}/s.json TMPDIR={small} CTRACE_CONTROL={pages} LD_PRELOAD={LIBRARY} {program('switched')} < in & pid=$!
        exec 3> in; until {CTRACE} ctl $pid > /dev/null 2>&1; do sleep 0.01; done; {CTRACE} ctl $pid exact; {CTRACE} ctl $pid; echo work >&3; exec 3>&-; wait $pid; echo status $?; ls {pages}"""
    done = context.run(["unshare", "-m", "sh", "-c", script], env={**env, "LD_PRELOAD": ""})
    check_in("no space left; nothing is recorded", done.stderr, "the line")
    check_in("mode      asleep", done.stdout, "status")
    check_in("status 0\n", done.stdout, "the program's end")


@test()
def killed(context):
    """Killed at any moment while segments begin and end under load: the store is whole, up to the last event."""
    rng = random.Random(11)
    for turn in range(8):
        run = Switched(context, f"k{turn}.json")
        run.store = context.path(f"k{turn}.json.store")
        run.do("load")
        for _ in range(rng.randrange(1, 4)):
            run.ctl("exact")
            run.ctl("reset")
        asking = subprocess.Popen(["sh", "-c", f"while {CTRACE} ctl {run.pid} reset; do :; done"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: int(run.ctl().split("segment")[1].split()[0].rstrip(",")) > 6 + rng.randrange(10), "segments")
        os.kill(run.pid, signal.SIGKILL)
        run.process.wait()
        asking.wait()
        sound(context, run.store)
        context.run([CTRACE, "export", "-o", context.path("k.json"), run.store]).check()
        dhat.check_file(context.path("k.json"))
