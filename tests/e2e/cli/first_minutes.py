# SPDX-License-Identifier: MIT
"""What a new user types first: a file instead of a command, a folder, stdin, words of other tools, the next step."""

import glob
import gzip
import os
import re
import shlex
import subprocess

from lib import dhat, trace
from lib.harness import BUILD, CTRACE, CTRACE_TOP, check, check_equal, check_in, program, test, wait_for
from lib.screen import Terminal


TEMPLATE = os.path.join(BUILD, "share", "ctrace", "report.html")  # made by `make html`
HAS_PAGE = os.path.exists(TEMPLATE)


def _report(context, name="heap.json", *words):
    env = context.environment(CTRACE_QUIET=1)
    context.run([CTRACE, "record", "-o", name, *(words or [program("sites")])], env=env).check()
    return context.path(name)


def _folder(context, name="runs/"):
    """A recording of two processes in a folder of its own."""
    before = set(glob.glob(context.path(name, "*")))
    script = f"{program('sites')}; {program('tiny')}; true"
    context.run([CTRACE, "record", "-q", "--only", "*", "-f", "dhat,pprof", "-o", name, "/bin/sh", "-c", script]).check()
    (made,) = set(glob.glob(context.path(name, "*"))) - before
    return made


@test()
def file_instead_of_command(context):
    """ctrace FILE shows it; ctrace record FILE says that it is not a program."""
    path = _report(context)
    wanted = context.run([CTRACE_TOP, "-n", "3", path]).check().stdout
    for words in (["heap.json", "-n", "3"], ["./heap.json", "-n", "3"], [path, "-n", "3"]):
        check_equal(context.run([CTRACE, *words]).check().stdout, wanted, f"ctrace {words}")
    check_in("ctrace top heap.json", context.run([CTRACE, "record", "heap.json"]).check(127).stderr, "ctrace record FILE")
    check_in("ctrace top ./heap.json", context.run([CTRACE, "record", "./heap.json"]).check(126).stderr, "ctrace record ./FILE")
    os.chmod(program("sites"), 0o755)
    check_in("ctrace: total ", context.run([CTRACE, program("sites")]).check().stderr, "ctrace PROGRAM")
    text = context.write("notes.txt", "hello\n")
    check_equal(context.run([CTRACE, text]).status, 126, "ctrace TEXT")


@test()
def words_of_other_tools(context):
    """A word that is not a command: the one that was meant, or what does the same work."""
    for word, part in (("tpo", "did you mean 'top'?"), ("flamegraph", "try 'ctrace html FILE'"), ("leaks", "'ctrace top --leaks FILE'"), ("compare", "'ctrace diff OLD NEW'")):
        line = context.run([CTRACE, word, "heap.json"]).check(2).stderr
        check_in(part, line, f"ctrace {word}")
        check_equal(len(line.splitlines()), 1, f"lines of ctrace {word}")
    check_in("name a format with -f", context.run([CTRACE, "export", _report(context)]).check(2).stderr, "ctrace export of a report")
    for words, part in ((["top", "--by", "thread"], "--threads"), (["top", "--sort", "lost"], "--reach")):
        check_in(part, context.run([CTRACE, *words, "heap.json"]).check(2).stderr, f"ctrace {words}")
    check_in("ctrace html -p 4194304", context.run([CTRACE, "html", "4194304"]).check(3).stderr, "ctrace html PID")
    check_in("ctrace 0", context.run([CTRACE, "top", "--version"]).check().stdout, "ctrace top --version")


