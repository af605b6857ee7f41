# SPDX-License-Identifier: MIT
"""The variables of a recording, ctrace export, ctrace info, ctrace-top, make install."""

import glob
import json
import os
import re
import socket
import time

from lib import dhat, trace
from lib.harness import BUILD, CTRACE, CTRACE_TOP, LIBRARY, ROOT, check, check_equal, check_in, cpu_seconds, program, test


def _preload(context, command, cwd=None, status=0, **changes):
    """Run with the library preloaded and with only these variables."""
    return context.run(command, env=context.environment(LD_PRELOAD=LIBRARY, **changes), cwd=cwd).check(status)


@test()
def default_name_and_summary(context):
    result = _preload(context, [program("sites")])
    name = f"ctrace.sites.{result.pid}.json"
    report = dhat.check_file(context.path(name))
    lines = result.stderr.splitlines()
    check(1 <= len(lines) <= 4 and all(line.startswith("ctrace: ") for line in lines), f"summary: {lines}")
    for part in (f"{report.total('tbk'):,} blocks", f"{report.total('ebk')} blocks", context.path(name), "peak"):
        check_in(part, result.stderr, "summary")
    check_equal([f for f in os.listdir(context.folder) if f.startswith("ctrace")], [name], "files")
    check_equal(_preload(context, [program("sites")], CTRACE_QUIET=1).stderr, "", "stderr with CTRACE_QUIET=1")


@test()
def name_patterns(context):
    before = int(time.time())
    result = _preload(context, [program("sites")], CTRACE_OUT="%e-%p-%t-%h-%%-x.json", CTRACE_QUIET=1)
    (path,) = glob.glob(context.path("*-x.json"))
    pattern = rf"sites-{result.pid}-(\d+)-{re.escape(socket.gethostname())}-%-x\.json"
    found = re.fullmatch(pattern, os.path.basename(path))
    check(found, "name: " + os.path.basename(path))
    check(before <= int(found.group(1)) <= time.time() + 1, "start time in " + path)


@test()
def folders_that_cannot_be_written(context):
    """The report goes to the temporary folder, and one line says so."""
    temporary = context.make_folder("tmp")
    for changes, cwd in ((dict(CTRACE_OUT="/no/such/folder/x.json"), None), ({}, "/proc")):
        result = _preload(context, [program("sites")], cwd=cwd, TMPDIR=temporary, **changes)
        (name,) = os.listdir(temporary)
        dhat.check_file(os.path.join(temporary, name))
        check_in(os.path.join(temporary, name), result.stderr, "stderr")
        check(len(result.stderr.splitlines()) <= 4, f"more than 4 lines: {result.stderr}")
        os.remove(os.path.join(temporary, name))
    result = _preload(context, [program("ends"), "exit"], status=3, cwd="/proc", TMPDIR="/no/such/folder")
    check(len(result.stderr.splitlines()) <= 4, f"nowhere to write: {result.stderr}")


@test()
def bad_values(context):
    """The program runs, nothing is recorded, and one line says why."""
    for changes in (dict(CTRACE_DEPTH="x"), dict(CTRACE_DEPTH="4"), dict(CTRACE_QUIET="yes")):
        result = _preload(context, [program("ends"), "exit"], status=3, **changes)
        (name,) = changes
        check_equal(len(result.stderr.splitlines()), 1, f"lines on stderr: {result.stderr}")
        check_in(name, result.stderr, "stderr")
        check_equal(glob.glob(context.path("ctrace.*")), [], "files")


@test()
def export_later(context):
    out = context.path("o.json")
    _preload(context, [program("sites")], CTRACE_OUT=out, CTRACE_EXPORT=0, CTRACE_QUIET=1)
    check(os.path.exists(out + ".store") and not os.path.exists(out), f"files: {os.listdir(context.folder)}")
    context.run([CTRACE, "export", out + ".store"]).check()
    report = dhat.check_file(out)
    context.run([CTRACE, "export", "-f", "dhat", "-o", context.path("second.json"), out + ".store"]).check()
    with open(out, "rb") as first, open(context.path("second.json"), "rb") as second:
        check(first.read() == second.read(), "two exports of one store differ")
    shown = context.run([CTRACE, "export", "-o", "-", out + ".store"]).check().stdout
    check_equal(json.loads(shown)["pps"], report.data["pps"], "export to stdout")
    context.run([CTRACE, "export", "--remove-store", out + ".store"]).check()
    check(not os.path.exists(out + ".store"), "--remove-store: the store is still there")


