# SPDX-License-Identifier: MIT
"""ctrace memory and ctrace top --resident: where a running process's memory is. The oracles are the kernel, malloc's own
numbers, and programs that touch known pages."""

import glob
import json
import os
import re
import resource
import signal
import struct
import subprocess

from lib import memory, trace
from lib.harness import CTRACE, CTRACE_TOP, LIBRARY, PYTHON, check, check_equal, check_in, program, test, wait_for
from lib.ports import free_port

MIB = 1 << 20
PAGE = 4096
ALLOCATORS = {name: f"/usr/lib/x86_64-linux-gnu/lib{name}.so.2" for name in ("jemalloc", "mimalloc")}
POSTGRES = max(glob.glob("/usr/lib/postgresql/*/bin"), default="/usr/lib/postgresql/bin")
PYTHON_PROGRAM = """
import json
data = [json.loads(json.dumps({str(i): ["x" * (i % 700)] * 9})) for i in range(20000)]
del data[1::2]
print("ready", flush=True)
input()
"""


def _near(got, wanted, slack, what):
    check(abs(got - wanted) <= slack, f"{what}: got {got}, wanted {wanted} with a difference of at most {slack}")


@test(needs=PYTHON)
def adds_up_for_python(context):
    with memory.waiting(context, PYTHON, "-c", PYTHON_PROGRAM) as python:
        python.ready()
        got = memory.ledger(context, python.pid)
        # Python's own arenas are mappings, and its larger strings are blocks.
        check(got["rows"]["mapped"] > 10 * MIB and got["rows"]["live"] > MIB, f"rows: {got['rows']}")
        top = memory.sites(context, python.pid)
        check_equal(sum(site["endBytes"] for site in top.values()), got["liveBytes"], "live bytes in the ledger and in the store")
    return f"RSS {got['rssBytes'] // 1024} KiB, unexplained {got['rows']['unexplained']} B, {got['tookNs'] // 1000} µs"


@test()
def adds_up_for_a_server_in_cxx(context):
    with memory.waiting(context, program("cache_server")) as server:
        server.ready()
        got = memory.ledger(context, server.pid)
        text = context.run([CTRACE, "memory", server.pid]).check().stdout
    check(got["pinnedBytes"] > 4 * MIB and got["rows"]["free"] > 20 * MIB, f"most of the heap is free: {got}")
    check_in(" are live, ", text, "the heap in words")
    check(re.search(r"^ +[\d.]+ MiB +[\d.]+  free memory that the allocator keeps$", text, re.M), text)
    return f"RSS {got['rssBytes'] // 1024} KiB, unexplained {got['rows']['unexplained']} B, {got['tookNs'] // 1000} µs"


@test(needs=tuple(ALLOCATORS.values()))
def adds_up_for_other_allocators(context):
    said = []
    for name, library in ALLOCATORS.items():
        for what in ("touch", "threads"):
            with memory.waiting(context, program("pages"), what, LD_PRELOAD=f"{LIBRARY}:{library}") as pages:
                pages.ready()
                got = memory.ledger(context, pages.pid)
                least = (18 if what == "touch" else 4) * MIB
                check(least < got["rows"]["live"] < least + 10 * MIB, f"{name}, {what}: {got}")
                check(got["slackEstimated"], f"{name}: slack is known by glibc's heads only")
                said.append(f"{name} {what}: unexplained {got['rows']['unexplained']} B")
    return ", ".join(said)


