# SPDX-License-Identifier: MIT
"""
aarch64 under emulation (qemu-user), with Debian's packages in build/arm64/root (tests/arm64/setup). The program runs there, and
this machine's ctrace makes the reports. libunwind 1.6 repeats frames if return addresses are signed, so that program is
compared with the one whose addresses are not.
"""

import glob
import os
import re

from lib import dhat
from lib.harness import BUILD, CTRACE, LIBRARY, Skip, check, check_equal, check_in, test
from lib.harness import ROOT as SOURCE
from lib.store import Store

PLACE = os.path.join(BUILD, "arm64")
ROOT = os.path.join(PLACE, "root")
ARM_LIBRARY = os.path.join(PLACE, "build", "lib", "libctrace.so")
ARM_CTRACE = os.path.join(PLACE, "build", "bin", "ctrace")
WITH_BINFMT = os.path.join(SOURCE, "tests", "arm64", "with-binfmt")
FOLDERS = ":".join(os.path.join(ROOT, folder, "aarch64-linux-gnu") for folder in ("usr/lib", "lib"))
QEMU = "qemu-aarch64"
SOURCES = ("kinds.cc", "bare.c")
VERIFIED = re.compile(r"compared (\d+), equal (\d+), explained (\d+), different (\d+); by libunwind (\d+), rootless (\d+)")


def _need_build():
    for needed in (ARM_LIBRARY, ARM_CTRACE, os.path.join(PLACE, "packages")):
        if not os.path.exists(needed):
            raise Skip("build/arm64 (tests/arm64/setup; make arm64)")


def _run(context, words, options=(), **variables):
    """Run a program for aarch64, traced."""
    _need_build()
    inside = {"LD_LIBRARY_PATH": FOLDERS, "LD_PRELOAD": ARM_LIBRARY, "CTRACE_EXPORT": 0, "CTRACE_OUT": context.path("out.%p.json"), **variables}
    given = [word for key, value in inside.items() for word in ("-E", f"{key}={value}")]
    return context.run([QEMU, "-L", ROOT, *options, *given, *words])


def _reports(context):
    reports = []
    for store in glob.glob(context.path("*.store")):
        context.run([CTRACE, "export", store]).check()
        os.remove(store)
        report = store.removesuffix(".store")
        reports.append(dhat.check_file(report))
        os.remove(report)
    check(reports, "no process has left a store")
    return reports


def _own_sites(reports, less=()):
    """The program's own frames of each site, with its counters: what is the same on each processor. less: functions to leave out."""
    sites = []
    for report in reports:
        for site in report.sites:
            # The signal may interrupt `leaf` at any of its lines.
            frames = [(frame.function, frame.line * (frame.function != "leaf(int)")) for frame in site.frames if frame.file in SOURCES and frame.function not in less]
            if frames and "lambda" not in str(frames[0]):
                sites.append((tuple(frames), site["tb"], site["tbk"], site["eb"], site["ebk"]))
    # Where a library's frames differ, several sites are one here.
    summed = {}
    for frames, *counters in sites:
        summed[frames] = [a + b for a, b in zip(summed.get(frames, [0] * len(counters)), counters)]
    return sorted(summed.items())


def _kinds(context, name="kinds", options=(), less=(), **variables):
    _run(context, [os.path.join(PLACE, name)], options, **variables).check()
    return _own_sites(_reports(context), less)


def _check_same(got, wanted, what):
    check_equal([site for site in got if site not in wanted], [], f"{what}: sites that are only there")
    check_equal([site for site in wanted if site not in got], [], f"{what}: sites that are missing")


def _here(context, less=()):
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_EXPORT=0, CTRACE_OUT=context.path("out.%p.json"))
    context.run([os.path.join(PLACE, "kinds_here")], env=env).check()
    return _own_sites(_reports(context), less)


@test(needs=QEMU)
def same_heap_as_here(context):
    """Threads, exceptions, alloca, large frames, signals, contexts, forks: the same sites with the same totals on both processors."""
    got, wanted = _kinds(context), _here(context)
    check(len(wanted) > 90, f"only {len(wanted)} sites")
    _check_same(got, wanted, "aarch64")


