# SPDX-License-Identifier: MIT
"""Damaged files, and what every command must do when it reads one."""

import resource
import struct

from lib.harness import CTRACE, CTRACE_TOP, check, check_in
from lib.store import LOSSES, SECTIONS

MEMORY = 1 << 30  # address space, for files below a megabyte
CPU_SECONDS = 120
FORMATS = "pprof,folded,speedscope,heapprofile,json,chrometrace,massif,heaptrack,svg,callgrind,dot,jsonl,parquet"
USELESS = ("has no ", "does not have")  # exit code 2: the format needs data that the damaged file lacks

COMMANDS = {
    "export": lambda path: [CTRACE, "export", "-f", FORMATS, path],
    "top": lambda path: [CTRACE_TOP, "-n", "0", "--full", path],
    "cum": lambda path: [CTRACE_TOP, "--cum", path],
    "tree": lambda path: [CTRACE_TOP, "--tree", "--min", "0", path],
    "info": lambda path: [CTRACE, "info", path],
    "merge": lambda path: [CTRACE, "merge", "-o", path + ".merged", path],
}


def controls(text):
    """The characters in a text that control a terminal."""
    return {c for c in text if (ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160}


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))


def read_by(context, command, path, what, statuses):
    """Run a command. Its status must be one of these, and with status 3 there must be one clear line."""
    result = context.run(COMMANDS[command](path), preexec_fn=limit)
    where = f"{what}, {command}: status {result.status}, stderr {result.stderr[-500:]!r}"
    if result.status == 2 and any(text in result.stderr for text in USELESS):
        return 2
    check(result.status in statuses or (command == "info" and result.status == 1 and 0 in statuses), where)
    check(not controls(result.stderr) and not controls(result.stdout), "control characters: " + where)
    if result.status == 3:
        check(result.stderr.count("\n") == 1 and len(result.stderr) < 1200, "not one line: " + where)
        check_in(path, result.stderr, "the error's line")
    return result.status


def read_by_all(context, path, what, statuses=(3,)):
    return [read_by(context, command, path, what, statuses) for command in COMMANDS]


class Bytes:
    """A store's bytes, in which a test can damage fields by name."""

    def __init__(self, data):
        self.data = bytearray(data)
        self.header_bytes = struct.unpack_from("<I", data, 16)[0]
        self.sections = 8 + 40 + 64 + 40 + 8 * len(LOSSES)
        self.extents = self.sections + 16 * len(SECTIONS)

    def used(self, section):
        return self.sections + 16 * SECTIONS.index(section)

    def element(self, section):
        """Bytes per element of a section."""
        return struct.unpack_from("<I", self.data, self.used(section) + 8)[0]

    def extent(self, index):
        return self.extents + 8 + 16 * index

    def start(self, section):
        """The file offset of a section's first extent."""
        count = struct.unpack_from("<I", self.data, self.extents)[0]
        for i in range(count):
            offset, _, of = struct.unpack_from("<QII", self.data, self.extent(i))
            if SECTIONS[of] == section:
                return offset
        raise KeyError(section)

    def put(self, form, at, *values):
        copy = Bytes(bytes(self.data))
        struct.pack_into("<" + form, copy.data, at, *values)
        return copy
