# SPDX-License-Identifier: MIT
"""Shared by the fire tests: run a program without and with the library, and compare the two runs."""

import ctypes
import glob
import os

from lib import trace
from lib.harness import CTRACE, LIBRARY, Skip, check, check_equal, program

STRESS = int(os.environ.get("CTRACE_STRESS", "1"))  # make stress: how many times longer


def clear(context):
    for path in glob.glob(context.path("out.*")):
        os.remove(path)


def without_aslr():
    """Call in the child: its heap is then at the same addresses in each run."""
    if ctypes.CDLL(None).personality(0x0040000) < 0:  # ADDR_NO_RANDOMIZE
        raise OSError("personality")


def in_own_mounts(context, script):
    """Run a shell script as root in its own mount namespace; skip the test if that is not permitted."""
    command = ["unshare", "-m", "--propagation", "private", "sh", "-ec", script]
    if os.geteuid() or context.run(command[:-1] + ["mount -t tmpfs none ."], cwd=context.make_folder("try")).status:
        raise Skip("the right to mount")
    return context.run(command).check()


def run_both(context, command, stores=False, library=LIBRARY, preload=None, **changes):
    """Run without the library, then with it, and compare output and status. Returns the traced run's result; its files stay."""
    clear(context)
    others = (preload or "").replace(library, "").strip(":")
    env = context.environment(LD_PRELOAD=others or None)
    plain = context.run(command, env=env, preexec_fn=without_aslr)
    env = trace.environment(context)
    env.update({name: str(value) for name, value in changes.items()})
    env["LD_PRELOAD"] = preload or library
    traced = context.run(command, env=env, preexec_fn=without_aslr)
    what = " ".join(os.path.basename(str(word)) for word in command)
    check_equal((traced.status, traced.stdout), (plain.status, plain.stdout), what + ": status and output")
    left = sorted(glob.glob(context.path("*.store")))
    check(stores or not left, f"{what}: left {left}")
    for store in left[:: len(left) // 10 + 1]:
        info = context.run([CTRACE, "info", store])
        check(info.status == 0, f"{what}: {[line for line in info.stdout.splitlines() if 'FAILED' in line]} {info.stderr}")
    return traced


def run_all(context, table, **changes):
    for words in table:
        run_both(context, [program(words[0])] + [str(word) for word in words[1:]], CTRACE_EXPORT=0, stores=True, **changes)


SAMPLED = ({}, {"CTRACE_SAMPLE": "4k"})
