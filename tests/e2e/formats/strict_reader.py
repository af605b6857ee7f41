# SPDX-License-Identifier: MIT
"""The strict reader of lib/dhat.py: each of its rules catches a file that breaks only that rule."""

import copy
import json

from lib import dhat
from lib.harness import check, check_caught, check_equal, test


def correct():
    zero = dict.fromkeys(dhat.COUNTERS + dhat.OUR_COUNTERS, 0)
    return {
        "dhatFileVersion": 2,
        "mode": "heap",
        "verb": "Allocated",
        "bklt": True,
        "bkacc": False,
        "bu": "byte",
        "bsu": "bytes",
        "bksu": "blocks",
        "tu": "µs",
        "Mtu": "s",
        "tuth": 10,
        "cmd": "./app",
        "pid": 7,
        "te": 1000,
        "tg": 400,
        "pps": [
            dict(zero, tb=300, tbk=3, tl=900, mb=200, mbk=2, gb=200, gbk=2, eb=100, ebk=1, tmpk=1, rszk=1, szh=[6, 3], lth=[10, 1], fs=[1, 2]),
            dict(zero, tb=50, tbk=1, tl=10, mb=50, mbk=1, gb=50, gbk=1, szh=[5, 1], lth=[9, 0, 1], fs=[3, 2]),
        ],
        "ftbl": ["[root]", "0x10: one (a.c:3)", "0x20: main (a.c:9)", "0x30: ??? (in /lib/libx.so)"],
        "ctrace": {
            "version": "0",
            "ended": True,
            "tickFs": 1000000,
            "losses": dict.fromkeys(dhat.LOSSES, 0),
            "frames": [[0, 0, 0], [1, 2, 0], [1, 2, 0], [3, 0, 0]],
            "paths": ["", "/app", "/src/a.c", "/lib/libx.so"],
            "timeline": [[500, 250, 120, 2], [1000, 130, 100, 1]],
        },
    }


def _set(path, value):
    """A change of the file: the member at path becomes value, or is removed if value is None."""

    def change(data):
        for key in path[:-1]:
            data = data[key]
        if value is None:
            del data[path[-1]]
        else:
            data[path[-1]] = value

    return change


def _site(**values):
    def change(data):
        data["pps"][0].update(values)

    return change


# A change of the correct file, and what the reader then says.
VIOLATIONS = [
    (_set(["dhatFileVersion"], 3), "version is not 2"),
    (_set(["verb"], None), "verb is missing"),
    (_set(["pid"], "7"), "pid is str"),
    (_set(["bklt"], 1), "bklt is int"),
    (_set(["te"], 0), "te is 0"),
    (_set(["tg"], 1001), "tg is after te"),
    (_set(["tuth"], None), "tuth is missing"),
    (_set(["bsu"], None), "only some of"),
    (_set(["ftbl", 0], "root"), "does not begin with [root]"),
    (_set(["ftbl", 2], "0x10: one (a.c:3)"), "a frame stands twice"),
    (_set(["ftbl", 1], "0x10: one\n (a.c:3)"), "control character"),
    (_set(["ftbl", 1], 5), "a frame that is no text"),
    (_set(["ftbl", 1], "one, in a.c"), "of no known form"),
    (_set(["ftbl", 1], "0x10: malloc (in /usr/lib/libctrace.so)"), "our own frame"),
    (_set(["pps", 0, "fs"], []), "empty stack"),
    (_set(["pps", 0, "fs"], [0, 2]), "frame index 0"),
    (_set(["pps", 0, "fs"], [1, 4]), "frame index 4"),
    (_set(["pps", 0, "fs"], [1, True]), "frame index True"),
    (_set(["pps", 1, "fs"], [1, 2]), "repeated location"),
    (_set(["pps", 1, "fs"], [2]), "frames that nothing refers to"),
    (_set(["pps", 0, "gb"], None), "gb is missing"),
    (_set(["pps", 0, "gb"], -1), "gb is out of range"),
    (_set(["pps", 0, "tl"], True), "tl is bool"),
    (_set(["bkacc"], True), "rb is missing"),
    (_set(["tu"], "instrs"), "time unit"),
    (_set(["ctrace", "losses", "late"], None), "losses: other members"),
    (_set(["ctrace", "losses", "dropped"], 1), "lost: {'dropped': 1}"),
    (_set(["ctrace", "losses", "early"], 2), "lost: {'early': 2}"),
    (_set(["ctrace", "frames"], []), "not parallel to ftbl"),
    (_set(["ctrace", "timeline", 0, 0], 2000), "goes backwards"),
    (_set(["ctrace", "timeline", 0, 1], 249), "maximum is not the peak"),
    (_set(["ctrace", "timeline", 0, 2], 251), "last is more than max"),
    (_set(["ctrace", "timeline", 1, 2], 99), "does not end at what is live"),
    (_set(["ctrace", "tickFs"], None), "no histograms"),
    (_site(szh=[6, 1, 1]), "2 sizes"),
    (_site(lth=[10, 1, 1]), "2 lifetimes of 1 freed"),
    (_site(lth=None), "0 lifetimes of 1 freed"),
    (_site(szl=1, szm=100), "sizes {6: 3}"),
    (_site(gb=201), "gb <= mb"),
    (_site(mb=301), "mb <= tb"),
    (_site(eb=201), "eb <= mb"),
    (_site(mbk=4), "mbk <= tbk"),
    (_site(gbk=4), "gbk <= tbk"),
    (_site(ebk=4), "ebk <= tbk"),
    (_site(tb=0, tbk=0, tl=0, mb=0, mbk=0, gb=0, gbk=0, eb=0, ebk=0), "needs tbk > 0"),
    (_site(mbk=0), "mb > 0 needs"),
    (_site(gbk=0), "gb > 0 needs"),
    (_site(ebk=0), "eb > 0 needs"),
    (_site(tl=3001), "tl <= tbk * te"),
    (_site(mb=99, gb=99, eb=99), "mb * tbk >= tb"),
    (_site(tmpk=4), "tmpk <= tbk"),
    (_site(rszk=4), "rszk <= tbk"),
    (_site(mb=260), "a site's maximum is more than the peak"),
    (_site(gb=40, eb=100), "live at the end is more than the peak"),
]


