# SPDX-License-Identifier: MIT
"""ctrace record -o DIR/: a folder for each recording, with all formats and a summary."""

import glob
import json
import os
import re
import socket

from lib import dhat
from lib.harness import CTRACE, PYTHON, Skip, check, check_equal, check_in, program, test

SUFFIXES = ["callgrind", "dot", "folded", "heapprofile", "json", "pb.gz", "sites.json", "speedscope.json", "svg", "trace.json"]


def _record(context, *words, status=0, folder="runs/", env=None):
    """Run ctrace record; returns the result and the new folder."""
    before = set(glob.glob(context.path(folder, "*")))
    result = context.run([CTRACE, "record", "-o", folder, *words], env=env).check(status)
    new = set(glob.glob(context.path(folder, "*"))) - before
    check(len(new) <= 1, f"new folders: {new}")
    return result, new.pop() if new else None


def _readme(folder):
    with open(os.path.join(folder, "README.md"), encoding="utf-8") as file:
        return file.read()


def _reports(folder):
    """The DHAT reports in a folder, by program."""
    found = {}
    for path in glob.glob(os.path.join(folder, "*.json")):
        name = os.path.basename(path)
        if re.fullmatch(r".+\.\d+\.json", name):
            found[name.rsplit(".", 2)[0]] = dhat.check_file(path)
            found[name.rsplit(".", 2)[0]].path = path
    return found


@test()
def all_formats(context):
    code = "import json; print(len(json.dumps(list(range(5000)))))"
    result, folder = _record(context, PYTHON, "-c", code)
    check(re.fullmatch(r"python3-\d{4}-\d\d-\d\d-\d{6}", os.path.basename(folder)), "name: " + folder)
    lines = result.stderr.splitlines()
    check(len(lines) <= 4 and folder in lines[-1], f"summary: {lines}")
    check_equal(len(result.stdout.splitlines()), 1, "lines of the program")
    ((name, report),) = _reports(folder).items()
    prefix = f"{name}.{report.data['pid']}."
    files = set(os.listdir(folder))
    check(files >= {prefix + suffix for suffix in SUFFIXES} | {"README.md"}, f"files: {files}")
    check(not [name for name in files if name.endswith((".store", ".tmp"))], f"left behind: {files}")
    with open(os.path.join(folder, prefix + "sites.json"), encoding="utf-8") as file:
        check_equal(json.load(file)["totals"]["totalBytes"], report.total("tb"), "total bytes in the JSON")
    with open(os.path.join(folder, prefix + "folded"), encoding="utf-8") as file:
        check_equal(sum(int(line.rpartition(" ")[2]) for line in file), report.total("tb"), "bytes of the folded stacks")
    text = _readme(folder)
    told = set(re.findall(r"^- `([^`]+)`: ", text, re.M))
    check_equal(told, files - {"README.md"}, "files that README.md lists")
    for part in (code, socket.gethostname(), "exit status 0", f"{report.total('tbk'):,} blocks", "Nothing was lost", "peak", "at end", "ctrace-top " + prefix + "json"):
        check_in(part, text, "README.md")
    rows = text[text.index("WHERE") : text.index("more rows")].splitlines()[1:-1]
    check_equal(len(rows), 10, "sites in README.md")
    # A second recording at once has another folder.
    _, other = _record(context, program("sites"))
    _, third = _record(context, program("sites"))
    check_equal(len({folder, other, third}), 3, "folders")


@test(needs=("gcc",))
def children(context):
    """Each process has a set of files. Merged, they are one report."""
    context.write("a.c", "int main(void) { return 0; }\n")
    _, folder = _record(context, "--only", "*", "--", "gcc", "a.c", "-o", "a")
    reports = _reports(folder)
    check({"cc1", "collect2"} <= set(reports), f"programs: {list(reports)}")
    files = os.listdir(folder)
    for name, report in reports.items():
        kinds = [file for file in files if file.startswith(f"{name}.{report.data['pid']}.")]
        check(len(kinds) >= len(SUFFIXES), f"files of {name}: {kinds}")
    text = _readme(folder)
    by_total = sorted(reports.values(), key=lambda report: -report.total("tb"))
    rows = re.findall(r"^\| `(.+?)` \|", text, re.M)
    check_equal(rows, [os.path.basename(report.path) for report in by_total[1:]], "the other processes in README.md, the largest first")
    check(text.index("ctrace-top " + os.path.basename(by_total[0].path)) < text.index("## Other processes"), "README.md does not begin with the largest")
    check(re.search(rf"^- {len(reports)} processes; at most [\d.]+ [KM]iB live in all of them together, ", text, re.M), "together: " + text[:600])
    context.run([CTRACE, "merge", "-q", "-o", "all.json", folder]).check()
    merged = dhat.check_file(context.path("all.json"))
    check_equal(merged.total("tb"), sum(report.total("tb") for report in reports.values()), "total bytes, merged")


