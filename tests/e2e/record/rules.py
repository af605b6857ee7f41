# SPDX-License-Identifier: MIT
"""CTRACE_RULES and `ctrace watch`: a sample in peace, exact when memory gets tight, and back."""

import os
import subprocess

from lib import trace
from lib.harness import CTRACE, Skip, check, check_equal, check_in, program, test, wait_for
from lib.obedient import Obedient


@test(needs="/usr/bin/python3")
def live(context):
    """The process itself becomes exact above the rule's live bytes, and samples again when its memory has shrunk."""
    python = Obedient(context, CTRACE_MODE="sample=64k", CTRACE_RULES="live>30m:exact")

    def mode():
        python.tell("churn 20000")
        return context.run([CTRACE, "ctl", str(python.pid)]).check().stdout.split("\n")[0].split()[1]

    try:
        python.tell("grow 400")  # 20 MB
        check_equal(mode(), "sample=64.0", "mode below the rule")
        python.tell("grow 800")
        wait_for(lambda: mode() == "exact", "exact, above the rule")
        python.tell("shrink 1200")
        wait_for(lambda: mode() == "sample=64.0", "the sample again")
        check_in("CTRACE_RULES", context.run([CTRACE, "info", python.store]).check().stdout, "the segment's name")
        # What is asked for from outside stays.
        context.run([CTRACE, "ctl", str(python.pid), "off"]).check()
        python.tell("grow 800")
        check_equal(mode(), "off", "mode after ctl")
    finally:
        python.kill()


@test()
def wrong(context):
    """Wrong rules: one line, and nothing is recorded. A rule that only `ctrace watch` follows is right."""
    result = trace.run(context, [program("tiny")], CTRACE_RULES="live>1")
    check_equal(result.stderr.count("\n"), 1, "lines")
    check_in("CTRACE_RULES=live>1 is not", result.stderr, "the line")
    check_equal(trace.reports(context), {}, "reports")
    trace.one(context, [program("tiny")], CTRACE_RULES="cgroup>80%:exact,live>1g:exact")


@test(needs=("/usr/bin/python3", "unshare", "mount"))
def watch(context):
    """`ctrace watch` of a sleeping process: exact while its control group is tight, then as before, and its own end."""
    groups = context.make_folder("groups")

    def put(name, text):
        with open(os.path.join(groups, "new"), "w") as file:
            file.write(text)
        os.rename(os.path.join(groups, "new"), os.path.join(groups, name))

    def inside(pid, *words):
        script = f'mount --bind "{groups}" /sys/fs/cgroup && exec "$@"'
        return ["unshare", "-m", "sh", "-c", script, "sh", CTRACE, "watch", "-o", groups, *words, str(pid)]

    if os.geteuid():
        raise Skip("root, for a mount namespace")
    put("memory.max", "1000\n")
    put("memory.current", "100\n")
    rules = {"CTRACE_RULES": "cgroup>80%:exact", "CTRACE_CONTROL": context.make_folder("pages")}
    python = Obedient(context, CTRACE_MODE="off", **rules)

    def mode():
        python.tell("churn 10")
        return context.run([CTRACE, "ctl", str(python.pid)], env=context.environment(**rules)).check().stdout.split("\n")[0].split()[1]

    watching = subprocess.Popen(inside(python.pid), env=context.environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        for used, wanted in (("790", "asleep;"), ("800", "exact"), ("750", "exact"), ("690", "off"), ("900", "exact"), ("100", "off")):
            put("memory.current", used + "\n")
            wait_for(lambda: mode() == wanted, f"{wanted} at {used}")
        put("memory.current", "900\n")
        wait_for(lambda: mode() == "exact", "exact again")
        context.run([CTRACE, "ctl", str(python.pid), "sample=1m"]).check()
        check_equal(mode(), "sample=1.00", "mode after ctl")
        put("memory.current", "100\n")
        said = (line for line in watching.stderr if "; report " not in line)
        lines = [next(said) for _ in range(6)]
        check_equal(lines[-1], f"ctrace watch: {python.pid}: as it was switched meanwhile\n", "the sixth line")
        check_equal(mode(), "sample=1.00", "mode, not tight any more")
        put("memory.current", "900\n")
        wait_for(lambda: mode() == "exact", "exact, from a sample")
        put("memory.current", "100\n")
        wait_for(lambda: mode() == "sample=1.00", "the sample again")
        python.end()
        check_equal(watching.wait(), 0, "the watcher's status")
    finally:
        if python.process.poll() is None:
            python.kill()
            watching.wait()
        watching.stderr.close()
    put("memory.max", "max\n")
    sleeper = subprocess.Popen(["sleep", "1000"])
    try:
        check_in("has no memory limit", context.run(inside(sleeper.pid, "--rules", "cgroup>1%:exact")).check(2).stderr, "without a limit")
        check_in("no rule", context.run([CTRACE, "watch", "--rules", "live>1g:exact", str(sleeper.pid)]).check(2).stderr, "without a rule")
    finally:
        sleeper.kill()
        sleeper.wait()
    check(context.run([CTRACE, "watch"]).status == 2, "without a process")
