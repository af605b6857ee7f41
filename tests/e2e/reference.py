# SPDX-License-Identifier: MIT
"""Counters against a slow fold: CTRACE_DEBUG=events writes each event in the order in which it was folded.

The fold here is written from the definitions of the numbers, not from the combiner: after each new peak
it copies what is live everywhere.
"""

import struct

from lib.harness import LIBRARY, PYTHON, check, check_equal, program, test
from lib.store import Store

ALLOC, FREE, RESIZE, TEMPORARY = 1, 2, 3, 0x100


def fold(path):
    """Sites by id and the process, from the event list."""
    sites, process, order = {}, dict(live=0, live_blocks=0, peak=0, peak_blocks=0, total=0, blocks=0), []
    with open(path, "rb") as file:
        data = file.read()
    check(data and len(data) % 32 == 0, "the event list is empty or torn")
    for ticks, site_id, kind, size, other in struct.iter_unpack("<QIIQQ", data):
        site = sites.setdefault(
            site_id,
            dict(live=0, live_blocks=0, max=0, max_blocks=0, peak=0, peak_blocks=0, total=0, blocks=0)
            | dict(lifetime=0, births=0, temporary=0, resizes=0),
        )
        if kind & 0xFF == FREE:
            growth, blocks = -size, -1
            site["lifetime"] += ticks - other
            site["births"] -= other
            site["temporary"] += bool(kind & TEMPORARY)
        else:
            growth, blocks = (size, 1) if kind == ALLOC else (size - other, 0)
            site["births"] += ticks if kind == ALLOC else 0
            site["resizes"] += kind == RESIZE
            for counters in (site, process):
                counters["total"] += size
                counters["blocks"] += 1
        for counters in (site, process):
            counters["live"] += growth
            counters["live_blocks"] += blocks
        if kind & 0xFF != FREE:
            if site["live"] >= site["max"]:
                site["max"], site["max_blocks"] = site["live"], site["live_blocks"]
            if process["live"] >= process["peak"]:
                process["peak"], process["peak_blocks"] = process["live"], process["live_blocks"]
                for each in sites.values():
                    each["peak"], each["peak_blocks"] = each["live"], each["live_blocks"]
        check(site["live"] >= 0 and site["live_blocks"] >= 0, f"site {site_id}: freed before it was allocated")
    return sites, process


PAIRS = {
    "total_bytes": "total",
    "total_blocks": "blocks",
    "live_bytes": "live",
    "live_blocks": "live_blocks",
    "max_bytes": "max",
    "max_blocks": "max_blocks",
    "peak_bytes": "peak",
    "peak_blocks": "peak_blocks",
    "lifetime": "lifetime",
    "births": "births",
    "temporary_blocks": "temporary",
    "resizes": "resizes",
}


def compare(context, command, name):
    out = context.path(name + ".json")
    env = context.environment(
        LD_PRELOAD=LIBRARY, CTRACE_OUT=out, CTRACE_DEBUG="events", CTRACE_KEEP_STORE=1, CTRACE_QUIET=1
    )
    context.run(command, env=env).check()
    store = Store(out + ".store")
    sites, process = fold(out + ".events")
    written = store.sites()
    check_equal(store.losses["dropped"], 0, f"{name}: dropped events")
    for key in ("total", "peak", "live"):
        check_equal(store.totals[key + "_bytes"], process[key], f"{name}: the process's {key} bytes")
    check_equal({i for i, site in written.items() if site["total_blocks"]}, set(sites), f"{name}: sites")
    for site_id, site in sites.items():
        got = {key: written[site_id][key] for key in PAIRS}
        check_equal(got, {key: site[other] for key, other in PAIRS.items()}, f"{name}: site {site_id}")
    return len(sites)


@test()
def one_thread(context):
    check(compare(context, [program("sites")], "sites") >= 10, "too few sites to mean anything")


@test()
def threads(context):
    compare(context, [program("threads")], "threads")


@test(needs=(PYTHON,))
def python_threads(context):
    script = """
import threading, queue
q = queue.Queue(64)
def make(n):
    for i in range(4000): q.put(bytearray(i % 700 + n))
def take():
    for _ in range(8000): q.get()
workers = [threading.Thread(target=make, args=(i,)) for i in range(4)] + [threading.Thread(target=take) for _ in range(2)]
for w in workers: w.start()
for w in workers: w.join()
"""
    check(compare(context, [PYTHON, "-S", "-c", script], "python") > 100, "too few sites to mean anything")


@test(needs=("sqlite3",))
def database(context):
    script = "create table t(a,b); with recursive c(x) as (select 1 union all select x+1 from c where x<2000)"
    script += " insert into t select x, hex(randomblob(x % 50)) from c; select count(*) from t group by a % 7;"
    compare(context, ["sqlite3", ":memory:", script], "sqlite3")
