# SPDX-License-Identifier: MIT
"""Descendants of a process, so that no test leaves one behind, not even a daemon."""

import ctypes
import os
import signal
import time

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    """Daemons started below this process become its children, whatever they do to get away."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _parents():
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as stat:
                    # The name, in brackets, may hold blanks and brackets itself.
                    fields = stat.read().rpartition(b")")[2].split()
            except OSError:
                continue
            parents[int(entry)] = (int(fields[1]), fields[0])
    return parents


def descendants(pid):
    """Living descendants, zombies left out."""
    parents = _parents()
    found, level = [], {pid}
    while level:
        level = {child for child, (parent, _) in parents.items() if parent in level and child not in found}
        found.extend(level)
    return [child for child in found if parents[child][1] != b"Z"]


def name_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as cmdline:
            return cmdline.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()[:200]
    except OSError:
        return "?"


def kill_descendants(pid, grace_seconds=2.0):
    """Kill what lives below pid; returns the names of those that did not end by themselves in time."""
    deadline = time.monotonic() + grace_seconds
    left = descendants(pid)
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = descendants(pid)
    names = [name_of(child) for child in left]
    while left:
        for child in left:
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)
        left = descendants(pid)
    return names
