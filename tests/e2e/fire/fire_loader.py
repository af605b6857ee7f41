# SPDX-License-Identifier: MIT
"""Under fire: what the loader may do before, below and beside us; other unwinders, allocators and preloaded libraries."""

import glob
import os

from lib import dhat, trace
from lib.fire import STRESS, clear, run_all, run_both
from lib.harness import CTRACE, LIBRARY, check, check_equal, check_in, program, test

SYSTEM = "/usr/lib/x86_64-linux-gnu/"
PLUGIN = "plugin_a.so"


def traced(context, command, **changes):
    """run_both that keeps the report of the traced run; returns (result, report)."""
    result = run_both(context, command, CTRACE_OUT=context.path("kept.json"), **changes)
    path = context.path("kept.json")
    report = dhat.check_file(path)
    os.remove(path)
    return result, report


@test()
def ifunc_resolver_allocates(context):
    """The resolver runs while the loader relocates the program: there is no locale, and thread-local memory is wiped later."""
    _, report = traced(context, [program("fire_ifunc")])
    check_equal(report.total("tbk"), 3, "blocks, printf's among them")
    trace.check_below(report, "resolver_blocks", (1100, 2, 0, 0), ("tb", "tbk", "eb", "ebk"))
    traced(context, [program("fire_ifunc")], CTRACE_SAMPLE=100)


@test()
def auditor(context):
    """With LD_AUDIT there is a second C library, and every call between objects goes through the loader's trampoline."""
    env = ["env", "LD_AUDIT=" + program("fire_audit.so")]
    for words in (["fire_forks", "busy", "20"], ["fire_threads", "keys", "10"], ["fire_jumps", "alloc", "20"]):
        run_both(context, env + [program(words[0])] + words[1:], CTRACE_EXPORT=0, stores=True)
    clear(context)
    audited = trace.environment(context, LD_AUDIT=program("fire_audit.so"))
    context.run([program("sites")], env=audited).check()
    (report,) = trace.reports(context).values()
    trace.check_below(report, "do_malloc", (600, 6, 600, 6))
    trace.check_rooted(report)


@test()
def plugins_in_spaces_of_their_own(context):
    """A plugin loaded with RTLD_DEEPBIND or by dlmopen bypasses us. Its frees are not seen either."""
    rounds = 500 * STRESS
    for how in ("deepbind", "dlmopen"):
        _, report = traced(context, [program("fire_loader"), how, program(PLUGIN), rounds])
        check_equal(report.losses["unknownFrees"], 0, how + ": unknown frees")
    return f"{rounds} rounds each"


@test()
def many_keys_before_the_first_allocation(context):
    """From the 32nd key on, the C library allocates inside pthread_setspecific. This is the thread's first event."""
    rounds = 200 * STRESS
    _, report = traced(context, [program("fire_loader"), "keys", "-", rounds])
    check_equal(sum(site["tbk"] for site in report.leaf("destroy")), 50 * rounds, "blocks of destructors")
    run_all(context, [("fire_loader", "keys", "-", rounds)], CTRACE_SAMPLE="4k")


@test()
def own_malloc(context):
    """The program uses its own malloc, or that of a library preloaded before us. A line says so."""
    result = run_both(context, [program("fire_own_malloc")])
    check_equal(
        result.stderr, "ctrace: malloc comes from the program itself; what it allocates is not recorded\n", "stderr"
    )
    result = run_both(context, [program("deep"), "5"], preload=program("libbump.so") + ":" + LIBRARY)
    check_in("malloc comes from " + program("libbump.so") + ";", result.stderr, "stderr with one before us")
    result = run_both(context, [program("deep"), "5"], preload=LIBRARY + ":" + program("libbump.so"))
    check_equal(result.stderr, "", "stderr with one behind us")


@test()
def other_unwinders(context):
    """Programs linked with libunwind or LLVM's libunwind, which then throw the program's exceptions."""
    found = sorted(glob.glob(program("fire_unwinders") + "*"))
    found = [path for path in found if not path.endswith(".d")]
    for path in found:
        _, report = traced(context, [path])
        # Each of 1 to 20 frames has a string of more than 15 bytes, 500 times.
        blocks = sum(site["tbk"] for site in report.sites if any("throw_from" in name for name in site.functions()))
        check(blocks >= 25 * 210, f"{os.path.basename(path)}: {blocks} blocks below throw_from")
    return ", ".join(os.path.basename(path) for path in found)


