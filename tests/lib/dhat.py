# SPDX-License-Identifier: MIT
"""A strict reader of DHAT JSON, independent of the viewer's C code, and the rules that every report must keep."""

import json
import re

# Frames as Valgrind and ctrace write them. A name may hold brackets and blanks, so its pattern is greedy. Frames of merged
# reports have no address if the inputs have different ones.
FRAME = re.compile(r"^(?:0x(?P<address>[0-9A-F]+): )?(?P<function>.+?)(?: \((?:in (?P<module>.+)|(?P<file>[^()]+):(?P<line>\d+))\))?$")
MARK = re.compile(r"^\[.*\]$")  # a note of ctrace instead of a frame: the stack was cut, or could not be walked

COUNTERS = ("tb", "tbk", "tl", "mb", "mbk", "gb", "gbk", "eb", "ebk")
OUR_COUNTERS = ("tmpk", "rszk", "mvk", "cpb", "slb")
MEMORY_COUNTERS = ("rsb", "swb", "utb", "pnb", "shb")  # only with a ledger
OUR_RANGES = ("szl", "szm", "fat", "lat")  # these do not add up
LOSSES = ("dropped", "early", "bypassed", "unknownFrees", "truncated", "unrooted", "late", "paused", "marks", "otherSites", "mergedSites")


class Bad(Exception):
    """The file breaks a rule; the message names it."""


def require(condition, message):
    if not condition:
        raise Bad(message)


class Frame:
    def __init__(self, text, module="", inlined=False):
        found = None if MARK.match(text) else FRAME.match(text)
        self.text = text
        self.mark = not found
        self.address = int(found["address"] or "0", 16) if found else 0
        self.function = found["function"] if found else text
        self.file = found["file"] if found else None
        self.line = int(found["line"]) if found and found["line"] else 0
        # The text names the module only if there is no source file.
        self.module = module or (found["module"] if found and found["module"] != "???" else "") or ""
        self.inlined = inlined

    def __repr__(self):
        return self.text


def _histogram(row):
    return {row[0] + i: blocks for i, blocks in enumerate(row[1:]) if blocks} if row else {}


class Site:
    def __init__(self, point, frames):
        self.counters = {key: point[key] for key in COUNTERS + OUR_COUNTERS + MEMORY_COUNTERS + OUR_RANGES if key in point}
        self.frames = frames  # leaf first
        self.cut = point.get("cut", False)
        self.sizes, self.lifetimes = (_histogram(point.get(key)) for key in ("szh", "lth"))  # {bucket: blocks}

    def __getitem__(self, key):
        return self.counters[key]

    def functions(self):
        return [frame.function for frame in self.frames]

    def calls_from(self, function):
        return any(frame.function == function for frame in self.frames)


class Report:
    def __init__(self, data, sites):
        self.data, self.sites = data, sites
        self.own = data.get("ctrace", {})
        self.losses = self.own.get("losses", {})

    def total(self, key):
        return sum(site[key] for site in self.sites)

    def below(self, function):
        """Counters summed over the sites that have this function on their stack."""
        sites = [site for site in self.sites if site.calls_from(function)]
        return {key: sum(site[key] for site in sites) for key in COUNTERS}

    def leaf(self, function):
        """The sites whose leaf is this function."""
        return [site for site in self.sites if site.frames[0].function == function]


