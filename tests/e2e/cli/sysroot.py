# SPDX-License-Identifier: MIT
"""ctrace ... --sysroot DIR takes names from the files below a folder, such as a container's, and from nowhere else."""

import os
import re
import shutil

from lib import dhat
from lib.harness import CTRACE, CTRACE_TOP, check, check_equal, check_in, test

APP = """
#include <stdlib.h>
void *make(unsigned long bytes);
int main(void) { void *kept = make(1000); return !kept; }
"""
JIT = """
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
int main(void)
{
	unsigned char code[] = {0x48, 0x83, 0xec, 8, 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xd0, 0x48, 0x83, 0xc4, 8, 0xc3};
	void *(*allocate)(size_t) = malloc;
	memcpy(code + 6, &allocate, 8);
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(page, code, sizeof(code));
	free(((void *(*)(size_t))page)(1000));
}
"""
LIBRARY_SOURCE = """
#include <stdlib.h>
#define JOIN(a, b) a##b
#define NAME(who, what) JOIN(who, what)
static inline __attribute__((always_inline)) void *NAME(WHO, _inlined_function)(unsigned long the_number_of_bytes) { return malloc(the_number_of_bytes); }
__attribute__((noinline)) static void *NAME(WHO, _hidden)(unsigned long bytes) { return NAME(WHO, _inlined_function)(bytes); }
void *make(unsigned long bytes) { return NAME(WHO, _hidden)(bytes); }
"""
FLAGS = ["-g", "-O1", "-fno-optimize-sibling-calls"]


def _library(context, who, *flags):
    command = ["gcc", *FLAGS, "-fPIC", "-shared", "-DWHO=" + who, *(flags or ["-Wl,--build-id"]), "lib.c", "-o", "lib/libmake.so"]
    context.run(command).check()


def _recorded(context, *flags):
    """A store, and the folder `tree` with the files that it names. The host has another build of the library. The tree's path of it."""
    context.make_folder("lib")
    context.write("app.c", APP)
    context.write("lib.c", LIBRARY_SOURCE)
    _library(context, "theirs", *flags)
    context.run(["gcc", *FLAGS, "app.c", "-o", "lib/app", "-Llib", "-lmake", "-Wl,-rpath," + context.path("lib")]).check()
    context.run([CTRACE, "record", "-q", "--export", "0", "-o", "app.json", "lib/app"]).check()
    inside = context.path("tree") + context.path("lib")
    os.makedirs(os.path.dirname(inside))
    os.rename(context.path("lib"), inside)
    context.make_folder("lib")
    _library(context, "ours", *flags)
    return os.path.join(inside, "libmake.so")


def _names(context, *options, said=""):
    """The functions of the store's sites; `said` is all that the export may say."""
    result = context.run([CTRACE, "export", *options, "-o", "out.json", "app.json.store"]).check()
    check(re.fullmatch(said, result.stderr.rstrip("\n")), f"stderr: {result.stderr}")
    return {frame.function for site in dhat.check_file(context.path("out.json")).sites for frame in site.frames}


def _in_tree(context, said="ctrace: --sysroot .*: /.*libc.* is missing there; its functions have no names"):
    names = _names(context, "--sysroot", context.path("tree"), said=said)
    check("ours_hidden" not in names, f"names of the host's library: {names}")
    return "theirs_hidden" in names


