# SPDX-License-Identifier: MIT
"""The library built for musl records musl programs. musl's code has no unwind tables, so a stack that passes through it is cut."""

import os

from lib import trace
from lib.harness import BUILD, CTRACE, ROOT, Skip, check, check_equal, check_in, test

LIBRARY = os.path.join(BUILD, "musl", "lib", "libctrace.so")
GLIBC_LIBRARY = os.path.join(BUILD, "lib", "libctrace.so")
FLAGS = ["-g", "-O1", "-fno-builtin", "-fno-optimize-sibling-calls"]

# An interpreter in small: methods are found by name and called through pointers, some of them in a module loaded later.
SOURCE = """
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#define FUNCTION __attribute__((noinline))
typedef void *method(int depth, size_t bytes);
FUNCTION void *object(int depth, size_t bytes) { void *p = depth ? object(depth - 1, bytes) : malloc(bytes); __asm__ volatile("" : "+r"(p)); return p; }
FUNCTION static void *list(int depth, size_t bytes) { void *p = calloc(depth, bytes); p = realloc(p, 2 * depth * bytes); return p; }
static struct { const char *name; method *call; } methods[3] = {{"object", object}, {"list", list}};
FUNCTION void *evaluate(const char *name, int depth, size_t bytes)
{
	for (int i = 0; i < 3; i++)
		if (methods[i].name && !strcmp(methods[i].name, name))
			return methods[i].call(depth, bytes);
	return NULL;
}
__attribute__((constructor)) static void constructor(void) { free(evaluate("object", 2, 10)); }
static int compare(const void *a, const void *b) { free(object(1, 100)); return *(const int *)a - *(const int *)b; }
FUNCTION static void sort(void) { int v[] = {3, 1, 2}; qsort(v, 3, sizeof(*v), compare); }
FUNCTION static void *in_thread(void *unused) { for (int i = 0; i < 1000; i++) free(evaluate("object", i % 7, 50)); sort(); return object(3, 70); }
static void at_exit(void) { free(object(4, 90)); }
static void on_signal(int number) { free(object(number ? 2 : 1, 30)); }
FUNCTION static void threads(void)
{
	pthread_t ids[8];
	void *block;
	for (int i = 0; i < 8; i++)
		pthread_create(&ids[i], NULL, in_thread, NULL);
	for (int i = 0; i < 8; i++) {
		pthread_join(ids[i], &block);
		free(block);
	}
}
FUNCTION static void other_kinds(void)
{
	void *p = NULL;
	posix_memalign(&p, 64, 640);
	free(p);
	free(aligned_alloc(32, 320));
	free(strdup("fortytwo"));
}
int main(int argc, char **argv)
{
	atexit(at_exit);
	signal(SIGUSR1, on_signal);
	if (argc > 1) {
		void *module = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
		methods[2].name = "dict";
		methods[2].call = (method *)dlsym(module, "dict");
	}
	free(evaluate("list", 5, 20));
	for (int i = 0; i < 10; i++)
		free(evaluate("dict", 3, 40));
	other_kinds();
	sort();
	threads();
	raise(SIGUSR1);
	pid_t child = fork();
	if (!child) {
		free(evaluate("list", 2, 8));
		exit(3);
	}
	int status;
	waitpid(child, &status, 0);
	printf("%d\\n", WEXITSTATUS(status));
	fflush(stdout);
	if (argc > 2)
		kill(getpid(), SIGKILL);
	return 5;
}
"""
MODULE = """
#include <stddef.h>
void *object(int depth, size_t bytes);
__attribute__((noinline)) void *dict(int depth, size_t bytes) { return object(depth, bytes); }
"""

STARTS = """
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
static void ended(pid_t child)
{
	int status;
	waitpid(child, &status, 0);
	printf("%d\\n", WEXITSTATUS(status));
	fflush(stdout);
}
int main(int argc, char **argv)
{
	pid_t child;
	free(malloc(argc + 1000));
	if (posix_spawn(&child, argv[1], NULL, NULL, argv + 1, environ))
		return 1;
	ended(child);
	if (!(child = fork()))
		execv(argv[1], argv + 1);
	ended(child);
	if (!(child = vfork())) {
		execv(argv[1], argv + 1);
		_exit(1);
	}
	ended(child);
	return 5;
}
"""


def _built(context):
    context.write("app.c", SOURCE)
    context.write("module.c", MODULE)
    context.run(["musl-gcc", *FLAGS, "-rdynamic", "app.c", "-o", "app"]).check()
    context.run(["musl-gcc", *FLAGS, "-fPIC", "-shared", "-nostdlib", "module.c", "-o", "module.so"]).check()
    if context.run(["./app"]).status != 5:
        raise Skip("a system that runs musl programs")
    return [context.path("app"), context.path("module.so")]


def _environment(context, **changes):
    return trace.environment(context, **{"LD_PRELOAD": LIBRARY, "CTRACE_BIN": CTRACE, **changes})


def _stacks(report, function):
    """The stacks with this function, from it outward, and those that are cut."""
    sites = [site for site in report.sites if site.calls_from(function)]
    return {tuple(site.functions()[site.functions().index(function):]) for site in sites if not site.cut}, [site for site in sites if site.cut]


def _check_sums(report):
    for function, blocks, size in (("constructor", 1, 10), ("in_thread", 8 * 1000 + 8, 8000 * 50 + 8 * 70), ("list", 2, 300), ("dict", 10, 400),
                                   ("compare", 27, 2700), ("at_exit", 1, 90), ("on_signal", 1, 30)):
        trace.check_below(report, function, (size, blocks), ("tb", "tbk"))
    check_equal(report.below("other_kinds")["tb"], 640 + 320, "bytes of aligned blocks")


