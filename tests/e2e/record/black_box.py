# SPDX-License-Identifier: MIT
"""The reports of `ctrace watch`: who held the memory when it ran out. Kills happen in a control group of 64 MiB only."""

import contextlib
import json
import os
import signal
import subprocess
import time

from lib import processes, trace
from lib.fire import STRESS
from lib.harness import CTRACE, LIBRARY, Skip, check, check_equal, check_in, test, wait_for
from lib.obedient import Obedient
from lib.serve import alone, serving

LIMIT = 64 << 20
BLOCK = 50_001
POLL, CLOCK_NANOSLEEP = 7, 230  # on x86-64
KILLS = 3 if STRESS == 1 else 50  # make stress


@contextlib.contextmanager
def group():
    """A memory control group of version 1 with a small limit, which is removed with all that is in it."""
    folder = f"/sys/fs/cgroup/memory/ctrace-box-{os.getpid()}"
    try:
        os.mkdir(folder)
    except OSError:
        raise Skip("a control group of version 1 for memory") from None
    try:
        for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
            with contextlib.suppress(OSError), open(f"{folder}/{name}", "w", encoding="ascii") as limit:
                limit.write(str(LIMIT))
        yield folder
    finally:
        os.rmdir(folder)


def _join(folder, pid):
    with open(folder + "/cgroup.procs", "w", encoding="ascii") as members:
        members.write(str(pid))


def _waits(pid, call):
    """Is it in this system call? In poll, it has looked at all of its processes."""
    with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
        return file.read().split()[0] == str(call)


@contextlib.contextmanager
def _watching(context, *words, call=POLL):
    """The command, with what it says as a pipe; it ends by itself, or here."""
    watching = subprocess.Popen([CTRACE, "watch", "-o", context.folder, *words], env=context.environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: watching.poll() is not None or _waits(watching.pid, call), "ctrace watch to have looked once")
        yield watching
    finally:
        if watching.poll() is None:
            watching.kill()
        watching.wait()
        watching.stderr.close()


def _report(context, pid):
    with open(context.path(f"ctrace.{pid}.oom.json"), encoding="utf-8") as file:
        report = json.load(file)
    with open(context.path(f"ctrace.{pid}.oom.txt"), encoding="utf-8") as file:
        return report, file.read()


def _fill(target, count):
    """Ask for more than there may be; the kernel kills."""
    target.process.stdin.write(f"grow {count}\n")
    target.process.stdin.flush()
    check_equal(target.process.wait(), -signal.SIGKILL, "status of the process that takes too much")
    target.kill()


