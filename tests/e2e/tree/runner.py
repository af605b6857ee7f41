# SPDX-License-Identifier: MIT
"""tests/run itself: tests that must fail do fail. Also mistakes in ctrace that unit tests must catch."""

import os
import re
import subprocess

from lib.harness import PYTHON, ROOT, check, check_equal, check_in, test

SEEDS = '''
import subprocess, time
from lib.harness import ELSEWHERE, Skip, check, check_equal, test, wait_for

@test()
def fine(context):
    check_equal(context.run(["/bin/echo", "x"]).check().stdout, "x\\n", "echo")

@test()
def false(context):
    check(False, "it is false")

@test()
def broken(context):
    {}["key"]

@test()
def status(context):
    context.run(["/bin/sh", "-c", "exit 3"]).check()

@test(needs="no-such-tool")
def lacking(context):
    check(False, "it ran")

@test()
def not_to_be_had(context):
    raise Skip(ELSEWHERE + "Go 9.9, for a server")

@test()
def hanging(context):
    subprocess.run(["/bin/sh", "-c", "sleep 4321 & sleep 4321"])

@test()
def waiting(context):
    subprocess.Popen(["sleep", "4323"])
    wait_for(lambda: False, "nothing")

@test()
def starving(context):
    # Asleep for longer than the limit in total, but not at a stretch, so it continues.
    for _ in range(8):
        time.sleep(1)
        sum(range(1000000))

@test()
def endless(context):
    while True:
        pass

@test()
def leaving(context):
    # Leaves the session and the group, but is still found.
    subprocess.run(["/bin/sh", "-c", "setsid sleep 4322 > /dev/null 2>&1 &"])

@test()
def vanishing(context):
    import os
    os._exit(0)
'''
WANTED = {
    "fine": "ok seeds.fine",
    "false": "FAIL seeds.false: it is false",
    "broken": "FAIL seeds.broken: KeyError: 'key'",
    "status": "FAIL seeds.status: /bin/sh -c exit 3: status 3, wanted 0",
    "lacking": "SKIP seeds.lacking: missing no-such-tool",
    "not_to_be_had": "SKIP seeds.not_to_be_had: missing what comes from elsewhere: Go 9.9, for a server",
    "hanging": "FAIL seeds.hanging: hung: all asleep for 6 s",
    "waiting": "FAIL seeds.waiting: waited for nothing: all asleep for 3.0 s",
    "starving": "ok seeds.starving",
    "leaving": "FAIL seeds.leaving: processes left behind: sleep 4322",
    "vanishing": "FAIL seeds.vanishing: the test's process ended with 0",
}


def _run(context, folder, *patterns, **changes):
    env = context.environment(CTRACE_HANG_SECONDS=6, **changes)
    return context.run([os.path.join(ROOT, "tests", "run"), "--tests", folder, *patterns], env=env)


@test(needs=PYTHON)
def seeds(context):
    folder = context.make_folder("seeds")
    own = f"432{os.getpid()}.0"  # seconds of sleep; .0: another run beside this one may have a pid that begins with ours
    context.write("seeds/seeds.py", SEEDS.replace("432", own))
    result = _run(context, folder, "seeds.[!e]*")
    lines = result.stdout.splitlines()
    for name, wanted in WANTED.items():
        found = [line for line in lines if re.match(rf"(ok|FAIL|SKIP) seeds\.{name}\b", line)]
        check_equal(len(found), 1, f"lines of {name}: {found}")
        wanted = wanted.replace("432", own)
        check(found[0].startswith(wanted), f"{name}: {found[0]!r}, wanted {wanted!r}")
    check_equal(lines[-1], "2 passed, 7 failed, 2 skipped", "last line")
    check_equal(result.status, 1, "exit code")
    processes = subprocess.run(["ps", "axo", "args"], capture_output=True, text=True, check=True).stdout
    check(f"sleep {own}" not in processes, "a process of a test is still there")

    endless = _run(context, folder, "seeds.endless", CTRACE_MOST_SECONDS=5)
    check_in("FAIL seeds.endless: hung: not done after 5 s", endless.stdout, "a test without end")
    passed = _run(context, folder, "seeds.fine", "seeds.lacking")
    check_equal((passed.stdout.splitlines()[-1], passed.status), ("1 passed, 0 failed, 1 skipped", 0), "a skip")
    in_ci = _run(context, folder, "seeds.lacking", CI="true")
    check_in("FAIL seeds.lacking: missing no-such-tool", in_ci.stdout, "a skip in CI")
    check_equal((in_ci.stdout.splitlines()[-1], in_ci.status), ("0 passed, 1 failed, 0 skipped", 1), "a skip in CI")
    engine = _run(context, folder, "seeds.fine", "seeds.not_to_be_had", CI="true")
    check_equal((engine.stdout.splitlines()[-1], engine.status), ("1 passed, 0 failed, 1 skipped", 0), "no engine in CI")
    check_equal(_run(context, folder, "seeds.none").status, 1, "exit code without any test")


