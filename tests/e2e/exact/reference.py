# SPDX-License-Identifier: MIT
"""Compares counters with a slow fold. CTRACE_DEBUG=events writes the events in the order in which they were folded.

This fold is written from the definitions of the numbers and not from the combiner. After each new peak it copies what is
live at every site.
"""

import struct

from lib import dhat
from lib.harness import LIBRARY, PYTHON, Failure, check, check_caught, check_equal, program, test
from lib.store import Store

ALLOC, FREE, RESIZE, TEMPORARY, MOVED = 1, 2, 3, 0x10, 0x10
SLACK_SHIFT = 40


def fold(path):
    """Fold the event list; returns the sites by id, and the process."""
    sites, process, order = {}, dict(live=0, live_blocks=0, peak=0, peak_blocks=0, total=0, blocks=0), []
    with open(path, "rb") as file:
        data = file.read()
    check(data and len(data) % 32 == 0, "the event list is empty or torn")
    for ticks, site_id, kind, size, other in struct.iter_unpack("<QIIQQ", data):
        site = sites.setdefault(
            site_id,
            dict(live=0, live_blocks=0, max=0, max_blocks=0, peak=0, peak_blocks=0, total=0, blocks=0)
            | dict(lifetime=0, births=0, temporary=0, resizes=0, moves=0, copied=0, slack=0)
            | dict(smallest=size, largest=0, first=ticks, latest=0, sizes={}, lifetimes={}),
        )
        freed = kind & 0xF == FREE
        bucket = max(10, (ticks - other).bit_length() - 1) if freed else max(0, size.bit_length() - 1)
        histogram = site["lifetimes" if freed else "sizes"]
        histogram[bucket] = histogram.get(bucket, 0) + 1
        if freed:
            growth, blocks = -size, -1
            site["lifetime"] += ticks - other
            site["births"] -= other
            site["temporary"] += bool(kind & TEMPORARY)
        else:
            slack, old = other >> SLACK_SHIFT, other & (1 << SLACK_SHIFT) - 1
            if kind == ALLOC:
                growth, blocks = size, 1
                site["births"] += ticks
            else:
                growth, blocks = size - old, 0
                site["resizes"] += 1
                if kind & MOVED:
                    site["moves"] += 1
                    site["copied"] += min(size, old)
            site["slack"] += slack
            site["smallest"], site["largest"] = min(site["smallest"], size), max(site["largest"], size)
            site["latest"] = ticks
            for counters in (site, process):
                counters["total"] += size
                counters["blocks"] += 1
        for counters in (site, process):
            counters["live"] += growth
            counters["live_blocks"] += blocks
        if kind & 0xF != FREE:
            if site["live"] >= site["max"]:
                site["max"], site["max_blocks"] = site["live"], site["live_blocks"]
            if process["live"] >= process["peak"]:
                process["peak"], process["peak_blocks"] = process["live"], process["live_blocks"]
                for each in sites.values():
                    each["peak"], each["peak_blocks"] = each["live"], each["live_blocks"]
        check(site["live"] >= 0 and site["live_blocks"] >= 0, f"site {site_id}: freed before it was allocated")
    return sites, process


def fold_until(path, times):
    """What was live at each site immediately before each of these times."""
    live, found, times = {}, {}, sorted(times, reverse=True)
    with open(path, "rb") as file:
        data = file.read()
    for ticks, site, kind, size, other in struct.iter_unpack("<QIIQQ", data):
        while times and ticks >= times[-1]:
            found[times.pop()] = {each: tuple(counters) for each, counters in live.items() if counters[1]}
        counters = live.setdefault(site, [0, 0])
        counters[0] += {ALLOC: size, FREE: -size, RESIZE: size - (other & (1 << SLACK_SHIFT) - 1)}[kind & 0xF]
        counters[1] += {ALLOC: 1, FREE: -1, RESIZE: 0}[kind & 0xF]
    return found


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
    "moves": "moves",
    "copied_bytes": "copied",
    "slack_bytes": "slack",
    "smallest_bytes": "smallest",
    "largest_bytes": "largest",
    "first_ticks": "first",
    "latest_ticks": "latest",
    "sizes": "sizes",
    "lifetimes": "lifetimes",
}

# Members of the report, and those of the fold.
REPORTED = {
    "tb": "total",
    "tbk": "blocks",
    "mb": "max",
    "mbk": "max_blocks",
    "gb": "peak",
    "gbk": "peak_blocks",
    "eb": "live",
    "ebk": "live_blocks",
    "tmpk": "temporary",
    "rszk": "resizes",
    "mvk": "moves",
    "cpb": "copied",
    "slb": "slack",
    "szl": "smallest",
    "szm": "largest",
}


