# SPDX-License-Identifier: MIT
"""Stacks against libunwind's: CTRACE_DEBUG=verify walks every stack a second time and compares frame by frame."""

import re

from lib.harness import LIBRARY, PYTHON, check, check_equal, program, test

LINE = re.compile(r"verify: compared (\d+), equal (\d+), different (\d+)")


def verify(context, command, least, **changes):
    """No stack may differ; at least so many must have been compared, or the test compares nothing."""
    env = context.environment(
        LD_PRELOAD=LIBRARY, CTRACE_OUT=context.path("out.%p.json"), CTRACE_DEBUG="verify", CTRACE_EXPORT=0, **changes
    )
    result = context.run(command, env=env).check()
    found = LINE.findall(result.stderr)
    check(found, "no line of counts on stderr: " + result.stderr[-300:])
    compared, equal, different = (sum(int(line[i]) for line in found) for i in range(3))
    check_equal(different, 0, f"stacks that differ, of {compared}: {result.stderr[:600]}")
    check_equal(equal, compared, "equal stacks")
    check(compared >= least, f"only {compared} stacks were compared, wanted {least}")


def little(name, *arguments, least=1):
    def run(context):
        verify(context, [program(name), *arguments], least)

    run.__name__ = "little_" + "_".join((name, *arguments))
    return test()(run)


little("sites", least=10)
little("threads", least=1000)
little("deep", "100")
little("deep", "400")
little("altstack", least=10)
little("coroutine", least=50)
little("jumps", least=10)
little("moved", least=60)
little("frames", least=10)
little("frames_fp", least=10)
little("frames_avx", least=10)
little("cxx", least=50)


@test(needs=(PYTHON,))
def python3(context):
    script = "import json, re; print(len(json.dumps([{str(i): [i]} for i in range(2000)])), re.sub('a+', 'b', 'caat'))"
    verify(context, [PYTHON, "-c", script], 5000, PYTHONMALLOC="malloc")


@test(needs=("sqlite3",))
def sqlite3(context):
    script = "with recursive c(x) as (select 1 union all select x+1 from c where x<5000) select sum(length(hex(x))) from c;"
    verify(context, ["sqlite3", ":memory:", script], 3000)


@test(needs=("perl",))
def perl(context):
    verify(context, ["perl", "-e", 'my %h; $h{$_} = "x" x ($_ % 50) for 1..5000; print join(",", (sort keys %h)[0..3])'], 10000)


@test(needs=("g++",))
def cc1plus(context):
    source = context.write("a.cc", "#include <map>\n#include <string>\nstd::map<std::string, int> m;\nint f() { return m[\"a\"]; }\n")
    verify(context, ["g++", "-O1", "-c", source, "-o", context.path("a.o")], 50000)


@test(needs=("node",))
def node(context):
    verify(context, ["node", "-e", "console.log(JSON.stringify([...Array(2000).keys()].map(String)).length)"], 5000)


@test(needs=("gdb",))
def gdb(context):
    verify(context, ["gdb", "-nx", "-batch", "-ex", "info line main", program("cxx")], 20000)


@test(needs=("git",))
def git(context):
    env = dict(GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="a", GIT_COMMITTER_EMAIL="a@b")
    context.run(["git", "init", "-q"])
    context.write("file", "text\n" * 1000)
    verify(context, ["git", "add", "file"], 50, **env)
    verify(context, ["git", "commit", "-q", "-m", "message"], 100, **env)