@test(needs="gcc")
def readers(context):
    """Each command that reads a store takes the names from the tree."""
    _recorded(context)
    check(not _names(context) & {"theirs_hidden", "ours_hidden"}, "names without the option, from another build")
    check(_in_tree(context), "no name from the tree")
    for words in (["top"], ["html", "-o", "-"], ["info"], ["advise"], ["diff", "--all-frames", "out.json"], ["merge", "-q", "-o", "-"]):
        store = [context.path("app.json.store")]
        result = context.run([CTRACE, words[0], "--sysroot", "tree", *words[1:], *store]).check()
        if words[0] in ("top", "merge"):
            check_in("theirs_hidden", result.stdout, words[0])
        check(not re.search("libmake.*another build", result.stdout + result.stderr), f"{words[0]}: {result.stdout + result.stderr}")
    check_in("theirs_hidden", context.run([CTRACE_TOP, "--sysroot", "tree", "app.json.store"]).check().stdout, "ctrace-top")
    refused = context.run([CTRACE, "top", "--sysroot", "app.c", "app.json.store"]).check(2)
    check_equal(refused.stderr, "ctrace top: --sysroot app.c: Not a directory\n", "stderr")


@test(needs=("gcc", "objcopy", "strip"))
def missing(context):
    """One line says that modules are missing, or are of another build, in the tree."""
    library = _recorded(context)
    _names(context)  # keeps names of the host's libc, which must not be used
    os.rename(library, library + ".away")
    both = "ctrace: --sysroot .*: 2 modules are missing there or of another build, such as /.*; their functions have no names"
    check(not _in_tree(context, both), "a name of a library that is missing")
    shutil.copy(context.path("lib/libmake.so"), library)
    check(not _in_tree(context, both), "a name of another build")
    libc = _libc(context)
    os.makedirs(context.path("tree") + os.path.dirname(libc))
    shutil.copy(libc, context.path("tree") + libc)
    one = "ctrace: --sysroot .*/tree: /.*/libmake.so is of another build there; its functions have no names"
    check(not _in_tree(context, one), "a name of another build")
    os.unlink(library)
    os.mkfifo(library)
    check(not _in_tree(context, one.replace("is of another build", "cannot be read")), "a name of a pipe")


def _libc(context):
    return re.search(r"(/\S*/libc\.so\S*) ", context.run([CTRACE, "info", "app.json.store"]).check().stdout)[1]


@test(needs=("gcc", "objcopy", "strip"))
def debug_files(context):
    """A library's debug information in the tree is found by build-id and by link, and must be that of the library."""
    library = _recorded(context)
    context.run(["objcopy", "--only-keep-debug", library, "theirs.debug"]).check()
    context.run(["objcopy", "--only-keep-debug", "lib/libmake.so", "ours.debug"]).check()
    context.run(["strip", library]).check()
    context.run(["objcopy", "--add-gnu-debuglink=theirs.debug", library]).check()
    notes = context.run(["readelf", "-n", library]).check().stdout
    build_id = re.search(r"Build ID: ([0-9a-f]+)", notes)[1]
    check(not _in_tree(context), "a name from nowhere")
    inside = context.path("lib")  # as the program saw it
    for place in (f"/usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug", f"{inside}/theirs.debug",
                  f"{inside}/.debug/theirs.debug", f"/usr/lib/debug{inside}/theirs.debug"):
        path = context.path("tree") + place
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copy(context.path("ours.debug"), path)
        check(not _in_tree(context), f"a name with another build's file at {place}")
        shutil.copy(context.path("theirs.debug"), path)
        check(_in_tree(context), f"no name with the file at {place}")
        # A link is followed in the tree, absolute or not, and never out of it.
        os.rename(path, context.path("tree/kept.debug"))
        for target in ("/kept.debug", "../" * 40 + "kept.debug"):
            os.symlink(target, path)
            check(_in_tree(context), f"no name by a link to {target}")
            os.unlink(path)
        for target in (context.path("theirs.debug"), "../" * 40 + context.path("theirs.debug")[1:]):
            os.symlink(target, path)
            check(not _in_tree(context), f"a name from outside of the tree, by a link to {target}")
            os.unlink(path)
        os.unlink(context.path("tree/kept.debug"))