@test(needs=QEMU)
def same_with_other_kernels(context):
    """Signed return addresses, tagged memory, addresses of 39 bits: the same sites."""
    wanted = _here(context)
    ways = {
        "signed return addresses": ("kinds_signed", ("-cpu", "max"), {}),
        "39 bits": ("kinds", ("-R", "0x8000000000"), {}),
        "tagged memory": ("kinds", ("-cpu", "max"), {"GLIBC_TUNABLES": "glibc.mem.tagging=3"}),
    }
    for way, (name, options, variables) in ways.items():
        _check_same(_kinds(context, name, options, **variables), wanted, way)


@test(needs=QEMU)
def larger_pages(context):
    """
    Pages of 16 and 64 KiB. The processor is one without SVE: qemu fails SVE's loads in the loader's last page. Its
    /proc/self/maps then lacks the code that a handler returns to, so the interrupted leaf, which has no frame, is not found.
    """
    leaf = ("leaf(int)",)
    wanted = _here(context, leaf)
    for page in (16384, 65536):
        got = _kinds(context, options=("-cpu", "cortex-a72", "-p", page), less=leaf)
        _check_same(got, wanted, f"pages of {page} bytes")


def _verify(context, words, least, **variables):
    if glob.glob(os.path.join(ROOT, "usr/lib/aarch64-linux-gnu/libunwind.so.8.1.*")):
        raise Skip("libunwind before 1.8: on aarch64, 1.8.1 leaves out the outermost frame, _start")
    result = _run(context, words, CTRACE_DEBUG="verify", **variables)
    check_equal(result.status, 0, "status of " + words[0] + ": " + result.stderr[-500:])
    lines = VERIFIED.findall(result.stderr)
    check(lines, "no stack was compared: " + result.stderr[-500:])
    for line in lines:
        compared, equal, _, _, by_libunwind, rootless = map(int, line)
        check_equal((equal, by_libunwind, rootless), (compared, 0, 0), f"stacks of {words[0]} as libunwind walks them: {result.stderr[-800:]}")
    total = sum(int(line[0]) for line in lines)
    check(total >= least, f"only {total} stacks of {words[0]} were compared")
    check_equal(sum(sum(report.losses.values()) for report in _reports(context)), 0, "losses of " + words[0])
    return total


@test(needs=QEMU)
def stacks_as_libunwind(context):
    """Each stack of the program, but where libunwind has no table: `bare`, and the first frame of a context."""
    words = ["frames", "exceptions", "threads", "signals", "callbacks", "operators", "forks"]
    return f"{_verify(context, [os.path.join(PLACE, 'kinds'), *words], 900)} stacks"


@test(needs=QEMU)
def real_programs(context):
    """sqlite3, perl and Python: each stack as libunwind walks it, and no loss."""
    usr = os.path.join(ROOT, "usr")
    perl = ":".join(glob.glob(usr + "/share/perl/5.*") + glob.glob(usr + "/lib/aarch64-linux-gnu/perl-base"))
    python = sorted(glob.glob(usr + "/bin/python3.[0-9]*"))[0]
    table = "create table t(a, b); insert into t select value, hex(value) || value from generate_series(1, 200); create index i on t(b);"
    found = [
        _verify(context, [usr + "/bin/sqlite3", ":memory:", table + " select sum(a) from t order by b"], 500),
        _verify(context, [usr + "/bin/perl", "-e", "$h{$_ % 97} .= 'x$_' for 1..500; print scalar keys %h"], 500, PERL5LIB=perl),
        _verify(context, [python, "-I", "-S", "-c", "print(sum(range(10)))"], 500, PYTHONHOME=usr, PYTHONDONTWRITEBYTECODE=1),
    ]
    return f"{found} stacks"


@test(needs=QEMU)
def killed(context):
    """SIGKILL after each of the blocks: the store has them all."""
    code = "import os, signal\nkept = [bytearray(100000 + i) for i in range(50)]\nos.kill(os.getpid(), signal.SIGKILL)"
    python = sorted(glob.glob(os.path.join(ROOT, "usr/bin/python3.[0-9]*")) or [""])[0]
    result = _run(context, [python, "-I", "-S", "-c", code], PYTHONHOME=os.path.join(ROOT, "usr"), PYTHONDONTWRITEBYTECODE=1)
    check(result.status in (-9, 137), f"status {result.status}: {result.stderr[-300:]}")
    (report,) = _reports(context)
    live = [site for site in report.sites if site["ebk"] == 50 and site["eb"] >= 50 * 100000]
    check_equal([(site["tbk"], site["eb"] - sum(range(50)) - 50 * 100000) for site in live], [(50, 50)], "the blocks that were live")


