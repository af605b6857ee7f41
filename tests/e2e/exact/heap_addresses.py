# SPDX-License-Identifier: MIT
"""A program's heap is the same with and without us: every call that reaches the allocator, in order, with its sizes and addresses."""

import os
import shutil
import struct

from lib.fire import without_aslr
from lib.harness import LIBRARY, PATH, check, check_equal, program, test

# Without hash tables in random order, other processes' numbers, and times of day.
COMMANDS = (
    ["perl", "-e", "my %h; $h{$_} = $_ x 3 for 1..9999; print join(',', (sort keys %h)[0..3])"],
    ["/usr/bin/python3", "-c", "import json, re; print(json.dumps([str(i) for i in range(999)])[:9])"],
    ["/usr/bin/python3", "-c", "import ssl, sqlite3, ctypes, decimal; print(sqlite3.sqlite_version)"],
    ["sqlite3", ":memory:", "create table t(a); insert into t values (1), (2); select sum(a) from t"],
    ["awk", "BEGIN { for (i = 0; i < 9999; i++) a[i] = i; print length(a) }"],
    ["bash", "-c", "for ((i = 0; i < 999; i++)); do a[i]=$i; done; echo ${#a[@]}"],
    ["git", "--git-dir", "/nonexistent", "--version"],
    ["git", "diff", "--no-index", "--stat", "/etc/services", "/etc/protocols"],
    ["make", "-n", "-f", "/dev/null"],
    ["sort", "/etc/services"],
    ["grep", "-c", "tcp", "/etc/services"],
    ["sed", "-n", "s/tcp/udp/p", "/etc/services"],
    ["find", "/etc/apt"],
    ["ls", "-lR", "/etc/apt"],
    ["diff", "/etc/services", "/etc/protocols"],
    ["tar", "cf", "-", "/etc/apt"],
    ["gzip", "-c", "/etc/services"],
    ["xz", "-T1", "-c", "/etc/services"],
    ["file", "/bin/ls"],
    ["m4", "/dev/null"],
    ["readelf", "-a", "/bin/true"],
    ["objdump", "-d", "/bin/true"],
    ["jq", "-n", "[range(2000)] | length"],
    ["openssl", "dgst", "-sha256", "/bin/ls"],
    ["curl", "--version"],
    ["ssh", "-V"],
    ["tclsh", "/dev/null"],
    ["guile", "-c", "(display (* 6 7))"],
    ["php", "-n", "-r", "echo count(range(1, 999));"],
    ["xmllint", "--version"],
    ["dot", "-V"],
    ["vim.basic", "--version"],
    ["gcc", "--version"],
    ["psql", "--version"],
    ["redis-server", "--version"],
)
LEAST = 20
MAPPINGS = 0x7F  # the upper bits of addresses in mappings; the heap of brk and the program are below


def _run(context, library, command):
    log = context.path("observed.log")
    if os.path.exists(log):
        os.remove(log)
    env = context.environment(
        LD_PRELOAD=library + ":" + program("libobserve.so"),
        OBSERVED=log,
        CTRACE_OUT=context.path("out.json"),
        CTRACE_QUIET=1,
        CTRACE_EXPORT=0,
        CTRACE_STDERR="1:1",  # otherwise we add it
        PERL_HASH_SEED=0,
        PYTHONHASHSEED=0,
    )
    result = context.run(command, env=env, preexec_fn=without_aslr, stdin=b"")
    with open(log, "rb") as file:
        count = struct.unpack("<4Q", file.read(32) or bytes(32))[0]
        calls = list(struct.iter_unpack("<4Q", file.read(32 * count)))
    check_equal(len(calls), count, f"{command}: calls in the log")
    for name in os.listdir(context.folder):
        if name.endswith(".store"):
            os.remove(context.path(name))
    return (result.status, result.stdout), calls


def _in_heap(call):
    """The call, with 0 for addresses in mappings."""
    return tuple(0 if value >> 40 == MAPPINGS else value for value in call)


@test(needs="gcc")
def of_real_programs(context):
    """Compared with an empty library. Blocks in mappings of their own are lower by the size of what we have mapped."""
    context.write("empty.c", "static __thread int i; int empty(void) { return i++; }\n")
    empty = context.path("libnothing.so")
    context.run(["gcc", "-shared", "-fPIC", "-o", empty, "empty.c", "-Wl,--no-as-needed", "-l:libdl.so.2"]).check()
    traced = context.path("libctrace1.so")  # a name of the same length
    shutil.copy(LIBRARY, traced)
    same, counted, left_out = 0, 0, []
    for command in COMMANDS:
        if not shutil.which(command[0], path=PATH):
            continue
        output, plain = _run(context, empty, command)
        if not plain or _run(context, empty, command) != (output, plain):
            left_out.append(command[0])
            continue
        traced_output, calls = _run(context, traced, command)
        check_equal(traced_output, output, f"{command}: status and output")
        differ = [(a, b) for a, b in zip(map(_in_heap, plain), map(_in_heap, calls)) if a != b]
        check(not differ, f"{command}: the first of {len(differ)} calls that differ: {[tuple(map(hex, call)) for call in differ[:1] for call in call]}")
        check_equal(len(calls), len(plain), f"{command}: calls")
        same, counted = same + 1, counted + len(calls)
    check(same >= LEAST, f"only {same} programs were compared; {left_out} are not the same each time")
    return f"{same} programs, {counted:,} calls; not the same each time: {', '.join(left_out) or 'none'}"