@test(needs=("gcc", "objcopy", "strip"))
def without_build_id(context):
    """Then the library is known by its size and time, and its debug information by the checksum in the link."""
    library = _recorded(context, "-Wl,--build-id=none")
    check(_in_tree(context), "no name without a build-id")
    os.utime(library, (1, 1))
    changed = "ctrace: --sysroot .*: 2 modules are missing .*"
    check(not _in_tree(context, changed), "a name of a library with another time")
    shutil.rmtree(context.path("tree"))
    context.run(["rm", "-r", "lib", "app.json.store"]).check()

    context.make_folder("lib")
    _library(context, "theirs", "-Wl,--build-id=none")
    context.run(["objcopy", "--only-keep-debug", "lib/libmake.so", "lib/make.debug"]).check()
    context.run(["strip", "lib/libmake.so"]).check()
    context.run(["objcopy", "--add-gnu-debuglink=lib/make.debug", "lib/libmake.so"]).check()
    context.run(["gcc", *FLAGS, "app.c", "-o", "lib/app", "-Llib", "-lmake", "-Wl,-rpath," + context.path("lib")]).check()
    context.run([CTRACE, "record", "-q", "--export", "0", "-o", "app.json", "lib/app"]).check()
    os.makedirs(context.path("tree") + os.path.dirname(context.path("lib")))
    os.rename(context.path("lib"), context.path("tree") + context.path("lib"))
    check(_in_tree(context), "no name by the link's checksum")
    with open(context.path("tree") + context.path("lib/make.debug"), "ab") as file:
        file.write(b"x")
    check(not _in_tree(context), "a name by a link whose checksum differs")


@test(needs=("gcc", "objcopy", "strip", "dwz"))
def common_file(context):
    """dwz moves what debug files have in common into a third file, which is found in the tree too."""
    library = _recorded(context)
    context.run(["objcopy", "--only-keep-debug", library, "theirs.debug"]).check()
    shutil.copy(context.path("theirs.debug"), context.path("twin.debug"))
    context.run(["strip", library]).check()
    link = "/usr/lib/debug/.dwz/common.debug"
    context.run(["dwz", "-m", "common.debug", "-M", link, "theirs.debug", "twin.debug"]).check()
    notes = context.run(["readelf", "-n", library]).check().stdout
    build_id = re.search(r"Build ID: ([0-9a-f]+)", notes)[1]
    folder = context.make_folder("tree/usr/lib/debug/.dwz")
    place = context.make_folder(f"tree/usr/lib/debug/.build-id/{build_id[:2]}") + f"/{build_id[2:]}.debug"
    shutil.copy(context.path("theirs.debug"), place)
    lines = [CTRACE, "top", "--sysroot", "tree", "app.json.store"]
    without = context.run(lines).check().stdout
    shutil.copy(context.path("common.debug"), folder)
    with_common = context.run(lines).check().stdout
    check_in("theirs_inlined_function lib.c:5", with_common, "with the common file")
    check("theirs_inlined_function lib.c:5" not in without, without)


@test(needs="gcc")
def jit_names(context):
    """perf-PID.map is read from the tree's /tmp."""
    context.write("jit.c", JIT)
    context.run(["gcc", "-O1", "jit.c", "-o", "jit"]).check()
    context.run([CTRACE, "record", "-q", "--export", "0", "-o", "app.json", "./jit"]).check()
    info = context.run([CTRACE, "info", "app.json.store"]).check().stdout
    pid = re.search(r"(?m)^pid +(\d+)", info)[1]
    with open(context.make_folder("tree/tmp") + f"/perf-{pid}.map", "w", encoding="ascii") as file:
        file.write("1 7fffffffffff made_up\n")
    any_line = "(ctrace: --sysroot .*)?"
    check("made_up" in _names(context, "--sysroot", "tree", said=any_line), "no name from the tree")
    os.makedirs(context.path("empty/tmp"))
    os.symlink(context.path(f"tree/tmp/perf-{pid}.map"), context.path(f"empty/tmp/perf-{pid}.map"))
    check("made_up" not in _names(context, "--sysroot", "empty", said=any_line), "a name from outside of the tree")
