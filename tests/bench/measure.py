# SPDX-License-Identifier: MIT
"""One run of one workload under one tool, and whether it behaved as without the tool."""

import dataclasses
import hashlib
import os
import re
import shutil
import signal
import subprocess

from lib.harness import base_environment
from tools import BENCH

COLLECTED = re.compile(rb"Collected : (\d+)")
OWN_CLOCK = re.compile(rb"^pairs (\d+), CPU (\d+), wall (\d+)$", re.MULTILINE)


@dataclasses.dataclass
class Sample:
    """CPU and peak RSS of the whole process tree, wall time of the command, and for `pairs` its own clocks."""

    status: int
    digest: str
    recorded: bool
    cpu_s: float
    rss_kib: int
    wall_s: float
    pairs: int = 0
    pairs_cpu_ns: int = 0
    pairs_wall_ns: int = 0


def run(workload, prepared, count, tool, folder, limit):
    """Run in an empty folder, which is deleted afterwards with everything that the tool wrote."""
    os.makedirs(folder)
    try:
        return _run(workload, prepared, count, tool, folder, limit)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(workload, prepared, count, tool, folder, limit):
    environment = {**base_environment(), "HOME": folder, **prepared.settings, **tool.environment(folder)}
    # The tool is for the command, not for the program that measures it. Native runs also start through env.
    inner = ["env"] + [f"LD_PRELOAD={environment.pop(name)}" for name in ("LD_PRELOAD",) if name in environment]
    stdout, stderr, result = (os.path.join(folder, name) for name in (".stdout", ".stderr", ".result"))
    command = [os.path.join(BENCH, "measure"), result, str(limit)]
    command += inner + tool.command(prepared.command, folder)
    known = None
    with open(prepared.stdin or os.devnull, "rb") as source, open(stdout, "wb") as out, open(stderr, "wb") as err:
        with subprocess.Popen(command, env=environment, cwd=folder, stdin=source, stdout=out, stderr=err) as process:
            if workload.drive:
                try:
                    known = workload.drive(count, folder, prepared)
                except subprocess.SubprocessError as error:
                    known = str(error).encode()
                    process.terminate()  # also ends the command
    status, cpu_us, rss_kib, wall_ns = (int(word) for word in _read(result).split() or (-signal.SIGKILL, 0, 0, 0))
    output = tool.output(_read(stdout)) if known is None else known
    sample = Sample(
        status, hashlib.sha256(output).hexdigest(), tool.has_recorded(folder), cpu_us / 1e6, rss_kib, wall_ns / 1e9
    )
    clock = OWN_CLOCK.search(_read(stderr))
    if clock:
        sample.pairs, sample.pairs_cpu_ns, sample.pairs_wall_ns = (int(number) for number in clock.groups())
    return sample


def instructions(prepared, tool, folder):
    """How many instructions callgrind counts for the command under a preloaded library. None: failed, or recorded nothing."""
    os.makedirs(folder)
    log = os.path.join(folder, ".log")
    try:
        words = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--log-file=" + log, *prepared.command]
        environment = {**base_environment(), "HOME": folder, **prepared.settings, **tool.environment(folder)}
        with open(prepared.stdin or os.devnull, "rb") as source:
            run = subprocess.run(words, env=environment, cwd=folder, stdin=source, capture_output=True, check=False)
        counted = COLLECTED.search(_read(log))
        return int(counted.group(1)) if counted and run.returncode == 0 and tool.has_recorded(folder) else None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def violation(sample, native, tool, limit):
    """A text that says what is wrong with a run, or None."""
    died = -sample.status if sample.status < 0 else sample.status - 128
    if sample.status != native.status:
        if died == signal.SIGKILL and sample.wall_s >= limit:
            return f"still running after {limit} s"
        if died in set(signal.Signals):
            return f"crashed ({signal.Signals(died).name})"
        return f"status {sample.status} instead of {native.status}"
    if (sample.digest, sample.pairs) != (native.digest, native.pairs):
        return "output differs from native's"
    if not sample.recorded:
        return "recorded nothing"
    return None