def _object(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        keys = [key for key, _ in pairs]
        raise Bad("a member stands twice: " + max(keys, key=keys.count))
    return members


def _no_number(text):
    raise Bad("a number that is no integer: " + text)


def parse(text):
    try:
        data = json.loads(text, object_pairs_hook=_object, parse_float=_no_number, parse_constant=_no_number)
    except ValueError as error:
        raise Bad(f"no JSON: {error}") from None
    require(isinstance(data, dict), "no object")
    return data


def _typed(data, key, kind, where="file"):
    require(key in data, f"{where}: {key} is missing")
    value = data[key]
    right = type(value) is kind if kind is not list else isinstance(value, list)
    require(right, f"{where}: {key} is {type(value).__name__}, not {kind.__name__}")
    if kind is int:
        require(0 <= value < 2**64, f"{where}: {key} is out of range")
    return value


def _check_head(data):
    require(_typed(data, "dhatFileVersion", int) == 2, "version is not 2")
    for key in ("mode", "verb", "tu", "Mtu", "cmd"):
        _typed(data, key, str)
    for key in ("bklt", "bkacc"):
        _typed(data, key, bool)
    for key in ("pid", "te"):
        _typed(data, key, int)
    require(data["te"] > 0, "te is 0: every rate would be infinite")
    if data["bklt"]:
        require(_typed(data, "tg", int) <= data["te"], "tg is after te")
        _typed(data, "tuth", int)
    units = [key for key in ("bu", "bsu", "bksu") if key in data]
    require(len(units) in (0, 3), "only some of bu, bsu, bksu")
    for key in units:
        _typed(data, key, str)


def _check_frames(data):
    frames = _typed(data, "ftbl", list)
    require(frames and frames[0] == "[root]", "ftbl does not begin with [root]")
    require(all(isinstance(text, str) for text in frames), "ftbl: a frame that is no text")
    require(len(set(frames)) == len(frames), "ftbl: a frame stands twice")
    for text in frames[1:]:
        require(text and not re.search(r"[\x00-\x1f\x7f]", text), f"ftbl: control character in {text!r}")


def _check_point(point, number, data, seen, used):
    where = f"pps[{number}]"
    require(isinstance(point, dict), f"{where}: no object")
    keys = COUNTERS if data["bklt"] else ("tb", "tbk")
    for key in keys + (("rb", "wb") if data["bkacc"] else ()):
        _typed(point, key, int, where)
    stack = _typed(point, "fs", list, where)
    require(stack, f"{where}: empty stack")
    for index in stack:
        require(type(index) is int and 0 < index < len(data["ftbl"]), f"{where}: frame index {index!r}")
    require(seen is None or tuple(stack) not in seen, f"{where}: repeated location")
    if seen is not None:
        seen.add(tuple(stack))
    used.update(stack)


def load(path, repeated=False):
    """
    Read a file of any producer, and check only its format. repeated: a location may occur twice. Valgrind does this for a
    library that was loaded again at the same address.
    """
    with open(path, "rb") as file:
        raw = file.read()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Bad(f"no UTF-8: {error}") from None
    return check_format(parse(text), repeated)


def check_format(data, repeated=False):
    _check_head(data)
    _check_frames(data)
    seen, used = None if repeated else set(), {0}
    for number, point in enumerate(_typed(data, "pps", list)):
        _check_point(point, number, data, seen, used)
    require(len(used) == len(data["ftbl"]), "ftbl has frames that nothing refers to")
    own = data.get("ctrace", {})
    places, paths = own.get("frames"), own.get("paths")
    if own:
        require(len(places) == len(data["ftbl"]), "ctrace.frames is not parallel to ftbl")
    frames = [
        Frame(text, *((paths[places[i][0]], bool(places[i][2])) if own else ())) for i, text in enumerate(data["ftbl"])
    ]
    return Report(data, [Site(point, [frames[i] for i in point["fs"]]) for point in data["pps"]])


# Rules that each site of a correct report keeps: name, condition on (site, end time).
SITE_RULES = [
    ("gb <= mb", lambda s, te: s["gb"] <= s["mb"]),
    ("mb <= tb", lambda s, te: s["mb"] <= s["tb"]),
    ("eb <= mb", lambda s, te: s["eb"] <= s["mb"]),
    ("mbk <= tbk", lambda s, te: s["mbk"] <= s["tbk"]),
    ("gbk <= tbk", lambda s, te: s["gbk"] <= s["tbk"]),
    ("ebk <= tbk", lambda s, te: s["ebk"] <= s["tbk"]),
    ("tb > 0 needs tbk > 0", lambda s, te: s["tbk"] > 0),
    ("mb > 0 needs mbk > 0", lambda s, te: s["mbk"] > 0 or not s["mb"]),
    ("gb > 0 needs gbk > 0", lambda s, te: s["gbk"] > 0 or not s["gb"]),
    ("eb > 0 needs ebk > 0", lambda s, te: s["ebk"] > 0 or not s["eb"]),
    ("tl <= tbk * te", lambda s, te: s["tl"] <= s["tbk"] * te),
    # At least one block is as big as the mean. When it was allocated, the site held that much.
    ("mb * tbk >= tb", lambda s, te: s["mb"] * s["tbk"] >= s["tb"]),
    ("tmpk <= tbk", lambda s, te: s["tmpk"] <= s["tbk"]),
    ("rszk <= tbk", lambda s, te: s["rszk"] <= s["tbk"]),
]


def check_ctrace(report, lossless=True):
    """Check everything that is true of our reports; with lossless, also that nothing was lost.

    Late calls do not count as a loss: the recording ends before threads that end together with the process.
    """
    data = report.data
    require(data["mode"] == "heap" and data["bklt"] and not data["bkacc"], "not a heap report with lifetimes only")
    require((data["tu"], data["Mtu"]) == ("µs", "s"), "time unit is not µs")
    require(set(report.losses) == set(LOSSES), "losses: other members than " + ", ".join(LOSSES))
    for site in report.sites:
        for name, holds in SITE_RULES:
            if not holds(site, data["te"]):
                raise Bad(f"{name} does not hold: {site.counters} {site.frames[0]}")
        for frame in site.frames:
            known = frame.address or MARK.match(frame.text) or data["pid"] == 0
            require(known, f"frame of no known form: {frame.text!r}")
            require("libctrace" not in frame.text and "libctrace" not in frame.module, f"our own frame: {frame.text}")
    _check_sums(report)
    _check_histograms(report)
    if lossless:
        lost = {key: report.losses[key] for key in ("dropped", "early") if report.losses[key]}
        require(not lost, f"lost: {lost}")
    return report


def _check_histograms(report):
    """The histograms have all blocks, and all that were freed."""
    require("tickFs" in report.own or report.own.get("torn"), "no histograms")
    for site in report.sites if "tickFs" in report.own else []:
        sizes, lifetimes = sum(site.sizes.values()), sum(site.lifetimes.values())
        require(sizes == site["tbk"], f"{sizes} sizes: {site.counters} {site.frames[0]}")
        freed = site["tbk"] - site["rszk"] - site["ebk"]
        require(lifetimes == freed, f"{lifetimes} lifetimes of {freed} freed blocks: {site.counters} {site.frames[0]}")
        if "szl" in site.counters and site["tbk"]:
            edges = [max(0, site[key].bit_length() - 1) for key in ("szl", "szm")]
            require([min(site.sizes), max(site.sizes)] == edges, f"sizes {site.sizes}: {site.counters} {site.frames[0]}")


def _check_sums(report):
    peak, end = report.total("gb"), report.total("eb")
    require(peak >= end, "live at the end is more than the peak")
    # The maximum of merged sites is only an upper bound.
    if not report.losses["mergedSites"]:
        for site in report.sites:
            require(site["mb"] <= peak, f"a site's maximum is more than the peak: {site.counters} {site.frames[0]}")
    points = report.own["timeline"]
    times = [point[0] for point in points]
    require(times == sorted(times), "the timeline goes backwards")
    require(all(point[2] <= point[1] for point in points), "timeline: last is more than max")
    if points:
        require(max(point[1] for point in points) == peak, "the timeline's maximum is not the peak")
        require(points[-1][2] == end, "the timeline does not end at what is live at the end")


def check_file(path, lossless=True):
    return check_ctrace(load(path), lossless)
