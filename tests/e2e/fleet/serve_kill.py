# SPDX-License-Identifier: MIT
"""What is lost when ctrace serve or a process is killed at any moment: one interval at most, and it is said."""

import os
import random
import signal
import socket
import time

from lib import dhat, formats
from lib.harness import CTRACE, Skip, check, check_equal, test
from lib.serve import SMALL, alone, serving, targets

DELTA = "/debug/pprof/delta_heap?pid={}&client=a"
SPARE = 60_000  # bytes that Python allocates beside what it was told to


def _difference(context, server, pid):
    return formats.PprofRaw(context, context.write("delta.pb.gz", server.ask(DELTA.format(pid)).body))


def _reads(context, server, target, first_server):
    """Two differences and what they are to be; returns their sum."""
    row = server.wait_for(target.pid, "the process", lambda row: row["state"] == "runs")
    first = _difference(context, server, target.pid)
    said = any("is not in this first difference" in line for line in first.comments)
    check_equal((first.sums()["alloc_space"], said), (row["totalBytes"], False) if first_server else (0, True), "first difference")
    target.tell("churn 50")
    grown = server.wait_for(target.pid, "more", lambda now: now["totalBytes"] > row["totalBytes"])
    again = _difference(context, server, target.pid)
    check_equal(again.sums()["alloc_space"], grown["totalBytes"] - row["totalBytes"], "next difference")
    check(not any("first difference" in line for line in again.comments), f"comments: {again.comments}")
    return first.sums()["alloc_space"] + again.sums()["alloc_space"]


@test(needs="go")
def serve_is_killed(context):
    """The next server gives what was allocated since its own first answer: what came in between is lost, and nothing counts twice."""
    user = alone(context)
    requests = (b"", b"GET /debug/pprof/heap?seconds=60 HTTP/1.0\r\n\r\n", b"GET /export?format=json HTTP/1.0\r\n\r\n")
    with serving(context, **user) as first, targets(context, popen=user) as (target,):
        target.tell("grow 5")
        sums = _reads(context, first, target, True)
        first.stop()
        for request in requests:
            target.tell("churn 7")  # is lost
            with serving(context, **user) as server:
                sums += _reads(context, server, target, False)
                with socket.create_connection(("127.0.0.1", server.port)) as held:
                    held.sendall(request)
                    server.process.send_signal(signal.SIGKILL)
                    server.process.wait()
                server.errors.close()  # stop() has nothing to end
        with serving(context, **user) as server:
            total = server.wait_for(target.pid, "the process", lambda row: True)["totalBytes"]
        lost = total - sums
        check(len(requests) * 7 * SMALL <= lost < len(requests) * (7 * SMALL + SPARE), f"{sums} in all differences of {total}, {lost} lost")


@test(needs="go")
def a_process_is_killed(context):
    """At 12 random moments in the middle of its work: its differences have all that its store has, to the byte, and its state says so."""
    dice = random.Random(19)
    user = alone(context)
    with serving(context, **user) as server:
        for _ in range(12):
            with targets(context, popen=user) as (target,):
                server.wait_for(target.pid, "the process", lambda row: True)
                sums = _difference(context, server, target.pid).sums()["alloc_space"]
                target.process.stdin.write("churn 100000000\n")
                target.process.stdin.flush()
                time.sleep(dice.random() / 5)  # any moment will do
                sums += _difference(context, server, target.pid).sums()["alloc_space"]
                time.sleep(dice.random() / 5)
                target.kill()
                server.wait_for(target.pid, "the kill", lambda row: row["state"] == "killed")
                last = _difference(context, server, target.pid)
                sums += last.sums()["alloc_space"]
                context.run([CTRACE, "export", "-o", context.path("own.json"), target.store]).check()
                check_equal(sums, dhat.check_file(context.path("own.json")).total("tb"), "sum of the differences")
                check_equal(_difference(context, server, target.pid).sums()["alloc_space"], 0, "and once")
        metrics = server.ask("/metrics").text
        check('ctrace_ends_total{cause="killed"} 12\n' in metrics, "the ends are counted")


@test()
def killed_for_lack_of_memory(context):
    """The kernel kills a process of a cgroup that has a limit: the cause of its end is that, and not that of another one."""
    group = f"/sys/fs/cgroup/memory/ctrace-test-{os.getpid()}"
    try:
        os.mkdir(group)
    except OSError:
        raise Skip("a cgroup of version 1 for memory") from None
    user = alone(context)
    try:
        with open(group + "/memory.limit_in_bytes", "w", encoding="ascii") as limit:
            limit.write(str(64 << 20))
        with serving(context, **user) as server, targets(context, 2, popen=user) as (fat, other):
            with open(group + "/cgroup.procs", "w", encoding="ascii") as members:
                members.write(str(fat.pid))
            for target in (fat, other):
                server.wait_for(target.pid, "the process", lambda row: True)
            fat.process.stdin.write("grow 10000\n")  # 500 MB
            fat.process.stdin.flush()
            check_equal(fat.process.wait(), -signal.SIGKILL, "status of the process that takes too much")
            other.kill()
            rows = [server.wait_for(target.pid, "the end", lambda row: row["state"] == "killed") for target in (fat, other)]
            check_equal([row["endCause"] for row in rows], ["oom", "killed"], "causes")
            metrics = server.ask("/metrics").text
            check('ctrace_ends_total{cause="oom"} 1\n' in metrics and 'ctrace_ends_total{cause="killed"} 1\n' in metrics, "the ends are counted")
    finally:
        os.rmdir(group)
