# SPDX-License-Identifier: MIT
"""Parca itself: what ctrace push sends and ctrace serve answers is asked back, and is the same to the byte."""

import collections
import json
import os
import time

from lib import formats, parca
from lib.apps import App
from lib.harness import CTRACE, ROOT, check, check_equal, check_in, test, wait_for
from lib.serve import BLOCK, alone, serving, targets

WEEK = 7 * 24 * 3600


@test(needs=("go",))
def pushed_report(context):
    """All sample types of a report: their sums, and names, files and lines of each stack, as in ctrace top."""
    with parca.running(context) as store:
        recording = formats.thread_recording(context)
        context.run([CTRACE, "push", "--to", "parca", store.url, recording.path]).check()
        wanted = {f"memory:{name}:{'count' if name.endswith('objects') else 'bytes'}:space:bytes" + ":delta" * name.startswith("alloc_"): key
                  for name, key in formats.SAMPLE_TYPES.items()}
        check_equal(store.types(), set(wanted), "types")
        for query, key in wanted.items():
            check_equal(store.sum(query + "{}"), recording.report.total(key), query)
            raw = formats.PprofRaw(context, store.pprof(query + "{}"))
            (name,) = raw.types
            sums = collections.Counter()
            for stack, value in raw.by_stack(name).items():
                sums[stack] += value
            check_equal(dict(sums), recording.by_stack(key), f"{query} by stack")
        raw = formats.PprofRaw(context, store.pprof(parca.ALLOCATED + "{}"))
        found = {formats.name_and_place(line) for _, _, lines in raw.locations.values() for line in lines}
        data = json.loads(context.run([CTRACE, "export", "-f", "json", "-o", "-", recording.path]).check().stdout)
        shown = {(site["ownFunction"], site["ownPlace"]) for site in data["sites"] if ":" in site["ownPlace"]}
        check(shown and shown <= found, f"names and lines of ctrace top that Parca lacks: {sorted(shown - found)[:5]}")


@test()
def pushed_running(context):
    """Of a running program: what is live as a state, what is allocated as an amount; the last words of a killed one."""
    with parca.running(context) as store:
        app = App(context, OTEL_SERVICE_NAME="shop", OTEL_RESOURCE_ATTRIBUTES="k8s.pod.name=pod-1")
        app.tell("a")
        push = app.push(context, "--to", "parca", "--interval", 1, "--pid-label", store.url)
        wait_for(lambda: store.points(parca.LIVE + "{}"), "the first profile")
        app.tell("aab" * 3)
        wait_for(lambda: store.sum(parca.ALLOCATED + "{}") == 6150, "what was allocated")
        app.tell("aaaa")
        app.end(kill=True)
        check_equal(app.pushed(push), (0, ""), "push")
        check_equal(store.sum(parca.ALLOCATED + "{}"), 10150, "allocated")
        ((labels, points),) = store.points(parca.LIVE + '{service_name="shop"}').items()
        check_equal(points[-1][1], 11000, "live at the end")
        check_equal({name: value for name, value in labels if name in ("pod", "pid", "exe")}, {"pod": "pod-1", "pid": str(app.process.pid), "exe": "app"}, "labels")
        check_equal(store.points(parca.LIVE + '{service_name="other"}'), {}, "another service")


@test()
def scraped(context):
    """Parca with the configuration to copy scrapes ctrace serve, which it asks for targets: what is live is that of /processes."""
    user = alone(context)
    with open(os.path.join(ROOT, "examples", "production", "parca.yaml"), encoding="utf-8") as file:
        config = file.read()
    with targets(context, 2, popen=user) as made, serving(context, **user) as server:
        for target in made:
            server.wait_for(target.pid, "the process", lambda row: True)
        for old, new in (("127.0.0.1:6070", f"127.0.0.1:{server.port}"), ("interval: 15s", "interval: 1s"), ("timeout: 30s", "timeout: 3s")):
            check_in(old, config, "parca.yaml")
            config = config.replace(old, new)
        with parca.running(context, config) as store:
            for count, target in enumerate(made, 1):
                before = server.process_of(target.pid)["liveBytes"]
                target.tell(f"grow {10 * count}")
                row = server.wait_for(target.pid, "the process", lambda row: row["liveBytes"] >= before + 10 * count * BLOCK)
                query = f'{parca.LIVE}{{pid="{target.pid}"}}'
                latest = lambda: [points[-1][1] for points in store.points(query).values()]
                wait_for(lambda: latest() == [row["liveBytes"]], "what is live", lambda: f": {latest()}, {row['liveBytes']}")
            check_equal(len(store.points(parca.LIVE + "{}")), 2, "series")


@test()
def week(context):
    """Profiles of a week, one each hour (with make fleet each five minutes): every hour has its own, and the sum is that of all."""
    step = 300 if os.environ.get("CTRACE_FLEET") else 3600
    with parca.running(context) as store:
        app = App(context, CTRACE_OUT=context.path("app.json"))
        app.tell("aab")
        app.end()
        with open(context.path("app.json"), encoding="utf-8") as file:
            report = json.load(file)
        count, end = WEEK // step, int(time.time()) - 10
        names = []
        for i in range(count):
            report["ctrace"]["startTime"] = (end - (count - i) * step) * 10**9
            names.append(context.path(f"{i}.json"))
            with open(names[-1], "w", encoding="utf-8") as file:
                json.dump(report, file)
        for first in range(0, count, 500):
            context.run([CTRACE, "push", "--to", "parca", store.url, *names[first : first + 500]]).check()
        (points,) = store.points(parca.LIVE + "{}", start=end - WEEK - step).values()
        total = sum(site["tb"] for site in report["pps"])
        check_equal(store.sum(parca.ALLOCATED + "{}", start=end - WEEK - step), count * total, "allocated in the week")
        check(len(points) <= count and {value for _, value in points} == {2000}, f"{len(points)} points of {count}: {sorted(set(points))[:3]}")
        day = store.sum(parca.ALLOCATED + "{}", start=end - 24 * 3600 - step // 2, end=end - step // 2)
        check_equal(day, 24 * 3600 // step * total, "allocated in the last day")
        return f"{count} profiles"


@test()
def server_killed(context):
    """kill -9 of Parca between two profiles: push says so and keeps what comes, and at most one interval is lost."""
    with parca.running(context) as store:
        app = App(context)
        push = app.push(context, "--to", "parca", "--interval", 1, store.url, errors=True)
        said = lambda: open(context.path("push.err"), encoding="utf-8").read()
        app.tell("a")
        allocated = lambda: store.sum(parca.ALLOCATED + "{}")
        wait_for(lambda: store.points(parca.LIVE + "{}"), "the first profile")
        before = allocated()
        app.tell("aa")
        wait_for(lambda: allocated() >= before + 2000, "the profile before the kill")
        app.tell("aaa")
        wait_for(lambda: allocated() >= before + 5000, "the last profile before the kill")
        store.kill()
        app.tell("aaaabb")
        wait_for(lambda: "profiles wait" in said(), "a push that fails")
        store.start()
        app.tell("aaaaa")
        app.end(kill=True)
        check_equal(push.wait(), 0, "push")
        check_in("profiles wait until it takes them", said(), "said")
        check_in("it takes profiles again", said(), "said")
        after = allocated()
        whole = before + 5000 + 4000 + 100 + 5000
        check(whole - 3000 <= after <= whole, f"{after} of {whole} bytes; an interval had 3000")
        return f"{whole - after} of {whole} bytes lost"
