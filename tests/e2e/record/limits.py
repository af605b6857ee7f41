# SPDX-License-Identifier: MIT
"""Too little of everything: the program behaves as without us, and one line says what was not recorded."""

import glob
import os
import resource
import shutil

from lib import dhat, soak
from lib.harness import CTRACE, LIBRARY, PYTHON, check, check_equal, check_in, program, test

MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4
NOBODY = 65534


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
def forks_in_a_small_address_space(context):
    """What a fork has needed is free for the next one."""
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=context.path("out.%p.json"), CTRACE_QUIET=1, CTRACE_EXPORT=0)
    small = (90_000 << 10,) * 2
    words = [program("fire_forks_counted"), 0, 200]
    context.run(words, env=env, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, small)).check()
    check_equal(len(glob.glob(context.path("out.*.store"))), 201, "stores")


@test()
def set_by_the_program(context):
    """As sandboxes do. Addresses that are kept for the block map and the store do not count."""
    for limit in ("RLIMIT_DATA", "RLIMIT_AS"):
        script = f"""import resource
resource.setrlimit(resource.{limit}, (1 << 30,) * 2)
print(len(bytearray(100 << 20)), len([[i] for i in range(300000)]))
"""
        out = context.path(limit + ".json")
        env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=out)
        result = context.run([PYTHON, "-c", script], env=env).check()
        check_equal(result.stdout, "104857600 300000\n", limit + ": output")
        check(dhat.check_file(out).total("tb") > 100 << 20, limit + ": hardly anything was recorded")


@test()
def locked_memory(context):
    """mlockall within the limit of an ordinary user, which our memory would exceed, and counts for nothing."""
    folder = context.make_folder("open")
    os.chmod(folder, 0o777)
    os.chmod(context.folder, 0o711)
    library = soak.installed(context)
    own = shutil.copy(program("memory_lock"), context.folder)
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": ()} if os.getuid() == 0 else {}
    for flags in (MCL_CURRENT, MCL_FUTURE, MCL_CURRENT | MCL_FUTURE, MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT, 8):
        out = os.path.join(folder, f"{flags}.json")
        shown = []
        for changes in ({}, {"LD_PRELOAD": library, "CTRACE_OUT": out}):
            result = context.run(
                [own, flags],
                env=context.environment(**changes),
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (8 << 20,) * 2),
                **user,
            )
            words = result.stdout.split()
            shown.append((result.status, words[0], words[1] if result.status else int(words[1])))
        (status, word, locked), (_, _, locked_with_us) = shown
        check_equal(shown[1][:2], (status, word), f"mlockall({flags})")
        if status == 0:
            check(locked <= locked_with_us <= locked + 1024, f"mlockall({flags}): {locked_with_us} KiB locked, without us {locked}")
            check_equal(dhat.check_file(out).below("branch")["tbk"], 20000, f"mlockall({flags}): blocks")


@test()
def descriptors(context):
    out = run_limited(context, resource.RLIMIT_NOFILE, 4, [program("deep"), "5"], "report")
    check_equal(dhat.check_file(out).below("deep_leaf")["tbk"], 2, "blocks with one file descriptor to spare")
