# SPDX-License-Identifier: MIT
"""Completion in bash, zsh and fish: every command, all of its options, values and files."""

import os
import pty
import re
import select

from lib.harness import BUILD, CTRACE, ROOT, check, check_equal, check_in, test, wait_for

SCRIPTS = os.path.join(ROOT, "completions")


def _environment(context):
    """An environment with our ctrace first in PATH."""
    env = context.environment()
    env["PATH"] = os.path.join(BUILD, "bin") + ":" + env["PATH"]
    env["LC_ALL"] = "C.UTF-8"
    return env


def _commands(context):
    return re.findall(r"^  ([a-z]+) ", context.run([CTRACE, "--help"]).check().stdout, re.M)


def _options(context, command):
    shown = context.run([CTRACE, command, "--help"]).check().stdout
    return set(re.findall(r"^ {2,6}(?:-\w, )?(--[a-z-]+)", shown, re.M))


def _bash(context, *words):
    """The candidates of bash for the last word."""
    script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ctrace "$1"; printf "%s\\n" "${COMPREPLY[@]}"'
    command = ["bash", "--norc", "-c", script, "bash", os.path.join(SCRIPTS, "ctrace.bash"), *words]
    return context.run(command, env=_environment(context), cwd=context.folder).check().stdout.split()


@test()
def bash(context):
    commands = _commands(context)
    check({"record", "top", "export", "info", "advise", "doctor"} <= set(commands), f"commands: {commands}")
    context.write("heap.json", "")
    check_equal(set(_bash(context, "ctrace", "")) - {"heap.json", ".stdin", ".stdout", ".stderr"}, set(commands), "commands")
    for command in commands:
        check_equal(set(_bash(context, "ctrace", command, "--")), _options(context, command), f"options of {command}")
        if command not in ("record", "doctor"):
            check_in("heap.json", _bash(context, "ctrace", command, "he"), f"files of {command}")
    for name, content in (("he.html", "<html>"), ("he.massif", "desc: -\n"), ("he.sites.json", '{"format":"ctrace-sites"}'), ("he.json", '{"dhatFileVersion":2'), ("he", '{"dhatFileVersion":2')):
        context.write(name, content)
    os.mkdir(context.path("heaps"))
    check_equal(_bash(context, "ctrace", "top", "he"), ["he", "he.json", "heap.json", "heaps"], "files that ctrace top reads, and folders")
    context.write("heaps/a b.json", "")
    check_in("heaps/a", _bash(context, "ctrace", "top", "heaps/"), "a file in a folder")
    check_equal(_bash(context, "ctrace-top", "--so"), ["--sort", "--source-path"], "ctrace-top")
    check_equal(_bash(context, "ctrace", "top", "--sort", "pe"), ["peak"], "a column")
    check_equal(_bash(context, "ctrace", "top", "--sort", "=", "pe"), ["peak"], "a column behind =")
    check_equal(_bash(context, "ctrace", "top", "--columns", "total,pe"), ["total,peak"], "a list")
    check_equal(_bash(context, "ctrace", "record", "--children", ""), ["0", "1"], "a choice")
    check_equal(_bash(context, "ctrace", "export", "-f", "pp"), ["pprof"], "a format")
    check_equal(set(_bash(context, "ctrace", "ctl", "1", "re")), {"reset", "resume"}, "an action")
    check_in("he.html", _bash(context, "ctrace", "export", "-o", "he"), "an output may be any file")
    check_in("readelf", _bash(context, "ctrace", "record", "-q", "reade"), "a program")
    check_equal(_bash(context, "ctrace", "top", "reade"), [], "files, but no file matches")
    check_equal(_bash(context, "ctrace", "record", "ls", "--"), [], "options of a program")


@test()
def runs_nothing(context):
    """If the word is a program's name and not one of our commands, completion must not start the program."""
    script = context.write("surprise", f"#!/bin/sh\ntouch {context.path('started')}\n")
    os.chmod(script, 0o755)
    env = _environment(context)
    env["PATH"] = context.folder + ":" + env["PATH"]
    for name in ("surprise", script):
        context.run([CTRACE, "complete", name, "--"], env=env).check()
    check(not os.path.exists(context.path("started")), "the program was started")
    context.run([CTRACE, "complete"]).check(2)


@test(needs="fish")
def fish(context):
    context.write("heap.json", "")
    env = _environment(context)

    def offered(line):
        script = f"source {SCRIPTS}/ctrace.fish; complete -C '{line}'"
        return {row.split("\t")[0] for row in context.run(["fish", "-N", "-c", script], env=env, cwd=context.folder).check().stdout.splitlines()}

    check(set(_commands(context)) <= offered("ctrace "), "commands")
    for command in _commands(context):
        check_equal(offered(f"ctrace {command} --"), _options(context, command), f"options of {command}")
    check_equal(offered("ctrace top --sort pe"), {"peak"}, "a column")
    check_equal(offered("ctrace-top --so"), {"--sort", "--source-path"}, "ctrace-top")
    check_in("heap.json", offered("ctrace info he"), "a file")


def _type(master, text, wanted=()):
    """Type on a terminal, and wait until its screen shows all expected texts."""
    os.write(master, text.encode())
    screen = b""

    def shown():
        nonlocal screen
        while select.select([master], [], [], 0)[0]:
            screen += os.read(master, 65536)
        return all(word.encode() in screen for word in wanted)

    wait_for(shown, f"{wanted} after {text!r}", lambda: "; the screen:\n" + screen.decode("utf-8", "replace"))


@test(needs="zsh")
def zsh(context):
    """zsh completes only on a terminal, since completion is part of its line editor."""
    context.write("heap.json", "")
    env = dict(_environment(context), TERM="xterm", PS1="", COLUMNS="200", LINES="100")
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(context.folder)
        os.execvpe("zsh", ["zsh", "-f", "-i"], env)
    try:
        start = f"stty rows 100 cols 200; PS1='> '; LISTMAX=0; fpath=({SCRIPTS} $fpath); autoload -U compinit; compinit -u -D; echo rea''dy\n"
        _type(master, start, ["ready"])
        for command in _commands(context):
            _type(master, f"ctrace {command} --\t\t", sorted(_options(context, command)))
            _type(master, "\x15")
        _type(master, "ctrace top --sort pe\t", ["--sort peak"])
        _type(master, "\x15ctrace info he\t", ["heap.json"])
        _type(master, "\x15ctrace-top --sou\t", ["--source-path"])
    finally:
        os.kill(pid, 9)
        os.close(master)
        os.waitpid(pid, 0)