@test()
def sanitizers(context):
    """Sanitizers need their allocator to come first, so they are refused; ctrace record refuses before the program starts."""
    env = context.environment(CTRACE_OUT=context.path("out.json"))
    for kind in ("address", "thread", "leak", "undefined"):
        path = program("fire_sanitize." + kind)
        # AddressSanitizer ends a program with any preloaded library, unless this option forbids it.
        command = ["env", "ASAN_OPTIONS=verify_asan_link_order=0", path]
        said = "nothing is recorded" in run_both(context, command, stores=True).stderr
        check_equal(said, kind != "undefined", f"{kind}: it is said that nothing is recorded")
        result = context.run([CTRACE, "record", "-q", path], env=env)
        if kind == "undefined":
            result.check(0)
            continue
        result.check(2)
        check_equal(
            result.stderr,
            f"ctrace record: {path} was built with -fsanitize={kind}, which has an allocator of its own; "
            "trace a build without\n",
            "stderr",
        )
    clear(context)


def check_neighbour(context, library, command, seen):
    """Preload the other library before and after us: the program sees its effect."""
    for preload in (LIBRARY + ":" + library, library + ":" + LIBRARY):
        result = run_both(context, command, preload=preload, stores=True)
        check_equal(result.stdout, seen, f"{command} with {preload}")


@test(needs=SYSTEM + "libeatmydata.so")
def with_eatmydata(context):
    script = "import os; f = open('file', 'w'); f.write('x' * 99999); os.fsync(f.fileno()); print(f.tell())"
    check_neighbour(context, SYSTEM + "libeatmydata.so", ["/usr/bin/python3", "-c", script], "99999\n")


@test(needs=SYSTEM + "faketime/libfaketime.so.1")
def with_faketime(context):
    """faketime also answers our own calls of the clock, in its constructor and later."""
    for library in ("libfaketime.so.1", "libfaketimeMT.so.1"):
        fake = ["env", "FAKETIME=2001-02-03 04:05:06", "DONT_FAKE_MONOTONIC=0"]
        check_neighbour(context, SYSTEM + "faketime/" + library, fake + ["date", "+%Y-%m-%d"], "2001-02-03\n")
        words = fake + [program("fire_threads"), "keys", "10"]
        run_both(context, words, preload=LIBRARY + ":" + SYSTEM + "faketime/" + library, stores=True)


MUSL = """
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void *thread(void *argument)
{
	return realloc(malloc(100), 10000);
}

int main(void)
{
	pthread_t id;
	void *block;
	pthread_create(&id, NULL, thread, NULL);
	pthread_join(id, &block);
	free(block);
	pid_t child = fork();
	if (!child) {
		free(calloc(10, 10));
		_exit(3);
	}
	int status;
	waitpid(child, &status, 0);
	printf("%d\\n", WEXITSTATUS(status));
	return system("exit 4") >> 8;
}
"""


@test(needs="musl-gcc")
def musl_programs(context):
    """A recorded program starts one with another C library, which is unharmed and not recorded. A line says so."""
    context.write("app.c", MUSL)
    context.run(["musl-gcc", "-o", "app", "app.c"]).check()
    script = ["sh", "-c", "./app; echo $?; ./app; exit $?"]
    plain = context.run(script)
    check_equal((plain.stdout, plain.status), ("3\n4\n3\n", 4), "without us")
    for quiet in (0, 1):
        env = trace.environment(context)
        env["CTRACE_QUIET"] = str(quiet)
        result = context.run(script, env=env)
        check_equal((result.stdout, result.status), (plain.stdout, plain.status), "output and status")
        said = result.stderr.count("this program's C library is not glibc; nothing is recorded")
        check_equal(said, 0 if quiet else 2, "lines for two programs")
        reports = trace.reports(context).values()
        check(reports and all(report.data["cmd"].startswith("sh -c") for report in reports), "sh alone was recorded")
        for report in reports:
            os.remove(report.path)


CLOCK = """
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *now) { abort(); }
"""


@test(needs=("gcc", "strace"))
def clock_of_another_library(context):
    """A preloaded library's clock_gettime may wait for its own start, in which we start (libfaketime): we never call it."""
    context.write("clock.c", CLOCK)
    context.run(["gcc", "-w", "-shared", "-fPIC", "-o", "clock.so", "clock.c"]).check()
    traced(context, [program("sites")], preload=LIBRARY + ":" + context.path("clock.so"))
    env = trace.environment(context, CTRACE_EXPORT=0)
    result = context.run(["strace", "-f", "-e", "trace=clock_gettime", program("sites")], env=env).check()
    check("clock_gettime(" not in result.stderr, "a system call where the kernel's function needs none")
    clear(context)