@test(needs=("musl-gcc", LIBRARY))
def records(context):
    """Every allocation of a program with callbacks, a module, threads and a child is recorded; stacks end where main, a thread or a
    constructor was called, and say so if they pass through a function of musl's."""
    command = _built(context)
    plain = context.run(command)
    result = context.run(command, env=_environment(context))
    check_equal((result.stdout, result.status), (plain.stdout, plain.status), "output and status")
    reports = trace.reports(context)
    check_equal(len(reports), 2, "reports of program and child")
    report, child = reports[result.pid], next(report for pid, report in reports.items() if pid != result.pid)
    sums = {site.functions()[-2] for site in report.sites if not site.cut}
    check_equal(sums, {"constructor", "main", "in_thread", "at_exit"}, "functions that whole stacks begin with")
    _check_sums(report)
    for function, chain in (("dict", ("dict", "evaluate", "main")), ("list", ("list", "evaluate", "main")), ("threads", None), ("compare", None)):
        whole, cut = _stacks(report, function)
        if chain:
            check_equal(({stack[:-1] for stack in whole}, cut), ({chain}, []), f"stacks of {function}")
        else:
            check(not whole, f"{function}: {whole}")
    check_equal(report.losses["unrooted"], 27 + 1 + 1, "cut stacks: of compare by qsort, strdup, and a signal handler by raise")
    check_equal((child.below("list")["tb"], child.below("main")["tb"] > 0), (300 + 48, True), "bytes of the child")


@test(needs=("musl-gcc", LIBRARY))
def killed(context):
    """What a killed musl program has recorded is in its store."""
    command = _built(context)
    env = _environment(context, CTRACE_EXPORT=0)
    context.run([*command, "kill"], env=env).check(-9)
    for store in [name for name in os.listdir(context.folder) if name.endswith(".store")]:
        context.run([CTRACE, "export", store]).check()
        os.unlink(context.path(store))
    reports = trace.reports(context).values()
    report = max(reports, key=lambda one: one.total("tb"))
    trace.check_below(report, "in_thread", (8000 * 50 + 8 * 70, 8008), ("tb", "tbk"))
    check_equal(report.total("eb"), report.below("main")["eb"], "bytes live at the kill")


def _chains(context):
    """Programs of both C libraries that start each other, in either order: the first one, the second, the command, its result without us."""
    _built(context)
    context.write("starts.c", STARTS)
    context.run(["musl-gcc", "-o", "musl", "starts.c"]).check()
    context.run(["gcc", "-o", "glibc", "starts.c"]).check()
    for first, second in (("musl", "glibc"), ("glibc", "musl")):
        command = [context.path(first), context.path(second), context.path("app")]
        yield first, second, command, context.run(command).check(5)


@test(needs=("musl-gcc", "gcc", LIBRARY))
def children_of_the_other_library(context):
    """A program of one C library starts one of the other, which runs as without us. Each library records its own programs."""
    for first, _, command, plain in _chains(context):
        for own, library in (("musl", LIBRARY), ("glibc", GLIBC_LIBRARY)):
            env = _environment(context, LD_PRELOAD=library)
            result = context.run(command, env=env).check(5)
            check_equal((result.stdout, result.stderr), (plain.stdout, ""), f"output of {own}'s library")
            programs = {os.path.basename(report.data["cmd"].split()[0]) for report in trace.reports(context).values()}
            check(programs and programs <= ({"musl", "app"} if own == "musl" else {"glibc"}), f"{first}: recorded by {own}'s library: {programs}")
            said = context.run(command, env={**env, "CTRACE_QUIET": "0"}).check(5).stderr
            check_in(f"this program's C library is not {own}; nothing is recorded", said, "stderr")
            for report in trace.reports(context).values():
                os.remove(report.path)


@test(needs=("musl-gcc", "gcc", LIBRARY))
def both_libraries(context):
    """`ctrace record` gives each program the library for its C library: of a musl program, a glibc program, and what they start."""
    _record_chains(context, CTRACE)


@test(needs=("musl-gcc", "gcc", "make", LIBRARY))
def installed(context):
    """`make install` installs the library for musl too if it is built. The folder may be moved."""
    context.run(["make", "-s", "-C", ROOT, "B=" + BUILD, "PREFIX=/opt", "LIBDIR=/opt/lib64", "DESTDIR=" + context.path("one"), "install"]).check()
    os.rename(context.path("one", "opt"), context.path("moved"))
    _record_chains(context, context.path("moved", "bin", "ctrace"))


def _record_chains(context, ctrace):
    for first, second, command, plain in _chains(context):
        result = context.run([ctrace, "record", "--quiet", "--only", "*", "-o", context.path("out.%p.json"), "--", *command]).check(5)
        check_equal(result.stdout, plain.stdout, "output")
        check("cannot be preloaded" not in result.stderr and "nothing is recorded" not in result.stderr, result.stderr)
        reports = list(trace.reports(context).values())
        programs = sorted(os.path.basename(report.data["cmd"].split()[0]) for report in reports)
        check_equal(programs, sorted([first] + 3 * [second] + 9 * 2 * ["app"]), f"programs recorded below {first}")
        for report in reports:
            name = os.path.basename(report.data["cmd"].split()[0])
            own = report.below("main")["tb"]
            check(own >= (300 if name == "app" else 1000), f"{name}: {own} bytes below main")
            os.remove(report.path)
