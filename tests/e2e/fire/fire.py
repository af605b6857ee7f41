# SPDX-License-Identifier: MIT
"""
Under fire: whatever a program does, and whatever fails, it runs as without us. Each program of tests/programs/fire
prints the same, and ends the same, with the library and without it, and leaves a readable store or report.
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


@test()
def fork_at_bad_moments(context):
    """In a signal handler that interrupts a hook; with a lock of the C library held by a thread that waits for us."""
    for changes in SAMPLED:
        run_all(context, [("fire_forks", "handler", 60 * STRESS), ("fire_forks", "stream", 20), ("fire_forks", "vfork", 3)], **changes)


@test()
def jumps_out_of_hooks(context):
    for changes in SAMPLED:
        run_all(context, [("fire_jumps", how, 50 * STRESS) for how in ("timer", "alloc")] + [("fire_jumps", "overflow", 3)], **changes)


@test()
def descriptor_2(context):
    """The program's own file by the time recording stops, or a pipe that nobody reads: no line of ours, no SIGPIPE."""
    own = context.path("own")
    for limit in (700_000, 1_200_000):
        for words in (["file", own], ["pipe"]):
            command = ["prlimit", f"--fsize={limit}", program("fire_stderr")] + words
            run_both(context, command, CTRACE_EXPORT=0, CTRACE_QUIET=0, stores=True)
            check(words == ["pipe"] or os.path.getsize(own) == 0, "the program's file has a line of ours")


@test()
def stack_for_an_allocation(context):
    """At most 4 KiB where it is usual, 8 KiB where it is not."""
    for changes in SAMPLED + ({"CTRACE_DEBUG": "no-find-object"},):
        run_both(context, [program("fire_stack")], CTRACE_EXPORT=0, stores=True, **changes)
    result = run_both(context, [program("fire_stack")], CTRACE_EXPORT=0, stores=True)
    return result.stderr.strip()


@test()
def plugins_without_end(context):
    """Each unload makes void what was read of code; neither memory nor mappings may pile up."""
    for changes in SAMPLED:
        run_both(context, [program("fire_plugins"), program("plugin_a.so"), 2500 * STRESS], **changes)


# What fails, and how. strace counts each thread's and process's calls on their own.
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
    "readlink": "ENOENT",
    "getcwd": "ENOENT",
    "rt_sigprocmask": "EPERM",
}
FAULTS_MOST = 30 * STRESS  # of one call in one program


def under_strace(context, command, rule, **changes):
    """The result, and the calls that strace saw, in their order; what was recorded stays."""
    env = trace.environment(context, **changes)
    del env["LD_PRELOAD"]
    log = context.path("strace.log")
    words = ["strace", "-f", "-o", log, "-E", "LD_PRELOAD=" + LIBRARY] + rule + command
    result = context.run(words, env=env)
    with open(log, encoding="utf-8", errors="replace") as lines:
        return result, [line.partition(" ")[2].strip() for line in lines]


def injected(context, command, rule, **changes):
    """Status and output; the calls. Nothing stays."""
    result, calls = under_strace(context, command, rule, CTRACE_EXPORT=0, **changes)
    clear(context)
    return (result.status, result.stdout), calls


def first_of_ours(calls, name):
    """The number of the first such call that the library made: it starts with the first map of its region."""
    start = next(i for i, call in enumerate(calls) if call.startswith("mmap(0x300000000000"))
    return 1 + sum(call.startswith(name + "(") for call in calls[:start])


def sweep(context, command, name, rule, step, **changes):
    """Fail the first such call (%d in the rule), the second, until there is none to fail. How many did."""
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
    """From the library's first call on, each in turn; the program must not notice."""
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
    # A file system without fallocate: zeros are written.
    rule = ["-e", "inject=fallocate:error=EOPNOTSUPP", "-e", "inject=pwrite64:error=ENOSPC:when=%d"]
    done += sweep(context, command, "pwrite64", rule, 4)
    return f"{done} faults"


@test(needs="strace")
def kernel_before_6_11(context):
    """It cannot be asked for the mapping of one address: all are read, and stacks reach their roots as before."""
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
    """Other allocators before and after us; an auditor of the loader."""
    found = [path for name in NEIGHBOURS for path in sorted(glob.glob("/usr/lib/x86_64-linux-gnu/" + name))[:1]]
    table = [("fire_forks", "busy", 20), ("fire_threads", "keys", 20), ("fire_jumps", "alloc", 20), ("cxx",)]
    for path in found:
        for preload in (LIBRARY + ":" + path, path + ":" + LIBRARY):
            for changes in SAMPLED:
                run_all(context, table, preload=preload, **changes)
    return f"{len(found)} allocators"