@test()
def rules(context):
    dhat.check_ctrace(dhat.check_format(correct()))
    for change, message in VIOLATIONS:
        data = copy.deepcopy(correct())
        change(data)
        check_caught(lambda: dhat.check_ctrace(dhat.check_format(data)), dhat.Bad, message, message)
    told = {message for _, message in VIOLATIONS}
    for name, _ in dhat.SITE_RULES:
        check(any(part in name or name.startswith(part) for part in told) or name.startswith("tb > 0"), "no seed: " + name)


@test()
def text(context):
    """Text that Python's JSON reader accepts although it is not JSON."""
    good = json.dumps(correct())
    dhat.check_format(dhat.parse(good))
    for wrong, message in (
        (good[:-5], "no JSON"),
        ("[]", "no object"),
        (good.replace('"tb": 300', '"tb": 300.0'), "no integer"),
        (good.replace('"tb": 300', '"tb": NaN'), "no integer"),
        (good.replace('"tb": 300', '"tb": 300, "tb": 300'), "stands twice: tb"),
    ):
        check_caught(lambda: dhat.check_format(dhat.parse(wrong)), dhat.Bad, message, message)
    path = context.write("latin1.json", good.replace("./app", "./\\u00e4").encode().replace(b"\\u00e4", b"\xe4"))
    check_caught(lambda: dhat.load(path), dhat.Bad, "no UTF-8", "Latin-1")


@test()
def frames(context):
    """Names may contain brackets, blanks and colons."""
    for text, function, file, line, module in (
        ("0x10: f (a.c:3)", "f", "a.c", 3, ""),
        ("0xAB: a::operator()(int) const (b c.cc:12)", "a::operator()(int) const", "b c.cc", 12, ""),
        ("0x1: f(void (*)(int)) (in /opt/x (y)/z.so)", "f(void (*)(int))", None, 0, "/opt/x (y)/z.so"),
        ("0x1: ???", "???", None, 0, ""),
        ("0x1: <T as core::ops::Fn>::call (lib.rs:7)", "<T as core::ops::Fn>::call", "lib.rs", 7, ""),
    ):
        frame = dhat.Frame(text)
        check_equal((frame.function, frame.file, frame.line, frame.module), (function, file, line, module), text)
    check(dhat.Frame("[cut]").mark, "a mark is no frame")
