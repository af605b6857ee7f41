# SPDX-License-Identifier: MIT
"""Files of strangers cause one clear error, exit code 3, bounded memory, no signal, and no escape sequences."""

import gzip
import os
import random
import re
import shutil
import stat
import struct
import zlib

from lib import dhat, trace
from lib.harness import BUILD, CTRACE, CTRACE_TOP, LIBRARY, ROOT, Skip, check, check_equal, check_in, program, test
from lib.hostile import FORMATS, Bytes, controls, limit, read_by, read_by_all
from lib.store import SECTIONS

STRANGER, USER = 65534, 65533
FLIPS = 150
HUGE = (1 << 31, 1 << 32, (1 << 63) - 1, (1 << 64) - 1)


def _recorded(context):
    """Returns a store with unfolded events and snapshots, and its report."""
    out = context.path("good.json")
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=out, CTRACE_QUIET=1, CTRACE_EXPORT=0)
    context.run([program("threads"), "4", "200"], env=env)
    with open(out + ".store", "rb") as file:
        store = file.read()
    context.run([CTRACE, "export", "-o", out, out + ".store"]).check()
    with open(out, "rb") as file:
        return store, file.read()


def _replay(target):
    binary = os.path.join(BUILD, "asan", "tests", "fuzz", target)

    def replay(context):
        result = context.run([binary, os.path.join(ROOT, "tests", "fuzz", "corpus", target)])
        check(result.status == 0, f"status {result.status}: {result.stderr[-3000:]}")
        return result.stdout.strip()

    replay.__name__ = "fuzz_" + target
    test(needs=(binary,))(replay)


for each in ("brief", "demangle", "dhat", "options", "packages", "perf_map", "store", "symbols"):
    _replay(each)