@test()
def chosen(context):
    """-f, --quiet, --keep-store, --export 0, and a program that is killed."""
    result, folder = _record(context, "-q", "-f", "pprof,folded", "--keep-store", program("ends"), "SIGKILL", status=-9, folder="deep/er/")
    check_equal(result.stderr, "", "stderr with --quiet")
    endings = sorted(name.split(".", 2)[2] for name in os.listdir(folder) if name != "README.md")
    check_equal(endings, ["folded", "json.store", "pb.gz"], "files")
    check_in("killed by signal 9 (Killed)", _readme(folder), "README.md")
    check_in("was killed", _readme(folder), "README.md")
    _, folder = _record(context, "-q", "--export", "0", program("sites"))
    (store,) = os.listdir(folder)
    check(store.endswith(".json.store"), f"files with --export 0: {store}")
    # A program without allocations has no timeline.
    _, folder = _record(context, "-q", program("deep"))
    check("deep.trace.json" not in " ".join(os.listdir(folder)) and "no chrometrace: deep." in _readme(folder), "a recording of nothing: " + _readme(folder))
    _, folder = _record(context, "-q", "-f", "dhat,chrometrace", program("deep"))
    check_equal([name.split(".", 2)[2] for name in sorted(os.listdir(folder))[1:]], ["json", "json.store"], "files, one of which was wanted in vain")
    # The folder's name would be a pattern elsewhere.
    strange = context.make_folder("100%e")
    context.run([CTRACE, "record", "-q", "-o", "x/", program("sites")], cwd=strange).check()
    check_equal(len(glob.glob(glob.escape(strange) + "/x/sites-*/sites.*.pb.gz")), 1, "reports below " + strange)


@test()
def refusals(context):
    """After a refusal nothing is started and no folder stays."""
    context.write("file", "")
    for out, status, part in (("file/", 3, "Not a directory"), ("/proc/none/", 3, "/proc/none"), ("%h/", 2, "file names only")):
        result = context.run([CTRACE, "record", "-o", out, "/bin/sh", "-c", "touch started"]).check(status)
        check_equal(len(result.stderr.splitlines()), 1, f"lines on stderr: {result.stderr}")
        check_in(part, result.stderr, "stderr")
        check(not os.path.exists(context.path("started")), "the program was started")
    _record(context, "./no-such-program", status=127)
    _record(context, program("static_hello"), status=2)
    check(not os.path.exists(context.path("runs")), "a folder for what was refused")


def _check_trouble(context, result, folder, part):
    (line,) = result.stderr.splitlines()
    (store,) = glob.glob(os.path.join(folder, "*.store"))
    for text in (part, store):
        check_in(text, line, "stderr")
    context.run([CTRACE, "export", "-o", context.path("rescued.json"), store]).check()
    check(dhat.check_file(context.path("rescued.json")).total("tb") > 0, "the store is empty")


@test()
def unwritable(context):
    """If a file cannot be written, one line says so and the store stays."""
    script = 'mkdir "${CTRACE_OUT%/*}/dash.$$.pb.gz"; exit 3'
    result, folder = _record(context, "-q", "/bin/sh", "-c", script, status=3)
    _check_trouble(context, result, folder, "dash.")


@test(needs=("unshare", "mount"))
def full_disk(context):
    """The disk has room for the store but not for the reports."""
    disk = context.make_folder("disk")
    probe = context.run(["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk])
    if probe.status:
        raise Skip("mount")
    script = (
        f'mount -t tmpfs -o size=6m tmpfs disk; {CTRACE} record -q --keep-store -o disk/ "$@"; '
        "echo $? >&2; du -a disk >&2; mkdir out; cp disk/*/*.store out"
    )
    result = context.run(["unshare", "-m", "sh", "-c", script, "sh", program("many_sites"), "13"]).check()
    lines = result.stderr.splitlines()
    check_in("No space left", lines[0], f"stderr: {lines}")
    check_in("the store stays", lines[0], "stderr")
    check_equal(lines[1], "0", f"status, lines about the disk: {lines}")
    (store,) = glob.glob(context.path("out", "*.store"))
    context.run([CTRACE, "export", "-o", "rescued.json", store]).check()
    check_equal(len(dhat.check_file(context.path("rescued.json")).sites), 1 << 13, "sites")
