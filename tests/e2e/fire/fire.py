# SPDX-License-Identifier: MIT
"""
Under fire: whatever a program does and whatever fails, it runs as it does without us. Each program of tests/programs/fire
has the same output and status with and without the library, and leaves a readable store or report.
"""

import glob
import os

from lib import dhat, trace
from lib.fire import SAMPLED, STRESS, clear, run_all, run_both
from lib.harness import LIBRARY, check, check_equal, program, test


@test()
def fork_among_threads(context):
    rounds = 2000 * STRESS
    for turn in range(rounds // 250):
        command = [program("fire_forks"), "busy", 250]
        run_both(context, command, CTRACE_EXPORT=0, stores=True, **SAMPLED[turn % 2])
    return f"{rounds} forks"


NOT_RECORDED = "this forked process is not recorded: another thread could not wait for the fork"


@test()
def fork_beside_busy_threads(context):
    """
    A child has what other threads had done at the fork, however late it gets to look, and frees their blocks. Several
    threads fork at once, too.
    """
    threads, forks = 6, 24 * STRESS

    def left_out_of(forkers):
        """How many children were not recorded; the others are right."""
        clear(context)
        result = trace.run(context, [program("fire_forks_counted"), threads, forks, forkers], CTRACE_QUIET=0)
        found = trace.reports(context)
        left_out = result.stderr.count(NOT_RECORDED)
        check_equal(len(found), forks + 1 - left_out, "processes with a report")
        for line in result.stdout.splitlines():
            child, least, most = map(int, line.split())
            report = found.pop(child, None)
            if not report:
                continue  # counted above
            check(not report.own["torn"], f"the child {child} says that its store is torn")
            sums = report.below("by_a_thread")
            check(least <= sums["tbk"] <= most, f"the child {child} has {sums['tbk']} blocks, not {least} to {most}")
            check(0 <= sums["ebk"] <= threads, f"the child {child} has {sums['ebk']} blocks of threads that it freed")
            trace.check_below(report, "by_a_child", (3000, 100, 0), ("tb", "tbk", "eb"))
        check_equal(list(found), [result.pid], "processes that have printed nothing")
        return left_out

    for forkers in (1, 3):
        # On a starved machine a fork may look stuck (sys/lock.c) without being so: its child is not recorded, and says so.
        check(any(left_out_of(forkers) <= 1 + forks // 100 for _ in range(3)), "three times more children were not recorded")
    return f"{2 * forks} forks"


@test()
def fork_at_bad_moments(context):
    """fork in a signal handler that interrupts a hook, and while a thread that waits for us holds a lock of the C library."""
    for changes in SAMPLED:
        run_all(context, [("fire_forks", "handler", 60 * STRESS), ("fire_forks", "stream", 20), ("fire_forks", "vfork", 3)], **changes)


@test()
def jumps_out_of_hooks(context):
    for changes in SAMPLED:
        run_all(context, [("fire_jumps", how, 50 * STRESS) for how in ("timer", "alloc")] + [("fire_jumps", "overflow", 3)], **changes)


@test()
def descriptor_2(context):
    """Descriptor 2 is the program's own file when recording stops, or a pipe without a reader: no line, no SIGPIPE."""
    own = context.path("own")
    for limit in (700_000, 1_200_000):
        for words in (["file", own], ["pipe"]):
            command = ["prlimit", f"--fsize={limit}", program("fire_stderr")] + words
            run_both(context, command, CTRACE_EXPORT=0, CTRACE_QUIET=0, stores=True)
            check(words == ["pipe"] or os.path.getsize(own) == 0, "the program's file has a line of ours")


@test()
def stack_for_an_allocation(context):
    """A hook needs at most 4 KiB of stack, in unusual cases 8 KiB."""
    for changes in SAMPLED + ({"CTRACE_DEBUG": "no-find-object"},):
        run_both(context, [program("fire_stack")], CTRACE_EXPORT=0, stores=True, **changes)
    result = run_both(context, [program("fire_stack")], CTRACE_EXPORT=0, stores=True)
    return result.stderr.strip()


@test()
def plugins_without_end(context):
    """Each unload invalidates what was read about code. Neither memory nor mappings may accumulate."""
    for changes in SAMPLED:
        run_both(context, [program("fire_plugins"), program("plugin_a.so"), 2500 * STRESS], **changes)


# Which calls fail, and how. strace counts the calls of each thread and process separately.
FAULTS = {
    "mmap": "ENOMEM",
    "mremap": "ENOMEM",
    "openat": "EMFILE",
    "fallocate": "ENOSPC",
    "pwrite64": "EIO",
    "prlimit64": "EPERM",
    "fstat": "EIO",
    "madvise": "EINVAL",
    "msync": "ENOMEM",
    "read": "EIO",
    "ioctl": "ENOTTY",
    "readlinkat": "ENOENT",
    "getcwd": "ENOENT",
    "rt_sigprocmask": "EPERM",
}
FAULTS_MOST = 30 * STRESS  # for one call in one program


def under_strace(context, command, rule, **changes):
    """Run under strace; returns the result and the calls in order. The recording stays."""
    env = trace.environment(context, **changes)
    del env["LD_PRELOAD"]
    log = context.path("strace.log")
    words = ["strace", "-f", "-o", log, "-E", "LD_PRELOAD=" + LIBRARY] + rule + command
    result = context.run(words, env=env)
    with open(log, encoding="utf-8", errors="replace") as lines:
        return result, [line.partition(" ")[2].strip() for line in lines]


def injected(context, command, rule, **changes):
    """Returns status and output, and the calls. Removes the recording."""
    result, calls = under_strace(context, command, rule, CTRACE_EXPORT=0, **changes)
    clear(context)
    return (result.status, result.stdout), calls


def first_of_ours(calls, name):
    """The number of the library's first call of this name. The library starts with the first map of its region."""
    start = next(i for i, call in enumerate(calls) if call.startswith("mmap(0x480000000000"))
    return 1 + sum(call.startswith(name + "(") for call in calls[:start])


def sweep(context, command, name, rule, step, **changes):
    """Fail the first such call (%d in the rule), then the second, until none is left. Returns how many failed."""
    wanted = context.run(command)
    _, calls = injected(context, command, [], **changes)
    first = first_of_ours(calls, name)
    for number in range(first, first + FAULTS_MOST * step, 1 if STRESS > 1 else step):
        rules = [word.replace("%d", str(number)) for word in rule]
        got, calls = injected(context, command, rules, **changes)
        failed = [call for call in calls if "INJECTED" in call]
        if not failed:
            break
        check_equal(got, (wanted.status, wanted.stdout), f"{command}: with {rules}")
    return (number - first) // (1 if STRESS > 1 else step)


@test(needs="strace")
def each_call_fails_once(context):
    """Each call fails in turn, from the library's first call on. The program must not notice."""
    done = 0
    for words in (["children", "fork"], ["many_sites", "8"], ["threads", "2", "20"]):
        command = [program(words[0])] + words[1:]
        for name, error in FAULTS.items():
            if words[0] == "children" or name in ("openat", "fallocate") or (name == "mmap" and words[0] != "threads"):
                rule = ["-e", "inject=" + name + f":error={error}:when=%d"]
                done += sweep(context, command, name, rule, 2)
    return f"{done} faults"


@test(needs="strace")
def from_one_call_on_all_fail(context):
    done = 0
    command = [program("many_sites"), "10"]
    for name in ("mmap", "openat", "fallocate"):
        rule = ["-e", f"inject={name}:error={FAULTS[name]}:when=%d+"]
        done += sweep(context, command, name, rule, 4)
    # On a file system without fallocate, zeros are written.
    rule = ["-e", "inject=fallocate:error=EOPNOTSUPP", "-e", "inject=pwrite64:error=ENOSPC:when=%d"]
    done += sweep(context, command, "pwrite64", rule, 4)
    return f"{done} faults"


@test(needs="strace")
def kernel_before_6_11(context):
    """Such a kernel cannot look up one mapping, so all are read. Stacks still reach their roots."""
    for words in (["threads", "2", "20"], ["altstack"], ["coroutine"]):
        command = [program(words[0])] + words[1:]
        result, calls = under_strace(context, command, ["-e", "inject=ioctl:error=ENOTTY"], out="out.json")
        result.check()
        check(any("INJECTED" in call for call in calls), f"{command}: no call to fail")
        found = dhat.check_file(context.path("out.json"))
        wanted = trace.one(context, command)
        check_equal(found.total("tbk"), wanted.total("tbk"), f"{command}: blocks")
        check_equal(len(found.sites), len(wanted.sites), f"{command}: sites")
        clear(context)


NEIGHBOURS = ("libjemalloc.so.2", "libmimalloc.so.[23]*", "libtcmalloc_minimal.so.4")


@test()
def neighbours(context):
    """Other allocators before and after us, and an auditor of the loader."""
    found = [path for name in NEIGHBOURS for path in sorted(glob.glob("/usr/lib/x86_64-linux-gnu/" + name))[:1]]
    # Not fire_jumps: jemalloc and mimalloc hang without us too if a signal handler allocates.
    table = [("fire_forks", "busy", 20), ("fire_threads", "keys", 20), ("cxx",)]
    for path in found:
        for preload in (LIBRARY + ":" + path, path + ":" + LIBRARY):
            for changes in SAMPLED:
                run_all(context, table, preload=preload, **changes)
    return f"{len(found)} allocators"
