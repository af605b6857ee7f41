# SPDX-License-Identifier: MIT
"""SIGKILL at random moments: the store has every allocation that had returned to the program."""

import os
import random
import re
import signal
import struct
import subprocess

from lib import dhat
from lib.fire import STRESS, in_own_mounts
from lib.harness import CTRACE, LIBRARY, Skip, check, check_in, program, test, wait_for

KILLS = 8 if STRESS == 1 else 34 * STRESS  # of each kind; 24 in total, and 1,020 in make stress
LEAST_MOST = 50_000  # the kill comes, at the earliest, after a random number of allocations below this


def counted(path, threads):
    """How many allocations and frees the program has counted."""
    with open(path, "rb") as file:
        numbers = struct.unpack(f"<{2 * threads}Q", file.read(16 * threads))
    return sum(numbers[::2]), sum(numbers[1::2])


def kill_once(context, threads, stacks, least):
    out, counters = context.path("report.json"), context.write("counters", bytes(4096))
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=out, CTRACE_QUIET=1)
    process = subprocess.Popen([program("counted"), counters, str(threads), str(stacks)], env=env)
    wait_for(lambda: counted(counters, threads)[0] > least, "the program to allocate")
    process.send_signal(signal.SIGKILL)
    check(process.wait() == -signal.SIGKILL, "the program ended before it was killed")
    return check_killed(context, out, counters, threads)


def check_killed(context, out, counters, threads):
    """Export the store, which must have all that the program counted. Returns how many it counted, how many more are recorded."""
    check(not os.path.exists(out), "a report without export")
    context.run([CTRACE, "info", out + ".store"]).check()  # checks that the sums of the sites are those of the process
    context.run([CTRACE, "export", "--remove-store", out + ".store"]).check()
    check(not os.path.exists(out + ".store"), "the store stays")
    report = dhat.check_file(out)
    blocks = report.below("work")
    allocated, freed = counted(counters, threads)
    # One allocation or free of each thread may have been in flight.
    more = blocks["tbk"] - allocated
    check(0 <= more <= threads, f"{blocks['tbk']} blocks recorded, {allocated} counted, {threads} threads")
    gone = blocks["tbk"] - blocks["ebk"]
    check(-threads <= gone - freed <= threads, f"{gone} frees recorded, {freed} counted, {threads} threads")
    os.unlink(out)
    return allocated, more


def kill_often(context, threads, stacks):
    random.seed(threads)
    told = [kill_once(context, threads, stacks, random.randrange(LEAST_MOST)) for _ in range(KILLS)]
    more = max(more for _, more in told)
    return f"{KILLS} kills, {sum(allocated for allocated, _ in told)} allocations, at most {more} in flight"


@test()
def still_running(context):
    """A store can be read while its program records. The sums of the sites are those of the process."""
    out, counters = context.path("report.json"), context.write("counters", bytes(4096))
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=out, CTRACE_QUIET=1)
    process = subprocess.Popen([program("counted"), counters, "2"], env=env)
    try:
        wait_for(lambda: counted(counters, 2)[0], "the program to allocate")
        for _ in range(10):
            before = counted(counters, 2)[0]
            context.run([CTRACE, "info", out + ".store"]).check()
            context.run([CTRACE, "export", "-o", context.path("now.json"), out + ".store"]).check()
            blocks = dhat.load(context.path("now.json")).below("work")["tbk"]
            check(before <= blocks <= counted(counters, 2)[0] + 2, f"{blocks} blocks, {before} counted before")
    finally:
        process.kill()
        process.wait()


@test()
def before_the_recording(context):
    """The program is killed before the store's header is written."""
    store = context.write("left.json.store", bytes(200000))
    result = context.run([CTRACE, "info", store]).check(3)
    check_in("the process died before recording started", result.stderr, "stderr")


@test()
def one_thread(context):
    return kill_often(context, 1, 1)


@test()
def four_threads(context):
    return kill_often(context, 4, 1)


@test(needs="unshare")
def out_of_memory(context):
    """A leaking program reaches the memory limit of its cgroup, and the kernel kills it."""
    out, counters, folder = context.path("report.json"), context.write("counters", bytes(4096)), context.make_folder("groups")
    group = f"{folder}/ctrace-test-{os.getpid()}"
    result = in_own_mounts(context, f"""
        if mount -t cgroup -o memory none {folder} 2> /dev/null; then
            names="memory.swappiness memory.limit_in_bytes memory.oom_control"
        else
            mount -t cgroup2 none {folder} && echo +memory > {folder}/cgroup.subtree_control || exit 0
            names="memory.swap.max memory.max memory.events"
        fi
        set -- $names
        mkdir {group} || exit 0
        trap 'rmdir {group}' EXIT
        echo 0 > {group}/$1
        echo 64M > {group}/$2
        sh -ec 'echo 0 > {group}/cgroup.procs
            exec env LD_PRELOAD={LIBRARY} CTRACE_OUT={out} CTRACE_QUIET=1 {program("counted")} {counters} 2 1000 leak' && exit 1
        grep '^oom_kill ' {group}/$3
    """)
    if not result.stdout:
        raise Skip("the right to limit a group's memory")
    check(re.search("^oom_kill [1-9]", result.stdout), f"not killed for its memory: {result.stdout}")
    allocated, more = check_killed(context, out, counters, 2)
    return f"{allocated} allocations, {more} in flight"


@test()
def growing(context):
    """The program is killed while nodes and sites are added and the store grows."""
    return kill_often(context, 2, 1 << 20)
