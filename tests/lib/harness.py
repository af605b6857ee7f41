# SPDX-License-Identifier: MIT
"""What every test uses.

A test is a function with the decorator @test; its name is FILE.FUNCTION. It gets a Context, which has an empty folder for
the test and runs programs. Its checks raise Failure with a message that says what was expected. If a test returns a text,
the text is printed after its name. tests/run runs each test in its own process, kills it if it hangs, and fails it if it
leaves processes behind.

No limit in seconds can be broken by other work on the machine: a test hangs only if all of its processes are asleep
(processes.Watch), and wait_for waits for a state. Tests must not wait in any other way.
"""

import inspect
import os
import resource
import shutil
import signal
import subprocess
import time
import traceback

from lib import processes

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("B", os.path.join(ROOT, "build")))
LIBRARY = os.path.join(BUILD, "lib", "libctrace.so")
CTRACE = os.path.join(BUILD, "bin", "ctrace")
CTRACE_TOP = os.path.join(BUILD, "bin", "ctrace-top")
PYTHON = "/usr/bin/python3"  # Debian's python3; the one on PATH may be a version manager's shell script

HANG_SECONDS = int(os.environ.get("CTRACE_HANG_SECONDS", "120"))  # with all of a test's processes asleep
MOST_SECONDS = int(os.environ.get("CTRACE_MOST_SECONDS", "1800"))  # for one test, in case it never ends


class Failure(Exception):
    """A check failed; the message must be enough for a reader of the log."""


class Skip(Exception):
    """A tool is missing; the message is the tool's name."""


ELSEWHERE = "what comes from elsewhere: "  # begins the message of a Skip that does not fail in CI either


def why_missing(program, name, setup):
    """The message of a Skip: what the script `setup` wrote to PROGRAM.missing, or the name of the script."""
    try:
        with open(program + ".missing", encoding="utf-8") as file:
            return f"{ELSEWHERE}{file.read().strip()}, for {name}"
    except OSError:
        return f"{name} ({setup})"


TESTS = {}


def test(needs=()):
    """Register a test. needs: programs (looked up in PATH) or files (with a slash). If one is missing, the test is skipped."""

    def register(function):
        module = os.path.splitext(os.path.basename(inspect.getfile(function)))[0]
        name = module + "." + function.__name__
        if name in TESTS:
            raise RuntimeError("two tests are called " + name)
        TESTS[name] = (function, (needs,) if isinstance(needs, str) else tuple(needs))
        return function

    return register


# Debian's tools come before those that a user has installed in addition.
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


def wait_for(condition, what, more=lambda: ""):
    """
    Wait until condition() is true, and return its value. Fail if all other processes of the test are asleep or have run for
    too long, before tests/run decides that the test hangs. more() is added to the message.
    """
    watch = processes.Watch(os.getpid(), HANG_SECONDS / 2, MOST_SECONDS / 3, itself=False)
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        vain = watch.in_vain()
        if vain:
            raise Failure(f"waited for {what}: {vain}{more()}\n{processes.states(watch.pids())}")
        time.sleep(pause)
        pause = min(1.5 * pause, 0.05)


def cpu_seconds():
    """The CPU time of all ended processes of the test. A loaded machine changes it little."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def shorten(value, limit=600):
    text = repr(value)
    return text if len(text) <= limit else text[: limit // 2] + " ... " + text[-limit // 2 :]


def check_caught(function, exception, part, what):
    """Check a seeded violation: function must raise this exception with this text."""
    try:
        function()
    except exception as caught:
        check_in(part, str(caught), f"{what}: caught as something else")
        return
    raise Failure(f"{what}: the seeded violation was not caught")


class Result:
    """An ended program. status is the exit code or minus the signal, as in subprocess."""

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
    """The environment of every traced program: the same on each machine, with nothing from the caller."""
    # Tests mount small file systems in memory, and /tmp may be one.
    return {"CTRACE_TMPFS": "1", "PATH": PATH, "LC_ALL": "C", "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1"}


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

    def run(self, command, env=None, cwd=None, stdin=b"", **popen):
        """Run to the end. The output goes to files, since a daemon that is left behind could keep a pipe open."""
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
            status = process.wait()
            out.seek(0)
            err.seek(0)
            return Result(command, status, out.read(), err.read(), process.pid)


def program(name):
    """The path of a program of tests/programs."""
    path = os.path.join(BUILD, "tests", "programs", name)
    check(os.path.exists(path), f"{path} is not built: make test-programs")
    return path


def signal_name(status):
    return signal.Signals(-status).name if status < 0 else str(status)


def print_result(state, name, detail=""):
    print(f"{state} {name}{': ' + detail if detail else ''}", flush=True)


def run_one(name, folder):
    """Run a test in this process; returns (state, detail)."""
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
    except Exception as error:  # any exception is a failure of this test, and the others continue
        return "FAIL", f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
    return "ok", detail or ""
