# SPDX-License-Identifier: MIT
"""ctrace advise: the finding for which a program was written comes first, and is gone once the program is corrected."""

import json

from lib import dhat, trace
from lib.harness import CTRACE, check, check_equal, check_in, program, test

# For each kind, a function of tests/programs/heap/advise.c, and a counter that its finding must have.
KINDS = {
    "temporary": ("temporary", "temporaryBlocks", 200000),
    "growth": ("growth", "resizes", 16000),
    "one-size": ("one_size", "totalBlocks", 200000),
    "tiny": ("tiny", "peakBlocks", 20000),
    "slack": ("slack", "slackBytes", 20000 * 15),
    "kept": ("kept", "peakBytes", 4000000),
    "peak": ("peak", "peakBytes", 40000000),
    "leak": ("leak", "endBlocks", 20000),
}


def _advise(context, path, *options):
    return json.loads(context.run([CTRACE, "advise", "-f", "json", *options, path]).check().stdout)


def _report(context, *words):
    result = trace.run(context, [program(words[0]), *words[1:]])
    return trace.reports(context)[result.pid]


def _leak(context):
    """The report of a leak in which no block was late by more than 5 % of the run."""
    for seconds in (1, 4, 16, 64):
        result = trace.run(context, [program("advise"), "leak", "bad", str(seconds)])
        if float(result.stdout) < 0.05:
            break
    return trace.reports(context)[result.pid]


@test()
def kinds(context):
    for kind, (function, counter, value) in KINDS.items():
        bad = _advise(context, (_leak(context) if kind == "leak" else _report(context, "advise", kind, "bad")).path)
        check(bad["findings"], f"{kind}: no finding")
        first = bad["findings"][0]
        check_equal((first["kind"], first["function"]), (kind, function), f"{kind}: what comes first")
        check_equal(first["counters"][counter], value, f"{kind}: {counter}")
        good = _advise(context, _report(context, "advise", kind, "good").path)
        found = [finding["kind"] for finding in good["findings"]]
        check(kind not in found, f"{kind}: found where it was mended: {found}")


@test()
def vector(context):
    first = _advise(context, _report(context, "advise_vector").path)["findings"][0]
    check_equal((first["kind"], first["function"]), ("growth", "fill"), "a vector that grows")
    check_in("reserve()", first["try"], "what to try")
    found = _advise(context, _report(context, "advise_vector", "reserved").path)["findings"]
    check("growth" not in [finding["kind"] for finding in found], f"growth, of a reserved vector: {found}")


@test()
def savings(context):
    """Compares the possible savings with what the programs do."""
    first = _advise(context, _report(context, "advise", "temporary", "bad").path)["findings"][0]
    check_equal((first["savedCalls"], first["savedBytes"]), (200000, 0), "temporary blocks")
    first = _advise(context, _report(context, "advise", "one-size", "bad").path)["findings"][0]
    check_equal(first["savedCalls"], 200000 - 5, "blocks of one size")
    report = _report(context, "advise", "growth", "bad")
    first = _advise(context, report.path)["findings"][0]
    check_equal(first["savedBytes"], sum(site["cpb"] for site in report.sites), "copied bytes")
    first = _advise(context, _report(context, "advise", "tiny", "bad").path)["findings"][0]
    check_equal(first["savedBytes"], 20000 * 24, "what the C library needs beside blocks of 8 bytes")


@test()
def text(context):
    report = _report(context, "advise", "temporary", "bad")
    shown = context.run([CTRACE, "advise", report.path]).check().stdout
    for part in ("1. Temporary blocks", "where   temporary advise.c:", "< main", "100.0 % of 200,000 blocks", "200,000 pairs", "try  "):
        check_in(part, shown, "text")
    narrow = context.run([CTRACE, "advise", report.path], env=context.environment(COLUMNS=60)).check().stdout
    findings = narrow[narrow.index("1. ") :].splitlines()
    check(max(map(len, findings)) <= 60, f"wider than the terminal: {findings}")
    quiet = context.run([CTRACE, "advise", _report(context, "tiny").path]).check().stdout
    check_in("nothing stands out", quiet, "a program that does next to nothing")
    leak = _leak(context).path
    check_equal(len(_advise(context, leak, "-n", "1")["findings"]), 1, "findings with -n 1")


@test(needs="valgrind")
def other_producers(context):
    """A file of Valgrind has findings of the kinds that it has numbers for, and a line about the other kinds."""
    path = context.path("dhat.json")
    context.run(["valgrind", "--tool=dhat", f"--dhat-out-file={path}", program("advise"), "peak", "bad"]).check()
    advice = _advise(context, path)
    check_equal(advice["findings"][0]["kind"], "peak", "what comes first")
    check_equal(set(advice["notLookedFor"]), {"temporary", "one-size", "growth", "lost", "leak", "slack", "pins"}, "not checked")
    check_in("not checked", context.run([CTRACE, "advise", path]).check().stdout, "text")
    context.run(["valgrind", "--tool=dhat", "--mode=copy", f"--dhat-out-file={path}", program("advise"), "kept", "bad"]).check()
    check_in("not a heap profile", context.run([CTRACE, "advise", path]).check(2).stderr, "a copy profile")


@test()
def usage(context):
    for words in ([], ["a", "b"], ["-n", "x", "a"], ["-f", "xml", "a"], ["--nonsense"]):
        result = context.run([CTRACE, "advise", *words]).check(2)
        check_equal(len(result.stderr.splitlines()), 1, f"lines about {words}")
    context.run([CTRACE, "advise", context.write("damaged.json", "{")]).check(3)
    report = _report(context, "advise", "temporary", "bad")
    text = open(report.path, encoding="utf-8").read()
    check(dhat.check_file(report.path), "the report")
    context.run([CTRACE, "advise", context.write("cut.json", text[: len(text) // 2])]).check(3)
