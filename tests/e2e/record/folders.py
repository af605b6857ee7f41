# SPDX-License-Identifier: MIT
"""The folder of stores: how much is kept there, who removes what, and no store in memory (tmpfs)."""

import os
import shutil
import signal
import subprocess

from lib import trace
from lib.harness import CTRACE, LIBRARY, PYTHON, Skip, check, check_equal, check_in, program, test, wait_for

NOBODY = 65534
SLEEPER = "import time; x = [bytearray(5000) for i in range(100)]; print('ready', flush=True); time.sleep(1000)"


def _start(context, out, **changes):
    """Start a program that allocates and sleeps; returns it when it has done so."""
    env = trace.environment(context, out, **changes)
    process = subprocess.Popen([PYTHON, "-c", SLEEPER], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    check_equal(process.stdout.readline(), b"ready\n", "the program's line")
    return process


def _kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def _killed(context, folder, name, age):
    """Leave the store of a killed program there, changed `age` seconds ago. Returns its name."""
    _kill(_start(context, os.path.join(folder, name + ".json")))
    _age(os.path.join(folder, name + ".json.store"), age)
    return name + ".json.store"


def _age(path, seconds):
    os.utime(path, (1_700_000_000 - seconds,) * 2, follow_symlinks=False)


def _tidy(context, folder, *options):
    return context.run([CTRACE, "tidy", *options, folder]).check().stdout


def _some(context):
    """A folder with the stores of four killed programs, the last one the latest."""
    folder = context.make_folder("stores")
    first = _killed(context, folder, "a", 40)
    for i, name in enumerate("bcd"):
        shutil.copy(os.path.join(folder, first), os.path.join(folder, name + ".json.store"))
        _age(os.path.join(folder, name + ".json.store"), 30 - 10 * i)
    return folder


def _names(folder):
    return sorted(name.split(".")[0] for name in os.listdir(folder))


@test(needs=PYTHON)
def keeps_the_last(context):
    folder = _some(context)
    _tidy(context, folder, "--keep-last", "3", "-n")
    check_equal(_names(folder), ["a", "b", "c", "d"], "a dry run")
    check_in("1 file ", _tidy(context, folder, "--keep-last", "3"), "the line")
    check_equal(_names(folder), ["b", "c", "d"], "kept of four")
    size = sum(os.stat(os.path.join(folder, name)).st_blocks * 512 for name in os.listdir(folder))
    _tidy(context, folder, "--keep-bytes", str(size))
    check_equal(_names(folder), ["b", "c", "d"], "kept, exactly as large as may be")
    _tidy(context, folder, "--keep-bytes", str(size - 1))
    check_equal(_names(folder), ["c", "d"], "kept, smaller")
    context.run([CTRACE, "tidy", folder]).check(2)
    context.run([CTRACE, "tidy", "--keep-last", "x", folder]).check(2)
    context.run([CTRACE, "tidy", "--keep-last", "1", folder + "/none"]).check(3)


@test(needs=PYTHON)
def reports_count_apart(context):
    """K stores and K reports. Other files are not counted and not removed, whatever they are called."""
    folder = _some(context)
    for i, name in enumerate("ef"):
        context.run([CTRACE, "export", "-o", os.path.join(folder, name + ".json"), os.path.join(folder, "d.json.store")]).check()
        _age(os.path.join(folder, name + ".json"), 100 - i)
    others = {"g.json": b'{"dhatFileVersion":2', "h.store": b"ctrace", "i.json": b"{}", "j.json": b'{"dhatFileVersion":2\n,"mode":"heap"' + 5000 * b" "}
    for name, text in others.items():
        with open(os.path.join(folder, name), "wb") as out:
            out.write(text)
    shutil.copy(os.path.join(folder, "d.json.store"), os.path.join(folder, "k.txt"))
    os.mkdir(os.path.join(folder, "l.store"))
    _tidy(context, folder, "--keep-last", "1")
    check_equal(_names(folder), ["d", "f", "g", "h", "i", "j", "k", "l"], "kept")


@test(needs=PYTHON)
def never_a_store_in_use(context):
    """The store of a running program stays, even if it is the oldest, the disk is full of it, or its pid is not seen here."""
    folder = _some(context)
    process = _start(context, os.path.join(folder, "live.json"))
    try:
        store = os.path.join(folder, "live.json.store")
        _age(store, 1000)
        _tidy(context, folder, "--keep-last", "1", "--keep-bytes", "1")
        check_equal(_names(folder), ["live"], "kept")
        # The kernel knows it, not /proc: in another pid namespace, too.
        if os.geteuid() == 0 and context.run(["unshare", "-p", "-f", "-m", "--mount-proc", "true"]).status == 0:
            _age(store, 1000)
            context.run(["unshare", "-p", "-f", "-m", "--mount-proc", CTRACE, "tidy", "--keep-bytes", "1", folder]).check()
            check_equal(_names(folder), ["live"], "kept, from another pid namespace")
    finally:
        _kill(process)
    _tidy(context, folder, "--keep-bytes", "1")
    check_equal(_names(folder), [], "kept after its end")


@test(needs=PYTHON)
def never_a_strangers_file(context):
    """Links, names of other users' files, and files with a second name stay."""
    folder = _some(context)
    outside = shutil.move(os.path.join(folder, "a.json.store"), context.path("outside.json.store"))
    os.symlink(outside, os.path.join(folder, "a.json.store"))
    os.link(os.path.join(folder, "b.json.store"), context.path("second.json.store"))
    wanted = ["a", "b"]
    if os.geteuid() == 0:
        os.chown(os.path.join(folder, "c.json.store"), NOBODY, NOBODY)
        wanted.append("c")
    _tidy(context, folder, "--keep-bytes", "1")
    check_equal(_names(folder), wanted, "kept")
    check(os.path.exists(outside), "a link was followed")


@test(needs=PYTHON)
def many_at_once(context):
    """Processes that tidy one folder together remove what one of them would, and nothing more."""
    folder = _some(context)
    for i in range(200):
        path = os.path.join(folder, f"n{i:03}.json.store")
        shutil.copy(os.path.join(folder, "d.json.store"), path)
        _age(path, 1000 + i % 7)
    wanted = ["a", "b", "c", "d", "n000", "n007"]
    tidies = [subprocess.Popen([CTRACE, "tidy", "-q", "--keep-last", "6", folder], stdin=subprocess.DEVNULL) for _ in range(8)]
    check_equal([tidy.wait() for tidy in tidies], [0] * 8, "statuses")
    check_equal(_names(folder), wanted, "kept")


@test(needs=PYTHON)
def by_the_programs_themselves(context):
    """CTRACE_KEEP_LAST: each program removes older ones when it starts and when it has written its report."""
    folder = context.make_folder("runs")
    out = os.path.join(folder, "%p.json")
    for i in range(4):
        context.run([program("tiny")], env=trace.environment(context, out, CTRACE_KEEP_LAST=2)).check()
    check_equal(len(os.listdir(folder)), 2, f"reports in {os.listdir(folder)}")
    # Killed each time: no end, at which something could be removed.
    for i in range(4):
        _kill(_start(context, out, CTRACE_KEEP_LAST=2))
    stores = [name for name in os.listdir(folder) if name.endswith(".store")]
    check_equal(len(stores), 3, f"two, and the latest, in {stores}")
    for i in range(3):
        context.run([program("tiny")], env=trace.environment(context, out, CTRACE_KEEP_BYTES=1)).check()
    check_equal(os.listdir(folder), [], "kept with one byte")
    result = context.run([CTRACE, "record", "-q", "-o", out, program("tiny")], env=context.environment(CTRACE_KEEP_BYTES=1)).check()
    check_equal(len(os.listdir(folder)), 1, f"reports of ctrace record in {os.listdir(folder)}; {result.stderr}")


@test(needs=PYTHON)
def when_it_wakes(context):
    """A program that slept tidies the folder when it has a store."""
    folder = _some(context)
    process = _start(context, os.path.join(folder, "woken.json"), CTRACE_MODE="off", CTRACE_KEEP_LAST=1, CTRACE_CONTROL=context.folder)
    try:
        check_equal(_names(folder), ["a", "b", "c", "d"], "asleep")
    finally:
        _kill(process)
    loop = "import time\nprint('ready', flush=True)\nwhile True: x = bytearray(3000); time.sleep(0.005)"
    env = trace.environment(context, os.path.join(folder, "woken.json"), CTRACE_MODE="off", CTRACE_KEEP_LAST=1, CTRACE_CONTROL=context.folder)
    process = subprocess.Popen([PYTHON, "-c", loop], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        context.run([CTRACE, "ctl", process.pid, "exact"]).check()
        wait_for(lambda: _names(folder) == ["d", "woken"], "the older stores to go", lambda: str(_names(folder)))
    finally:
        _kill(process)


@test(needs=("unshare", "mount"))
def no_store_in_memory(context):
    """A folder in tmpfs is refused: the report goes to TMPDIR, or nothing is recorded. CTRACE_TMPFS=1 allows it."""
    memory, other = context.make_folder("memory"), context.make_folder("other")

    def run(**changes):
        env = context.environment(CTRACE_OUT=os.path.join(memory, "t.json"), **{"CTRACE_TMPFS": "", **changes})
        script = f'mount -t tmpfs none "{memory}" && LD_PRELOAD="{LIBRARY}" "{program("tiny")}" && ls "{memory}"'
        result = context.run(["unshare", "-m", "sh", "-c", script], env=env)
        if result.status == 1 and ("mount" in result.stderr or "unshare" in result.stderr):
            raise Skip("the right to mount")
        return result.check()

    result = run(TMPDIR=other)
    check_in("t.json: in memory (tmpfs)", result.stderr, "the line")
    check_in("CTRACE_TMPFS=1", result.stderr, "the line")
    check_equal(os.listdir(other), ["t.json"], "the other folder")
    result = run(TMPDIR=memory)
    check_in("nothing is recorded", result.stderr, "the line")
    check_equal(result.stderr.count("\n"), 1, "lines")
    check_equal(result.stdout, "", "files")
    result = run(TMPDIR=memory, CTRACE_TMPFS=1)
    check_equal(result.stdout, "t.json\n", "files with CTRACE_TMPFS=1")
