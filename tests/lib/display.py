# SPDX-License-Identifier: MIT
"""Programs with windows, on an X server of their own without a screen."""

import contextlib
import os
import re
import subprocess
import time

from lib.harness import Failure, check

NEEDS = ("Xvfb", "xwd")


@contextlib.contextmanager
def _ended(process):
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _server(context):
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1200x800x24", "-nolisten", "tcp"]
    with open(context.path("xvfb.log"), "wb") as log:
        process = subprocess.Popen(command, pass_fds=(write,), stdout=log, stderr=log)
    os.close(write)
    with _ended(process), os.fdopen(read) as told:
        number = told.readline().strip()
        check(number, "Xvfb does not start")
        yield ":" + number


def count_colours(context, env):
    """How many colours the screen has."""
    dump = context.run(["xwd", "-root", "-silent"], env=env).check().stdout_bytes
    head, columns = (int.from_bytes(dump[at : at + 4], "big") for at in (0, 76))
    pixels = dump[head + columns * 12 :]
    return len({pixels[at : at + 4] for at in range(0, len(pixels), 4)})


def run_until(context, command, shows, seconds=60, colours=20, stays=0):
    """
    Run until shows(its output so far) is true and the screen has more than so many colours, and so for some more
    seconds. Returns the output.
    """
    with _server(context) as display:
        runtime = context.make_folder("runtime")
        os.chmod(runtime, 0o700)
        env = context.environment(DISPLAY=display, XDG_RUNTIME_DIR=runtime, DBUS_SESSION_BUS_ADDRESS="disabled:", QT_LOGGING_RULES="*.debug=true;qt.*=false", LC_ALL="C.UTF-8")
        output = context.path("window.log")
        with open(output, "wb") as log:
            process = subprocess.Popen(command, env=env, cwd=context.folder, stdout=log, stderr=log)
        with _ended(process):
            until = time.monotonic() + seconds
            while time.monotonic() < until and process.poll() is None:
                with open(output, encoding="utf-8", errors="replace") as file:
                    text = file.read()
                if shows(text) and count_colours(context, env) > colours:
                    time.sleep(stays)
                    if process.poll() is None:
                        return text
                time.sleep(0.3)
    raise Failure(f"{command[0]} did not show what was wanted: {re.sub(r'QStandardPaths.*', '', text)[-1500:]}")