def record(context, command, name):
    """Run with the event list, and keep the store; returns the report's path."""
    out = context.path(name + ".json")
    env = context.environment(
        LD_PRELOAD=LIBRARY, CTRACE_OUT=out, CTRACE_DEBUG="events", CTRACE_KEEP_STORE=1, CTRACE_QUIET=1
    )
    context.run(command, env=env).check()
    return out


def verify(out, name):
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
    snapshots = store.snapshots()
    wanted = fold_until(out + ".events", snapshots)
    check_equal(list(snapshots), list(wanted), f"{name}: times of snapshots")
    for at, rows in snapshots.items():
        live = wanted[at]
        if 0 in rows:
            listed = {site: live[site] for site in rows if site}
            rest = [sum(pair[i] for site, pair in live.items() if site not in rows) for i in (0, 1)]
            largest_rest = max((pair[0] for site, pair in live.items() if site not in rows), default=0)
            # What counts as large is decided with what was live before the batch of events.
            check(largest_rest <= sum(pair[0] for pair in live.values()) / 256 + 4096, f"{name}: a large site without a row at {at}")
            live = {0: tuple(rest), **listed}
        check_equal(rows, live, f"{name}: the snapshot at {at}")
    check_report(store, sites, dhat.check_file(out), name)
    return len(sites)


def compare(context, command, name):
    return verify(record(context, command, name), name)


def check_report(store, sites, report, name):
    """The exported sites equal those of the fold. Lifetimes are in whole µs; blocks that are live at the end count until then."""
    check_equal(report.losses["mergedSites"], 0, f"{name}: sites made one")
    wanted, got = {}, {}
    for site in sites.values():
        ticks = site["lifetime"] + site["live_blocks"] * store.end_ticks - site["births"]
        key = tuple(site[member] for member in REPORTED.values())
        wanted.setdefault(key, []).append(ticks * store.us_per_tick)
    for site in report.sites:
        got.setdefault(tuple(site[member] for member in REPORTED), []).append(site["tl"])
    check_equal(sorted(got), sorted(wanted), f"{name}: counters in the report")
    for key, exact in wanted.items():
        check_equal(len(got[key]), len(exact), f"{name}: sites with {key}")
        for lifetime, other in zip(sorted(got[key]), sorted(exact)):
            check(abs(lifetime - other) < 1, f"{name}: lifetime {lifetime}, by the fold {float(other)}")


@test()
def one_thread(context):
    check(compare(context, [program("sites")], "sites") >= 10, "too few sites to mean anything")


@test()
def equal_peaks(context):
    check_equal(compare(context, [program("ties")], "ties"), 6, "sites")


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


@test(needs=(PYTHON,))
def snapshots(context):
    script = "x = []\nfor i in range(60000):\n    x.append([i] * (i % 9))\n    if i % 3 == 0: x.pop(i // 5)"
    for _ in range(5):  # a program that stands still has few
        out = record(context, [PYTHON, "-S", "-c", script], "python")
        verify(out, "python")
        taken = Store(out + ".store").snapshots()
        check(all(max(sites.values()) > (0, 0) for sites in list(taken.values())[3:]), "a snapshot of nothing")
        partial = sum(0 in sites for sites in taken.values())
        if len(taken) >= 8 and partial >= 4:
            return
    raise Failure(f"only {len(taken)} snapshots, {partial} of them partial")


@test()
def seeds(context):
    """The fold notices an event that is missing, duplicated, out of order, a tick late, or of another site."""
    out = record(context, [program("threads")], "threads")
    verify(out, "as it was")
    with open(out + ".events", "rb") as file:
        events = [list(event) for event in struct.iter_unpack("<QIIQQ", file.read())]
    at = next(i for i, event in enumerate(events) if i > 50 and event[2] & 0xF == FREE)
    made = next(i for i, event in enumerate(events) if i > 50 and event[2] == ALLOC)

    def changed(change):
        seed = [list(event) for event in events]
        change(seed)
        with open(out + ".events", "wb") as file:
            file.write(b"".join(struct.pack("<QIIQQ", *event) for event in seed))
        return lambda: verify(out, "seed")

    check_caught(changed(lambda seed: seed.pop(at)), Failure, "", "a free is missing")
    check_caught(changed(lambda seed: seed.insert(at, seed[at])), Failure, "", "a free stands twice")
    check_caught(changed(lambda seed: seed.pop(made)), Failure, "", "an allocation is missing")
    check_caught(changed(lambda seed: seed[at].__setitem__(0, seed[at][0] + 1)), Failure, "lifetime", "a tick more")
    check_caught(changed(lambda seed: seed[at].__setitem__(1, 3 - seed[at][1])), Failure, "", "a free at another site")
    check_caught(changed(lambda seed: seed.insert(0, seed.pop(at))), Failure, "freed before", "a free before its block")