@test()
def store_truncated(context):
    store, _ = _recorded(context)
    whole = Bytes(store)
    lengths = {1, 7, 8, 9, 63, 200, 4095, 4096, whole.header_bytes - 1, whole.header_bytes, whole.header_bytes + 1}
    lengths |= {whole.start("events"), whole.start("events") + 100, len(store) // 2, len(store) - 4096, len(store) - 1}
    for length in sorted(lengths | {0}):
        path = context.write("cut.store", store[:length])
        read_by_all(context, path, f"{length} of {len(store)} bytes")
    return f"{len(lengths) + 1} lengths"


def _huge_stores(whole):
    for section in ("modules", "nodes", "sites", "rings", "events", "snapshots", "marks"):
        for count in HUGE:
            yield f"{count} {section}", whole.put("Q", whole.used(section), count)
        yield f"size of {section}", whole.put("I", whole.used(section) + 8, 0)
        yield f"no {section}", whole.put("Q", whole.used(section), 0) if section in ("modules", "nodes", "sites") else None
    yield "extents", whole.put("I", whole.extents, 0xFFFFFFFF)
    for i in range(len(SECTIONS)):
        yield f"pages of extent {i}", whole.put("I", whole.extent(i) + 8, 0xFFFFFFFF)
        yield f"place of extent {i}", whole.put("Q", whole.extent(i), (1 << 64) - 4096)
        yield f"section of extent {i}", whole.put("I", whole.extent(i) + 12, len(SECTIONS))
    yield "all extents the same", whole.put("QII", whole.extent(1), *_extent(whole, 0))
    yield "a string", whole.put("II", 8 + 40 + 64, 0xFFFFFFFF, 0xFFFFFFFF)
    yield "a module's path", whole.put("I", whole.start("modules") + 96 + 28, 0xFFFFFFFF)
    longer = whole.put("Q", whole.used("strings"), 8193)
    yield "a path longer than any", longer.put("II", whole.start("modules") + 96 + 24, 0, 8193)
    yield "a build-id", whole.put("I", whole.start("modules") + 96 + 36, 0xFFFFFFFF)
    yield "a ring's head", whole.put("Q", whole.start("rings"), (1 << 64) - 1)


def _extent(whole, index):
    return struct.unpack_from("<QII", whole.data, whole.extent(index))


@test()
def store_counts(context):
    """Counts, offsets and sizes that no real file has."""
    store, _ = _recorded(context)
    count = 0
    for what, damaged in _huge_stores(Bytes(store)):
        if damaged:
            count += 1
            path = context.write("huge.store", bytes(damaged.data))
            read_by(context, ("export", "top", "info", "merge")[count % 4], path, what, (3,))
    return f"{count} stores"


@test()
def store_tree(context):
    """Invalid call trees: nodes that call themselves or each other, and endless stacks."""
    store, _ = _recorded(context)
    whole = Bytes(store)
    nodes = whole.start("nodes")
    for what, node, parent in (("its own caller", 1, 1), ("a later caller", 2, 3), ("far away", 3, 0xFFFFFFFF)):
        path = context.write("tree.store", bytes(whole.put("I", nodes + 16 * node, parent).data))
        read_by_all(context, path, what)
    path = context.write("tree.store", bytes(whole.put("I", nodes + 16 + 4, 1 << 20).data))
    read_by_all(context, path, "an unknown module")
    path = context.write("tree.store", bytes(whole.put("I", whole.start("sites") + 2 * whole.element("sites") - 16, 1 << 30).data))
    read_by_all(context, path, "a site without a node")


def _flip(context, data, name, places, seed):
    """Flip one to three bits each time. All commands read some of the files, one command reads the rest."""
    chance = random.Random(seed)
    counts = {}
    for i in range(FLIPS):
        damaged = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            damaged[chance.choice(places)] ^= 1 << chance.randrange(8)
        path = context.write(name, bytes(damaged))
        statuses = (0, 3)
        what = f"flip {i} of seed {seed}"
        if i % 10:
            got = [read_by(context, ("export", "info", "merge")[i % 3], path, what, statuses)]
        else:
            got = read_by_all(context, path, what, statuses)
        counts[got[0]] = counts.get(got[0], 0) + 1
    check(counts.get(3, 0) > FLIPS // 20, f"hardly any flip was noticed: {counts}")
    return ", ".join(f"{count} with status {status}" for status, count in sorted(counts.items()))


@test()
def store_flipped(context):
    store, _ = _recorded(context)
    places = [i for i, byte in enumerate(store) if byte]
    return _flip(context, store, "flipped.store", places, 7)


@test()
def json_flipped(context):
    _, report = _recorded(context)
    return _flip(context, report, "flipped.json", range(len(report)), 8)


@test()
def json_truncated(context):
    _, report = _recorded(context)
    lengths = {1, 2, 10, 100, len(report) // 2, report.index(b'"ftbl"'), report.index(b'"pps"') + 8, len(report) - 3}
    for length in sorted(lengths | {0}):
        read_by_all(context, context.write("cut.json", report[:length]), f"{length} of {len(report)} bytes")


def _not_loaded(code):
    """The places in the file of the sections that are not loaded into a running program: symbols, DWARF."""
    table, count = struct.unpack_from("<Q", code, 40)[0], struct.unpack_from("<H", code, 60)[0]
    places = list(range(table, table + 64 * count))
    for i in range(1, count):
        kind, flags, _, at, size = struct.unpack_from("<IQQQQ", code, table + 64 * i + 4)
        if kind != 8 and not flags & 2:  # has bytes, and is not loaded
            places += range(at, at + size)
    return places


@test()
def object_damaged(context):
    """If a program's symbols and DWARF are damaged, there is a report, perhaps without names."""
    chance = random.Random(9)
    with open(program("cxx"), "rb") as file:
        code = file.read()
    path, out = context.path("damaged"), context.path("out.json")
    shutil.copy(program("cxx"), path)
    context.run([path], env=context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=out, CTRACE_EXPORT=0)).check()
    places, named = _not_loaded(code), 0
    cases = [code[: len(code) * i // 8] for i in range(8)]
    for i in range(60):
        damaged = bytearray(code)
        for _ in range(4 ** (i % 5)):
            damaged[chance.choice(places)] = chance.choice((0, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        cases.append(bytes(damaged))
    for i, case in enumerate([code, *cases]):
        context.write("damaged", case)
        result = context.run([CTRACE, "export", "-o", out, out + ".store"], preexec_fn=limit)
        check(result.status == 0, f"case {i}: status {result.status}, {result.stderr}")
        frames = dhat.load(out).data["ftbl"]
        check(i or any(": main (" in frame for frame in frames), "no names in the sound file")
        named += any(": main (" in frame for frame in frames)
    check(1 < named <= len(cases), f"{named} of {len(cases) + 1} files gave names")
    return f"{named} of {len(cases) + 1} files gave names"


HEAD = (
    '{"dhatFileVersion":2,"mode":"heap","verb":"Allocated","bklt":true,"bkacc":false,"tu":"us","Mtu":"s","tuth":10,'
    '"cmd":"a","pid":1,"tg":5,"te":9'
)
POINT = '{"tb":8,"tbk":1,"tl":1,"mb":8,"mbk":1,"gb":8,"gbk":1,"eb":0,"ebk":0,"fs":[1]}'
FRAMES = '["[root]","0x10: f (a.c:1)"]'


def _json(points=POINT, frames=FRAMES, more=""):
    return HEAD + more + ',"pps":[' + points + '],"ftbl":' + frames + "}"


DEEP = 100_000
DAMAGED = {
    "arrays": _json(more=',"x":' + "[" * DEEP + "]" * DEEP),
    "objects": _json(more=',"x":' + '{"a":' * DEEP + "1" + "}" * DEEP),
    "arrays without end": _json(more=',"x":' + "[" * DEEP),
    "deep point": _json(points="[" * DEEP + "]" * DEEP),
    "deep frame": _json(frames="[" * DEEP + "]" * DEEP),
    "deep stack": _json(points=POINT.replace("[1]", "[" * DEEP + "]" * DEEP)),
    "deep ctrace": _json(more=',"ctrace":{"timeline":' + "[" * DEEP + "]" * DEEP + "}"),
    "version twice": _json(more=',"dhatFileVersion":2'),
    "frames twice": _json(more=',"ftbl":[]'),
    "points twice": _json(more=',"pps":[]'),
    "counter twice": _json(points=POINT.replace('"tb":8', '"tb":8,"tb":9')),
    "stack twice": _json(points=POINT.replace('"fs":[1]', '"fs":[1],"fs":[1]')),
    "2^64": _json(points=POINT.replace('"tb":8', '"tb":18446744073709551616')),
    "1e400": _json(points=POINT.replace('"tb":8', '"tb":1e400')),
    "a number of 100,000 digits": _json(points=POINT.replace('"tb":8', '"tb":' + "9" * DEEP)),
    "-1": _json(points=POINT.replace('"tb":8', '"tb":-1')),
    "a fraction": _json(points=POINT.replace('"tb":8', '"tb":8.5')),
    "a frame beyond": _json(points=POINT.replace("[1]", "[2]")),
    "a frame far beyond": _json(points=POINT.replace("[1]", "[18446744073709551615]")),
    "a frame before": _json(points=POINT.replace("[1]", "[-1]")),
    "NUL": _json() + "\0",
    "behind the end": _json() + "{}",
    "not UTF-8 in a name": _json().encode().replace(b"0x10: f", b"0x10: \xff\x1b[31m"),
}
SOUND = {
    "as it should be": _json(),
    "sums that overflow": _json(points=",".join([POINT.replace('"tb":8', '"tb":18446744073709551615')] * 3)),
    "an escape by its number": _json().replace("0x10: f", "0x10: \\u001b[31mf\\u009b2J"),
    "a long name": _json().replace("0x10: f", "0x10: " + "f" * 300_000),
}


@test()
def json_made_by_hand(context):
    """Deep, duplicated and huge values. A file that is only odd is read and shown without harm."""
    for what, text in DAMAGED.items():
        read_by_all(context, context.write("damaged.json", text), what)
    for what, text in SOUND.items():
        read_by_all(context, context.write("odd.json", text), what, (0, 3))
    read_by_all(context, context.write("good.json", SOUND["as it should be"]), "as it should be", (0,))


def _odd_program(context):
    """A program with escape sequences in its own name, in a function's and in a source file's."""
    with open(program("deep"), "rb") as file:
        code = file.read()
    check(b"deep_leaf\0" in code and b"deep.c\0" in code, "names to replace")
    code = code.replace(b"deep_leaf\0", b"\x1b[2Jleaf\x07\0").replace(b"deep.c\0", b"\x1b[1m.c\0")
    path = context.write("odd\x1b[31m\n", code)
    os.chmod(path, 0o755)
    return path


def _check_clean(text, what):
    check(not controls(text), f"{what}: control characters {controls(text)}")


def _check_file(path):
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if path.endswith("parquet"):
        starts = [found.start() for found in re.finditer(b"\x1f\x8b\x08\0\0\0\0\0", data)]
        data = b"".join(zlib.decompressobj(31).decompress(data[at:]) for at in starts)
        check_in(b"leaf", data, "pages of the Parquet file")
    binary = path.endswith(("pprof", "parquet"))
    check(not (re.search(rb"\x1b\[\d+[a-zA-Z]", data) if binary else controls(data.decode())), f"{path}: control characters")
    return data


@test()
def escape_sequences(context):
    """No escape sequence in names of programs, functions, files and folders, or in arguments, reaches a terminal."""
    odd = _odd_program(context)
    out = context.path("report\x1b[7m.json")
    words = [odd, "5", "1\x1b[2J\n\x9b"]
    result = context.run(words, env=context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=out, CTRACE_KEEP_STORE=1)).check()
    check_in("report", result.stderr, "summary")
    _check_clean(result.stderr, "the program's summary")
    check_in("leaf", "".join(frame for frame in dhat.check_file(out).data["ftbl"]), "the function's name")
    for path in (out, out + ".store"):
        for command in ([CTRACE_TOP], [CTRACE_TOP, "--cum"], [CTRACE_TOP, "--tree"], [CTRACE, "info"]):
            result = context.run([*command, path])
            _check_clean(result.stdout + result.stderr, " ".join(command))
            check(result.status in (0, 1), f"{command}: {result.stderr}")
        for name in ["dhat", *FORMATS.split(",")]:
            exported = context.path("exported." + name)
            result = context.run([CTRACE, "export", "-f", name, "-o", exported, path]).check()
            _check_clean(result.stderr, name)
            _check_file(exported)
    for command in ([CTRACE_TOP], [CTRACE, "info"], [CTRACE, "export"], [CTRACE, "merge", "-o", "x"]):
        result = context.run([*command, "no\x1b[31m\nfile"])
        check(result.status in (2, 3), f"status {result.status}")
        _check_clean(result.stderr.replace("\n", "", 1), "a file that is not there")
    result = context.run([CTRACE, "record", "-o", context.path("in\x1b[1m/"), *words]).check()
    _check_clean(result.stderr, "record")
    for folder, _, names in os.walk(context.folder):
        for name in names:
            if name == "README.md":
                check_in(b"leaf", _check_file(os.path.join(folder, name)), "README.md")
    result = context.run(["./" + os.path.basename(odd)], env=trace.environment(context, CTRACE_DEPTH="\x1b[5m"))
    _check_clean(result.stderr, "an option")


def _shared_folder(context):
    """A world-writable folder, with what a user needs to run a program there."""
    if os.geteuid() != 0:
        raise Skip("root, to be several users")
    os.chmod(context.folder, 0o711)
    for path in (CTRACE, LIBRARY, program("deep")):
        os.chmod(shutil.copy(path, context.folder), 0o755)
    shared = context.make_folder("shared")
    os.chmod(shared, 0o777)
    victim = context.path("shared", "victim")
    with open(victim, "w", encoding="ascii") as file:
        file.write("precious")
    os.chmod(victim, 0o666)
    return shared, victim


def _plant(kind, path, victim):
    """Plant the file as the stranger."""
    if kind == "link":
        os.symlink(victim, path)
    elif kind == "pipe":
        os.mkfifo(path, 0o666)
    else:
        os.link(victim, path)
    os.chown(path, STRANGER, STRANGER, follow_symlinks=False)


def _precious(victim):
    with open(victim, encoding="ascii") as file:
        return file.read() == "precious"


@test()
def planted_outputs(context):
    """A stranger put links, pipes and files where store, report or temporary file will be. None of them is written to."""
    shared, victim = _shared_folder(context)
    for user in (0, USER):
        for place in ("", ".store", ".tmp"):
            for kind in ("link", "pipe", "hard link"):
                out = os.path.join(shared, re.sub(r"\W", "_", f"of{user}{place}{kind}") + ".json")
                name = out.replace(".json", ".json.$$.tmp") if place == ".tmp" else out + place
                env = context.environment(LD_PRELOAD=context.path("libctrace.so"), CTRACE_OUT=out, CTRACE_QUIET=1)
                env["CTRACE_BIN"] = context.path("ctrace")
                if place != ".tmp":
                    _plant(kind, name, victim)
                    command = [context.path("deep"), "5"]
                else:  # this name has the exporter's pid in it
                    env["CTRACE_EXPORT"] = "0"
                    context.run([context.path("deep"), "5"], env=env, user=user).check()
                    plant = {"link": f"ln -s {victim}", "pipe": "mkfifo", "hard link": f"ln {victim}"}[kind]
                    env = context.environment()
                    command = ["sh", "-c", f'{plant} "{name}"; exec {context.path("ctrace")} export "{out}.store"']
                context.run(command, env=env, user=user).check()
                check(_precious(victim), f"{kind} at {name} as user {user}: the victim was written to")
                written = [path for path in os.listdir(shared) if path.startswith(os.path.basename(out)[:-5])]
                reports = [os.path.join(shared, path) for path in written if not path.endswith(".store")]
                reports = [path for path in reports if stat.S_ISREG(os.lstat(path).st_mode)]
                check(any(os.path.getsize(path) > 500 for path in reports), f"{kind} at {name}: no report in {written}")


@test()
def standard_output(context):
    """/dev/stdout is a link, which must stay one."""
    _recorded(context)
    for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "-"):
        result = context.run([CTRACE, "export", "-o", name, context.path("good.json")]).check()
        check(result.stdout.startswith('{"dhatFileVersion":2'), f"{name}: {result.stdout[:50]!r}")
    check(os.path.islink("/dev/stdout"), "/dev/stdout is no link any more")


@test()
def umask_rights(context):
    """The report has the permissions that the umask leaves. Only its user may open the store."""
    for mask in (0o022, 0o027, 0o077, 0):
        out = context.path(f"rights{mask}.json")
        env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=out, CTRACE_QUIET=1, CTRACE_KEEP_STORE=1)
        context.run([program("deep"), "5"], env=env, umask=mask).check()
        check_equal(stat.S_IMODE(os.stat(out).st_mode), 0o666 & ~mask, f"rights of the report with umask {mask:o}")
        check_equal(stat.S_IMODE(os.stat(out + ".store").st_mode), 0o600, "rights of the store")


@test()
def store_of_a_stranger(context):
    """The report's name in the store is ignored: root writes beside the store, or to the file that root names."""
    shared, victim = _shared_folder(context)
    real, alias = os.path.join(shared, "real"), os.path.join(shared, "alias")
    os.mkdir(real, 0o755)
    os.symlink(real, alias)
    out = os.path.join(alias, "report.json")
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=out, CTRACE_EXPORT=0, CTRACE_QUIET=0)
    context.run([program("deep"), "5"], env=env).check()
    store = os.path.join(real, "report.json.store")
    for owner, wanted in ((0, alias), (STRANGER, real)):
        os.chown(store, owner, owner)
        result = context.run([CTRACE, "export", store]).check()
        check_in(f"report {wanted}/report.json\n", result.stderr, f"where the report of user {owner} goes")
    os.remove(os.path.join(real, "report.json"))
    os.symlink(victim, os.path.join(real, "report.json"))
    context.run([CTRACE, "export", store]).check()
    check(_precious(victim), "root wrote through the stranger's link")
