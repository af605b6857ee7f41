# SPDX-License-Identifier: MIT
"""ctrace record: the program runs as if started directly, and one clear line says what cannot be recorded."""

import glob
import os
import shutil
import signal
import subprocess

from lib import dhat, trace
from lib.harness import CTRACE, LIBRARY, Context, check, check_equal, check_in, program, test, wait_for


def _record(context, *words, status=0, stdin=b""):
    env = context.environment(CTRACE_QUIET=1, CTRACE_OUT=context.path("out.%e.%p.json"))
    return context.run([CTRACE, "record", *words], env=env, stdin=stdin).check(status)


def _reports(context):
    return trace.reports(context)


@test()
def passes_everything_through(context):
    script = "cat; echo err >&2; echo $0 $1; exit 7"
    result = _record(context, "--", "/bin/sh", "-c", script, "zero", "one two", status=7, stdin="in\n")
    check_equal((result.stdout, result.stderr), ("in\nzero one two\n", "err\n"), "stdout, stderr")
    plain = context.run([CTRACE, program("ends"), "exit"], env=context.environment(CTRACE_QUIET=1)).check(3)
    check_equal(plain.stderr, "", "stderr of ctrace PROGRAM")
    check_equal(len(glob.glob(context.path("ctrace.ends.*.json"))), 1, "reports of ctrace PROGRAM")


@test()
def options(context):
    out = context.path("mine.json")
    env = context.environment()
    loud = context.run([CTRACE, "record", "-o", out, "--", program("sites")], env=env).check()
    lines = loud.stderr.splitlines()
    check(1 <= len(lines) <= 4 and all(line.startswith("ctrace: ") for line in lines), f"summary: {lines}")
    dhat.check_file(out)
    check(not os.path.exists(out + ".store"), "the store is still there")
    quiet = context.run([CTRACE, "record", "-q", "--keep-store", "-o", out, program("sites")], env=env).check()
    check_equal(quiet.stderr, "", "stderr with --quiet")
    check(os.path.exists(out + ".store"), "--keep-store: no store")
    os.remove(out)
    os.remove(out + ".store")
    context.run([CTRACE, "record", "--quiet", "--export=0", "-o", out, program("sites")], env=env).check()
    check(os.path.exists(out + ".store") and not os.path.exists(out), "--export=0: " + str(os.listdir(context.folder)))
    os.remove(out + ".store")
    context.run([CTRACE, "record", "-q", "--depth", "20", "-o", out, program("deep"), "100"], env=env).check()
    check(all(site.cut for site in dhat.check_file(out).sites), "--depth 20: no stack is cut")


@test()
def deaths(context):
    """The wrapper ends as the program did, and the report is still written."""
    for how, number in (("SIGKILL", 9), ("SIGTERM", 15), ("SIGSEGV", 11), ("abort", 6)):
        _record(context, program("ends"), how, status=-number)
        (report,) = _reports(context).values()
        trace.check_below(report, "before_end", (10000, 10, 10000, 10, 10000, 10, 4000, 4))
        os.remove(report.path)


@test()
def forwards_signals(context):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        env = context.environment(CTRACE_QUIET=1, CTRACE_OUT=context.path("out.%e.%p.json"))
        wrapper = subprocess.Popen([CTRACE, "record", program("ends"), "wait"], env=env, cwd=context.folder)

        def has_started():
            # The program's 16 events are in the store.
            stores = glob.glob(context.path("*.store"))
            shown = context.run([CTRACE, "info", stores[0]]).stdout if stores else ""
            return "in 10 blocks" in shown and "in 4 blocks" in shown

        wait_for(has_started, "the program to allocate")
        wrapper.send_signal(number)
        check_equal(wrapper.wait(), -number, "status of the wrapper")
        (report,) = _reports(context).values()
        trace.check_below(report, "before_end", (10000, 10), ("tb", "tbk"))
        os.remove(report.path)


@test()
def children(context):
    """In the end all processes of the recording have a report, even those that became another program."""
    script = "x=$(echo inner); (exit 3); echo $x | cat; sleep 0.1 & wait; exec sleep 0"
    _record(context, "--only", "*", "--", "/bin/sh", "-c", script)
    names = sorted(os.path.basename(path).split(".")[1] for path in glob.glob(context.path("out.*")))
    check_equal((names.count("cat"), names.count("sleep")), (1, 2), f"reports of {names}")
    check_equal(glob.glob(context.path("*.store")), [], "stores left behind")
    for path in glob.glob(context.path("out.*")):
        dhat.check_file(path)


def _setuid_program(context):
    """A program that would run with other rights than those of its caller."""
    if os.geteuid() != 0:
        return "/usr/bin/passwd"
    copy = shutil.copy(program("deep"), context.path("setuid"))
    os.chown(copy, 65534, 65534)
    os.chmod(copy, 0o4755)
    return copy


def _other_class(context):
    """A program whose header says that it is for 32 bits."""
    copy = shutil.copy(program("deep"), context.path("narrow"))
    with open(copy, "r+b") as file:
        file.seek(4)
        file.write(b"\x01")
    return copy