@test(needs=QEMU)
def sleeping(context):
    """CTRACE_MODE=off leaves no store, and its control page is gone at the end."""
    folder = context.make_folder("control")
    _run(context, [os.path.join(PLACE, "kinds"), "frames"], CTRACE_MODE="off", CTRACE_CONTROL=folder).check()
    check_equal((glob.glob(context.path("*.store")), os.listdir(folder)), ([], []), "stores and control pages")


@test(needs=QEMU)
def short_ticks(context):
    """Ticks are 0.5 ns, so that a tight loop's times do not run ahead: this processor's counter has 16 ns, and 5 bits are added to it."""
    for _ in range(3):
        _run(context, [os.path.join(PLACE, "kinds"), "frames", "forks"], ("-cpu", "cortex-a72")).check()
    readings = [Store(path).latest_ticks for path in glob.glob(context.path("*.store"))]
    check(len(readings) >= 6, f"{len(readings)} processes")
    check_equal([ticks % 32 for ticks in readings], [0] * len(readings), "the 5 bits of each process's latest reading")


@test(needs=("aarch64-linux-gnu-readelf", QEMU))
def needs_little(context):
    """The library for aarch64 needs no newer C library than the one for this machine does."""
    _need_build()
    text = context.run(["aarch64-linux-gnu-readelf", "--version-info", ARM_LIBRARY]).check().stdout
    versions = {tuple(map(int, version.split("."))) for version in re.findall(r"GLIBC_([0-9.]+)", text)}
    check_in((2, 17), versions, "versions of the C library")
    check(max(versions) <= (2, 31), f"needs GLIBC_{max(versions)}")


@test(needs=QEMU)
def exporter_is_refused(context):
    """qemu-user starts no child whose end the program would not notice: a line says so, and the store stays."""
    result = _run(context, [os.path.join(PLACE, "kinds"), "frames"], CTRACE_EXPORT=1).check()
    check_in("the system or an emulator has refused to start an exporter; make the report with: ctrace export", result.stderr, "stderr")
    check(_own_sites(_reports(context)), "the store has none of the program's sites")


@test(needs=(QEMU, "unshare"))
def recorded_by_ctrace(context):
    """`ctrace record` for aarch64 runs the program, collects what its children left, and makes all reports: the same sites as here."""
    _need_build()
    if context.run([WITH_BINFMT, ROOT, "true"]).status:
        raise Skip("binfmt_misc in a user namespace (Linux 6.7)")
    wanted = _here(context)
    result = context.run([WITH_BINFMT, ROOT, ARM_CTRACE, "record", "-o", context.path("out.json"), "--", os.path.join(PLACE, "kinds")]).check()
    check_in("ctrace: 4 processes; at most ", result.stderr, "stderr")
    reports = [dhat.check_file(report) for report in glob.glob(context.path("*.json"))]
    check_equal(len(reports), 4, "reports")
    _check_same(_own_sites(reports), wanted, "ctrace record")


@test(needs=QEMU)
def viewers_agree(context):
    """What ctrace for aarch64 and ctrace for this machine make of a store of either is the same, byte for byte."""
    _run(context, [os.path.join(PLACE, "kinds"), "frames", "exceptions", "threads"], CTRACE_OUT=context.path("there.json"), CTRACE_REACH=1).check()
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_EXPORT=0, CTRACE_OUT=context.path("here.json"), CTRACE_REACH=1)
    context.run([os.path.join(PLACE, "kinds_here"), "frames", "exceptions", "threads"], env=env).check()
    there = [QEMU, os.path.join(ROOT, "lib", "ld-linux-aarch64.so.1"), "--library-path", FOLDERS, ARM_CTRACE]
    for store in (context.path("there.json.store"), context.path("here.json.store")):
        for words in (["top", "-n", 0, "--full"], ["top", "--tree"], ["top", "--leaks"], ["info"], *(["export", "-f", f] for f in ("dhat", "pprof", "folded", "parquet"))):
            outputs = []
            for viewer in ([CTRACE], there):
                report = context.path("report")
                where = ["-o", report] if words[0] == "export" else []
                result = context.run([*viewer, *words, *where, store]).check()
                outputs.append((result.stdout_bytes, open(report, "rb").read() if where else b""))
            check(outputs[0] == outputs[1], f"ctrace {words} of {store} differs")
            check(len(outputs[0][0]) + len(outputs[0][1]) > 500, f"ctrace {words} of {store} shows little")
