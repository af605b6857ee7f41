# SPDX-License-Identifier: MIT
"""Under fire: a full disk, files that cannot be opened, more sites than fit. limits.py and fire.py test the rest."""

import glob
import os

from lib import dhat, trace
from lib.fire import STRESS, in_own_mounts, run_both
from lib.harness import CTRACE, LIBRARY, check, check_equal, check_in, program, test


SAID = {"nothing is recorded", "recording stopped: no space left", ".json: cannot write"}


@test(needs="unshare")
def full_disk(context):
    """The file system is too small for the store's header, for all its sections, for its growth, or for the report."""
    folder = context.make_folder("disk")
    said = set()
    for kib in (16, 200, 300, 500, 800, 1500):
        script = f"""mount -t tmpfs -o size={kib}k none {folder}
            cd {folder}
            LD_PRELOAD={LIBRARY} CTRACE_OUT={folder}/out.json TMPDIR={folder} {program("many_sites")} 12
            for store in *.store; do
                [ ! -e $store ] || {CTRACE} info $store
            done
        """
        result = in_own_mounts(context, script)
        lines = result.stderr.splitlines()
        check_equal(len(lines), len(set(lines)), f"{kib} KiB: lines said once: {lines}")
        check("cannot write" not in result.stderr or "the store stays" in result.stderr, f"{kib} KiB: {lines}")
        said |= {word for word in SAID if word in result.stderr}
        stopped = ["stopped early" in result.stdout, "recording stopped" in result.stderr]
        check(stopped[0] == stopped[1], f"{kib} KiB: stopped in the store, said: {stopped}")
    check_equal(said, SAID, "what was said")


@test(needs="unshare")
def no_shared_memory(context):
    """An empty /dev and a read-only /run: nothing in them is needed."""
    out = context.path("out.json")
    script = f"""mount -t tmpfs none /dev
        mount -t tmpfs -o ro none /run
        LD_PRELOAD={LIBRARY} CTRACE_OUT={out} CTRACE_QUIET=1 {program("sites")}
    """
    in_own_mounts(context, script)
    trace.check_below(dhat.check_file(out), "do_malloc", (600, 6))


GROW = "recording stopped: the store cannot grow in the program's sandbox (seccomp)"
LANDLOCK = "no exporter could be started in a sandbox (Landlock); make the report with: ctrace export"
STRICT = "recording stopped: the program permits itself nothing but to read, write and exit (seccomp)"
TIMELESS = "recording stopped: the program forbids itself to read the time (PR_SET_TSC)"
NO_EXPORTER = "no exporter is started in a sandbox (seccomp); make the report with: ctrace export"


@test()
def sandboxes(context):
    """
    If a system call would be killed for or refused, we do not make it, and a line says what that means for the recording.
    There is no line if we cannot check that standard error is still the same file.
    """
    grow = GROW.replace("seccomp", "Landlock")
    table = (  # what it is, the lines, the fewest blocks recorded
        ("", [NO_EXPORTER], 5000),
        ("forbid", [GROW, NO_EXPORTER], 5000),
        ("kill", [GROW, NO_EXPORTER], 5000),
        ("few", [], 5000),
        ("strict", [STRICT], 2),
        ("landlock", [grow, LANDLOCK], 5000),
        ("timeless", [TIMELESS], 1),
        ("refused", [NO_EXPORTER], 5000),
    )
    for how, lines, blocks in table:
        if how in ("landlock", "timeless") and context.run([program("fire_sandbox"), how]).status == 3:
            continue  # a kernel or a processor without it
        result = run_both(context, [program("fire_sandbox"), how], CTRACE_QUIET=0, stores=True)
        check_equal(len(result.stderr.splitlines()), len(lines), how + ": lines")
        for line in lines:
            check_in(line, result.stderr, how + ": stderr")
        context.run([CTRACE, "export", "-o", context.path("left.json"), context.path(f"out.{result.pid}.json.store")])
        # The first stack is walked in the sandbox, where its bounds cannot be looked up.
        run_both(context, [program("fire_sandbox"), how], stores=True, CTRACE_SAMPLE="512k")
        report = dhat.check_file(context.path("left.json"), lossless=lines == [NO_EXPORTER])
        check(report.total("tbk") >= blocks, f"{how}: {report.total('tbk')} blocks")
        if STRICT not in lines and TIMELESS not in lines:  # the stack has grown, and its new bounds cannot be read
            deep = [site for site in report.sites if "allocate_deep" in {frame.function for frame in site.frames}]
            check_equal([site.frames[-1].mark for site in deep], [False], how + ": far down the stack")


