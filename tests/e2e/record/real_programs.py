# SPDX-License-Identifier: MIT
"""Real programs behave the same with the library preloaded, and their reports are plausible."""

import glob
import os
import signal
import subprocess

from lib import commands, dhat, trace
from lib.harness import CTRACE, LIBRARY, PYTHON, Failure, Skip, check, check_equal, check_in, program, test, wait_for
from lib.ports import free_port


def _sane(report, known, unwalkable=None):
    """
    Nothing is lost, every stack has its root, and the functions that this program is known to call are there.
    unwalkable(frame): whether the callers of a frame cannot be known.
    """
    name = report.data["cmd"][:80]
    trace.check_rooted(report)
    for function in known:
        check(report.below(function)["tb"] > 0, f"{name}: nothing is allocated below {function}")
    if not report.sites:
        return
    top = max(report.sites, key=lambda site: site["tb"])
    check(not top.frames[0].mark and len(top.frames) > 2, f"{name}: the top site is {top.frames}")
    check_equal(report.losses["truncated"], 0, f"{name}: stacks that were cut")
    for site in report.sites:
        if site.frames[-1].mark:
            check(unwalkable and unwalkable(site.frames[-2]), f"{name}: callers unknown above {site.frames[-2]}")


def _same(context, command, stdin=b"", status=0, **changes):
    """Run without and with the library: output and exit status must be the same. Returns the traced run's result."""
    plain_env = context.environment(**changes)
    plain = context.run(command, env=plain_env, stdin=stdin).check(status)
    traced = trace.run(context, command, status, out="out.%e.%p.json", stdin=stdin, **changes)
    check_equal(traced.stdout, plain.stdout, "stdout")
    check_equal(traced.stderr, plain.stderr, "stderr")
    return traced


def _program_of(report):
    return os.path.basename(report.path).split(".")[1]


@test(needs=PYTHON)
def python3(context):
    result = _same(context, [PYTHON, "-c", commands.PY], PYTHONDONTWRITEBYTECODE=1)
    found = trace.reports(context)
    check_equal(list(found), [result.pid], "processes")
    _sane(found[result.pid], ["Py_BytesMain", "_PyEval_EvalFrameDefault", "__libc_start_main"])


@test(needs=PYTHON)
def python3_threads_and_processes(context):
    script = """
import concurrent.futures, multiprocessing, subprocess, sys
def work(n): return sum(len(str(list(range(i)))) for i in range(n))
with concurrent.futures.ThreadPoolExecutor(4) as pool: print(sum(pool.map(work, range(40))))
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool: print(sum(pool.map(work, range(40))))
    print(subprocess.run([sys.executable, "-c", "print(7)"], capture_output=True).stdout)
"""
    context.write("script.py", script)
    result = _same(context, [PYTHON, "script.py"], PYTHONDONTWRITEBYTECODE=1)
    # A signal ends the workers of a pool, so they leave stores, not reports.
    found = trace.reports(context, stores=None)
    check(len(found) >= 2, f"{len(found)} processes with a report")
    _sane(found[result.pid], ["Py_BytesMain", "start_thread"])


@test(needs="sqlite3")
def sqlite3(context):
    _same(context, ["sqlite3", context.path("a.db"), ".read /dev/stdin"], stdin="drop table if exists people;" + commands.SQL)
    (report,) = trace.reports(context).values()
    _sane(report, ["sqlite3_step", "sqlite3_prepare_v2", "sqlite3BtreeOpen"])


@test(needs="perl")
def perl(context):
    _same(context, ["perl", "-e", commands.PERL])
    (report,) = trace.reports(context).values()
    _sane(report, ["Perl_runops_standard", "perl_parse", "Perl_sv_grow"])


@test(needs="node")
def node(context):
    script = """
const data = [...Array(2000).keys()].map(i => ({i, s: 'x'.repeat(i % 50)}));
const text = JSON.stringify(data); console.log(text.length, JSON.parse(text).length);
const zlib = require('zlib'); console.log(zlib.gunzipSync(zlib.gzipSync(text)).length);
require('crypto').pbkdf2('a', 'b', 1000, 32, 'sha256', (e, k) => { console.log(k.toString('hex')); process.exit(5); });
"""
    _same(context, ["node", "-e", script], status=5)
    (report,) = trace.reports(context).values()

    def is_made_by_v8(frame):
        """V8's compiler generated this code, now or when node was built, without unwind tables."""
        return frame.function.startswith("Builtins_") or frame.module in ("", "[jit]")

    _sane(report, ["node::Start(int, char**)", "start_thread", "deflateInit2_"], is_made_by_v8)


