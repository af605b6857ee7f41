# SPDX-License-Identifier: MIT
"""ctrace serve over many stores: processor time, memory and what it reads."""

import contextlib

from lib import formats
from lib.harness import check, check_equal, test, wait_for
from lib.processes import cpu_ms
from lib.serve import many_stores, memory_mib, samples, serving, targets, touch_stores

STORES = 1000


@contextlib.contextmanager
def serving_copies(context, count):
    """A server, and this many copies of a killed process's store, which it serves."""
    folder = context.make_folder("stores")
    with targets(context) as (target,):
        target.tell("grow 5")
        target.kill()
    paths = many_stores(target.store, folder, count)
    with serving(context, "--no-proc", "--stores", folder) as server:
        yield server, paths


def pauses(rows):
    """The numbers of events lost to a pause, of all processes."""
    return {value for (name, labels), value in rows.items() if name == "ctrace_events_lost_total" and ("reason", "paused") in labels}


@test()
def thousand_stores(context):
    """
    A scrape of 1,000 stores that have all changed costs less than 1 % of a core per 100 processes at 15 s, and 200 MiB; of
    stores that have not changed, less.
    """
    with serving_copies(context, STORES) as (server, paths):

        def scrape():
            before = cpu_ms(server.pid)
            rows = samples(server.ask("/metrics").text)
            spent = cpu_ms(server.pid) - before
            live = [value for (name, _), value in rows.items() if name == "ctrace_heap_live_bytes"]
            check_equal(len(live), STORES, "processes")
            check_equal(len(set(live)), 1, "different numbers of the same store")
            return spent, pauses(rows)

        first, paused = scrape()
        check_equal(paused, {0.0}, "pauses")
        touch_stores(paths)
        # A store is looked at once a second at most.
        changed = wait_for(lambda: next((spent for spent, paused in [scrape()] if paused == {1.0}), None), "the changes")
        memory = memory_mib(server.pid)
        check(max(first, changed) < 15_000 * 0.01 * STORES / 100, f"{first:.0f} and {changed:.0f} ms of CPU for a scrape")
        check(memory < 200, f"{memory:.0f} MiB")
        return f"first scrape {first:.0f} ms of CPU, {changed:.0f} ms after all have changed, {memory:.0f} MiB"


@test()
def sites_of_a_thousand(context):
    """?sites= needs the names of each store once; then it costs little more than without, and 200 MiB in all at most."""
    with serving_copies(context, STORES) as (server, paths):

        def scrape():
            before = cpu_ms(server.pid)
            rows = samples(server.ask("/metrics?sites=10").text)
            spent = cpu_ms(server.pid) - before
            sites = {}
            for (name, labels), value in rows.items():
                if name == "ctrace_site_live_bytes":
                    names = dict(labels)
                    sites.setdefault(names["pid"], []).append((names["site"], names["function"], value))
            check_equal(len(sites), STORES, "processes with sites")
            check_equal({len(rows) for rows in sites.values()}, {10}, "sites of a process")
            check_equal(len({tuple(rows) for rows in sites.values()}), 1, "different sites of the same store")
            return spent, pauses(rows), sites

        first, _, sites = scrape()
        touch_stores(paths)
        changed, again = wait_for(lambda: next(((spent, sites) for spent, paused, sites in [scrape()] if paused == {1.0}), None), "the changes")
        check_equal(again, sites, "sites after another reading")
        memory = memory_mib(server.pid)
        check(changed < first / 4, f"{first:.0f} and {changed:.0f} ms of CPU for a scrape")
        check(memory < 200, f"{memory:.0f} MiB")
        return f"first scrape {first:.0f} ms of CPU, {changed:.0f} ms after all have changed, {memory:.0f} MiB"


@test(needs="go")
def profile_of_many(context):
    """One profile of 400 stores: differences are right although not all profiles are kept, and memory stays below 200 MiB."""
    with serving_copies(context, 400) as (server, paths):

        def sums(path):
            return formats.PprofRaw(context, context.write("raw.pb.gz", server.ask(path).body)).sums()

        rows = server.ask("/processes").json["processes"]
        live = sum(row["liveBytes"] for row in rows)
        first = sums("/debug/pprof/delta_heap")
        check_equal((first["alloc_space"], first["inuse_space"]), (0, live), "first difference, of processes older than the server")

        def changed(times):
            touch_stores(paths)
            wait_for(lambda: pauses(samples(server.ask("/metrics").text)) == {times}, "the changes")
            before = cpu_ms(server.pid)
            second = sums("/debug/pprof/delta_heap")
            check_equal((second["alloc_space"], second["inuse_space"]), (0, live), "difference of nothing")
            return cpu_ms(server.pid) - before

        most = 4 * 15_000 * 0.01 * len(paths) / 100
        # Other work on the machine only adds to what one costs.
        spent = next((spent for times in range(1, 5) if (spent := changed(times)) < most), most)
        memory = memory_mib(server.pid)
        check(spent < most, f"each profile takes {most:.0f} ms of CPU or more")
        check(memory < 200, f"{memory:.0f} MiB")
        return f"{spent:.0f} ms of CPU, {memory:.0f} MiB"


@test()
def names_cost_once(context):
    """?sites= needs names: the object files are not kept open, so 20 processes do not take 20 times what one takes."""
    with serving_copies(context, 20) as (server, _):
        before = memory_mib(server.pid)
        server.ask("/metrics?sites=10")
        memory = memory_mib(server.pid) - before
        check(memory < 80, f"{memory:.0f} MiB for 20 profiles")
        return f"{memory:.0f} MiB for 20 profiles"