@test()
def keep_store(context):
    out = context.path("o.json")
    _preload(context, [program("threads")], CTRACE_OUT=out, CTRACE_KEEP_STORE=1, CTRACE_QUIET=1)
    at_exit = dhat.check_file(out)
    context.run([CTRACE, "export", "-o", context.path("later.json"), out + ".store"]).check()
    check_equal(dhat.check_file(context.path("later.json")).data["pps"], at_exit.data["pps"], "sites, exported again")


@test()
def no_exporter(context):
    """If the ctrace program is missing, the store stays, and one line says what to do."""
    result = _preload(context, [program("ends"), "exit"], status=3, CTRACE_BIN="/no/such/ctrace")
    (store,) = glob.glob(context.path("*.store"))
    check_equal(len(result.stderr.splitlines()), 1, f"lines on stderr: {result.stderr}")
    check_in("ctrace export " + store, result.stderr, "stderr")
    context.run([CTRACE, "export", store]).check()


@test()
def damaged_files(context):
    """Damaged files cause exit code 3 and one line, whatever they contain."""
    out = context.path("o.json")
    _preload(context, [program("sites")], CTRACE_OUT=out, CTRACE_KEEP_STORE=1, CTRACE_QUIET=1)
    with open(out + ".store", "rb") as file:
        store = file.read()
    with open(out, "rb") as file:
        report = file.read()
    seeds = {
        "missing": None,
        "empty": b"",
        "text": b"hello\n",
        "short": store[:100],
        "half": store[: len(store) // 2],
        "version": store[:8] + b"\xff" + store[9:],
        "order": store[:12] + store[12:16][::-1] + store[16:],
        "json": report[: len(report) // 2],
        "number": report.replace(b'"tb":', b'"tb":-', 1),
    }
    for name, content in seeds.items():
        path = context.path("seed." + name)
        if content is not None:
            context.write("seed." + name, content)
        for command in ([CTRACE, "export", "-o", context.path("x"), path], [CTRACE, "info", path], [CTRACE_TOP, path]):
            result = context.run(command)
            check_equal(result.status, 3, f"{name}: status of {command[:2]} ({result.stderr[:300]})")
            check_equal(len(result.stderr.splitlines()), 1, f"{name}: lines on stderr: {result.stderr[:300]}")
            check_in("seed." + name, result.stderr, "the line names the file")
    check(not os.path.exists(context.path("x")), "a report was written")
    for command in ([CTRACE, "export"], [CTRACE, "info"], [CTRACE_TOP], [CTRACE_TOP, "--sort", "x", out], [CTRACE_TOP, "-n", "x", out]):
        check_equal(context.run(command).status, 2, f"status of {command[1:]}")


@test()
def info(context):
    out = context.path("o.json")
    _preload(context, [program("sites")], CTRACE_OUT=out, CTRACE_KEEP_STORE=1, CTRACE_QUIET=1)
    for path in (out, out + ".store"):
        shown = context.run([CTRACE, "info", path]).check().stdout
        check_in("27 blocks", shown, "info of " + path)
        check(re.search(r"^total +[\d.]+ MiB \([\d,]+ bytes\) in 27 blocks$", shown, re.M), "rounded and exact numbers: " + shown)
        check("FAIL" not in shown and "check " in shown, "self-checks: " + shown)
    with open(out, encoding="utf-8") as file:
        data = json.load(file)
    data["pps"][0]["gb"] = data["pps"][0]["mb"] + 1
    broken = context.write("broken.json", json.dumps(data))
    result = context.run([CTRACE, "info", broken])
    check_equal(result.status, 1, "status of a report whose numbers contradict each other")


@test()
def help_texts(context):
    for command in ([CTRACE, "--help"], [CTRACE_TOP, "--help"], *([CTRACE, c, "--help"] for c in ("record", "export", "merge", "info", "top", "advise", "doctor"))):
        result = context.run(command).check()
        check_in("usage: ", result.stdout, f"{command[1:]}")
        check_equal(result.stderr, "", f"stderr of {command[1:]}")
    check_equal(context.run([CTRACE]).status, 2, "status without a command")


@test(needs=("make", "pkg-config"))
def install(context):
    """Install into a folder and move it: both commands, the library and the pkg-config file still work."""
    context.run(["make", "-s", "-C", ROOT, "B=" + BUILD, "PREFIX=/opt/ctrace", "DESTDIR=" + context.path("one"), "install"]).check()
    os.rename(context.path("one", "opt", "ctrace"), context.path("moved"))
    found = [os.path.join(root, f) for root, _, files in os.walk(context.path("moved")) for f in files]
    names = {os.path.relpath(path, context.path("moved")) for path in found}
    wanted = {"lib/libctrace.so", "lib/pkgconfig/ctrace.pc", "bin/ctrace", "bin/ctrace-top", "include/ctrace/store.h", "include/ctrace/ctrace.h", "share/man/man3/ctrace.3"}
    wanted |= {f"share/man/man1/{page}.1" for page in ("ctrace", "ctrace-record", "ctrace-top", "ctrace-export", "ctrace-html", "ctrace-merge", "ctrace-info")}
    if os.path.exists(os.path.join(BUILD, "share", "ctrace", "report.html")):
        wanted.add("share/ctrace/report.html")
    wanted |= {f"share/man/man1/ctrace-{page}.1" for page in ("advise", "doctor")}
    wanted |= {"share/bash-completion/completions/ctrace", "share/bash-completion/completions/ctrace-top"}
    wanted |= {"share/zsh/site-functions/_ctrace", "share/fish/vendor_completions.d/ctrace.fish"}
    check(wanted <= names, f"not installed: {wanted - names}")

    library = context.path("moved", "lib", "libctrace.so")
    env = context.environment(LD_PRELOAD=library, CTRACE_QUIET=1, CTRACE_OUT=context.path("a.json"))
    context.run([program("sites")], env=env).check()
    dhat.check_file(context.path("a.json"))
    bin_folder = context.path("moved", "bin")
    env = context.environment(CTRACE_QUIET=1, CTRACE_OUT=context.path("b.json"))
    context.run([os.path.join(bin_folder, "ctrace"), program("sites")], env=env).check()
    check_in("27 blocks", context.run([os.path.join(bin_folder, "ctrace-top"), context.path("b.json")]).check().stdout, "top")
    # Through a symbolic link, as in some distributions.
    os.symlink(os.path.join(bin_folder, "ctrace"), context.path("linked"))
    env["CTRACE_OUT"] = context.path("c.json")
    context.run([context.path("linked"), "record", program("sites")], env=env).check()
    dhat.check_file(context.path("c.json"))

    env = context.environment(PKG_CONFIG_PATH=context.path("moved", "lib", "pkgconfig"))
    flags = context.run(["pkg-config", "--cflags", "ctrace"], env=env).check().stdout
    context.write("a.c", "#include <ctrace/store.h>\nint main(void) { return 0; }\n")
    context.run(["gcc", *flags.split(), "a.c", "-o", "a"]).check()


@test()
def many_sites(context):
    """Export and ctrace-top take only seconds for 131,072 sites."""
    out = context.path("o.json")
    _preload(context, [program("many_sites"), "17"], CTRACE_OUT=out, CTRACE_EXPORT=0, CTRACE_QUIET=1)
    start = cpu_seconds()
    context.run([CTRACE, "export", out + ".store"]).check()
    exported = cpu_seconds()
    shown = context.run([CTRACE_TOP, out]).check().stdout
    seconds = (exported - start, cpu_seconds() - exported)
    check(max(seconds) < 150, f"export took {seconds[0]:.1f} s, ctrace-top {seconds[1]:.1f} s")
    check_in("131,072", shown, "ctrace-top")
    check_equal(len(dhat.check_file(out).sites), 1 << 17, "sites")