@test(needs=("gcc", "as", "ld"))
def gcc(context):
    """gcc forks and executes cc1, as, collect2 and ld. The result is the same program."""
    context.write("hello.c", '#include <stdio.h>\nint main(void)\n{\n\treturn printf("hello\\n") != 6;\n}\n')
    command = ["gcc", "-O2", "hello.c", "-o", "hello"]
    context.run(command).check()
    with open(context.path("hello"), "rb") as file:
        plain = file.read()
    _same(context, command)
    with open(context.path("hello"), "rb") as file:
        check(file.read() == plain, "the compiled program is another one")
    by_program = {_program_of(report): report for report in trace.reports(context).values()}
    drivers = [name for name in by_program if "gcc" in name]
    check_equal(len(drivers), 1, f"reports of the driver ({list(by_program)})")
    rest = {name for name in by_program if name not in drivers}
    check("cc1" in rest and "collect2" in rest, f"reports of {rest}")
    check(any(name.endswith("as") for name in rest) and any(name.startswith("ld") or "-ld" in name for name in rest), f"reports of {rest}")
    for name, report in by_program.items():
        _sane(report, ["__libc_start_main"] + (["xmalloc"] if name == "cc1" else []))


@test(needs="git")
def git(context):
    repo = context.make_folder("repo")
    env = dict(GIT_CONFIG_NOSYSTEM=1, GIT_PAGER="cat")
    for role in ("AUTHOR", "COMMITTER"):
        env.update({f"GIT_{role}_NAME": "a", f"GIT_{role}_EMAIL": "a@b", f"GIT_{role}_DATE": "1700000000 +0000"})
    outputs = []
    for traced in (False, True):
        folder = os.path.join(repo, str(traced))
        os.mkdir(folder)
        with open(os.path.join(folder, "file"), "w", encoding="ascii") as file:
            file.write("line\n" * 500)
        steps = ["init -q -b main", "add file", "commit -q -m message", "log --stat", "gc --quiet", "fsck --strict", "show HEAD:nothing"]
        shown = []
        for step in steps:
            run_env = trace.environment(context, "out.%e.%p.json", **env) if traced else context.environment(**env)
            result = context.run(["git", *step.split()], env=run_env, cwd=folder)
            shown.append((step, result.status, result.stdout, result.stderr))
        outputs.append(shown)
    for plain, traced in zip(*outputs):
        check_equal(traced, plain, "git " + plain[0])
    found = trace.reports(context, stores=None)
    check(len(found) >= len(steps), f"{len(found)} reports of {len(steps)} commands")
    for report in found.values():
        _sane(report, ["__libc_start_main"])


@test(needs=("tar", "xz"))
def tar_and_xz(context):
    folder = context.make_folder("files")
    for i in range(20):
        path = os.path.join(folder, f"file{i}")
        with open(path, "wb") as file:
            file.write(bytes(range(256)) * i)
        os.utime(path, (1700000000, 1700000000))
    os.utime(folder, (1700000000, 1700000000))
    command = ["tar", "-cJf", "-", "--sort=name", "--owner=0", "--group=0", "files"]
    _same(context, command)
    trace.export_sandboxed(context)
    found = {_program_of(report): report for report in trace.reports(context).values()}
    check("tar" in found and "xz" in found, f"reports of {list(found)}")
    _sane(found["tar"], ["__libc_start_main"])
    _sane(found["xz"], ["lzma_code"])


