# SPDX-License-Identifier: MIT
"""Stacks from C through Go: Go calls C, C calls Go, on goroutines whose stacks grow and move, in programs and libraries."""

from lib import trace
from lib.harness import check, check_equal, check_in, test

MODULE = "module stacks\n\ngo 1.19\n"
PROGRAM = """
package main

/*
#include <stdlib.h>
static void *take(size_t n) { void *p = malloc(n); return p; }
extern void again(int);
static void call_back(int n) { again(n); }
*/
import "C"

import "fmt"

//export again
func again(n C.int) {
	if n > 0 {
		C.call_back(n - 1)
		return
	}
	for i := 0; i < 10; i++ {
		C.take(333)
	}
}

//go:noinline
func leaf(n int) {
	for i := 0; i < 100; i++ {
		p := C.take(C.size_t(n))
		if i%2 == 0 {
			C.free(p)
		}
	}
}

//go:noinline
func deep(n int) int {
	var room [200]byte
	if n == 0 {
		leaf(500)
		return 0
	}
	room[n%200] = byte(n)
	return deep(n-1) + int(room[n%200])
}

func main() {
	leaf(100)
	C.call_back(2)
	done := make(chan bool)
	for i := 0; i < 8; i++ {
		go func(depth int) {
			leaf(200)
			deep(depth)
			leaf(200)
			done <- true
		}(i * 40)
	}
	for i := 0; i < 8; i++ {
		<-done
	}
	fmt.Println("done")
}
"""
LIBRARY = """
package main

/*
#include <stdlib.h>
static void *take(size_t n) { void *p = malloc(n); return p; }
*/
import "C"

//export Work
func Work(n C.int) {
	for i := 0; i < int(n); i++ {
		C.take(222)
	}
}

func main() {}
"""
CALLER = """
#include <pthread.h>
#include <stddef.h>
extern void Work(int);
__attribute__((noinline)) void *caller(void *unused) { Work(50); __asm__ volatile(""); return NULL; }
int main(void)
{
	pthread_t thread;
	caller(NULL);
	pthread_create(&thread, NULL, caller, NULL);
	pthread_join(thread, NULL);
	return 0;
}
"""


def _build(context, name, source, *options):
    folder = context.make_folder(name + ".go")
    context.write(name + ".go/go.mod", MODULE)
    context.write(name + ".go/main.go", source)
    env = context.environment(CGO_ENABLED=1, GOTOOLCHAIN="local", GOFLAGS="-mod=mod")
    context.run(["go", "build", *options, "-o", context.path(name), "."], env=env, cwd=folder).check()
    return context.path(name)


def _stacks(report, size):
    """The stacks of blocks of this size: a list of (blocks, function names without Go's suffixes)."""
    sites = [site for site in report.sites if site["tbk"] and site["tb"] == size * site["tbk"]]
    return [(site["tbk"], [name.removesuffix(".abi0") for name in site.functions()]) for site in sites]


def _rootless(report):
    return [site.functions() for site in report.sites if site.frames[-1].mark]


def _check_end(functions, wanted):
    check_equal(functions[-len(wanted) :], wanted, f"the outer end of {functions}")


IN_CALL = ["runtime.asmcgocall", "runtime.cgocall"]
ROOT = ["runtime.main", "runtime.goexit"]


@test(needs=("go", "gcc"))
def programs(context):
    """Each stack leads from C to the goroutine's first function, also through C that calls Go."""
    for options in ((), ("-ldflags=-compressdwarf=false",), ("-buildmode=pie", "-ldflags=-s -w")):
        app = _build(context, "app", PROGRAM, *options)
        result = trace.run(context, [app])
        check_equal(result.stdout, "done\n", f"{options}: output")
        report = trace.export_left_store(context)  # Go ends by the system call itself
        check_equal(_rootless(report), [], f"{options}: stacks without a root")
        check_equal(report.losses["dropped"], 0, f"{options}: losses")
        if "-ldflags=-s -w" in options:
            continue  # no names
        blocks = {size: sum(count for count, _ in _stacks(report, size)) for size in (100, 333, 500, 200)}
        check_equal(blocks, {100: 100, 333: 10, 500: 800, 200: 1600}, f"{options}: blocks")
        for _, functions in _stacks(report, 100):
            check_equal(functions[2:4], IN_CALL, "the change of stacks")
            _check_end(functions, ["main.leaf", "main.main"] + ROOT)
        depths = set()
        for _, functions in _stacks(report, 500):
            depths.add(functions.count("main.deep"))
            _check_end(functions, ["runtime.goexit"])
            check_in("main.main.func1", functions[-3:-1], "the goroutine's function, and perhaps one that Go has made to call it")
        check_equal(depths, {i * 40 + 1 for i in range(8)}, "frames of recursion")
        for _, functions in _stacks(report, 333):
            check_equal([functions.count(name) for name in ("main.again", "crosscall2", "runtime.cgocall")], [3, 3, 4], str(functions))
            _check_end(functions, ["main.main"] + ROOT)


@test(needs=("go", "gcc"))
def library(context):
    """Go is a library of a C program: stacks lead back to C."""
    _build(context, "libwork.so", LIBRARY, "-buildmode=c-shared")
    context.write("caller.c", CALLER)
    context.run(["gcc", "-g", "-O1", "-o", "caller", "caller.c", "libwork.so", "-Wl,-rpath,.", "-pthread"]).check()
    report = trace.one(context, [context.path("caller")])
    check_equal(_rootless(report), [], "stacks without a root")
    stacks = _stacks(report, 222)
    check_equal(sorted(count for count, _ in stacks), [50, 50], "blocks by stack")
    for _, functions in stacks:
        check_in("main.Work", functions, "Go's function")
        check("main" in functions or "start_thread" in functions, f"C's root: {functions}")
        check_equal(functions[functions.index("crosscall2") :][:3], ["crosscall2", "Work", "caller"], str(functions))
