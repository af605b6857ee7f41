# SPDX-License-Identifier: MIT
"""ctrace export -f parquet and -f jsonl: tables that databases read, with the numbers of the report."""

import json
import os
import signal
import subprocess

from lib import databases, dhat, formats, trace
from lib.harness import CTRACE, CTRACE_TOP, ROOT, check, check_caught, check_equal, check_in, program, test

DATA = os.path.join(ROOT, "tests", "unit", "data")
COUNTERS = {metric.replace("-", "_"): key for metric, key in formats.KEYS.items()}


def _export(context, source, *options, name="out"):
    """Export in both formats; returns the stem of the files."""
    for kind in ("parquet", "jsonl"):
        context.run([CTRACE, "export", "-f", kind, *options, "-o", context.path(f"{name}.{kind}"), source]).check()
        os.rename(context.path(f"{name}.{kind}"), context.path(f"{name}.sites.{kind}"))
    return context.path(name)


@test()
def sums(context):
    """Each counter of each stack is that of the report, and the totals are those of ctrace top."""
    pyarrow = databases.package("pyarrow.parquet")
    for make in formats.RECORDINGS:
        recording = make(context)
        stem = _export(context, recording.store)
        readers = databases.check_same_tables(stem)
        found = databases.rows(f"from '{stem}.sites.parquet'")
        check_equal(len(found), len({tuple(map(repr, site.frames)) for site in recording.report.sites}), "rows")
        for column, key in COUNTERS.items():
            by_stack = {}
            for row in found:
                if row[column]:
                    stack = tuple(reversed(row["stack"]))
                    by_stack[stack] = by_stack.get(stack, 0) + row[column]
            check_equal(by_stack, recording.by_stack(key), column)
        (process,) = databases.rows(f"from '{stem}.processes.parquet'")
        top = json.loads(context.run([CTRACE_TOP, "--json", "-n", "1", recording.store]).check().stdout)["totals"]
        wanted = (top["totalBytes"], top["totalBlocks"], top["peakBytes"], top["endBytes"], top["maxBytes"])
        names = ("total_bytes", "total_blocks", "peak_bytes", "end_bytes", "max_bytes")
        check_equal(tuple(process[name] for name in names), wanted, "totals of ctrace top")
        check_equal((process["pid"], process["sites"], process["end_cause"]), (recording.report.data["pid"], len(found), "exit"), "process")
        check_equal({row["process"] for row in found}, {process["process"]}, "process of the sites")
        check_equal(pyarrow.read_table(f"{stem}.sites.parquet").to_pylist(), found, "pyarrow")
    return ", ".join(readers + ["pyarrow"])


