# SPDX-License-Identifier: MIT
"""Leaks: what is lost or grows is a finding however small beside the peak, and what is neither has a reason."""

import json
import os
import re

from lib import trace
from lib.harness import CTRACE, PYTHON, ROOT, check, check_equal, check_in, program, test

SERVER = os.path.join(ROOT, "tests", "programs", "heap", "server.cpp")
# As programs/heap/leaky.c: 25 MB in 250 blocks along the clock, so that a busy machine changes neither the shape nor the sum.
GROWS = """
import os, time
kept, start, passed = [], time.monotonic(), 0
while passed < 1:
    time.sleep(0.002)
    passed = min(time.monotonic() - start, 1)
    kept += [bytes(100000) for _ in range(len(kept), int(passed * 250))]
"""


def _record(context, mode, name="out.json", **changes):
    trace.run_in_front(context, [program("leaky"), mode], name, **changes)
    return context.path(name)


def _advise(context, path):
    return json.loads(context.run([CTRACE, "advise", "-n", "0", "-f", "json", path]).check().stdout)


def _leaks(advice):
    return [(finding["kind"], finding["function"]) for finding in advice["findings"] if finding["kind"] in ("lost", "leak")]


def _text(context, path):
    return context.run([CTRACE, "advise", path], env=context.environment(COLUMNS=1000)).check().stdout


@test()
def lost(context):
    """Lost blocks come first, beside a cache of 200 times their size, and with their rate."""
    path = _record(context, "leak", CTRACE_REACH=1)
    advice = _advise(context, path)
    first = advice["findings"][0]
    check_equal((first["kind"], first["function"]), ("lost", "leak_token"), "what comes first")
    blocks = first["counters"]["lostBlocks"]
    check(850 <= blocks <= 900, f"lost blocks: {blocks}")
    check_equal(first["counters"]["lostBytes"], blocks * 120, "lost bytes")
    check(0 < first["share"] < 0.01, f"the share of what is live at the end: {first['share']}")
    rate = blocks * 120 / 0.5
    check(rate * 0.3 < first["bytesPerSecond"] <= rate * 1.1, f"the rate: {first['bytesPerSecond']}")
    check_equal(_leaks(advice), [("lost", "leak_token")], "the cache is no leak, and the leak is there once")
    check("noLeak" not in advice, "a reason for no finding beside a finding")
    text = _text(context, path)
    check(re.search(r"1\. Lost blocks\n +where +leak_token leaky\.c:\d+ < main\n +because +10\d KiB in (8\d\d|900) blocks .* a second", text), text)


@test()
def thresholds(context):
    """From 100 blocks on, whatever their size. Fewer small ones are named in the reason."""
    advice = _advise(context, _record(context, "few", CTRACE_REACH=1))
    check_equal(_leaks(advice), [("lost", "lose")], "100 blocks of 8 bytes")
    path = context.path("out.json")
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    for point in report["pps"]:
        for key, value in (("lok", 99), ("lob", 792)):
            point[key] = value if point[key] else 0
    context.write("less.json", json.dumps(report))
    advice = _advise(context, context.path("less.json"))
    check_equal(_leaks(advice), [], "99 blocks of 8 bytes")
    check_in("792 B in 99 blocks are lost, but less than", advice["noLeak"], "the reason")


@test()
def growth(context):
    """Without reachability, a line that rises is found beside the cache, which is a plateau; also if it begins late."""
    for mode in ("leak", "late", "kept"):
        advice = _advise(context, _record(context, mode))
        check_equal(_leaks(advice), [("leak", "leak_token")], mode)
        (finding,) = [finding for finding in advice["findings"] if finding["kind"] == "leak"]
        check(finding["fit"] > 0.95 and "sure" in finding["because"], f"{mode}: how sure: {finding}")
        slope = 900 * 120 / 0.5
        check(slope * 0.5 < finding["bytesPerSecond"] < slope * 1.5, f"{mode}: slope {finding['bytesPerSecond']}, about {slope}")
        check(finding["sure"] == 0.99 and ", 99 % sure" in finding["because"], f"{mode}: how sure: {finding}")
        check((100000 if mode == "late" else 0) < finding["since"] < 250000, f"{mode}: since {finding['since']}")
        check(0 < finding["share"] < 0.1, f"{mode}: share of the growth: {finding['share']}")
    advice = _advise(context, _record(context, "cache"))
    check_equal(_leaks(advice), [], "a cache that fills and stays")
    check_in("no function's live bytes grew steadily", advice["noLeak"], "the reason")
    check_in("the largest that stays: fill_cache leaky.c:", advice["noLeak"], "what stays")
    check(re.search(r", 19\.1 MiB: cache, full since 1\d\d ms", advice["noLeak"]), advice["noLeak"])
    check_in("--reach", advice["noLeak"], "what to do")


