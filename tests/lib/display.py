# SPDX-License-Identifier: MIT
"""Runs programs with windows on their own X server, without a screen."""

import contextlib
import os
import signal
import subprocess
import time

from lib.harness import check, wait_for

NEEDS = ("Xvfb", "xwd")


@contextlib.contextmanager
def _ended(process, how):
    try:
        yield process
    finally:
        process.send_signal(how)
        process.wait()


@contextlib.contextmanager
def _server(context):
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1200x800x24", "-nolisten", "tcp"]
    with open(context.path("xvfb.log"), "wb") as log:
        process = subprocess.Popen(command, pass_fds=(write,), stdout=log, stderr=log)
    os.close(write)
    with _ended(process, signal.SIGTERM), os.fdopen(read) as told:  # it removes its socket
        number = told.readline().strip()
        check(number, "Xvfb does not start")
        yield ":" + number


def count_colours(context, env):
    """How many colours are on the screen."""
    dump = context.run(["xwd", "-root", "-silent"], env=env).check().stdout_bytes
    head, columns = (int.from_bytes(dump[at : at + 4], "big") for at in (0, 76))
    pixels = dump[head + columns * 12 :]
    return len({pixels[at : at + 4] for at in range(0, len(pixels), 4)})


def run_until(context, command, shows, colours=20, stays=0):
    """
    Run until shows(output so far) is true and the screen has more than `colours` colours, and this stays so for `stays`
    seconds. Returns the output.
    """
    with _server(context) as display:
        runtime = context.make_folder("runtime")
        os.chmod(runtime, 0o700)
        env = context.environment(DISPLAY=display, XDG_RUNTIME_DIR=runtime, DBUS_SESSION_BUS_ADDRESS="disabled:", QT_LOGGING_RULES="*.debug=true;qt.*=false", LC_ALL="C.UTF-8")
        output = context.path("window.log")
        with open(output, "wb") as log:
            process = subprocess.Popen(command, env=env, cwd=context.folder, stdout=log, stderr=log)
        with _ended(process, signal.SIGKILL):

            def told():
                with open(output, encoding="utf-8", errors="replace") as file:
                    return file.read()

            def ended_or_shows():
                return process.poll() is not None or (shows(told()) and count_colours(context, env) > colours)

            wait_for(ended_or_shows, f"{command[0]} to show what is wanted", lambda: "; it told: " + told()[-1500:])
            time.sleep(stays)
            check(process.poll() is None, f"{command[0]} ended: {told()[-1500:]}")
            return told()