def _redis_session(context, env, folder):
    """Start a server, talk to it, end it by SIGTERM. Returns what the client saw, and the server's exit status."""
    port = str(free_port())
    options = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]
    with open(os.path.join(folder, "log"), "wb") as log:
        server = subprocess.Popen(
            ["redis-server", *options], env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    client = ["redis-cli", "-h", "127.0.0.1", "-p", port]

    def answers():
        return context.run([*client, "ping"]).stdout.strip() == "PONG"

    try:
        wait_for(answers, "redis-server to answer")
        script = "".join(f"set key:{i} {'v' * (i % 300)}\nlpush list {i}\nhset hash f{i} {i}\n" for i in range(300))
        script += "strlen key:299\nllen list\nhlen hash\nsort list limit 0 3 desc\neval 'return #redis.call(\"keys\", \"*\")' 0\nflushall\ndbsize\n"
        shown = context.run(client, stdin=script).check().stdout
        server.send_signal(signal.SIGTERM)
        return server.pid, shown, server.wait()
    except BaseException:
        server.kill()
        server.wait()
        raise


@test(needs=("redis-server", "redis-cli"))
def redis(context):
    plain = _redis_session(context, context.environment(), context.make_folder("plain"))
    env = trace.environment(context)
    pid, *traced = _redis_session(context, env, context.make_folder("traced"))
    check_equal(traced, list(plain[1:]), "what the client saw, the server's status")
    check_equal(traced[1], 0, "the server's status")
    report = trace.reports(context)[pid]
    _sane(report, ["main", "aeMain", "call"] if report.below("aeMain")["tb"] else ["__libc_start_main"])
    with open(context.path("traced", "log"), encoding="utf-8", errors="replace") as log:
        check_in("bye bye", log.read(), "the server's log")


@test()
def malloc_debug(context):
    """libc_malloc_debug behind us has its functions under old symbol versions only. It must still be the next allocator."""
    debug = sorted(glob.glob("/usr/lib/*/libc_malloc_debug.so.0"))
    if not debug:
        raise Skip("libc_malloc_debug.so.0")
    for arguments, changes, status in (([], {"MALLOC_CHECK_": "3"}, -6), (["mtrace"], {"MALLOC_TRACE": context.path("log")}, 0)):
        shown = []
        for preload in (debug[0], f"{LIBRARY}:{debug[0]}"):
            env = trace.environment(context, CTRACE_EXPORT=0, **changes)
            env["LD_PRELOAD"] = preload
            result = context.run([program("overrun"), *arguments], env=env).check(status)
            lines = 0
            if os.path.exists(context.path("log")):
                with open(context.path("log"), encoding="utf-8") as log:
                    lines = len([line for line in log if line[0] == "@"])
                os.remove(context.path("log"))
            shown.append((result.stdout, [line for line in result.stderr.splitlines() if not line.startswith("ctrace:")], lines))
        check_equal(shown[1], shown[0], f"overrun {arguments}")
        for store in glob.glob(context.path("*.store")):
            context.run([CTRACE, "export", store]).check()
            check_equal(dhat.check_file(store.removesuffix(".store"), lossless=status == 0).below("main")["tbk"] >= 3, True, "blocks")
            os.remove(store)


@test(needs=("python3",))
def next_allocators(context):
    """The same events are recorded with any allocator after ours, and any alignment of its blocks."""
    totals = {}
    for name in ("", "libjemalloc.so.2", "libmimalloc.so.[23]*", "libtcmalloc_minimal.so.4", program("libbump.so")):
        paths = sorted(glob.glob(os.path.join("/usr/lib/*/", name))) if name else [""]
        if not paths:
            raise Failure("not installed: " + name)
        env = trace.environment(context)
        env["LD_PRELOAD"] += ":" + paths[0]
        for little in ("tiny",) if "bump" in name else ("threads", "sites", "tiny", "new_delete"):
            path = commands.program(little)
            # Not every allocator has pvalloc and the frees with a size.
            result = context.run([path, "valgrind"] if little == "sites" else [path], env=env).check()
            report = trace.reports(context)[result.pid]
            os.remove(report.path)
            check_equal((report.losses["unknownFrees"], report.losses["dropped"]), (0, 0), f"losses of {little} with {name}")
            if little == "new_delete":  # jemalloc's delete calls free, which must not count as the free of an unknown block
                continue
            sums = report.below("make_block" if little == "threads" else "main")
            got = {key: sums[key] for key in ("tb", "tbk", "eb", "ebk")}
            if "mimalloc" in name and little == "sites":
                # mimalloc's realloc(block, 0) returns a new block of 0 bytes; the others free the block.
                check_equal(report.below("do_realloc_zero")["tbk"], 2, "blocks of realloc(block, 0) in mimalloc")
                got["tbk"] -= 1
                got["ebk"] -= 1
            check_equal(got, totals.setdefault(little, got), f"{little} with {name or 'glibc'}")
