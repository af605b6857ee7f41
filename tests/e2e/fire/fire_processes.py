# SPDX-License-Identifier: MIT
"""What processes do to each other and to their surroundings. Each has a report, or a line says why not."""

import collections
import glob
import os
import shutil

from lib import dhat, soak, trace
from lib.fire import clear, run_both
from lib.harness import CTRACE, LIBRARY, Skip, check, check_equal, check_in, program, test

PLACES = 2000  # as in fire_processes.c
NOBODY = 65534


def check_places(report, function):
    trace.check_below(report, function, (30 * PLACES, PLACES, 0), ("tb", "tbk", "eb"))


@test()
def clone_with_shared_memory(context):
    """The clone shares heap and thread-local storage with its creator, which waits. It is recorded as part of the creator."""
    result = run_both(context, [program("fire_processes"), "clone"])
    found = trace.reports(context)
    check_equal(list(found), [result.pid], "processes with a report")
    trace.check_below(found[result.pid], "in_clone", (30 * PLACES + 100, PLACES + 1, 0), ("tb", "tbk", "eb"))
    check_places(found[result.pid], "places_after")


@test()
def child_of_a_raw_system_call(context):
    """The child is not recorded, and does not touch its parent's store."""
    result = run_both(context, [program("fire_processes"), "raw"])
    found = trace.reports(context)
    check_equal(list(found), [result.pid], "processes with a report")
    check_places(found[result.pid], "places_before")
    check_places(found[result.pid], "places_after")


@test()
def exporter_is_no_child(context):
    """A handler of SIGCHLD, or a thread that waits for any child, never sees the exporter. Ignoring SIGCHLD does not block us."""
    for how in ("handle", "ignore", "wait"):
        result = run_both(context, [program("fire_processes"), how], CTRACE_QUIET=0)
        check_equal(result.stdout, how + ": 0\n", "output")
        check("no exporter ran" not in result.stderr, f"{how}: {result.stderr}")
        check_equal(list(trace.reports(context)), [result.pid], how + ": processes with a report")


@test()
def vanished_folder(context):
    """The folder vanishes with the store: the recording is gone, the program continues, and a line says so."""
    folder = context.path("folder")
    outputs = []
    for preload in (None, LIBRARY):
        context.make_folder("folder")
        env = context.environment(LD_PRELOAD=preload, CTRACE_CHILDREN=0)
        result = context.run([program("fire_processes"), "vanish", folder], env=env, cwd=folder).check(3)
        outputs.append(result.stdout)
        check(not os.path.exists(folder), "the folder is there again")
    check_equal(outputs, ["vanish: 0\n"] * 2, "outputs")
    check_in("recording stopped: the store cannot grow (moved, removed", result.stderr, "stderr")


@test()
def folder_gone_before_start(context):
    """A relative name then leads nowhere, and above all not into the root."""
    folder, temporary = context.make_folder("folder"), context.make_folder("temporary")
    env = trace.environment(context)
    env.update(CTRACE_OUT="here.json", TMPDIR=temporary, CTRACE_QUIET="0")
    command = ["/bin/sh", "-c", f'rmdir "{folder}"; export LD_PRELOAD="{LIBRARY}"; exec "$0" raw', program("fire_processes")]
    del env["LD_PRELOAD"]
    result = context.run(command, env=env, cwd=folder).check(3)
    check_in(f"no such folder; the report goes to {temporary}/here.json", result.stderr, "stderr")
    check_places(dhat.check_file(os.path.join(temporary, "here.json")), "places_after")


@test()
def chroot_after_start(context):
    """The store cannot grow any more, and no exporter is found. What was recorded before is kept."""
    root = context.make_folder("root")
    result = run_both(context, [program("fire_processes"), "chroot", root], stores=True, CTRACE_QUIET=0).check(3)
    check_in("chroot: 0", result.stdout, "output")
    check_in("recording stopped: the store cannot grow", result.stderr, "stderr")
    check_in("make the report with: ctrace export " + context.path("out."), result.stderr, "stderr")
    check_equal(os.listdir(root), [], "files in the new root")
    context.run([CTRACE, "export", context.path(f"out.{result.pid}.json.store")]).check()
    check_places(dhat.check_file(context.path(f"out.{result.pid}.json"), lossless=False), "places_before")


@test()
def names_that_exist(context):
    """As with reused pids: no recording of another process is touched. A report may replace an old report."""
    out = context.path("out.json")
    env = trace.environment(context, out="out.json")
    for _ in range(3):
        context.run([program("ends"), "SIGKILL"], env=env).check(-9)
    left = sorted(glob.glob(context.path("*.store")))
    check_equal((len(left), out + ".store" in left), (3, True), f"stores {left}")
    context.run([program("tiny")], env=env).check()
    check_equal(sorted(glob.glob(context.path("*.store"))), left, "stores after a run with a report")
    check(not os.path.exists(out), "a report has the name that belongs to a killed process's store")
    for store in left:
        context.run([CTRACE, "export", store]).check()
        trace.check_below(dhat.check_file(store.removesuffix(".store")), "before_end", (10000, 10))