@test()
def stays(context):
    """`top --leaks` has the verdicts on what stays, leaks first; suppressions drop them. JSON has them by size."""
    path = _record(context, "leak")
    top = lambda *options: context.run([CTRACE, "top", "--leaks", *options, path]).check().stdout
    leak = r"10\d KiB in leak_token leaky\.c:\d+: steady leak of 2\d\d KiB a second since \d+\.\d ms, 99 % sure\n"
    cache = r"19\.1 MiB in fill_cache leaky\.c:\d+: cache, full since 1\d\d ms\n"
    check(re.search(f"^{leak}{cache}", top(), re.M), top())
    shown = top("--suppressions", context.write("rules", "leak:fill_cache\n"))
    check(re.search(f"^{leak}", shown, re.M) and not re.search(cache, shown), shown)
    rows = _advise(context, path)["stays"]
    check_equal([(row["verdict"], row["where"].split()[0]) for row in rows], [("full", "fill_cache"), ("leak", "leak_token")], "in JSON")
    check(140000 < rows[0]["since"] < 200000, f"full since {rows[0]['since']}")
    check_equal((rows[0]["endBytes"], rows[0]["endBlocks"]), (20000000, 20000), "what the cache has")


@test()
def teeth(context):
    """What is freed again and again is called so, with the number of times."""
    path = _record(context, "teeth")
    shown = context.run([CTRACE, "top", "--leaks", path]).check().stdout
    check(re.search(r"in fill_batch leaky\.c:\d+: sawtooth, 9 large falls, and its low points do not rise\n", shown), shown)
    check_equal(_leaks(_advise(context, path)), [], "findings")


@test()
def kept(context):
    """With reachability, what grows and can be reached is said to be so."""
    path = _record(context, "kept", CTRACE_REACH=1)
    advice = _advise(context, path)
    check_equal(_leaks(advice), [("leak", "leak_token")], "findings")
    check_in("all of it can still be reached", _text(context, path), "text")
    advice = _advise(context, _record(context, "cache", CTRACE_REACH=1))
    check_equal(_leaks(advice), [], "a cache that fills and stays")
    check_in("all of it could still be reached", advice["noLeak"], "the reason")


@test()
def reasons(context):
    """If there is no finding about leaks, the last line says why."""
    check_in("no leak: nothing was live at the end", _text(context, _record(context, "none")), "nothing live")
    check_in("too short", _text(context, _record(context, "few")), "a short run")
    check_in("nothing stands out: all is below the thresholds", _text(context, context.path("out.json")), "no findings")


@test(needs=PYTHON)
def freed_at_the_end(context):
    """Python frees what has grown when it ends: the reason says that a verdict needs a report from before."""
    for script, wanted in ((GROWS, True), (GROWS + "os._exit(0)", False)):
        trace.run_in_front(context, [PYTHON, "-c", script], "freed.json")
        advice = _advise(context, context.path("freed.json"))
        said = advice.get("noLeak", "")
        check_equal("freed in the last tenth of the run: if it had grown, only a report from before shows it" in said, wanted, said)
        check_equal(bool(_leaks(advice)), not wanted, "findings about leaks")


@test()
def killed(context):
    """The same from the store of a killed program and from its report, which has not all rows of the snapshots."""
    env = trace.environment(context, "out.json", CTRACE_EXPORT=0)
    context.run([program("leaky"), "leak"], env=env).check()
    store, report = context.path("out.json.store"), context.path("out.json")
    context.run([CTRACE, "export", "-o", report, store]).check()
    for path in (store, report):
        check_equal(_leaks(_advise(context, path)), [("leak", "leak_token")], path)


@test(needs="g++")
def summary(context):
    """The lines at the end of a recording name the place with the largest loss, with threads and without."""
    context.run(["g++", "-g", "-O2", "-std=c++17", "-pthread", "-o", "server", SERVER]).check()
    for options in ([], ["--threads"]):
        shown = context.run([CTRACE, "record", "--reach", *options, "-o", "server.json", context.path("server")]).check().stderr
        check_in("ctrace: lost 93.8 KiB in 800 blocks, most in leak_token server.cpp:52\n", shown, f"summary with {options}")
    shown = context.run([CTRACE, "record", "-o", "server.json", context.path("server")]).check().stderr
    check("lost" not in shown, f"without --reach: {shown}")
    context.write("rules", "lost <= 16 KiB\nlost-blocks == 0\n")
    context.run([CTRACE, "record", "-q", "--reach", "-o", "server.json", context.path("server")]).check()
    gate = context.run([CTRACE, "check", "server.json", "--budget", "rules"]).check(1).stdout
    check_equal(len(re.findall(r"leak_token`? `?server\.cpp:52", gate)), 2, f"check: {gate}")
