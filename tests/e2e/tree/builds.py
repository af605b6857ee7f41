# SPDX-License-Identifier: MIT
"""Builds of the tree: with the flags of distributions, in any folder, and from a release tarball."""

import glob
import hashlib
import os
import shutil
import subprocess

from lib import trace
from lib.harness import BUILD, ROOT, Skip, check, check_equal, check_in, program, test

PAGE = os.path.join(BUILD, "share", "ctrace", "report.html")
FAST = "OPT=-O0 -g"  # optimising takes most of a build's time, and does not matter for these tests

# The flags of distributions, shortened, and flags that would break the library if they were used for it.
FLAGS = {
    "fedora": {
        "CFLAGS": "-O2 -flto=auto -ffat-lto-objects -fexceptions -g -grecord-gcc-switches -Wall -Werror=format-security "
        "-Wp,-U_FORTIFY_SOURCE,-D_FORTIFY_SOURCE=3 -fstack-protector-strong -fasynchronous-unwind-tables "
        "-fstack-clash-protection -fcf-protection -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer",
        "LDFLAGS": "-Wl,-z,relro -Wl,--as-needed -Wl,-z,now -flto=auto",
    },
    "arch": {"CFLAGS": "-O2 -fno-plt -Wp,-D_FORTIFY_SOURCE=3 -flto=auto", "LDFLAGS": "-Wl,-O1 -Wl,--sort-common -flto=auto"},
    "debian": {"CFLAGS": "-g -O2 -flto", "CPPFLAGS": "-Wdate-time -D_FORTIFY_SOURCE=2", "LDFLAGS": "-Wl,-z,relro"},
    "odd": {"CFLAGS": "-std=c99 -O3 -Werror -fvisibility=default -fPIE -fstack-protector-all", "CPPFLAGS": "-U_GNU_SOURCE", "LDFLAGS": "-pie -Wl,-z,lazy"},
    "clang": {"CC": "clang", "CFLAGS": "-O2 -flto=thin -Werror", "LDFLAGS": "-fuse-ld=lld"},
}


def _make(context, *words, cwd=ROOT, **variables):
    env = context.environment(**variables)
    result = context.run(["make", "-j2", *words], env=env, cwd=cwd)
    check(result.status == 0, f"make {' '.join(words)} {variables}: {result.stderr[-1500:]}")
    check("warning" not in result.stderr.replace("lto-wrapper: warning: using serial", ""), result.stderr[-1500:])


def _check_library(context, folder):
    library = os.path.join(folder, "lib", "libctrace.so")
    result = context.run(["sh", "tests/check/rules", "--library", library, ROOT], cwd=ROOT)
    check_equal((result.stdout, result.status), ("", 0), "the rules of the tree")
    env = trace.environment(context)
    env["LD_PRELOAD"], env["CTRACE_DEBUG"] = library, "verify"
    for little in ("cxx", "fire_sandbox"):
        words = [program(little)] + (["forbid"] if little == "fire_sandbox" else [])
        plain = context.run(words)
        traced = context.run(words, env=env)
        check_equal((traced.stdout, traced.status), (plain.stdout, plain.status), little)
        if little == "cxx":
            check_in("different 0", traced.stderr, "stacks and libunwind's")


def _test_flags(name, variables, on_command_line):
    def flags(context):
        folder = context.path("built")
        words = [f"B={folder}", *(f"{folder}/lib/{name}.so" for name in ("libctrace", "libctrace-copy", "libctrace-mmap"))]
        if on_command_line:
            _make(context, *words, *(f"{key}={value}" for key, value in variables.items()))
        else:
            _make(context, *words, **variables)
        _check_library(context, folder)

    flags.__name__ = "flags_of_" + name
    test(needs=("make", variables.get("CC", "gcc"), "ld.lld"))(flags)


# rpmbuild passes the flags in the environment; makepkg and users pass them there or on the command line.
for _index, (_name, _variables) in enumerate(FLAGS.items()):
    _test_flags(_name, _variables, _index % 2 == 1)