MAKEFILE = """app: main.o a.o b.o c.o
\tgcc -o $@ $^
"""


def build(context, **changes):
    """Build with make; returns the number of reports per program, and the bytes of what was built."""
    clear(context)
    folder = context.make_folder("project")
    context.write("project/Makefile", MAKEFILE)
    for name in "abc":
        context.write(f"project/{name}.c", f"int {name}(int x) {{ return x + {ord(name)}; }}\n")
    context.write("project/main.c", "int a(int), b(int), c(int);\nint main(void) { return a(b(c(0))) & 127; }\n")
    result = context.run(["make", "-j2"], env=context.environment(**changes), cwd=folder).check()
    check_equal(result.stderr, "", "stderr of make")
    names = [os.path.basename(path).split(".")[1] for path in glob.glob(context.path("out.*"))]
    with open(os.path.join(folder, "app"), "rb") as app:
        built = app.read()
    shutil.rmtree(folder)
    return collections.Counter(name.rpartition("-")[2] for name in names), built


@test(needs=("make", "gcc"))
def make_in_parallel(context):
    """There is a report for each program that make starts, or for make alone. The same bytes are built."""
    settings = {"LD_PRELOAD": LIBRARY, "CTRACE_OUT": context.path("out.%e.%p.json"), "CTRACE_QUIET": 1}
    _, plain = build(context)
    programs, built = build(context, **settings)
    found = trace.reports(context)
    check(built == plain, "another program was built")
    check_equal(len(found), programs.total(), "readable reports")
    for name, count in {"make": 1, "cc1": 4, "as": 4, "collect2": 1}.items():
        check_equal(programs[name], count, f"reports of {name} in {programs}")
    reports, built = build(context, CTRACE_CHILDREN=0, **settings)
    check(built == plain, "another program was built with CTRACE_CHILDREN=0")
    check_equal(reports, {"make": 1}, "reports with CTRACE_CHILDREN=0")
    return f"{programs.total()} programs"


@test()
def nested(context):
    """A wrapper is a program like any other: it runs its program, is recorded itself, and passes the status on."""
    for outer in ([CTRACE, "record", CTRACE, "record"], [CTRACE, "record", "/bin/sh", "-c", '"$0" record "$@"; exit $?', CTRACE]):
        env = context.environment(CTRACE_QUIET=1, CTRACE_OUT=context.path("out.%p.json"))
        context.run(outer + [program("ends"), "exit"], env=env).check(3)
        found = trace.reports(context)
        names = collections.Counter(os.path.basename(report.data["cmd"].split(" ")[0]) for report in found.values())
        check_equal((names["ctrace"], names["ends"]), (1, 1), f"reports: {names}")
        (ends,) = [report for report in found.values() if report.below("before_end")["tb"]]
        trace.check_below(ends, "before_end", (10000, 10, 10000, 10, 10000, 10, 4000, 4))
        clear(context)


@test()
def another_user(context):
    """
    When root gives up its rights for good, the store goes to the new user, can grow, and becomes the new user's report. This
    does not apply to a child that shares the memory, or if the process can take the rights back: the new user could then
    write into the memory of a process that becomes root again.
    """
    if os.geteuid():
        raise Skip("the right to change the user")
    os.chmod(context.folder, 0o777)
    library, copy = soak.installed(context), shutil.copy(program("fire_processes"), context.folder)
    for how in ("setuid", "seteuid", "setreuid", "setresuid", "vfork"):
        result = run_both(context, [copy, how], library=library)
        check_equal(result.stdout, f"{how}: 0\n", "output")
        found = trace.reports(context)
        check_equal(list(found), [result.pid], how + ": processes with a report")
        check_places(found[result.pid], "places_after")
        owner = os.stat(context.path(f"out.{result.pid}.json")).st_uid
        wanted = 0 if how in ("vfork", "seteuid") else NOBODY
        check_equal(owner, wanted, how + ": owner of the report")
        run_both(context, [copy, how], library=library, stores=True, CTRACE_EXPORT=0)
        (store,) = glob.glob(context.path("*.store"))
        check_equal(os.stat(store).st_uid, wanted, how + ": owner of the store")


@test()
def another_user_without_a_right_to_the_folder(context):
    """The new user cannot write a report, so root's `ctrace record` makes it, even for a process that was killed."""
    if os.geteuid():
        raise Skip("the right to change the user")
    os.chmod(context.folder, 0o755)
    for end, status in (("sys.exit(4)", 4), ("os.kill(os.getpid(), 9)", -9)):
        out = context.path("out.json")
        script = f"import os, sys; os.setuid({NOBODY}); many = [[i] for i in range(30000)]; {end}"
        env = context.environment(PYTHONMALLOC="malloc")
        context.run([CTRACE, "record", "-o", out, "python3", "-c", script], env=env).check(status)
        check(dhat.check_file(out).total("tbk") > 30000, end + ": blocks")
        check(not os.path.exists(out + ".store"), end + ": the store stays")
        os.remove(out)