@test()
def folders(context):
    """A folder stands for its largest report; a folder of recordings for the newest of them. top lists the reports."""
    older = _folder(context)
    os.utime(older, (1, 1))
    newer = _folder(context)
    (largest,) = glob.glob(os.path.join(newer, "sites.*.json"))
    wanted = context.run([CTRACE_TOP, largest]).check().stdout
    for words in (["top", newer], [newer], [newer + "/"], ["top", "runs"], ["top", "runs/"]):
        result = context.run([CTRACE, *words]).check()
        head, _, table = result.stdout.partition("\n\n")
        head, _, table = (head + "\n\n" + table).partition(wanted)
        check(not table and wanted in result.stdout, f"ctrace {words}: the table of the largest: {result.stdout}")
        lines = head.strip().splitlines()
        check(re.fullmatch(r"3 reports in .*" + re.escape(os.path.basename(newer)) + ", the largest first", lines[0]), lines[0])
        check_equal([line.split(" ")[-1].split(".")[0] for line in lines[3:6]], ["sites", "tiny", "dash"], "order")
        check(re.search(r"^ *1\.11 MiB +1\.00 MiB +843 B  sites\.\d+\.json$", lines[3]), lines[3])
        check_equal("2 recordings; this is the newest: " in result.stderr, "runs" in words[-1].rstrip("/").split("/")[-1], f"ctrace {words}: stderr {result.stderr}")
    for words in (["info"], ["advise"], ["export", "-o", "x.folded", "-f", "folded"], ["top", "--json"], *([["html"]] if HAS_PAGE else [])):
        result = context.run([CTRACE, *words, newer]).check()
        check_in("3 reports; the largest is " + largest, result.stderr, f"ctrace {words}")
        if words[0] in ("info", "advise") or words[-1] == "--json":
            check_equal(result.stdout, context.run([CTRACE, *words, largest]).check().stdout, f"ctrace {words}")
    check(os.path.exists(largest.replace(".json", ".html")) == HAS_PAGE, "ctrace html FOLDER: no page")
    check_in("no difference", context.run([CTRACE, "diff", older, newer]).check().stdout.replace("no site differs", "no difference"), "ctrace diff FOLDER FOLDER")
    context.run([CTRACE, "merge", "-q", "-o", "all.json", "runs"]).check()
    merged = sum(dhat.check_file(path).total("tb") for path in glob.glob(context.path("runs", "*", "*.[0-9]*.json")))
    check_equal(dhat.check_file(context.path("all.json")).total("tb"), merged, "ctrace merge of a folder of recordings")
    empty = context.make_folder("empty")
    for words in (["top"], ["html"], ["info"]):
        check_in("no report and no store in this folder", context.run([CTRACE, *words, empty]).check(2).stderr, f"ctrace {words} EMPTY")


@test()
def stdin(context):
    """- is stdin in every command that reads a file: a pipe or a file, plain, compressed, or a store."""
    path = _report(context)
    trace.run(context, [program("sites")], out="s.json", CTRACE_EXPORT=0)
    with open(path, "rb") as file:
        plain = file.read()
    with open(context.path("s.json.store"), "rb") as file:
        store = file.read()
    for name, content, source in (("plain", plain, path), ("compressed", gzip.compress(plain), path), ("store", store, context.path("s.json.store"))):
        for words in (["top"], ["info"], ["advise"], ["top", "--json"], ["export", "-f", "folded", "-o", "-"], ["merge", "-o", "-"], *([["html", "-o", "-"]] if HAS_PAGE else [])):
            wanted = context.run([CTRACE, *words, source]).check()
            got = context.run(["/bin/sh", "-c", f"cat | {shlex.join([CTRACE, *words])} -"], stdin=content).check()
            check_equal(got.stdout.replace(source, "-"), wanted.stdout.replace(source, "-"), f"{name}: ctrace {words} of a pipe")
            with open(source, "rb") as file:
                got = context.run([CTRACE, *words, "-"], stdin_file=file).check()
            check_equal(got.stdout.replace(source, "-"), wanted.stdout.replace(source, "-"), f"{name}: ctrace {words} of a file")
    check_in("no difference", context.run([CTRACE, "diff", path, "-"], stdin=plain).check().stdout, "ctrace diff FILE -")
    check_in("recorded by ctrace", context.run([CTRACE, "-"], stdin=plain).check().stdout, "ctrace -")
    budget = context.write("budget", "peak <= 1 GiB\n")
    context.run([CTRACE, "check", "-", "--budget", budget], stdin=plain).check()
    for words in (["export", "-f", "folded"], ["html"]):
        check_in("-o", context.run([CTRACE, *words, "-"], stdin=plain).check(2).stderr, f"ctrace {words} - without -o")
    check_in("empty", context.run([CTRACE, "top", "-"]).check(3).stderr, "nothing on stdin")
    with Terminal(context, [CTRACE, "top", "-"]) as terminal:
        check_equal(terminal.ended(), 2, "status with a terminal as stdin")
        check_in("stdin is a terminal", terminal.text(), "a terminal as stdin")