@test(needs="/usr/bin/python3")
def killed_for_lack_of_memory(context):
    """Each kill has its report, with the cause, who held what, who grew, and the latest allocations, as the store has them."""
    with group() as folder:
        for _ in range(KILLS):
            target = Obedient(context)
            _join(folder, target.pid)
            target.tell("grow 100")  # the first look may be the last one
            with _watching(context, str(target.pid)) as watching:
                _fill(target, 10_000)
                check_equal(watching.wait(), 0, "status of ctrace watch")
                check_in(f"{target.pid}: out of memory; report ", watching.stderr.read(), "the line")
            report, text = _report(context, target.pid)
            check_equal((report["cause"], report["pid"]), ("out of memory", target.pid), "cause")
            last = report["looks"][-1]
            check_equal((last["moment"], last["limitBytes"]), ("at the end", LIMIT), "the look after the kill")
            check(last["usedBytes"] > 0, "what the group used when it was last looked at")
            own = context.path("own.json")
            context.run([CTRACE, "export", "-f", "json", "-o", own, target.store]).check()
            with open(own, encoding="utf-8") as file:
                totals = json.load(file)["totals"]
            check_equal((last["liveBytes"], last["liveBlocks"]), (totals["endBytes"], totals["endBlocks"]), "what was live")
            first = last["sites"][0]
            check(first["liveBytes"] > LIMIT // 2 and first["liveBytes"] % BLOCK == 0, f"the largest site: {first['liveBytes']}")
            check_equal(max(first["grownBytes"]), first["liveBytes"], "all of it is new in the last 15 minutes")
            latest = last["latestAllocations"]
            check(any(one["bytes"] == BLOCK and one["frames"] == first["frames"] for one in latest), f"latest allocations: {latest}")
            check_in(": out of memory\n", text, "the text")
            check_in(f"latest allocations of thread {target.pid}", text, "the text")
            os.remove(target.store)


@test(needs="/usr/bin/python3")
def before_it_records(context):
    """`./server & ctrace watch $!`: the process is not yet the server, or not yet recorded. It is watched once it is."""
    fill = "input()\nblocks = []\nwhile True: blocks.append(bytes(50001))"
    shell = ["sh", "-c", 'read go; LD_PRELOAD="$LIBRARY" exec /usr/bin/python3 -c "$0"', fill]
    env = context.environment(LIBRARY=LIBRARY, CTRACE_OUT=context.path("fill.%p.json"), CTRACE_QUIET="1")
    with group() as folder:
        late = True
        while late:
            started = time.monotonic()
            server = subprocess.Popen(shell, env=env, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=processes.run_in_front)
            try:
                _join(folder, server.pid)
                with _watching(context, str(server.pid), call=CLOCK_NANOSLEEP) as watching:
                    server.stdin.write(b"go\n")
                    server.stdin.flush()
                    wait_for(lambda: watching.poll() is not None or _waits(watching.pid, POLL), "a look at the server")
                    late = watching.poll() == 3 and time.monotonic() - started > 4.9  # it gives a process 5 s from its fork on
                    if not late:
                        server.communicate(b"\n")
                        check_equal((server.returncode, watching.wait()), (-signal.SIGKILL, 0), "status of the process and of ctrace watch")
                        check_in(f"{server.pid}: out of memory; report ", watching.stderr.read(), "the line")
            finally:
                if server.poll() is None:
                    server.kill()
                    server.wait()
        report, _ = _report(context, server.pid)
        check(report["looks"][-1]["liveBytes"] > LIMIT // 2, "what was live")


@test(needs="/usr/bin/python3")
def killed_soon_after_the_start(context):
    """A watched group: a process that fills it within its first second, but lives for some looks, has its report, too."""
    fill = "import time\ntime.sleep(0.3)\nblocks = []\nwhile True: blocks.append(bytes(50001))"

    def begin():
        _join(folder, os.getpid())
        processes.run_in_front()  # a look waits for its memory map, and a slow look puts off the next one

    with group() as folder, _watching(context, folder) as watching:
        processes.run_in_front(watching.pid, 2)
        env = trace.environment(context, "fill.%p.json", CTRACE_QUIET=1)
        killed = []
        for _ in range(4):
            server = subprocess.Popen(["/usr/bin/python3", "-c", fill], env=env, stderr=subprocess.DEVNULL, preexec_fn=begin)
            check_equal(server.wait(), -signal.SIGKILL, "status of the process that takes too much")
            killed.append(server.pid)
        target = Obedient(context)
        try:
            _join(folder, target.pid)
            target.tell("grow 1020")
            lines = []
            while not lines or not lines[-1].startswith(f"ctrace watch: {target.pid}: "):
                line = watching.stderr.readline()
                check(line, "ctrace watch has ended: " + "".join(lines))
                lines.append(line)
        finally:
            target.kill()
        said = "".join(lines)
        check_equal([pid for pid in killed if f"{pid}: out of memory; report " not in said], [], f"killed without a report: {said}")


@test(needs="/usr/bin/python3")
def near_the_limit(context):
    """A look at each level that is reached, with a ledger that explains the memory; another cause if another signal kills."""
    with group() as folder:
        target = Obedient(context)
        _join(folder, target.pid)
        try:
            with _watching(context, folder) as watching:
                for level, count in ((80, 1020), (90, 130), (95, 60)):
                    target.tell(f"grow {count}")
                    check_in(f"{target.pid}: ", watching.stderr.readline(), "the line")
                    report, _ = _report(context, target.pid)
                    check_equal((report["cause"], report["looks"][-1]["moment"]), ("running", f"at {level} %"), "the latest look")
                    check(report["looks"][-1]["usedBytes"] >= LIMIT // 100 * level, "use at the level")
                    live = report["looks"][-1]["liveBytes"]
                    check(report["looks"][-1]["ledger"]["rows"]["live"] > max(LIMIT // 2, 0.95 * live), f"the ledger of this look, with {live} bytes live")
                target.kill()
                check_in(f"{target.pid}: killed; report ", watching.stderr.readline(), "the line about the end")
            report, _ = _report(context, target.pid)
            check_equal([look["moment"] for look in report["looks"]], ["at 80 %", "at 90 %", "at 95 %", "at the end"], "looks")
            check_equal(report["cause"], "killed", "cause")
        finally:
            if target.process.poll() is None:
                target.kill()


@test(needs="/usr/bin/python3")
def by_the_server(context):
    """ctrace serve --reports DIR writes the same reports of the processes that it finds, and answers with them; without it, none."""
    user = alone(context)
    with group() as folder, serving(context, "--reports", context.folder, **user) as server:
        target = Obedient(context, secret="s3cret", popen=user)
        _join(folder, target.pid)
        try:
            server.wait_for(target.pid, "the process", lambda row: True)
            check_in("has no report: its memory was not near its limit", server.ask(f"/report?pid={target.pid}", status=404).text, "no report yet")
            target.tell("grow 1020")
            wait_for(lambda: f"{target.pid}: 80 % of the limit; report " in server.said(), "the line about the level")
            answer = server.ask(f"/report?pid={target.pid}&format=json")
            check_equal((answer.headers["Content-Type"], answer.json["looks"][0]["moment"]), ("application/json", "at 80 %"), "the look")
            check(answer.json["looks"][0]["ledger"]["rows"]["live"] > LIMIT // 2, "the ledger")
            check_in(f'<a href="/report?pid={target.pid}">report</a>', server.ask("/").text, "the list")
            _fill(target, 10_000)
            wait_for(lambda: f"{target.pid}: out of memory; report " in server.said(), "the line about the end")
            text = server.ask(f"/report?pid={target.pid}")
            check_in(": out of memory\n", text.text, "the text")
            check("s3cret" not in text.text, "arguments in the report")
            report, own = _report(context, target.pid)
            check_equal((report["cause"], own, server.process_of(target.pid)["report"]), ("out of memory", text.text, context.path(f"ctrace.{target.pid}.oom.txt")), "the file")
        finally:
            if target.process.poll() is None:
                target.kill()
        quiet = Obedient(context, popen=user)
        with serving(context, **user) as other:
            other.wait_for(quiet.pid, "the process", lambda row: True)
            check_in("ctrace serve --reports DIR writes them", other.ask(f"/report?pid={quiet.pid}", status=404).text, "without --reports")
        quiet.end()


@test(needs=("/usr/bin/python3", "unshare", "mount"))
def version_2(context):
    """A group of version 2, as a tree of files: a change of memory.events wakes, and its count of kills says why the process ended."""
    groups = context.make_folder("groups")

    def put(name, text):
        with open(os.path.join(groups, name), "w", encoding="ascii") as file:
            file.write(text)

    if os.geteuid():
        raise Skip("root, for a mount namespace")
    put("memory.max", "1000\n")
    put("memory.current", "100\n")
    put("memory.events", "max 0\noom 0\noom_kill 4\n")
    pressure = "some avg10=2.00 avg60=0.00 avg300=0.00 total=9\nfull avg10=1.25 avg60=0.00 avg300=0.00 total=7\n"
    put("memory.pressure", pressure)
    target = Obedient(context)
    words = ["unshare", "-m", "sh", "-c", f'mount --bind "{groups}" /sys/fs/cgroup && exec "$@"', "sh", CTRACE, "watch", "-o", context.folder, str(target.pid)]
    watching = subprocess.Popen(words, env=context.environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        target.tell("grow 3")
        with open(os.path.join(groups, "memory.pressure"), encoding="ascii") as file:
            wait_for(lambda: file.seek(0) or file.read().startswith("some 100000 2000000"), "the trigger for memory.pressure")
        put("memory.pressure", pressure)
        put("memory.current", "910\n")
        put("memory.events", "max 1\noom 0\noom_kill 4\n")
        check_in("90 % of the limit; report ", watching.stderr.readline(), "the line")
        report, text = _report(context, target.pid)
        check_equal((report["looks"][0]["usedBytes"], report["looks"][0]["pressurePercent"]), (910, 1.25), "use and pressure")
        check_in("waited for memory in 1.25 %", text, "the text")
        watching.send_signal(signal.SIGSTOP)  # to the watcher, both come at once
        put("memory.events", "max 9\noom 1\noom_kill 5\n")
        target.kill()
        watching.send_signal(signal.SIGCONT)
        check_in("out of memory; report ", watching.stderr.readline(), "the line about the end")
        check_equal(watching.wait(), 0, "status")
    finally:
        if target.process.poll() is None:
            target.kill()
        watching.wait()
        watching.stderr.close()


@test(needs="/usr/bin/python3")
def not_watched(context):
    """A group without a limit, a process that is not recorded, a folder that is not a group: a line each. A normal end: no report."""
    with group() as folder:
        sleeper = subprocess.Popen(["sleep", "1000"])
        target = Obedient(context)
        try:
            _join(folder, sleeper.pid)
            _join(folder, target.pid)
            for word, status, wanted in ((str(sleeper.pid), 3, "is not recorded by ctrace"), ("/nowhere/group", 3, "is not a control group"), (str(os.getpid()), 2, "has no memory limit")):
                result = context.run([CTRACE, "watch", word]).check(status)
                check_equal((result.stderr.count("\n"), wanted in result.stderr), (1, True), result.stderr)
            with _watching(context, str(target.pid)) as watching:
                target.tell("grow 1")
                target.end()
                check_equal((watching.wait(), watching.stderr.read()), (0, ""), "the end of ctrace watch")
            check(not [name for name in os.listdir(context.folder) if ".oom." in name], "reports")
        finally:
            sleeper.kill()
            sleeper.wait()
            if target.process.poll() is None:
                target.kill()