@test()
def reach_in_a_sandbox(context):
    """Leaks are not classified if the sandbox forbids to read the memory, and a line names the sandbox."""
    for how, sandbox in (("", "seccomp"), ("landlock", "Landlock")):
        env = trace.environment(context, CTRACE_QUIET=0, CTRACE_REACH=1, CTRACE_MAX_SITES=64)
        result = context.run([program("fire_sandbox"), how], env=env)
        if result.status != 3:  # a kernel without it
            check_in(f"CTRACE_REACH: leaks not classified: the program is in a sandbox ({sandbox})\n", result.stderr, "stderr")


def limited(context, depth, limit, **changes):
    out = context.path("out.json")
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=out, CTRACE_MAX_SITES=limit, **changes)
    result = context.run([program("many_sites"), depth], env=env).check()
    report = dhat.check_file(out)
    other = [site for site in report.sites if site.frames[0].text == "[other sites]"]
    os.remove(out)
    return result, report, other


@test()
def more_sites_than_the_limit(context):
    """The totals stay exact. One row has the allocations of further sites, and the summary says how much that is."""
    depth = 12
    for limit in (1, 100, 2**depth - 1):
        result, report, other = limited(context, depth, limit)
        beyond = 2**depth - limit
        check_equal(report.total("tbk"), 2**depth, f"limit {limit}: blocks")
        check_equal(len(report.sites), limit + 1, f"limit {limit}: sites")
        check_equal([site["tbk"] for site in other], [beyond], f"limit {limit}: blocks in the row")
        check_equal(report.losses["otherSites"], beyond, f"limit {limit}: loss")
        check_in(f"{beyond:,} allocations in [other sites] (CTRACE_MAX_SITES raises the limit)", result.stderr, "stderr")
    result, report, other = limited(context, depth, 2**depth)
    check_equal((len(report.sites), other), (2**depth, []), "at the limit")
    check("other" not in result.stderr, f"stderr: {result.stderr}")
    out = context.path("out.json")
    for wrong in (0, "many", 10000001):
        env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=out, CTRACE_MAX_SITES=wrong)
        result = context.run([program("tiny")], env=env).check()
        check_in(f"CTRACE_MAX_SITES={wrong} is not", result.stderr, "stderr")


@test()
def more_frames_than_the_limit(context):
    """Few sites with many stacks: nodes are limited too, and stacks cut at the depth limit also go to that row."""
    out = context.path("out.json")
    env = context.environment(
        LD_PRELOAD=LIBRARY, CTRACE_OUT=out, CTRACE_MAX_SITES=1, CTRACE_DEPTH=4096, CTRACE_KEEP_STORE=1
    )
    context.run([program("deep"), "3000", "4000", "3500", "4500", "5000"], env=env).check()
    report = dhat.check_file(out)
    check_equal(report.total("tbk"), 10, "blocks")
    info = context.run([CTRACE, "info", out + ".store"]).check().stdout
    (nodes,) = [int(line.split()[1].replace(",", "")) for line in info.splitlines() if line.startswith("nodes")]
    check(nodes <= 4096 + 8 + 2, f"{nodes} nodes")


@test()
def threads_beyond_the_limit(context):
    """All threads and forked children share one row."""
    for limit in (1, 20):
        for words in (["threads", "4", "200"], ["fire_forks", "busy", 20]):
            command = [program(words[0])] + words[1:]
            run_both(context, command, CTRACE_EXPORT=0, stores=True, CTRACE_MAX_SITES=limit)


@test()
def many_many_sites(context):
    """In make stress only: a million sites, a little more than the default limit."""
    depth = 20 if STRESS > 1 else 16
    env = trace.environment(context, out="out.json", CTRACE_EXPORT=0)
    words = ["/usr/bin/time", "-f", "%e s, %M KiB", program("many_sites"), depth]
    result = context.run(words, env=env).check()
    (store,) = [path for path in glob.glob(context.path("*.store")) if os.path.getsize(path) > 1 << 20]
    info = context.run([CTRACE, "info", store]).check().stdout
    beyond = 2**depth - 1_000_000
    check(beyond < 0 or f"{beyond:,} allocations in [other sites]" in info, f"info: {info}")
    return f"2^{depth} sites: {result.stderr.strip()}, a store of {os.path.getsize(store) >> 20} MiB"
