# SPDX-License-Identifier: MIT
"""Things that one user chooses and another user's process reads or starts: rows of SECURITY.md that no other file tests."""

import ctypes.util
import os
import shutil
import socket
import stat

from lib import dhat, trace
from lib.fire import run_both
from lib.harness import CTRACE, CTRACE_TOP, LIBRARY, Skip, check, check_equal, check_in, program, test

STRANGER = 65533
THIRD = 65532
BESIDE = "the exporter beside the library is another user's and is not started"


def _script(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\n" + text + "\n")
    os.chmod(path, 0o755)
    return path


def _needs_root():
    if os.geteuid():
        raise Skip("root, to be several users")


@test()
def exporter_of_another_root(context):
    """After chroot the exporter's path may be a program of another user, so it is not started."""
    root = context.make_folder("root")
    os.makedirs(root + os.path.dirname(CTRACE))
    shutil.copy(program("as_nobody"), root + CTRACE)
    result = run_both(context, [program("fire_processes"), "chroot", root], stores=True, CTRACE_QUIET=0).check(3)
    check_in("ctrace: no exporter is started in another root (chroot); make the report with: ctrace export ", result.stderr, "stderr")


@test()
def relative_names(context):
    """CTRACE_BIN and TMPDIR are relative to the folder at start, whatever folder the program ends in."""
    for folder, word in (("start", "mine"), ("later", "planted")):
        _script(os.path.join(context.make_folder(folder), "exporter"), f'echo {word} >> "{context.path("ran")}"')
        context.make_folder(folder + "/temporary")
    command = ["/bin/sh", "-c", f'cd "{context.path("later")}"; x=$(seq 40000); {program("tiny")}']
    env = trace.environment(context, CTRACE_BIN="./exporter", CTRACE_CHILDREN=0)
    context.run(command, env=env, cwd=context.path("start")).check()
    with open(context.path("ran"), encoding="ascii") as ran:
        check_equal(ran.read(), "mine\n", "exporters that ran")
    env = trace.environment(context, CTRACE_CHILDREN=0, TMPDIR="temporary")
    env["CTRACE_OUT"] = "/nowhere/report.json"
    context.run(command, env=env, cwd=context.path("start")).check()
    check_equal(os.listdir(context.path("start/temporary")), ["report.json"], "reports")
    dhat.check_file(context.path("start/temporary/report.json"))
    check_equal(os.listdir(context.path("later/temporary")), [], "files in the later folder")


@test()
def planted_exporter(context):
    """If the library is in a world-writable folder, root starts only root's exporter or the library owner's, or none."""
    _needs_root()
    shared = context.make_folder("shared")
    os.chmod(shared, 0o1777)
    library = shutil.copy(LIBRARY, shared)
    planted = _script(os.path.join(shared, "ctrace"), f'echo ran > "{context.path("ran")}"')
    for owner, library_owner, runs in ((STRANGER, 0, False), (STRANGER, STRANGER, True), (0, 0, True)):
        os.chown(planted, owner, owner)
        os.chown(library, library_owner, library_owner)
        env = context.environment(LD_PRELOAD=library, CTRACE_OUT=context.path("out.%p.json"))
        result = context.run([program("tiny")], env=env).check()
        what = f"exporter of {owner}, library of {library_owner}"
        check_equal((os.path.exists(context.path("ran")), BESIDE in result.stderr), (runs, not runs), what + ": " + result.stderr)
        if runs:
            os.remove(context.path("ran"))


@test()
def planted_library(context):
    """The same for the library beside a copy of ctrace."""
    _needs_root()
    shared = context.make_folder("shared")
    os.chmod(shared, 0o1777)
    ctrace, library = shutil.copy(CTRACE, shared), shutil.copy(LIBRARY, shared)
    os.chmod(context.make_folder("lib"), 0o755)  # ../lib, which is empty
    for owner, status in ((STRANGER, 3), (0, 0)):
        os.chown(library, owner, owner)
        context.run([ctrace, "record", "-q", "-o", context.path("out.json"), program("tiny")]).check(status)


def _store_of(context, owner, name, command, **changes):
    """A store that another user could have made."""
    path = context.path(name + ".json")
    env = trace.environment(context, name + ".json", CTRACE_EXPORT=0, **changes)
    context.run(command, env=env).check()
    os.chown(path + ".store", owner, owner)
    return path


@test()
def perf_map_of_a_third_user(context):
    """Names of generated code come only from files of the user whose program it was, of root or of oneself."""
    _needs_root()
    path = _store_of(context, STRANGER, "jit", ["node", "-e", "for (i = 0; i < 3e4; i++) Buffer.alloc(9000)"]) if shutil.which("node") else None
    if not path:
        raise Skip("node")
    pid = next(int(line.split()[1]) for line in context.run([CTRACE, "info", path + ".store"]).stdout.splitlines() if line.startswith("pid"))
    planted = f"/tmp/perf-{pid}.map"
    for owner, used in ((THIRD, False), (STRANGER, True), (0, True)):
        with open(planted, "w", encoding="ascii") as file:
            file.write("1 7fffffffffff planted_name\n")
        os.chown(planted, owner, owner)
        try:
            context.run([CTRACE, "export", path + ".store"]).check()
        finally:
            os.remove(planted)
        with open(path, encoding="utf-8") as report:
            check_equal("planted_name" in report.read(), used, f"names of user {owner}")


@test(needs=("gcc",))
def names_of_unreadable_files(context):
    """A stranger's store names a file of root. Its names get into no report, unless the store has the file's build-id."""
    _needs_root()
    os.chmod(context.folder, 0o755)
    context.write("secret.c", "#include <stdlib.h>\nvoid *secret_name(void) { return malloc(77); }\nint main(void) { return !secret_name(); }\n")
    for build_id in ("none", "sha1"):
        folder = context.make_folder(build_id)
        secret = os.path.join(folder, "secret")
        context.run(["gcc", "-g", "-O0", "-Wl,--build-id=" + build_id, "-o", secret, context.path("secret.c")]).check()
        path = _store_of(context, STRANGER, build_id + "-out", [secret])
        for owner, mode, named in ((STRANGER, 0o700, build_id == "sha1"), (STRANGER, 0o755, True), (0, 0o700, True)):
            os.chmod(folder, mode)
            os.chown(path + ".store", owner, owner)
            for command in ([CTRACE, "export", "-o", path], [CTRACE_TOP, "--json"]):
                context.run(command + [path + ".store"]).check()
            what = f"build-id {build_id}, store of {owner}, folder {mode:o}"
            with open(path, encoding="utf-8") as report:
                check_equal("secret_name" in report.read(), named, what)
            info = context.run([CTRACE, "info", path + ".store"]).stdout
            line = next(line for line in info.splitlines() if secret + "  " in line)
            check_equal("no names" not in line, named, what + ": " + line)


@test()
def event_log(context):
    """CTRACE_DEBUG=events does not write into an existing file."""
    victim = context.write("victim", "precious")
    os.link(victim, context.path("out.json.events"))
    env = trace.environment(context, "out.json", CTRACE_DEBUG="events")
    context.run([program("tiny")], env=env).check()
    with open(victim, encoding="ascii") as file:
        check_equal(file.read(), "precious", "what was there")
    check(stat.S_ISREG(os.lstat(context.path("out.json.events")).st_mode), "no log")


@test()
def no_network(context):
    """Names come from files only: no server is asked, whatever DEBUGINFOD_URLS says."""
    if not ctypes.util.find_library("debuginfod"):
        raise Skip("libdebuginfod")
    with socket.create_server(("127.0.0.1", 0)) as server:
        urls = f"http://127.0.0.1:{server.getsockname()[1]}"
        path = _store_of(context, os.geteuid(), "net", ["sqlite3" if shutil.which("sqlite3") else "perl", "/dev/null"])
        context.run([CTRACE, "export", path + ".store"], env=context.environment(DEBUGINFOD_URLS=urls, DEBUGINFOD_TIMEOUT=1)).check()
        server.setblocking(False)
        try:
            server.accept()
        except BlockingIOError:
            return
        check(False, "a server was asked")