@test()
def places(context):
    """Leaf, own function, module, file and line are those of the interactive table; times are UTC."""
    recording = formats.thread_recording(context)
    stem = _export(context, recording.store, "--host", "web1", "--service", "shop", "--service-version", "1.2")
    data = json.loads(context.run([CTRACE, "export", "-f", "json", "-o", "-", recording.store]).check().stdout)
    wanted = sorted((site["ownFunction"], site["function"], site["ownPlace"], site["totalBytes"]) for site in data["sites"])
    found = databases.rows(f"from '{stem}.sites.parquet'")
    place = lambda row: f"{os.path.basename(row['file'])}:{row['line']}" if row["file"] else f"[{os.path.basename(row['module'])}]"
    check_equal(sorted((row["function"], row["leaf"], place(row), row["total_bytes"]) for row in found), wanted, "places")
    (process,) = databases.rows(f"select *, epoch_ns(start_time) as ns from '{stem}.processes.parquet'")
    check_equal(process["ns"] // 1000, recording.report.own["startTime"] // 1000, "start")
    check_equal([process[name] for name in ("host", "service", "service_version", "exe")], ["web1", "shop", "1.2", program("cxx_threads")], "labels")
    modules = {recording.report.own["paths"][row[0]]: recording.report.own["paths"][row[1]] for row in recording.report.own["modules"]}
    check_equal(process["build_id"], modules[program("cxx_threads")], "build-id")
    points = databases.rows(f"from '{stem}.timeline.parquet' order by since_start")
    check_equal([(row["since_start"], row["live_bytes"]) for row in points], [(row[0], row[2]) for row in recording.report.own["timeline"]], "timeline")
    # A report keeps what was said about the process, and another machine's name is not put in its place.
    context.run([CTRACE, "export", "--host", "web1", "--service", "shop", "-o", "said.json", recording.store]).check()
    (said,) = databases.rows(f"from '{_export(context, context.path('said.json'))}.processes.parquet'")
    check_equal((said["host"], said["service"], said["service_version"], said["process"]), ("web1", "shop", None, process["process"]), "a report's labels")


@test()
def row_groups(context):
    """A large recording has several row groups, with nothing lost between them, and needs little more memory than JSON."""
    pyarrow, out = databases.package("pyarrow.parquet"), context.path("many.json")
    context.run([program("many_sites"), "16"], env=context.environment(LD_PRELOAD=trace.LIBRARY, CTRACE_OUT=out, CTRACE_QUIET="1")).check()
    report = dhat.load(out)
    used = {}
    for kind in ("jsonl", "parquet"):
        script = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        command = ["/usr/bin/python3", "-c", script, CTRACE, "export", "-f", kind, out]
        used[kind] = int(context.run(command).check().stdout)
    file = pyarrow.ParquetFile(context.path("many.sites.parquet"))
    check_equal(file.metadata.num_row_groups, -(-len(report.sites) // 16384), "row groups")
    check(file.metadata.num_row_groups > 3, f"{file.metadata.num_row_groups} row groups")
    databases.check_same_tables(context.path("many"))
    (found,) = databases.rows(f"select count(*) as n, sum(total_bytes) as b from '{context.path('many')}.sites.parquet'")
    check_equal(found, {"n": len(report.sites), "b": report.total("tb")}, "sums")
    check(used["parquet"] < used["jsonl"] + 32 * 1024, f"KiB of memory: {used}")
    return f"{os.path.getsize(context.path('many.sites.parquet')):,} bytes beside {os.path.getsize(context.path('many.sites.jsonl')):,}; KiB of memory: {used}"


HOSTILE = ["a\0b", "\x1b[2J", "line\nbreak", 'quote"\\', "\ufffe", "😀" * 50, "x" * 5000, "é" * 4000, "", " ", "null", "'; drop table sites; --"]


@test()
def hostile_names(context):
    """Names with control characters, broken UTF-8 and great length become clean text that is the same in both formats."""
    pyarrow = databases.package("pyarrow.parquet")
    point = dict.fromkeys(("tl", "mb", "mbk", "gb", "gbk", "eb", "ebk"), 0)
    frames = ["[root]"] + [f"0x{i + 1:X}: {name} (in /lib/{name}.so)" for i, name in enumerate(HOSTILE)]
    head = {"dhatFileVersion": 2, "mode": "heap", "verb": "Allocated", "bklt": True, "bkacc": False, "tu": "µs", "Mtu": "s", "tuth": 10}
    head |= {"cmd": "a\0\x1b", "pid": 2**40, "te": 10, "tg": 5, "ftbl": frames}
    head["pps"] = [{**point, "tb": 2**64 - 1 if i == 1 else i, "tbk": 1, "fs": [i]} for i in range(1, len(frames))]
    text = json.dumps(head).encode().replace(b"drop table", b"dr\\xff\\xc3op".replace(b"\\xff", b"\xff").replace(b"\\xc3", b"\xc3"))
    context.write("hostile.json", text)
    stem = _export(context, context.path("hostile.json"), "--host", "h\x1b\xff", "--service", "x" * 5000)
    databases.check_same_tables(stem)
    table = pyarrow.read_table(stem + ".sites.parquet")
    table.validate(full=True)
    found = table.to_pylist()
    check_equal(len(found), len(HOSTILE), "rows")
    names = [name for row in found for name in (row["stack"][0], row["leaf"], row["module"] or "", row["host"])]
    check(not [name for name in names if any(ord(c) < 32 or ord(c) == 127 for c in name)], "a control character")
    check_equal(max(row["total_bytes"] for row in found), 2**63 - 1, "a number without a place for its sign")


@test()
def nothing_known(context):
    """Reports of other tools have nulls, and a recording without sites has tables without rows."""
    databases.package("duckdb")
    for source, sites in ((os.path.join(DATA, "dhat.out.copy"), None), (None, 0)):
        if sites == 0:
            empty = {"dhatFileVersion": 2, "mode": "heap", "verb": "Allocated", "bklt": True, "bkacc": False, "tu": "µs", "Mtu": "s", "tuth": 10}
            source = context.write("empty.json", json.dumps(empty | {"cmd": "x", "pid": 1, "te": 0, "tg": 0, "pps": [], "ftbl": ["[root]"]}))
        stem = _export(context, source)
        databases.check_same_tables(stem)
        rows = databases.rows(f"from '{stem}.sites.parquet'")
        (process,) = databases.rows(f"from '{stem}.processes.parquet'")
        check_equal(process["sites"], len(rows), "sites")
        check_equal((process["host"], process["start_time"]), (None, None), "not known")
        if sites is None:
            check_equal({row["peak_bytes"] for row in rows}, {None}, "a copy profile has no peak")
            check(all(row["total_bytes"] is not None for row in rows) and rows, "total bytes")


@test()
def ends(context):
    """The end of a process: exit, killed, or running."""
    databases.package("duckdb")
    env = context.environment(LD_PRELOAD=trace.LIBRARY, CTRACE_OUT=context.path("cat.json"), CTRACE_QUIET="1")
    process = subprocess.Popen(["/usr/bin/perl", "-e", "$| = 1; print 1; <STDIN>"], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.read(1)
    store = context.path("cat.json.store")
    cause = lambda stem: databases.rows(f"select end_cause from '{stem}.processes.parquet'")[0]["end_cause"]
    check_equal(cause(_export(context, store)), "running", "while it runs")
    context.run([CTRACE, "export", "--live", "-o", "live.json", str(process.pid)]).check()
    check_equal(cause(_export(context, context.path("live.json"))), "running", "a report from while it ran")
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()
    check_equal(cause(_export(context, store)), "killed", "after SIGKILL")


@test()
def files(context):
    """Three files under the default names; a stream gets the sites alone; a folder for a reader has no tables."""
    recording = formats.thread_recording(context)
    context.run([CTRACE, "export", "-f", "parquet,jsonl", recording.path]).check()
    wanted = {f"threads.{table}.{kind}" for table in databases.TABLES for kind in ("parquet", "jsonl")}
    check_equal({name for name in os.listdir(context.folder) if name.endswith((".parquet", ".jsonl"))}, wanted, "files")
    text = context.run([CTRACE, "export", "-f", "jsonl", "-o", "-", recording.path]).check().stdout
    check_equal(len(text.splitlines()), len(recording.report.sites), "lines")
    for line in text.splitlines():
        check_equal(list(json.loads(line))[:2], ["process", "host"], "members")
    os.mkdir(context.path("threads.timeline.parquet.d"))
    os.remove(context.path("threads.timeline.parquet"))
    os.rename(context.path("threads.timeline.parquet.d"), context.path("threads.timeline.parquet"))
    before = os.path.getmtime(context.path("threads.sites.parquet"))
    refused = context.run([CTRACE, "export", "-f", "parquet", recording.path]).check(3)
    check_in("threads.timeline.parquet", refused.stderr, "the file that is in the way")
    check_equal(os.path.getmtime(context.path("threads.sites.parquet")), before, "the sites' file is as before")
    check_equal([name for name in os.listdir(context.folder) if name.endswith(".tmp")], [], "temporary files")


@test()
def readers_notice(context):
    """Seeded violations: a number that was changed and a file that was cut are noticed."""
    duckdb = databases.package("duckdb")
    recording = formats.thread_recording(context)
    stem = _export(context, recording.store)
    with open(stem + ".sites.jsonl", encoding="utf-8") as file:
        text = file.read()
    with open(stem + ".sites.jsonl", "w", encoding="utf-8") as file:
        file.write(text.replace('"total_blocks":', '"total_blocks":1', 1))
    check_caught(lambda: databases.check_same_tables(stem), Exception, "sites", "a changed number")
    with open(stem + ".sites.parquet", "r+b") as file:
        file.truncate(os.path.getsize(stem + ".sites.parquet") - 100)
    check_caught(lambda: databases.rows(f"from '{stem}.sites.parquet'"), duckdb.Error, "parquet", "a cut file")