@test(needs=("make", "gcc", "readelf"))
def flags_are_respected(context):
    """The flags are used: an option of CFLAGS makes the compiler record a macro of CPPFLAGS."""
    for words, variables in (((), {"CPPFLAGS": "-DASKED_FOR", "CFLAGS": "-g3"}), (("CPPFLAGS=-DASKED_FOR", "CFLAGS=-g3"), {})):
        folder = context.path("command line" if words else "environment").replace(" ", "-")
        _make(context, f"B={folder}", *words, folder + "/obj/preload/sys/text.o", **variables)
        macros = context.run(["readelf", "--debug-dump=macro", folder + "/obj/preload/sys/text.o"]).stdout
        check_in("ASKED_FOR", macros, "a macro of CPPFLAGS, by an option of CFLAGS")


@test(needs=("make", "gcc"))
def link_time_optimisation(context):
    """The programs are built with -flto, which needs all objects."""
    folder = context.path("lto")
    _make(context, f"B={folder}", "CFLAGS=-O1 -flto=2")
    ctrace = os.path.join(folder, "bin", "ctrace")
    context.run([ctrace, "record", "--quiet", "-o", "out.json", "--", program("tiny")]).check()
    check_in("total ", context.run([ctrace, "top", "out.json"]).check().stdout, "what it shows")


def _files():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, check=False)
    if listed.returncode:
        raise Skip("a git clone")
    return [name for name in listed.stdout.decode().split("\0") if name]