@test()
def refusals(context):
    """A refusal is one line on stderr and its own exit code. Nothing is started or written."""
    script = context.write("script", f"#!{program('static_hello')}\n")
    os.chmod(script, 0o755)
    text = context.write("text", "just text\n")
    os.chmod(text, 0o755)
    cases = [
        ("no-such-program", 127, "no such program"),
        ("./no-such-program", 127, "no such program"),
        (context.write("plain", "x"), 126, "not executable"),
        (text, 126, "is not a program"),
        (program("static_hello"), 2, "static"),
        (script, 2, "static"),
        (_setuid_program(context), 2, "setuid"),
        (_other_class(context), 2, "32"),
    ]
    folder = context.make_folder("cwd")
    for path, status, part in cases:
        result = context.run([CTRACE, "record", path], env=context.environment(), cwd=folder)
        check_equal(result.status, status, f"status of recording {path} ({result.stderr})")
        lines = result.stderr.splitlines()
        check(len(lines) == 1 and lines[0].startswith("ctrace record: "), f"{path}: {lines}")
        check_in(part, lines[0], f"refusal of {path}")
        check_equal((result.stdout, os.listdir(folder)), ("", []), f"{path}: output, files")
    for words in ([], ["--no-such-option", "ls"], ["--depth"]):
        result = context.run([CTRACE, "record", *words])
        check_equal(result.status, 2, f"status of record {words}")


@test()
def leaves_the_program_alone(context):
    """Except for our session variables, the program sees the environment, folder and descriptors that it was given."""
    show = "env | grep -v '^CTRACE_\\|^LD_PRELOAD=\\|^_=\\|^SHLVL=' | sort; pwd; ls /proc/self/fd | wc -l; ulimit -c"
    plain = context.run(["/bin/sh", "-c", show]).check().stdout
    inner = Context("inner", context.make_folder("inner"))
    inner_env = dict(context.environment(), CTRACE_QUIET="1", CTRACE_OUT=inner.path("o.%p.json"))
    traced = context.run([CTRACE, "record", "/bin/sh", "-c", show], env=inner_env).check().stdout
    check_equal(traced, plain, "what the program sees")


def _suffixes(context, prefix="out."):
    """The ends of the files' names, after out.PROGRAM.PID."""
    return sorted(name.split(".", 3)[3] for name in os.listdir(context.folder) if name.startswith(prefix))


@test()
def format_variable(context):
    """Each process writes the formats of CTRACE_FORMAT, with and without ctrace record. A wrong format loses nothing."""
    out = context.path("out.%e.%p.json")
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=out, CTRACE_FORMAT="pprof,dhat")
    loud = context.run([program("sites")], env=env).check()
    check_equal(_suffixes(context), ["json", "pb.gz"], "files")
    check_equal(len(loud.stderr.splitlines()), 4, f"summary: {loud.stderr}")
    for how, status in (("exit", 3), ("SIGKILL", -9)):
        for path in glob.glob(context.path("out.*")):
            os.remove(path)
        env = context.environment(CTRACE_OUT=out, CTRACE_FORMAT="pprof", CTRACE_QUIET=1)
        result = context.run([CTRACE, program("ends"), how], env=env).check(status)
        check_equal((_suffixes(context), result.stderr), (["pb.gz"], ""), f"files, stderr of {how}")
    env = context.environment(CTRACE_OUT=context.path("mine.pb.gz"), CTRACE_FORMAT="pprof", LD_PRELOAD=LIBRARY)
    context.run([program("sites")], env=env).check()
    check(os.path.exists(context.path("mine.pb.gz")), f"a name with the format's suffix: {os.listdir(context.folder)}")
    for path in glob.glob(context.path("out.*")):
        os.remove(path)
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=out, CTRACE_FORMAT="dhat,nonsense", CTRACE_QUIET=1)
    result = context.run([program("ends"), "exit"], env=env).check(3)
    (store,) = glob.glob(context.path("*.store"))
    check_equal(len(result.stderr.splitlines()), 1, f"lines on stderr: {result.stderr}")
    for part in ("'nonsense'", "pprof", store):
        check_in(part, result.stderr, "stderr")
    check_equal(_suffixes(context), ["json.store"], "files")
    context.run([CTRACE, "export", store]).check()
    env = context.environment(CTRACE_FORMAT="nonsense")
    refused = context.run([CTRACE, "record", program("ends"), "exit"], env=env).check(2)
    check_equal(len(refused.stderr.splitlines()), 1, f"lines on stderr of record: {refused.stderr}")
    env = context.environment(CTRACE_FORMAT="pprof", CTRACE_OUT=out)
    os.remove(store)
    os.remove(store[: -len(".store")])
    context.run([CTRACE, "record", "-f", "folded", program("ends"), "exit"], env=env).check(3)
    check_equal(_suffixes(context), ["folded"], "files of -f")
