# SPDX-License-Identifier: MIT
"""What the commands do with the files that they are given: compressed reports are read, files of other tools are named."""

import contextlib
import glob
import gzip
import json
import os
import resource
import shutil
import struct
import zlib

from lib import dhat, trace
from lib.harness import CTRACE, CTRACE_TOP, Skip, check, check_equal, check_in, program, test

LIMIT = 400 << 20  # bytes of address space: too few for what the bombs unpack to


def _varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def _field(number, content):
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    return _varint(number << 3 | 2) + _varint(len(content)) + content


# LZ4 as bytehound writes it: an event of 192 bytes whose kind is 0. The last six zeros are a match with the byte before.
BYTEHOUND = b"\x01" + struct.pack("<I", 400) + b"\x22\xc0\x00\x01\x00" + b"\xf0\x10" + b"identity" * 40

OTHERS = {
    "callgrind": (b"# callgrind format\nversion: 1\ncreator: callgrind-3.20.0\n", "callgrind", "kcachegrind"),
    "xdebug": (b"version: 1\ncreator: xdebug 3.1\ncmd: a.php\n", "callgrind", "kcachegrind"),
    "cachegrind": (b"desc: I1 cache: 32768 B, 64 B, 8-way\ncmd: ./a\nevents: Ir\nfl=a.c\n", "cachegrind", "cg_annotate"),
    "gperftools.cpu": (struct.pack("<9Q", 0, 3, 0, 10000, 0, 1, 1, 4096, 0), "gperftools", "pprof PROGRAM"),
    "gperftools.symbols": (b"--- symbol\nbinary=/bin/a\n", "gperftools", "pprof"),
    "perf": (b"PERFILE2h\0\0\0\0\0\0\0" + bytes(90), "perf", "perf report"),
    "memray": (b"memray\0\x0c\0\0\0\1", "memray", "memray flamegraph"),
    "memray.lz4": (b"\x04\x22\x4d\x18\x44\x40\x5e\x30\0\0\0\xf2memray\0\x0c\0\0\0\1" + bytes(90), "memray", "memray flamegraph"),
    "bytehound": (BYTEHOUND, "bytehound", "bytehound server"),
    "speedscope": (b'{"version":"1","$schema":"https://www.speedscope.app/file-format-schema.json","shared":{}}', "speedscope", "speedscope opens"),
    "events": (b'[{"name":"a","ph":"B","ts":1}]', "Chrome", "Perfetto"),
    "events.object": (b'{"otherData":{},"traceEvents":[]}', "Chrome", "Perfetto"),
    "heapprofile": (b'{"head":{"callFrame":{}},"samples":[]}', "Chrome", "DevTools"),
    "cpuprofile": (b'{"nodes":[],"startTime":1,"timeDeltas":[]}', "Chrome", "DevTools"),
    "heapsnapshot": (b'{"snapshot":{"meta":{}},"nodes":[]}', "V8", "DevTools"),
    "sites": (b'{"format":"ctrace-sites","version":1}', "ctrace's own JSON", "report or the store"),
    "folded": (b"main;work;malloc 17\nmain;free 1\n", "folded", "flamegraph.pl"),
    "mtrace": (b"= Start\n@ ./a:[0x401136] + 0x4052a0 0x10\n", "mtrace", "mtrace PROGRAM"),
    "log": (b"==17== Memcheck, a memory error detector\n", "Valgrind", "dhat.out"),
    "java": (b"JAVA PROFILE 1.0.2\0\0\0\0\x08", "Java", "VisualVM"),
    "page": (b"<!DOCTYPE html>\n<html>", "a page", "browser"),
    "graph": (b'digraph "a" {\nN1 [label="a"]\n}\n', "a graph", "dot of graphviz"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "a picture", "browser"),
    "zst": (b"\x28\xb5\x2f\xfd\x04\x58" + bytes(20), "zstd", "unzstd"),
    "xz": (b"\xfd7zXZ\0\0\x04", "xz", "unxz"),
    "lz4": (b"\x04\x22\x4d\x18\x64\x40\xa7\x0a\0\0\x80hello worl", "lz4", "unlz4"),
}
# These look a little like one of the above.
NEITHER = {
    "text": b"hello\n",
    "words": b"v for vendetta 3\nX",
    "line": b"total 17\n",
    "numbers": b"\1\2\3\4\5\6\7\x08" * 9,
    "protobuf": _field(1, b"name") + _field(2, b"other"),
    "protobuf.text": _field(6, b"first string") + _field(1, _field(1, 1)),
    "equals": b"== a chapter ==\n",
    "array": b"[1, 2]",
}


def _line(result, path):
    """The one line of a refused file, after its name."""
    check_equal(result.status, 3, f"status for {path}: {result.stderr[:300]}")
    check_equal(len(result.stderr.splitlines()), 1, f"lines on stderr: {result.stderr[:300]}")
    check_in(path + ": ", result.stderr, "the line names the file")
    return result.stderr.partition(path + ": ")[2]


