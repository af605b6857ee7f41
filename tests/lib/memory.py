# SPDX-License-Identifier: MIT
"""Traced programs that wait on stdin, and the ledgers of them and of servers."""

import contextlib
import json
import subprocess

from lib import trace
from lib.harness import CTRACE, check, check_equal, wait_for


class Waiting:
    """A traced program that prints a line at each step and waits for one."""

    def __init__(self, context, command, **changes):
        self.context = context
        environment = trace.environment(context, **changes)
        self.process = subprocess.Popen(
            [str(word) for word in command], env=environment, cwd=context.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self.process.pid

    def line(self):
        line = self.process.stdout.readline().split()
        check(line, "the program has ended")
        return line

    def ready(self):
        """The same, once the program waits."""
        line = self.line()
        settle(self.pid)
        return line

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def rss(self):
        return rss_of(self.pid)


@contextlib.contextmanager
def waiting(context, *command, **changes):
    program = Waiting(context, command, **changes)
    try:
        yield program
    finally:
        program.process.kill()
        program.process.communicate()


def rss_of(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as rollup:
        return 1024 * next(int(line.split()[1]) for line in rollup if line.startswith("Rss:"))


def settle(pid):
    """Wait until the process is asleep in a read."""
    wait_for(lambda: open(f"/proc/{pid}/syscall", encoding="utf-8").read().split()[0] == "0", "the process to read")


# A kernel without PAGEMAP_SCAN.
OLD_KERNEL = ("strace", "-o", "/dev/null", "-e", "trace=ioctl", "-e", "inject=ioctl:error=ENOTTY")


def ledger(context, pid, steady=True, through=()):
    """The ledger of a process, whose rows add up to what the kernel says. steady: at most 2 % are unexplained."""
    got = json.loads(context.run([*through, CTRACE, "memory", "--json", pid]).check().stdout)
    rows, rss = got["rows"], got["rssBytes"]
    check_equal(sum(rows.values()), rss, "the sum of the rows")
    check(all(value >= 0 for name, value in rows.items() if name != "unexplained"), f"rows below 0: {rows}")
    check_equal(rows["live"] + rows["slack"] + rows["heads"] + rows["free"], got["heapBytes"], "the heap's parts")
    if got["exact"]:
        resident = got["liveBytes"] - got["liveUntouchedBytes"] - got["liveSwappedBytes"]
        check_equal(rows["live"], resident, "resident bytes of live blocks")
    if steady:
        check(abs(rows["unexplained"]) <= rss / 50, f"unexplained: {rows['unexplained']} of {rss}: {rows}")
        check(abs(rss - rss_of(pid)) <= rss / 50, f"RSS {rss}, but the kernel says {rss_of(pid)}")
        if got["exact"]:
            check(abs(got["pinnedBytes"] + got["wholePageBytes"] - rows["free"]) < 4096, f"free memory: {got}")
    return got


def sites(context, pid, through=()):
    """The sums of a running process's sites, with resident bytes, by the program's own function."""
    report = json.loads(context.run([*through, CTRACE, "top", "-p", pid, "--resident", "--json"]).check().stdout)
    sums = {}
    for site in report["sites"]:
        of = sums.setdefault(site["ownFunction"], {})
        for key in ("endBytes", "residentBytes", "swappedBytes", "untouchedBytes", "pinnedBytes", "shareBytes"):
            of[key] = of.get(key, 0) + site[key]
    for key in ("residentBytes", "untouchedBytes", "pinnedBytes", "shareBytes"):
        check_equal(sum(of[key] for of in sums.values()), report["totals"][key], f"the sum of {key}")
    return sums
