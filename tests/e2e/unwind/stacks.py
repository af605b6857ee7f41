# SPDX-License-Identifier: MIT
"""Compares stacks with libunwind's: CTRACE_DEBUG=verify walks every stack a second time and compares frame by frame.

Each test prints how many stacks were compared, were equal, were explained (equal up to the frame where libunwind gave up),
and came from libunwind because our unwinder has no rule for one of their frames.
"""

import os
import re

from lib import dhat
from lib.harness import BUILD, CTRACE, LIBRARY, PYTHON, check, check_equal, cpu_seconds, program, test

LINE = re.compile(
    r"verify: compared (\d+), equal (\d+), explained (\d+), different (\d+); by libunwind (\d+), rootless (\d+)"
)
SHAPES = os.path.join(BUILD, "tests", "shapes")


class Counts:
    """The sums over all processes of a command, and of several commands."""

    def __init__(self, lines=()):
        sums = [sum(int(line[i]) for line in lines) for i in range(6)]
        self.compared, self.equal, self.explained, self.different, self.fallback, self.rootless = sums

    def add(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def __str__(self):
        return (
            f"{self.compared} compared, {self.equal} equal, {self.explained} explained; "
            f"{self.fallback} by libunwind, {self.rootless} rootless"
        )


def verify(context, command, least, explained=0, fallback=0, rootless=0, debug="verify", **changes):
    """No stack may differ. At least `least` stacks must have been compared, so that the test is not empty."""
    env = context.environment(
        LD_PRELOAD=LIBRARY, CTRACE_OUT=context.path("out.%p.json"), CTRACE_DEBUG=debug, CTRACE_EXPORT=0, **changes
    )
    result = context.run(command, env=env).check()
    found = LINE.findall(result.stderr)
    check(found, "no line of counts on stderr: " + result.stderr[-300:])
    counts = Counts(found)
    check_equal(counts.different, 0, f"stacks that differ, of {counts.compared}: {result.stderr[:600]}")
    check_equal(counts.equal + counts.explained, counts.compared, "equal or explained stacks")
    check(counts.compared >= least, f"only {counts.compared} stacks were compared, wanted {least}")
    for name, most in (("explained", explained), ("fallback", fallback), ("rootless", rootless)):
        count = getattr(counts, name)
        check(count <= most, f"{command}: {count} stacks are {name}, expected at most {most} of {counts.compared}")
    return counts


def little(name, *arguments, least=1, **options):
    def run(context):
        return str(verify(context, [program(name), *arguments], least, **options))

    run.__name__ = "little_" + "_".join((name, *arguments))
    return test()(run)


little("sites", least=10)
little("threads", least=1000)
little("deep", "100")
little("deep", "400")
little("rooms", "300", "500")
little("rooms", "300", "500", "aside")
little("recursion", "500", "2", least=7000, CTRACE_DEPTH=4096)
little("frames_avx", least=10)


def recurse(context, depth, rounds, limit, *aside, **variables):
    """Record the recursion, without an export. Returns its CPU seconds."""
    variables = {"CTRACE_EXPORT": 0, "CTRACE_DEPTH": limit, **variables}
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=context.path("r.json"), **variables)
    before = cpu_seconds()
    context.run([program("recursion"), depth, rounds, *aside], env=env).check()
    seconds = cpu_seconds() - before
    os.replace(context.path("r.json.store"), context.path("r.store"))
    return seconds


@test()
def deeper_than_the_limit(context):
    """Whatever the depth, each event is counted, below the outermost and the innermost frames of its stack."""
    for depth, limit, *aside in ((300, 8), (3000, 1024), (3000, 512, "aside"), (20000, 512)):
        recurse(context, depth, 2, limit, *aside)
        context.run([CTRACE, "export", "-o", context.path("r.json"), context.path("r.store")]).check()
        report = dhat.check_file(context.path("r.json"))
        for function, blocks in (("first", 2 * depth), ("second", 2 * depth), ("third", 1000), ("fourth", 1000)):
            if limit > 8:  # of the outer half, which main's callers fill there
                sums = report.below(function)
                check_equal(sums["tbk"], 2 * blocks, f"depth {depth}, limit {limit}: blocks below {function}")
        check_equal(report.total("tbk"), 2 * (4 * depth + 2000), f"depth {depth}, limit {limit}: blocks")


@test()
def large_frames_far_down(context):
    """Two deep stacks may differ only far out, beyond large frames. What lies near the stack pointer is then the same."""
    for depth, debug, *aside in ((100, ""), (300, ""), (3000, ""), (20000, ""), (3000, "no-counter"), (3000, "", "aside")):
        words = [depth, debug, *aside]
        env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=context.path("r.json"), CTRACE_DEBUG=debug)
        counts = context.run([program("rooms"), depth, 8000, *aside], env=env).check().stdout
        report = dhat.check_file(context.path("r.json"))
        sums = {name: report.below(name) for name in ("north", "south", "east", "west")}
        blocks = "".join(f"{name} {counters['tbk']}\n" for name, counters in sums.items())
        check_equal(blocks, counts, f"{words}: blocks")
        for size, (name, counters) in enumerate(sums.items(), 11):
            check_equal(counters["tb"], counters["tbk"] * size, f"{words}: bytes below {name}")