@test(needs=PYTHON)
def seeds_in_folders(context):
    """Modules in sub-folders are found, and two modules of the same name are an error."""
    context.make_folder("seeds/a")
    context.make_folder("seeds/b")
    folder = context.path("seeds")
    context.write("seeds/a/seeds.py", SEEDS)
    context.write("seeds/b/others.py", SEEDS)
    listed = _run(context, folder, "--list", "seeds.fine", "others.fine").check().stdout
    check_equal(listed, "others.fine\nseeds.fine\n", "tests of both folders")
    os.rename(context.path("seeds/b/others.py"), context.path("seeds/b/seeds.py"))
    result = _run(context, folder, "--list").check(1)
    check_in("tests/run: two modules are called seeds.py: in ", result.stderr, "two modules of one name")


UNIT_SEEDS = """
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

static void fine(void **state)
{
	(void)state;
	assert_int_equal(1, 1);
}

static void wrong(void **state)
{
	(void)state;
	assert_int_equal(1, 2);
}

static void skipped(void **state)
{
	(void)state;
	skip();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(fine), cmocka_unit_test(wrong), cmocka_unit_test(skipped)};
	(void)argv;
	(void)argc;
	if (CRASH)
		abort();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
"""


@test(needs="gcc")
def unit_seeds(context):
    """The results in a cmocka program, and a program that crashes."""
    folder = context.make_folder("unit")
    context.write("seed.c", UNIT_SEEDS)
    for name, crash in (("some", 0), ("crash", 1)):
        context.run(["gcc", f"-DCRASH={crash}", "seed.c", "-o", os.path.join(folder, name), "-lcmocka"]).check()
    result = context.run([os.path.join(ROOT, "tests", "run"), "--units", folder])
    for line in ("ok unit/some.fine", "FAIL unit/some.wrong", "SKIP unit/some.skipped", "FAIL unit/crash: status SIGABRT"):
        check_in("\n" + line, "\n" + result.stdout, "unit results")
    check_equal((result.stdout.splitlines()[-1], result.status), ("1 passed, 2 failed, 1 skipped", 1), "last line")


MUTANT_SEEDS = """
nowhere  viewer/model/merge.c  unit/viewer_merge.test_losses
	s/no such line//
no_file  viewer/model/no_such_file.c  unit/viewer_merge.test_losses
	s/a/b/
not_built  viewer/model/merge.c  unit/viewer_merge.test_losses
	s/^#include/#enclose/
not_caught  viewer/model/merge.c  unit/viewer_merge.test_losses
	s/are taken from the first/come from the first/
of_another  viewer/model/merge.c  unit/viewer_merge.test_frames
	s/^\tct_losses_add(&to->losses, &from->losses);//
"""
MUTANTS = """spilled-batches-lost failed-realloc-in-a-pause heap-not-made half-batch-not-undone merge-forgets-a-loss
    address-without-bias shorter-life-is-longer limit-itself-is-too-much ignored-stays""".split()


def _mutants(context, *words):
    return context.run([os.path.join(ROOT, "tests", "check", "mutants"), *words], env=context.environment())


@test(needs=("gcc", "make"))
def mutants(context):
    """One mistake of each area, so that the table of `make mutants` is used regularly. All of them take minutes."""
    result = _mutants(context, *MUTANTS)
    for name in MUTANTS:
        check_in(f"\nok mutant-{name}: caught by unit/", result.stdout, "mutants")
    check_equal(result.stdout.splitlines()[-1], f"{len(MUTANTS) + 1} passed, 0 failed, 0 skipped", "last line")
    check_equal(result.status, 0, "exit code")


@test(needs=("gcc", "make"))
def mutants_seeds(context):
    """A mistake that changes nothing or is not caught is a failure. So is a test that does not exist."""
    table = context.write("table", MUTANT_SEEDS)
    result = _mutants(context, "--table", table)
    for line in (
        "FAIL mutant-nowhere: the mistake is made in no line",
        "FAIL mutant-no_file: there is no viewer/model/no_such_file.c",
        "FAIL mutant-not_built: does not build: ",
        "FAIL mutant-not_caught: not caught by unit/viewer_merge.test_losses",
        "FAIL mutant-of_another: not caught by unit/viewer_merge.test_frames",
    ):
        check_in("\n" + line, result.stdout, "seeds")
    check_equal((result.stdout.splitlines()[-1], result.status), ("1 passed, 5 failed, 0 skipped", 1), "last line")
    context.write("table", "x  viewer/model/merge.c  unit/viewer_merge.no_such_test\n\ts/a/b/\n")
    result = _mutants(context, "--table", table)
    check_in("FAIL mutants-control: there is no test unit/viewer_merge.no_such_test", result.stdout, "a test's name")
    check_equal(result.status, 1, "exit code without a test")
    check_equal(_mutants(context, "no-such-mutant").status, 1, "exit code of an unknown name")