def _report(context, name="report.json", words=("sites",)):
    trace.run(context, [program(words[0]), *words[1:]], out=name)
    return context.path(name)


@test()
def other_tools(context):
    """Files of other tools: plain or compressed, with any name. The line says what the file is and what opens it."""
    for name, (content, what, opener) in OTHERS.items():
        for path in (context.write(name, content), context.write("packed.json", gzip.compress(content))):
            line = _line(context.run([CTRACE_TOP, path]), path)
            check_in("this is ", line, name)
            check_in(what, line, name)
            check_in(opener, line, name)
    for name, content in NEITHER.items():
        path = context.write(name, content)
        check_equal(_line(context.run([CTRACE_TOP, path]), path), "neither a ctrace store nor DHAT JSON\n", name)
    path = program("sites")
    check_in("ctrace record", _line(context.run([CTRACE_TOP, path]), path), "a program")


@test()
def every_command(context):
    """Every command that reads a report refuses a file in the same words."""
    fine, other = _report(context), context.write("m", OTHERS["callgrind"][0])
    commands = [["top"], ["info"], ["export", "-o", "x"], ["html", "-o", "x"], ["advise"], ["merge", "-o", "x", fine], ["diff", fine], ["diff", other]]
    commands += [["check", "--max-growth", "peak 5%", "--baseline", fine], ["top", "--leaks"], ["top", "--json"]]
    for words in commands:
        line = _line(context.run([CTRACE, *words, other]), other)
        check_equal(line, "this is a callgrind file; callgrind_annotate or kcachegrind opens it\n", f"ctrace {words}")
    check(not os.path.exists(context.path("x")), "an output was written")


@test()
def own_formats(context):
    """Each format that ctrace writes is read or named."""
    report = _report(context)
    formats = "pprof,folded,speedscope,heapprofile,json,chrometrace,massif,heaptrack,svg,callgrind,dot"
    context.run([CTRACE, "export", "-f", formats, report]).check()
    made = [path for path in glob.glob(context.path("report.*")) if path != report]
    check_equal(len(made), len(formats.split(",")), "files")
    for path in made:
        if path.endswith((".pb.gz", ".massif", ".heaptrack.gz")):
            context.run([CTRACE_TOP, path]).check()
        else:
            check_in("this is ", _line(context.run([CTRACE_TOP, path]), path), path)


@test()
def tools_themselves(context):
    """Files as the installed tools write them."""
    app, named = program("sites"), []
    tools = {
        "callgrind": ["valgrind", "-q", "--tool=callgrind", "--callgrind-out-file=callgrind", app],
        "cachegrind": ["valgrind", "-q", "--tool=cachegrind", "--cachegrind-out-file=cachegrind", app],
        "perf": ["perf", "record", "-q", "-e", "cpu-clock", "-o", "perf", app],
    }
    for name, command in tools.items():
        made = shutil.which(command[0], path="/usr/bin") and context.run(command) and glob.glob(context.path(name) + "*")
        if not made:
            continue
        check_in(name, _line(context.run([CTRACE_TOP, made[0]]), made[0]), name)
        named.append(name)
    if not named:
        raise Skip("valgrind")
    return ", ".join(named)


@test()
def compressed(context):
    """A report compressed by gzip is read like the plain one, whatever its name; several joined parts are one file."""
    report = _report(context)
    with open(report, "rb") as file:
        plain = file.read()
    forms = {
        "one.json.gz": gzip.compress(plain),
        "two": gzip.compress(plain[:999], 1) + gzip.compress(b"") + gzip.compress(plain[999:], 9),
        "tape.json": gzip.compress(plain) + bytes(512),
        "large": gzip.compress(plain + b" " * (8 << 20)),
    }
    views = (["top", "-n", "0", "--full"], ["top", "--json"], ["info"], ["advise"], ["export", "-f", "pprof", "-o", "-"], ["check", "--max-growth", "peak 0%", "--baseline", report])
    wanted = [context.run([CTRACE, *words, report]) for words in views]
    for name, content in forms.items():
        path = context.write(name, content)
        for words, plainly in zip(views, wanted):
            got = context.run([CTRACE, *words, path])
            check_equal((got.stdout, got.status), (plainly.stdout.replace("report.json", name), plainly.status), f"{words} {name}")
        check_in("no difference", context.run([CTRACE, "diff", report, path]).check().stdout, "diff")


@test()
def compressed_names(context):
    """Outputs are named after a compressed report as after a plain one."""
    report = _report(context)
    context.run(["gzip", report]).check()
    context.run([CTRACE, "export", "-f", "pprof,massif", "report.json.gz"]).check()
    context.run([CTRACE, "html", "report.json.gz"]).check()
    context.run([CTRACE, "html", "report.json.gz", "report.json.gz"]).check()
    context.run([CTRACE, "export", "report.json.gz"]).check()
    made = {os.path.basename(path) for path in glob.glob(context.path("report*"))}
    wanted = {"report.json.gz", "report.pb.gz", "report.massif", "report.html", "report.diff.html", "report.json"}
    check_equal(made, wanted, "files")
    dhat.check_file(report)


