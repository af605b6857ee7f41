# SPDX-License-Identifier: MIT
"""Too little of everything: the program behaves as without us, and one line says what was not recorded."""

import os
import resource

from lib import dhat
from lib.harness import CTRACE, LIBRARY, PYTHON, check, check_equal, check_in, program, test


def run_limited(context, limit, value, words, says):
    out = context.path("report.json")
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=out)
    result = context.run(words, env=env, preexec_fn=lambda: resource.setrlimit(limit, (value, value))).check()
    check_in(says, result.stderr, "stderr")
    return out


@test()
def file_size_at_start(context):
    run_limited(context, resource.RLIMIT_FSIZE, 50_000, [program("deep"), "5"], "ulimit -f")


@test()
def file_size_later(context):
    """The recording up to the limit is kept, and its sums are right."""
    words = [program("many_sites"), "14"]
    out = run_limited(context, resource.RLIMIT_FSIZE, 700_000, words, "recording stopped: the store has reached")
    if not os.path.exists(out):  # the limit applies to the exporter too
        result = context.run([CTRACE, "export", out + ".store"]).check()
        check_in("STOPPED early", result.stderr, "summary")
    report = dhat.check_file(out, lossless=False)
    check(report.below("branch")["tbk"] > 500, "hardly anything was recorded")


@test()
def address_space(context):
    run_limited(context, resource.RLIMIT_AS, 60_000_000, [program("deep"), "5"], "address space")
    out = run_limited(context, resource.RLIMIT_AS, 1_000_000_000, [program("deep"), "5"], "report")
    check_equal(dhat.check_file(out).below("deep_leaf")["tbk"], 2, "blocks under a limit that leaves room")


@test()
def data_set_by_the_program(context):
    """The program sets RLIMIT_DATA, as sandboxes do. Address space reserved for the block map does not count."""
    script = "import resource\nresource.setrlimit(resource.RLIMIT_DATA, (1 << 30,) * 2)\nprint(len(bytearray(100 << 20)), len([[i] for i in range(300000)]))"
    out = context.path("report.json")
    result = context.run([PYTHON, "-c", script], env=context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=out)).check()
    check_equal(result.stdout, "104857600 300000\n", "output")
    check(dhat.check_file(out).total("tb") > 100 << 20, "hardly anything was recorded")


@test()
def descriptors(context):
    out = run_limited(context, resource.RLIMIT_NOFILE, 4, [program("deep"), "5"], "report")
    check_equal(dhat.check_file(out).below("deep_leaf")["tbk"], 2, "blocks with one file descriptor to spare")