@test()
def next_commands(context):
    """On a terminal, a recording ends with commands that can be copied. They work, whatever the name is."""
    name = "it's a $HOME.json"
    with Terminal(context, [CTRACE, "record", "-o", context.path(name), program("sites")], columns=700) as terminal:
        check_equal(terminal.ended(), 0, "status")
        (line,) = [line for line in terminal.lines() if line.startswith("ctrace: next: ")]
    commands = re.split(r", (?=/)", line.removeprefix("ctrace: next: "))
    check_equal([re.sub(r"^\S+ (top|html --open|advise) .*$", r"\1", command) for command in commands], ["top", "html --open", "advise"], "commands")
    for command in (commands[0], commands[2]):
        check_in("recorded by ctrace", context.run(["/bin/sh", "-c", command]).check().stdout, command)
    with Terminal(context, [CTRACE, "record", "-q", "-o", context.path("q.json"), program("sites")]) as terminal:
        check_equal((terminal.ended(), terminal.text().strip()), (0, ""), "status and screen with --quiet")
    check("next" not in context.run([CTRACE, "record", program("sites")]).check().stderr, "next commands without a terminal")


def _fake_browser(context, name, status=0):
    folder = context.make_folder("bin")
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\necho "$1" > {context.path("opened")}.new; /bin/mv {context.path("opened")}.new {context.path("opened")}; exit {status}\n')
    os.chmod(path, 0o755)
    return folder


@test(needs=(TEMPLATE,))
def open_in_browser(context):
    """ctrace html --open: xdg-open gets the page's whole path; without it $BROWSER; else a line says what is missing."""
    report = _report(context)
    page = context.path("heap.html")

    def opened(*words, status=0, **changes):
        if os.path.exists(context.path("opened")):
            os.remove(context.path("opened"))
        return context.run([CTRACE, "html", "--open", *words], env=context.environment(**changes)).check(status)

    def check_opened(wanted):
        wait_for(lambda: os.path.exists(context.path("opened")), "the browser")
        with open(context.path("opened"), encoding="utf-8") as file:
            check_equal(file.read(), wanted + "\n", "what was opened")

    nowhere = context.make_folder("nowhere")
    check_in("xdg-open is missing (package xdg-utils), and BROWSER is not set", opened(report, status=3, PATH=nowhere).stderr, "no browser")
    check(os.path.exists(page), "no page")
    browser = os.path.join(_fake_browser(context, "browser"), "browser")
    opened(report, PATH=nowhere, BROWSER=browser)
    check_opened(page)
    folder = _fake_browser(context, "xdg-open") + ":/usr/bin:/bin"
    for changes in ({}, {"DISPLAY": ":9"}):
        opened("heap.json", PATH=folder, **changes)
        check_opened(page)
    opened("-o", "other.html", report, report, PATH=folder)
    check_opened(context.path("other.html"))
    _fake_browser(context, "xdg-open", status=4)
    check_in("xdg-open failed", opened(report, status=3, PATH=folder).stderr, "a browser that fails")
    opened("-o", "-", report, status=2)


@test(needs=(TEMPLATE,))
def page_of_a_process(context):
    """ctrace html -p PID makes a page of a running program."""
    env = trace.environment(context)
    process = subprocess.Popen([program("ends"), "wait"], env=env, cwd=context.folder, stdout=subprocess.DEVNULL)
    wait_for(lambda: any("in 10 blocks" in context.run([CTRACE, "info", store]).stdout for store in glob.glob(context.path("*.store"))), "the program to allocate")
    result = context.run([CTRACE, "html", "-p", process.pid]).check()
    check_equal(result.stderr, f"ctrace: report {process.pid}.html\n", "stderr")
    again = context.run([CTRACE, "html", "-p", process.pid]).check()
    check_equal(again.stderr, f"ctrace: report {process.pid}.html, in place of an older one\n", "stderr")
    context.run([CTRACE, "html", "-p", process.pid, "-o", "page.html"]).check()
    process.kill()
    process.wait()
    for name in (f"{process.pid}.html", "page.html"):
        with open(context.path(name), "rb") as file:
            check_in(b"<", file.read(), name)
    check_equal(context.run([CTRACE, "html", "-p", process.pid]).status, 3, "status for a process that has ended")
    check_equal(context.run([CTRACE, "html", "-p", "1", "x.json"]).status, 2, "status for a process and a file")


@test()
def replaced(context):
    """A file that a command names itself is replaced, and a line says so. After a failure the old one is still there."""
    trace.run(context, [program("sites")], out="heap.json")
    for words, name in ((["-f", "folded"], "heap.folded"), (["-f", "pprof"], "heap.pb.gz")):
        for rest in ("", ", in place of an older one"):
            result = context.run([CTRACE, "export", *words, "heap.json"]).check()
            check_equal(result.stderr, f"ctrace: report {name}{rest}\n", "stderr")
    before = os.stat(context.path("heap.folded"))
    context.run([CTRACE, "export", "-f", "folded", "--metric", "lost", "heap.json"]).check(2)
    check_equal(os.stat(context.path("heap.folded")), before, "the old file after a failure")
