# SPDX-License-Identifier: MIT
"""
The descendants of a process. They are watched so that no test leaves one behind, not even a daemon, and so that a test that
hangs can be distinguished from one on a busy machine.
"""

import contextlib
import ctypes
import os
import signal
import time

PR_SET_CHILD_SUBREAPER = 36
LOOKS_APART = 0.5  # seconds between two reads of /proc
SHOWN = 12  # threads of a process whose states are shown


def adopt_orphans():
    """Daemons started by descendants become children of this process, however they detach."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class _Process:
    def __init__(self, fields):
        self.state, self.parent = fields[0], int(fields[1])
        self.ticks = int(fields[11]) + int(fields[12])  # processor time, all threads


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _table():
    table = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            # The name is in brackets, and may hold blanks and brackets.
            fields = _read(f"/proc/{entry}/stat").rpartition(b")")[2].split()
            if fields:
                table[int(entry)] = _Process(fields)
    return table


def _below(table, pid):
    children = {}
    for child, process in table.items():
        children.setdefault(process.parent, []).append(child)
    found, waiting = [], [pid]
    while waiting:
        level = children.get(waiting.pop(), [])
        found += level
        waiting += level
    return [child for child in found if table[child].state != b"Z"]


def cpu_ticks(pid):
    """The processor time of a process, in clock ticks; 0: it is gone."""
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return int(fields[11]) + int(fields[12]) if fields else 0


def hold(pid, seconds):
    """Stop a process for a while, so that by its clock it takes longer."""
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


def cpu_ms(pid):
    """The processor time of a process's first thread, in milliseconds and parts of them."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e6


def run_in_front(pid=0, priority=1):
    """
    Give a process (0: this one), but not its children, the processor whenever it wants it, where that is permitted: what works
    along the clock then does so on a busy machine, too.
    """
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(pid, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(priority))


def descendants(pid):
    """Living descendants, without zombies."""
    return _below(_table(), pid)


def name_of(pid):
    return _read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode("utf-8", "replace").strip()[:200] or "?"


def _thread(pid, tid):
    """The thread's state, and what the kernel shows about where it waits."""
    folder = f"/proc/{pid}/task/{tid}/"
    state = _read(folder + "stat").rpartition(b")")[2].split()[:1]
    words = [b"".join(state), _read(folder + "wchan"), *_read(folder + "syscall").split()[:2]]
    return " ".join(word.decode() for word in words)


def states(pids):
    """A line for each process with its threads."""
    lines = []
    for pid in pids:
        try:
            tids = sorted(map(int, os.listdir(f"/proc/{pid}/task")))
        except OSError:
            continue
        threads = ", ".join(_thread(pid, tid) for tid in tids[:SHOWN])
        lines.append(f"{pid} {name_of(pid)}: {len(tids)} threads: {threads}")
    return "\n".join(lines)


class Watch:
    """
    Decides when waiting for a process and its descendants is useless: all of them have been asleep for asleep_seconds, or
    most_seconds have passed in total. A process that runs, or waits for a processor or a disk, is not asleep, so other work
    on the machine does not count as hanging. itself: whether the process itself counts.
    """

    def __init__(self, pid, asleep_seconds, most_seconds, itself=True):
        self.pid, self.itself = pid, itself
        self.asleep_seconds, self.most_seconds = asleep_seconds, most_seconds
        self.start = self.moved = self.looked = time.monotonic()
        self.ticks = {}

    def pids(self, table=None):
        table = _table() if table is None else table
        return ([self.pid] if self.itself and self.pid in table else []) + _below(table, self.pid)

    def in_vain(self):
        """Why waiting is useless, or None."""
        now = time.monotonic()
        if now - self.looked < LOOKS_APART:
            return None
        # This process may have been stopped or starved, so a gap says nothing about the others.
        if now - self.looked > 10 * LOOKS_APART:
            self.moved = now
        self.looked = now
        table = _table()
        pids = self.pids(table)
        ticks = {pid: table[pid].ticks for pid in pids}
        if ticks != self.ticks or any(table[pid].state in b"RD" for pid in pids):
            self.moved, self.ticks = now, ticks
        if now - self.moved > self.asleep_seconds:
            return f"all asleep for {self.asleep_seconds} s"
        if now - self.start > self.most_seconds:
            return f"not done after {self.most_seconds} s"
        return None


def kill(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def kill_descendants(pid, asleep_seconds=2.0, most_seconds=300.0):
    """Kill the living descendants of pid. Returns the names of those that did not end by themselves."""
    watch = Watch(pid, asleep_seconds, most_seconds, itself=False)
    left = watch.pids()
    while left and not watch.in_vain():
        time.sleep(0.02)
        left = watch.pids()
    names = [name_of(child) for child in left]
    while left:
        kill(left)
        time.sleep(0.02)
        left = watch.pids()
    return names
