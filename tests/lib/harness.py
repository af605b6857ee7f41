# SPDX-License-Identifier: MIT
"""What a test is made of.

A test is a function with the decorator @test; its name is FILE.FUNCTION. It gets a Context: an empty
folder of its own, ways to run programs, and checks that raise Failure with a message that says what
was wanted; a text that it returns is printed behind its name. tests/run gives each test a process of its own, kills it when it hangs, and treats
processes that a test leaves behind as a failure.
"""

import inspect
import os
import shutil
import signal
import subprocess
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("B", os.path.join(ROOT, "build")))
LIBRARY = os.path.join(BUILD, "lib", "libctrace.so")
CTRACE = os.path.join(BUILD, "bin", "ctrace")
CTRACE_TOP = os.path.join(BUILD, "bin", "ctrace-top")
PYTHON = "/usr/bin/python3"  # Debian's; the one on PATH may be a shell script of a version manager

HANG_SECONDS = int(os.environ.get("CTRACE_HANG_SECONDS", "300"))


class Failure(Exception):
    """A check did not hold; the message is the whole story for whoever reads the log."""


class Skip(Exception):
    """A tool is missing; the message is its name."""


TESTS = {}


def test(needs=()):
    """Register a test. needs: programs (looked up where a test finds them) or files (with a slash); missing: skipped."""

    def register(function):
        module = os.path.splitext(os.path.basename(inspect.getfile(function)))[0]
        name = module + "." + function.__name__
        if name in TESTS:
            raise RuntimeError("two tests are called " + name)
        TESTS[name] = (function, (needs,) if isinstance(needs, str) else tuple(needs))
        return function

    return register


# Debian's tools before what a person has installed beside them.
PATH = "/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin"


def missing_tool(needs):
    for tool in needs:
        if not (os.path.exists(tool) if "/" in tool else shutil.which(tool, path=PATH)):
            return tool
    return None


def check(condition, message):
    if not condition:
        raise Failure(message)


def check_equal(got, wanted, what):
    if got != wanted:
        raise Failure(f"{what}: got {shorten(got)}, wanted {shorten(wanted)}")


def check_in(part, whole, what):
    if part not in whole:
        raise Failure(f"{what}: {part!r} is not in {shorten(whole)}")


def shorten(value, limit=600):
    text = repr(value)
    return text if len(text) <= limit else text[: limit // 2] + " ... " + text[-limit // 2 :]


def check_caught(function, exception, part, what):
    """A seeded violation: function must raise this exception with this text."""
    try:
        function()
    except exception as caught:
        check_in(part, str(caught), f"{what}: caught as something else")
        return
    raise Failure(f"{what}: the seeded violation was not caught")


class Result:
    """An ended program. status as in subprocess: exit code, or minus the signal."""

    def __init__(self, command, status, stdout, stderr, pid):
        self.command, self.status, self.pid = command, status, pid
        self.stdout_bytes, self.stderr_bytes = stdout, stderr

    @property
    def stdout(self):
        return self.stdout_bytes.decode("utf-8", "replace")

    @property
    def stderr(self):
        return self.stderr_bytes.decode("utf-8", "replace")

    def check(self, status=0):
        if self.status != status:
            raise Failure(
                f"{' '.join(map(str, self.command))}: status {self.status}, wanted {status}; "
                f"stdout {shorten(self.stdout)} stderr {shorten(self.stderr)}"
            )
        return self


def base_environment():
    """The environment of every traced program: the same on each machine, nothing of the caller's."""
    return {"PATH": PATH, "LC_ALL": "C", "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1"}


class Context:
    def __init__(self, name, folder):
        self.name = name
        self.folder = folder

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def make_folder(self, name):
        os.makedirs(self.path(name), exist_ok=True)
        return self.path(name)

    def write(self, name, text):
        with open(self.path(name), "wb") as out:
            out.write(text if isinstance(text, bytes) else text.encode())
        return self.path(name)

    def environment(self, **changes):
        environment = base_environment()
        environment["HOME"] = self.folder
        environment.update({key: str(value) for key, value in changes.items() if value is not None})
        return environment

    def run(self, command, env=None, cwd=None, stdin=b"", timeout=HANG_SECONDS, **popen):
        """Run to the end with its own files for the output: a daemon it leaves cannot hold a pipe open."""
        command = [str(word) for word in command]
        if isinstance(stdin, str):
            stdin = stdin.encode()
        with open(self.path(".stdin"), "w+b") as source, open(self.path(".stdout"), "w+b") as out, open(
            self.path(".stderr"), "w+b"
        ) as err:
            source.write(stdin)
            source.seek(0)
            process = subprocess.Popen(
                command,
                env=self.environment() if env is None else env,
                cwd=cwd or self.folder,
                stdin=popen.pop("stdin_file", source),
                stdout=popen.pop("stdout_file", out),
                stderr=popen.pop("stderr_file", err),
                **popen,
            )
            try:
                status = process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise Failure(f"{' '.join(command)}: still running after {timeout} s") from None
            out.seek(0)
            err.seek(0)
            return Result(command, status, out.read(), err.read(), process.pid)


def program(name):
    """A program of tests/programs."""
    path = os.path.join(BUILD, "tests", "programs", name)
    check(os.path.exists(path), f"{path} is not built: make test-programs")
    return path


def signal_name(status):
    return signal.Signals(-status).name if status < 0 else str(status)


def print_result(state, name, detail=""):
    print(f"{state} {name}{': ' + detail if detail else ''}", flush=True)


def run_one(name, folder):
    """In the test's own process: (state, detail)."""
    function, needs = TESTS[name]
    tool = missing_tool(needs)
    if tool:
        return "SKIP", "missing " + tool
    try:
        detail = function(Context(name, folder))
    except Skip as skip:
        return "SKIP", "missing " + str(skip)
    except Failure as failure:
        return "FAIL", str(failure)
    except Exception as error:  # a test that breaks in any way has failed; the others go on
        return "FAIL", f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
    return "ok", detail or ""