def _hash(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


PAGE_TOOLS = "awk base64 basenc cut dirname grep make mkdir mktemp mv rm sed sh sha256sum tr".split()


@test(needs=("make", "git"))
def page(context):
    """The page is made with a system's own tools, without node and npm, to the same bytes in any folder and with any awk."""
    for tool in PAGE_TOOLS:
        os.makedirs(context.path("tools"), exist_ok=True)
        os.symlink(shutil.which(tool), context.path("tools", tool))
    awks = [path for name in ("mawk", "gawk", "original-awk") if (path := shutil.which(name))]
    made = []
    for i, awk in enumerate(awks or [shutil.which("awk")]):
        os.remove(context.path("tools", "awk"))
        os.symlink(awk, context.path("tools", "awk"))
        folder = context.path("folder" * (i + 1))
        shutil.copytree(os.path.join(ROOT, "viewer", "html"), os.path.join(folder, "viewer", "html"))
        for file in ("Makefile", "packaging/packaging.mk", "include/ctrace/version.h"):
            os.makedirs(os.path.dirname(os.path.join(folder, file)), exist_ok=True)
            shutil.copy(os.path.join(ROOT, file), os.path.join(folder, file))
        for _ in range(2):
            built = os.path.join(folder, "build")
            shutil.rmtree(built, ignore_errors=True)
            told = context.run(["make", "html"], cwd=folder, env={"PATH": context.path("tools"), "LC_ALL": "C"})
            check(told.status == 0, told.stderr)
            with open(os.path.join(built, "share", "ctrace", "report.html"), encoding="utf-8") as file:
                made.append(file.read())
    check_equal(len(set(made)), 1, "different pages")
    with open(PAGE, encoding="utf-8") as file:
        check_equal(file.read(), made[0], "the page that make has built")
    check_equal([made[0].count(part) for part in ("@DATA@", "@SCRIPT@", "@POLICY@", "</script>", "</style>")], [1, 0, 0, 2, 1], "parts")
    return f"{len(made[0]) >> 10} KiB, {len(made)} builds"


@test(needs=("awk",))
def joined_modules(context):
    """What the script that joins the page's modules does not understand is an error that names the file."""
    join = os.path.join(ROOT, "viewer", "html", "join.awk")
    other = "export const one = 1;\nexport function two() {}\n"
    context.make_folder("src")
    for text, said in (
        ('import { one, two as three } from "./b.js";\nimport * as all from "./b.js";\nimport {\n  one as four,\n} from "./b.js";\n', None),
        ('import one from "./b.js";\n', "a.js: not understood"),
        ('import { one } from "b";\n', "a.js: not understood"),
        ('import { one } from "./c.js";\n', "a.js: cannot read c.js"),
        ("export default 1;\n", "a.js: not understood"),
        ("export { one };\n", "a.js: not understood"),
        ("const text = `one\n  two`;\n", "a.js: a text over several lines"),
        ('import { one } from "./d.js";\n', "d.js: it and a.js import each other"),
    ):
        context.write("src/a.js", text)
        context.write("src/b.js", other)
        context.write("src/d.js", 'import { x } from "./a.js";\nexport const one = 1;\n')
        result = context.run(["awk", "-v", "folder=src", "-f", join, "a.js"])
        check_equal(result.status != 0, said is not None, text)
        check(said is None or said in result.stderr, f"{text}: {result.stderr}")
        if said is None:
            for line in ('const { one, two: three } = modules["b.js"];', 'const all = modules["b.js"];', "return {one, two};"):
                check(line in result.stdout, f"no {line} in {result.stdout}")
            check_equal(result.stdout.count('modules["b.js"] = '), 1, "a module is joined once")


def _copy_tree(target):
    for file in _files():
        os.makedirs(os.path.dirname(os.path.join(target, file)), exist_ok=True)
        shutil.copy2(os.path.join(ROOT, file), os.path.join(target, file))


@test(needs=("make", "gcc", "git"))
def release(context):
    """
    make dist gives the same bytes twice. The tarball builds and installs without npm, and its page works. Library, programs
    and page have the same bytes when they are built from a clone, in another folder and with an absolute B.
    """
    _files()
    with open(os.path.join(ROOT, "include/ctrace/version.h"), encoding="utf-8") as file:
        version = file.read().split('CTRACE_VERSION "')[1].split('"')[0]
    tarballs = []
    for name in ("one", "two"):
        tarballs.append(context.path(name, f"ctrace-{version}.tar.gz"))
        context.run([os.path.join(ROOT, "packaging/dist"), version, tarballs[-1]], env=context.environment(B=BUILD), umask=0o77).check()
    check_equal(_hash(tarballs[1]), _hash(tarballs[0]), "two tarballs")
    epoch = context.path("epoch.tar.gz")
    context.run([os.path.join(ROOT, "packaging/dist"), version, epoch], env=context.environment(B=BUILD, SOURCE_DATE_EPOCH=86400)).check()
    dates = context.run(["tar", "--utc", "-tvzf", epoch]).check().stdout
    check_equal({line.split()[3] for line in dates.splitlines()}, {"1970-01-02"}, "dates with SOURCE_DATE_EPOCH")

    context.run(["tar", "-xzf", tarballs[0]]).check()
    folder = context.path(f"ctrace-{version}")
    for tool in ("npm", "node", "git"):
        os.makedirs(context.path("none"), exist_ok=True)
        context.write("none/" + tool, "#!/bin/sh\necho no $0 here >&2\nexit 1\n")
        os.chmod(context.path("none", tool), 0o755)
    env = context.environment()
    path = context.path("none") + ":" + env["PATH"]
    _make(context, FAST, cwd=folder, PATH=path)
    clone, built = context.path("a-much-longer/name-of-a-folder"), context.path("elsewhere")
    _copy_tree(clone)
    _make(context, FAST, f"B={built}", cwd=clone)
    for part in ("lib/libctrace.so", "bin/ctrace", "share/ctrace/report.html"):
        check_equal(_hash(os.path.join(built, part)), _hash(os.path.join(folder, "build", part)), "built in two folders: " + part)

    destination = context.path("destination")
    _make(context, FAST, "install", "PREFIX=/usr", f"DESTDIR={destination}", cwd=folder, PATH=path)
    ctrace = os.path.join(destination, "usr/bin/ctrace")
    context.run([ctrace, "record", "--quiet", "-o", "out.json", "--", program("tiny")]).check()
    context.run([ctrace, "html", "-o", "out.html", "out.json"]).check()
    check(os.path.getsize(context.path("out.html")) > os.path.getsize(PAGE), "the page has data")
    check(glob.glob(os.path.join(destination, "usr/share/man/man1/ctrace.1")), "the man page")