@test(needs=("redis-server", "redis-benchmark", "redis-cli"))
def adds_up_for_redis(context):
    port = str(free_port())
    options = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", context.folder]
    with open(context.path("log"), "wb") as log:
        server = subprocess.Popen(["redis-server", *options], env=trace.environment(context), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    client = ["redis-cli", "-p", port]
    try:
        wait_for(lambda: context.run([*client, "ping"]).stdout.strip() == "PONG", "redis-server to answer")
        context.run(["redis-benchmark", "-p", port, "-P", "16", "-n", "60000", "-r", "60000", "-q", "-t", "set,lpush,sadd"]).check()
        wait_for(lambda: "connected_clients:1\r" in context.run([*client, "info", "clients"]).stdout, "the clients to be gone")
        info = context.run([*client, "info", "memory"]).check().stdout
        got = memory.ledger(context, server.pid)
        top = context.run([CTRACE_TOP, "--pins", "-n", "3", "-p", server.pid]).check().stdout
        check(re.search(r"^ *SHARE +% +SUM% +PINNED +RESIDENT +LIVE +BLOCKS +UNTOUCHED", top, re.M), top)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
    used = int(re.search(r"^used_memory:(\d+)", info, re.M)[1])
    ours = got["liveBytes"] + got["rows"]["slack"]
    _near(ours, used, used // 20, "live bytes with slack, and what redis counts as used")
    return f"RSS {got['rssBytes'] // 1024} KiB, unexplained {got['rows']['unexplained']} B, {got['tookNs'] // 1000} µs"


@test(needs=(POSTGRES + "/initdb", POSTGRES + "/postgres"))
def adds_up_for_postgres(context):
    """A backend, whose memory is mostly shared, and which began as a copy of the postmaster. postgres refuses to run as root."""
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
    if user:
        os.chmod(context.folder, 0o777)
    data, port = context.path("data"), str(free_port())
    context.run([POSTGRES + "/initdb", "-D", data, "-U", "me", "-N", "--no-locale"], **user).check()
    client = [POSTGRES + "/psql", "-h", context.folder, "-p", port, "-U", "me", "-qAtX", "postgres"]
    options = ["-D", data, "-k", context.folder, "-p", port, "-c", "listen_addresses=", "-c", "shared_buffers=32MB"]
    with open(context.path("log"), "wb") as log:
        server = subprocess.Popen([POSTGRES + "/postgres", *options], env=trace.environment(context), stdout=log, stderr=log, **user)
    session = None
    try:
        wait_for(lambda: context.run([*client, "-c", "select 1"], **user).status == 0, "postgres to answer")
        session = subprocess.Popen(client, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=context.environment(), **user)
        session.stdin.write("create table t as select generate_series(1, 200000) n; select sum(n) from t; select pg_backend_pid();\n")
        session.stdin.flush()
        check_equal(session.stdout.readline().strip(), "20000100000", "the sum")
        backend = int(session.stdout.readline())
        got = memory.ledger(context, backend)
        check(got["rows"]["shared"] > 4 * MIB and got["rows"]["live"] > MIB, f"rows: {got['rows']}")
    finally:
        if session:
            session.communicate()
        server.send_signal(signal.SIGINT)
        server.wait()
    return f"RSS {got['rssBytes'] // 1024} KiB, unexplained {got['rows']['unexplained']} B, {got['tookNs'] // 1000} µs"


def _check_known_pages(sites):
    whole = 8 * MIB
    # A block of its own begins 16 bytes behind its mapping's first page, which has malloc's head.
    for name, resident in (("make_whole", whole), ("make_split", whole), ("make_some", whole // 4 - 16), ("make_none", PAGE - 16), ("make_zeros", PAGE - 16)):
        check_equal(sites[name]["residentBytes"], resident, f"resident bytes of {name}")
        check_equal(sites[name]["untouchedBytes"], whole - resident, f"untouched bytes of {name}")
    check_equal(sites["make_small"]["untouchedBytes"], 0, "untouched bytes of small blocks")


@test()
def known_pages(context):
    """Resident and untouched bytes of blocks whose touched pages are known; reading a page of zeros makes nothing resident."""
    with memory.waiting(context, program("pages"), "touch") as pages:
        pages.ready()
        _check_known_pages(memory.sites(context, pages.pid))
        table = context.run([CTRACE_TOP, "--resident", "--bytes", "-p", pages.pid]).check().stdout
    check(re.search(r"^ *RESIDENT +% +SUM% +LIVE +BLOCKS +UNTOUCHED", table, re.M), table)
    check(re.search(r"^ *2,097,136 .* 6,291,472 .*make_some pages.c:", table, re.M), table)


@test(needs="strace")
def without_a_scan_of_pages(context):
    """A kernel before 6.7: pages of zeros are told from a process's own by what smaps counts, also where a child shares them."""
    for what in ("touch", "pins"):
        with memory.waiting(context, program("pages"), what) as pages:
            pages.ready()
            rows = [memory.ledger(context, pages.pid, through=through)["rows"] for through in ((), memory.OLD_KERNEL)]
            check_equal(rows[1], rows[0], "rows with the kernel's scan, and without")
            if what == "touch":
                _check_known_pages(memory.sites(context, pages.pid, through=memory.OLD_KERNEL))
    fork = "import os\nkept = [bytes(600) for i in range(9000)]\nif os.fork(): os.waitpid(-1, 0)\nprint('ready', flush=True)\ninput()"
    with memory.waiting(context, PYTHON, "-c", fork, PYTHONMALLOC="malloc") as python:
        python.line()
        memory.settle(int(open(f"/proc/{python.pid}/task/{python.pid}/children", encoding="utf-8").read()))

        def agree():
            rows = [memory.ledger(context, python.pid, through=through)["rows"] for through in ((), memory.OLD_KERNEL)]
            # Our own mapping may have pages of zeros beside pages that the child shares, which pagemap cannot tell apart.
            ours = [row.pop("ctrace") + row.pop("unexplained") for row in rows]
            return rows[0] == rows[1] and ours[0] == ours[1]

        # The kernel may take a page away between two looks.
        wait_for(agree, "the same rows with the kernel's scan and without, of a process that shares pages with its child")


@test()
def known_stacks(context):
    """Four threads, each with 1 MiB of its stack in use and 1 MiB of blocks in an arena of its own."""
    with memory.waiting(context, program("pages"), "threads") as pages:
        pages.ready()
        rows = memory.ledger(context, pages.pid)["rows"]
    _near(rows["stacks"], 4 * MIB, 256 * 1024, "stacks")
    _near(rows["live"], 4 * MIB, 64 * 1024, "live")


@test()
def mappings_by_site(context):
    """With --mmap the ledger names the program's mappings and its threads' stacks; without, it says what would name them."""
    libraries = f"{LIBRARY}:{os.path.join(os.path.dirname(LIBRARY), 'libctrace-mmap.so')}"
    with memory.waiting(context, program("mappings"), "held", out="held.json", LD_PRELOAD=libraries, CTRACE_MMAP=1, CTRACE_MEMORY=1) as pages:
        pages.ready()
        alive = memory.ledger(context, pages.pid)
        text = context.run([CTRACE, "memory", pages.pid]).check().stdout
        pages.go_on()
        check_equal(pages.process.wait(), 0, "the program's end")
    parts = {(part["row"], part["site"].split()[0]): part for part in alive["parts"]}
    wanted = {("mapped", "map_a"): (768, 2148), ("mapped", "map_b"): (256, 512), ("mapped", "map_c"): (0, 4096),
              ("stacks", "create"): (512, 1024), ("stacks", "create_with_own_stack"): (256, 512)}
    check_equal(set(parts), set(wanted), "sites")
    for key, (resident, mapped) in wanted.items():
        slack = 24 * PAGE if key[0] == "stacks" else 0
        _near(parts[key]["residentBytes"], resident * PAGE, slack, f"resident bytes of {key}")
        _near(parts[key]["mappedBytes"], mapped * PAGE, slack, f"mapped bytes of {key}")
    check(re.search(r"anonymous mappings without blocks\n +3\.00 MiB +[\d.]+    map_a mappings\.h:\d+ < held, of 8\.39 MiB mapped\n", text), text)
    for row in ("mapped", "stacks"):
        check(sum(part["residentBytes"] for part in alive["parts"] if part["row"] == row) <= alive["rows"][row] + 24 * PAGE, f"parts of {row}: {alive}")
    at_end = json.loads(context.run([CTRACE, "memory", "--json", "held.json"]).check().stdout)
    check_equal([part["residentBytes"] for part in at_end["parts"] if part["row"] == "mapped"], [768 * PAGE, 256 * PAGE, 0], "at the end, from the report")
    with memory.waiting(context, program("mappings"), "held") as pages:
        pages.ready()
        plain = memory.ledger(context, pages.pid)
        check_in("mappings  a recording with --mmap", context.run([CTRACE, "memory", pages.pid]).check().stdout, "the hint")
    check_equal((plain["mappings"], "parts" in plain, alive["mappings"]), (False, False, True), "a recording without --mmap")


@test()
def who_pins_the_pages(context):
    """The bytes that would come back without a site's blocks are those that come back when they are freed."""
    with memory.waiting(context, program("pages"), "pins", GLIBC_TUNABLES="glibc.malloc.tcache_count=0") as pages:
        pages.ready()
        before = memory.ledger(context, pages.pid)
        shares = {name: site["shareBytes"] for name, site in memory.sites(context, pages.pid).items()}
        check_equal(sum(shares.values()), before["pinnedBytes"], "all shares")
        for name in ("make_first", "make_second", "make_alone"):
            _near(shares[name], 1000 * PAGE // (1 if name == "make_alone" else 2), 100 * PAGE, f"share of {name}")
        for name, what in (("make_alone", "most"), ("make_first", "little"), ("make_second", "most")):
            pinned, rss = memory.sites(context, pages.pid)[name]["pinnedBytes"], pages.rss()
            check((pinned > 900 * PAGE) == (what == "most"), f"{name} pins {pinned} bytes")
            pages.go_on()
            given_out = int(pages.ready()[1])
            _near(rss - pages.rss(), pinned, 16 * PAGE, f"bytes that come back with {name}'s blocks")
            rows = memory.ledger(context, pages.pid)["rows"]
            own = 0x290  # one block of malloc's own, which it counts
            check_equal(rows["live"] + rows["slack"] + rows["heads"], given_out - own, "bytes that malloc has given out")
        after = memory.ledger(context, pages.pid)
    check(before["pinnedBytes"] > 1800 * PAGE and after["pinnedBytes"] < 16 * PAGE, f"pinned: {before}, then {after}")


def _blocks_of_log(path):
    """The live blocks, {address: bytes}, after all calls that libobserve.so has logged."""
    blocks = {}
    with open(path, "rb") as file:
        count = struct.unpack("<4Q", file.read(32))[0]
        calls = struct.iter_unpack("<4Q", file.read(32 * count))
    for letter, first, second, result in calls:
        kind = chr(letter)
        if kind in "fr" and (result or kind == "f" or not second):
            blocks.pop(first, None)
        if result:
            blocks[result] = {"m": first, "c": first * second}.get(kind, second)
    return blocks


def _resident_of_blocks(pid, blocks):
    """Their resident bytes, by the kernel's word for each page."""
    pages, resident = {}, 0
    with open(f"/proc/{pid}/pagemap", "rb", buffering=0) as pagemap:
        for address, size in blocks.items():
            at = address
            while at < address + size:
                end = min(at // PAGE * PAGE + PAGE, address + size)
                if at // PAGE not in pages:
                    pagemap.seek(at // PAGE * 8)
                    pages[at // PAGE] = pagemap.read(8)[7] >> 7
                resident += pages[at // PAGE] * (end - at)
                at = end
    return resident


@test(needs=PYTHON)
def as_read_by_others(context):
    """python3's live blocks as logged by another library, and their pages as the kernel has them, to the byte."""
    script = "kept = [bytes(n % 900) * 2 for n in range(30000)]\ndel kept[::3]\nlarge = bytearray(1 << 20)\nprint('ready', flush=True)\ninput()"
    log = context.path("calls")
    preload = f"{LIBRARY}:{program('libobserve.so')}"
    with memory.waiting(context, PYTHON, "-c", script, LD_PRELOAD=preload, OBSERVED=log, PYTHONMALLOC="malloc") as python:
        python.ready()
        got = memory.ledger(context, python.pid)
        blocks = _blocks_of_log(log)
        check_equal((got["liveBlocks"], got["liveBytes"]), (len(blocks), sum(blocks.values())), "live blocks and bytes")
        check_equal(got["rows"]["live"], _resident_of_blocks(python.pid, blocks), "resident bytes of the blocks")
    return f"{len(blocks)} blocks, {got['rows']['live']} B resident"


@test(needs=tuple(ALLOCATORS.values()))
def slack_of_other_allocators(context):
    """Slack is what malloc_usable_size says, also if the freed blocks of the same site had other sizes."""
    said = []
    for name, library in ALLOCATORS.items():
        with memory.waiting(context, program("pages"), "classes", LD_PRELOAD=f"{LIBRARY}:{library}") as pages:
            usable = int(pages.ready()[0])
            got = memory.ledger(context, pages.pid)
            _near(got["liveBytes"] + got["rows"]["slack"], usable, usable // 100, f"{name}: live bytes and slack")
            said.append(f"{name}: {got['rows']['slack']} B of slack")
    return ", ".join(said)


@test(needs=tuple(ALLOCATORS.values()))
def protected_parts(context):
    """A part of a block that the program has protected is resident still, and the allocator's."""
    for library in ("", *ALLOCATORS.values()):
        with memory.waiting(context, program("pages"), "protect", LD_PRELOAD=f"{LIBRARY}:{library}") as pages:
            pages.ready()
            got = memory.ledger(context, pages.pid)
            check(got["rows"]["mapped"] < MIB, f"{library}: {got['rows']}")
            site = memory.sites(context, pages.pid)["make_protected"]
            check_equal((site["residentBytes"], site["untouchedBytes"]), (8 * MIB, 0), f"{library}: resident and untouched bytes")


@test()
def nothing_is_touched(context):
    """Looking at a process makes no page of it resident, and does not stop it."""
    fork = "import os, signal, sys\nlist = [bytes(600) for i in range(9)]\nif os.fork(): signal.pause()\nbytes(700)\nprint('ready', os.getpid(), flush=True)\ninput()"
    for command in ([program("pages"), "touch"], [PYTHON, "-c", fork]):
        with memory.waiting(context, *command, CTRACE_OUT=context.path("%p.json")) as pages:
            words = pages.line()
            pid = int(words[1]) if "-c" in command else pages.pid
            try:
                memory.settle(pid)
                before = memory.rss_of(pid)
                for _ in range(5):
                    memory.ledger(context, pid)
                check_equal(memory.rss_of(pid), before, "RSS after five ledgers")
                with open(f"/proc/{pid}/status", encoding="utf-8") as status:
                    check_in("TracerPid:\t0", status.read(), "nothing traces it")
            finally:
                if pid != pages.pid:
                    os.kill(pid, signal.SIGKILL)


@test(needs=PYTHON)
def while_the_program_works(context):
    """Threads that allocate all the time: the rows still add up, no number is out of range, and mostly little is unexplained."""
    script = "import threading\ndef work():\n while True: [bytes(n) for n in range(600, 9000, 7)]\n"
    script += "for _ in range(3): threading.Thread(target=work, daemon=True).start()\nprint('ready', flush=True)\ninput()"
    with memory.waiting(context, PYTHON, "-c", script) as python:
        python.ready()
        explained = 0
        for _ in range(10):
            got = memory.ledger(context, python.pid, steady=False)
            check(MIB / 10 < got["liveBytes"] < 64 * MIB, f"live bytes: {got}")
            explained += abs(got["rows"]["unexplained"]) <= got["rssBytes"] / 50
        check(explained >= 2, f"only {explained} of 10 ledgers have at most 2 % unexplained")
    return f"{explained} of 10 have at most 2 % unexplained"


@test()
def what_is_not_known(context):
    """A sample has no blocks for its pages; a segment that began later does not have the older ones. Both are said."""
    with memory.waiting(context, program("pages"), "touch", CTRACE_SAMPLE="16k") as pages:
        pages.ready()
        got = memory.ledger(context, pages.pid)
        check(not got["exact"] and "pinnedBytes" not in got, f"a sample: {got}")
        text = context.run([CTRACE, "memory", pages.pid]).check().stdout
        check_in("live and slack are estimates from a sample", text, "a sample")
        refused = context.run([CTRACE_TOP, "--resident", "-p", pages.pid]).check(2)
        check_in("is a sample, which does not have all blocks", refused.stderr, "--resident of a sample")
    with memory.waiting(context, program("pages"), "touch", CTRACE_MODE="off", CTRACE_CONTROL=context.folder) as pages:
        pages.ready()
        refused = context.run([CTRACE, "memory", pages.pid], env=context.environment(CTRACE_CONTROL=context.folder)).check(3)
        check_in("is asleep", refused.stderr, "a sleeping process")
    with memory.waiting(context, program("pages"), "pins") as pages:
        pages.ready()
        context.run([CTRACE, "ctl", pages.pid, "reset"]).check()
        pages.go_on()
        pages.ready()
        check_in("older blocks count as free", context.run([CTRACE, "memory", pages.pid]).check().stdout, "a later segment")


@test()
def damaged_block_maps(context):
    """A process whose memory says anything: no crash, no endless reading, and no number beyond what the process has."""
    said = {"leaves": "far more blocks than its store", "shift": "is damaged"}
    for how in ("leaves", "rows", "sizes", "shift"):
        with memory.waiting(context, program("scribble"), how) as scribble:
            scribble.ready()
            limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_AS, (512 * MIB, 512 * MIB))}
            result = context.run([CTRACE, "memory", "--json", scribble.pid], **limit)
            if how in said:
                check_in(said[how], result.check(3).stderr, how)
                continue
            got = json.loads(result.check().stdout)
            check_equal(sum(got["rows"].values()), got["rssBytes"], f"{how}: the sum of the rows")
            check(got["rows"]["live"] <= got["rssBytes"], f"{how}: {got}")


def _mapping_table(context, pid):
    """Addresses of the three variables of the table of mappings: the pointer to the rows, the root's number, and how many rows there are."""
    sections = context.run(["readelf", "-SW", LIBRARY]).check().stdout
    address, offset, size = (int(word, 16) for word in re.search(r"\.note\.ctrace +NOTE +(\w+) (\w+) (\w+)", sections).groups())
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        base = next(int(line.split("-")[0], 16) for line in maps if line.rstrip().endswith(LIBRARY))
    with open(LIBRARY, "rb") as file:
        file.seek(offset)
        notes = file.read(size)
    at = 0
    while True:
        name, bytes_, type_ = struct.unpack_from("<III", notes, at)
        at += 12 + (name + 3 & ~3)
        if type_ == 3:
            return [base + address + at + 4 * i + distance for i, distance in enumerate(struct.unpack_from("<iii", notes, at))]
        at += bytes_ + 3 & ~3


@test(needs="readelf")
def damaged_mappings(context):
    """The same of the table of mappings."""
    libraries = f"{LIBRARY}:{os.path.join(os.path.dirname(LIBRARY), 'libctrace-mmap.so')}"
    with memory.waiting(context, program("mappings"), "held", LD_PRELOAD=libraries, CTRACE_MMAP=1) as pages:
        pages.ready()
        with open(f"/proc/{pages.pid}/mem", "r+b", buffering=0) as file:

            def number(form, address, new=None):
                file.seek(address)
                old, = struct.unpack(form, file.read(struct.calcsize(form)))
                if new is not None:
                    file.seek(address)
                    file.write(struct.pack(form, new))
                return old

            rows_at, root_at, count_at = _mapping_table(context, pages.pid)
            rows, root = number("<Q", rows_at), number("<I", root_at)
            check(root and number("<I", count_at) > root, "the table")
            start = rows + 32 * root
            for what, form, address, new in (("end", "<Q", start + 8, 2**64 - 1), ("start", "<Q", start, 1), ("left", "<I", start + 16, root), ("right", "<I", start + 20, 2**32 - 1),
                                             ("mapping", "<I", start + 24, 2**31), ("root", "<I", root_at, 2**32 - 1), ("count", "<I", count_at, 2**32 - 1),
                                             ("rows", "<Q", rows_at, 2**60), ("rows", "<Q", rows_at, 1)):
                old = number(form, address, new)
                limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_AS, (512 * MIB, 512 * MIB))}
                got = json.loads(context.run([CTRACE, "memory", "--json", pages.pid], **limit).check().stdout)
                check_equal(sum(got["rows"].values()), got["rssBytes"], f"{what}: the sum of the rows")
                check(all(part["residentBytes"] <= got["rssBytes"] for part in got.get("parts", ())), f"{what}: {got}")
                number(form, address, old)
            check_equal(len(memory.ledger(context, pages.pid)["parts"]), 5, "parts, repaired")


@test()
def wrong_words(context):
    for words, status, part in (
        ([], 2, "name a process or a report"),
        (["app"], 3, "app: "),
        (["0"], 3, "0: "),
        (["999999999"], 3, "there is no process"),
        (["1", "2"], 2, "name a process or a report"),
    ):
        check_in(part, context.run([CTRACE, "memory", *words]).check(status).stderr, f"memory {words}")
    with memory.waiting(context, "/bin/cat", LD_PRELOAD=None) as cat:
        check_in("is not traced", context.run([CTRACE, "memory", cat.pid]).check(3).stderr, "a process without ctrace")
