# SPDX-License-Identifier: MIT
"""ctrace serve over many stores: processor time, memory and what it reads."""

import re

from lib.harness import check, check_equal, test, wait_for
from lib.serve import many_stores, samples, serving, targets, touch_stores

STORES = 1000


def cpu_ms(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e6


def memory_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read()).group(1)) / 1024


@test()
def thousand_stores(context):
    """
    A scrape of 1,000 stores that have all changed costs less than 1 % of a core per 100 processes at 15 s, and 200 MiB; of
    stores that have not changed, less.
    """
    folder = context.make_folder("stores")
    with targets(context) as (target,):
        target.tell("grow 5")
        target.kill()
    paths = many_stores(target.store, folder, STORES)

    with serving(context, "--no-proc", "--stores", folder) as server:

        def scrape():
            before = cpu_ms(server.pid)
            rows = samples(server.ask("/metrics").text)
            spent = cpu_ms(server.pid) - before
            live = [value for (name, _), value in rows.items() if name == "ctrace_heap_live_bytes"]
            check_equal(len(live), STORES, "processes")
            check_equal(len(set(live)), 1, "different numbers of the same store")
            paused = [value for (name, labels), value in rows.items() if name == "ctrace_events_lost_total" and ("reason", "paused") in labels]
            return spent, set(paused)

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
def names_cost_once(context):
    """?sites= needs names: the object files are not kept open, so 20 processes do not take 20 times what one takes."""
    folder = context.make_folder("stores")
    with targets(context) as (target,):
        target.tell("grow 5")
        target.kill()
    many_stores(target.store, folder, 20)
    with serving(context, "--no-proc", "--stores", folder) as server:
        before = memory_mib(server.pid)
        server.ask("/metrics?sites=10")
        memory = memory_mib(server.pid) - before
        check(memory < 80, f"{memory:.0f} MiB for 20 profiles")
        return f"{memory:.0f} MiB for 20 profiles"