@test()
def compressed_in_folders(context):
    """ctrace merge finds compressed reports in a folder, and takes each recording once."""
    folder = context.make_folder("in")
    plain = _report(context, "in/a.json")
    os.utime(plain, (1, 1))
    once = dhat.check_file(plain).total("tb")
    context.run(["gzip", "-k", plain]).check()
    shutil.copy2(plain + ".gz", context.path("in/b.json.gz"))
    context.run([CTRACE, "export", "-f", "pprof", plain]).check()
    context.write("in/other.json.gz", gzip.compress(b'{"traceEvents":[]}'))

    def merged(*words):
        result = context.run([CTRACE, "merge", "-o", "all.json", *words]).check()
        return dhat.check_file(context.path("all.json")).total("tb") / once, result.stderr

    check_equal(merged(folder)[0], 2, "a.json, its copy a.json.gz, and b.json.gz")
    check_equal(merged(plain, plain + ".gz")[0], 1, "a report and its compressed copy")
    context.write("in/a.json.gz", gzip.compress(b" " + open(plain, "rb").read()))
    check_equal(merged(folder)[0], 3, "a compressed report of another length is another one")
    os.remove(plain)
    context.write("in/a.json.gz", open(context.path("in/b.json.gz"), "rb").read())
    os.remove(context.path("in/b.json.gz"))
    trace.run(context, [program("sites")], out="kept.json", CTRACE_KEEP_STORE=1)
    context.run(["gzip", "kept.json"]).check()
    shutil.move(context.path("kept.json.store"), folder)
    shutil.move(context.path("kept.json.gz"), folder)
    check_equal(merged(folder)[0], 2, "a store beside its compressed report counts once")
    damaged = context.write("in/c.json.gz", gzip.compress(b"{}")[:10])
    _line(context.run([CTRACE, "merge", "-o", "all.json", folder]), damaged)


@test()
def compressed_and_damaged(context):
    """A compressed report that is cut off or changed causes one line."""
    with open(_report(context), "rb") as file:
        plain = file.read()
    packed = gzip.compress(plain)
    for end in list(range(3, 40)) + list(range(40, len(packed), 97)):
        path = context.write("cut.json.gz", packed[:end])
        check_in("gzip", _line(context.run([CTRACE_TOP, path]), path), f"cut after {end} bytes")
    for at in range(10, len(packed), 97):
        changed = packed[:at] + bytes([packed[at] ^ 16]) + packed[at + 1 :]
        with contextlib.suppress(Exception):
            if gzip.decompress(changed) == plain:
                continue  # a bit that nothing uses
        path = context.write("changed.json.gz", changed)
        _line(context.run([CTRACE_TOP, path]), path)
    path = context.write("more.json.gz", packed + b"more")
    check_in("gzip", _line(context.run([CTRACE_TOP, path]), path), "bytes after the end")
    path = context.write("twice.json.gz", gzip.compress(packed))
    check_in("twice", _line(context.run([CTRACE_TOP, path]), path), "compressed twice")
    trace.run(context, [program("sites")], out="store", CTRACE_EXPORT=0)
    context.run(["gzip", "store.store"]).check()
    path = context.path("store.store.gz")
    check_in("gunzip", _line(context.run([CTRACE_TOP, path]), path), "a compressed store")


def _bomb(context, name, head, filling, size):
    packer = zlib.compressobj(9, wbits=31)
    with open(context.path(name), "wb") as file:
        file.write(packer.compress(head))
        for _ in range(size // len(filling)):
            file.write(packer.compress(filling))
        file.write(packer.flush())
    return context.path(name)


@test()
def bombs(context):
    """A small file that unpacks to gigabytes is refused before it needs much memory; the same size as a report is not."""
    limited = lambda: resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    for name, head in (("text", b'{"dhatFileVersion":2,"x":"'), ("blanks", b'{"dhatFileVersion":2, ')):
        path = _bomb(context, name + ".json.gz", head, (b"a" if name == "text" else b" ") * (1 << 20), 600 << 20)
        line = _line(context.run([CTRACE_TOP, path], preexec_fn=limited), path)
        check_in("unpacks to more than 150 times its size", line, name)
        check_in("gunzip", line, name)
    with open(_report(context), encoding="utf-8") as file:
        data = json.load(file)
    frames = len(data["ftbl"])
    data.pop("ctrace")
    data["ftbl"] += [f"0x{4096 + 16 * i:x}: f{i} (a.c:{i + 1})" for i in range(100)]
    site = {key: value for key, value in data["pps"][0].items() if key in ("tb", "tbk", "tl", "mb", "mbk", "gb", "gbk", "eb", "ebk")}
    data["pps"] = [dict(site, fs=[1] * 60 + [frames + i % 100, frames + i // 100]) for i in range(10000)]
    path = context.write("regular.json.gz", gzip.compress(json.dumps(data).encode()))
    check_in("10,000 sites", context.run([CTRACE_TOP, path], preexec_fn=limited).check().stdout, "a very regular report")