@test()
def cost_of_depth(context):
    """Eight times the depth takes eight times the events, and no more time for each. The square would be 64 times."""
    for aside, variables in (([], {}), ([], {"CTRACE_DEBUG": "no-counter"}), (["aside"], {})):
        seconds = []
        while not any(large < 24 * small for small, large in seconds):
            check(len(seconds) < 3, f"CPU seconds by depth, {aside} {variables}: {seconds}")
            seconds.append([recurse(context, depth, 1, 512, *aside, **variables) for depth in (10000, 80000)])


@test()
def part_of_a_stack_unmapped(context):
    """A frame pointer into unmapped memory must not be followed."""
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=context.path("out.json"), CTRACE_EXPORT=0)
    check_equal(context.run([program("remapped")], env=env).check().stdout, "fine\n", "output")


def shape(name, *arguments, least, fallback=0, lazy=0, rootless=0):
    """Register a test of a program in all its builds: gcc and clang, -O0 to -O3, with and without frame pointers."""

    def run(context):
        sums = Counts()
        builds = sorted(os.listdir(SHAPES))
        check(len(builds) >= 10, "the shapes are not built: make test-programs")
        for build in builds:
            allowed = lazy if lazy and build.endswith("-lazy") else fallback
            command = [os.path.join(SHAPES, build, name), *arguments]
            sums.add(verify(context, command, least, fallback=allowed, rootless=rootless))
        return f"{len(builds)} builds, {sums}"

    run.__name__ = "shape_" + "_".join((name, *arguments))
    return test(needs=("clang",))(run)


shape("altstack", least=20)
shape("coroutine", least=80)
shape("cxx", least=100)
shape("fibers", least=1000)
shape("frames", least=50)
shape("jumps", least=60)
shape("moved", least=60)
shape("noreturn", least=30)
# A signal may come in a prologue that realigns the stack, or in lazy binding.
shape("signals", least=200, fallback=5, lazy=10)
# The last instructions of longjmp have the return address in a register, which neither unwinder follows. The loader's
# lazy binding keeps the stack pointer in rbx, so libunwind walks these stacks.
for argument in ((), ("alternate",)):
    shape("stepped", *argument, least=850, fallback=30, lazy=7000, rootless=20)

REAL_SCRIPTS = {
    "perl": 'my %h; $h{$_} = "x" x ($_ % 50) for 1..5000; print join(",", (sort keys %h)[0..3])',
    "python3": "import json, re; print(len(json.dumps([{str(i): [i]} for i in range(2000)])), re.sub('a+', 'b', 'caat'))",
    "sqlite3": "with recursive c(x) as (select 1 union all select x+1 from c where x<5000) "
    "select sum(length(hex(x))) from c;",
}


REAL = {
    "perl": (["perl", "-e", REAL_SCRIPTS["perl"]], 10000, {}),
    "python3": ([PYTHON, "-c", REAL_SCRIPTS["python3"]], 5000, {"PYTHONMALLOC": "malloc"}),
    "sqlite3": (["sqlite3", ":memory:", REAL_SCRIPTS["sqlite3"]], 3000, {}),
}


def real(name, suffix="", debug="verify"):
    command, least, environment = REAL[name]

    def run(context):
        return str(verify(context, command, least, debug=debug, **environment))

    run.__name__ = name + suffix
    return test(needs=(command[0],))(run)


for each in REAL:
    real(each)
    real(each, "_without_find_object", "verify,no-find-object")


@test(needs=("g++",))
def cc1plus(context):
    source = context.write("a.cc", "#include <cstdlib>\nint f(const char *a) { return std::atoi(a); }\n")
    return str(verify(context, ["g++", "-O1", "-c", source, "-o", context.path("a.o")], 10000))


@test(needs=("clang",))
def clang(context):
    source = context.write("a.c", "#include <stdlib.h>\nint f(char **a) { int n = 0; while (*a) n += atoi(*a++); return n; }\n")
    return str(verify(context, ["clang", "-O2", "-c", source, "-o", context.path("a.o")], 5000))


@test(needs=("node",))
def node(context):
    return str(verify(context, ["node", "-e", "console.log(JSON.stringify([...Array(2000).keys()].map(String)).length)"], 5000))


@test(needs=("gdb",))
def gdb(context):
    return str(verify(context, ["gdb", "-nx", "-batch", "-ex", "info line main", program("cxx")], 20000))


@test(needs=("git",))
def git(context):
    env = dict(GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="a", GIT_COMMITTER_EMAIL="a@b")
    context.run(["git", "init", "-q"])
    context.write("file", "text\n" * 1000)
    sums = verify(context, ["git", "add", "file"], 50, **env)
    sums.add(verify(context, ["git", "commit", "-q", "-m", "message"], 100, **env))
    return str(sums)
