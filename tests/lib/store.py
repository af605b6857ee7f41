# SPDX-License-Identifier: MIT
"""A second reader of the store, written from docs/store-format.md and independent of the C code."""

import fractions
import struct

PAGE = 4096
SECTIONS = ("strings", "modules", "nodes", "sites", "rings", "events", "snapshots", "marks", "reach", "segments", "counters")
MARK = 0xFFFFFFFF
LOSSES = ("dropped", "early", "unknown_free", "truncated", "unrooted", "fallback", "late", "paused", "marks")


class Store:
    """The header fields that tests need, totals, sites and nodes, as they are in the file."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        fields = struct.unpack_from("<8s10I8Q", self.data, 0)
        assert fields[0] == b"ctrace\r\n", "magic"
        self.version, self.state, self.pid = fields[1], fields[5], fields[7]
        # The readings of both clocks determine their ratio.
        boot_ns, _, self.start_ticks, self.latest_ticks, latest_ns, self.end_ticks, self.sample_bytes, _ = fields[11:19]
        self.us_per_tick = fractions.Fraction(latest_ns - boot_ns, (self.latest_ticks - self.start_ticks) * 1000)
        at = 8 + 40 + 64 + 5 * 8
        self.losses = dict(zip(LOSSES, struct.unpack_from(f"<{len(LOSSES)}Q", self.data, at)))
        at += 8 * len(LOSSES)
        self.used = {name: struct.unpack_from("<Q", self.data, at + 16 * i)[0] for i, name in enumerate(SECTIONS)}
        at += 16 * len(SECTIONS)
        extents = struct.unpack_from("<I", self.data, at)[0]
        at += 8
        self.sections = dict.fromkeys(SECTIONS, b"")
        self.end = struct.unpack_from("<I", self.data, 16)[0]
        for i in range(extents):
            offset, pages, section = struct.unpack_from("<QII", self.data, at + 16 * i)
            self.end = max(self.end, offset + pages * PAGE)
            self.sections[SECTIONS[section]] += self.data[offset : offset + pages * PAGE]
        at += 16 * 1000
        names = ("total_bytes", "total_blocks", "live_bytes", "live_blocks", "peak_bytes", "peak_blocks", "peak_ticks", "epoch", "start_ticks")
        self.totals = dict(zip(names, struct.unpack_from("<2Q2q5Q", self.data, at)))
        # behind progress, timelines, the fork, segments and mappings
        self.look_at = at + 72 + 25200 + 2 * 10248 + 16 + 2 * 40 + 32 + 368
        bytes_, problem = struct.unpack_from("<Q120s", self.data, self.look_at)
        self.look = self.data[self.end : self.end + bytes_]
        self.look_problem = problem.rstrip(b"\0").decode()

    def last_look(self):
        """The ledger's numbers, and by site (kind, numbers); the hash is checked."""
        found, flags, rows, *numbers = struct.unpack_from("<QIIQ9q9Q", self.look)
        hashed = 0xCBF29CE484222325
        for word in struct.unpack(f"<{len(self.look) // 8 - 1}Q", self.look[8:]):
            hashed = (hashed ^ word) * 0x100000001B3 % 2**64
        assert hashed == found and len(self.look) == 168 + 64 * rows, "the look's hash and size"
        names = ("rssBytes", *["live", "slack", "free", "heads", "stacks", "mapped", "files", "shared", "ctrace"], "swappedBytes", "heapBytes", "pinnedBytes")
        names += ("wholePageBytes", "liveBytes", "liveBlocks", "liveSwappedBytes", "liveUntouchedBytes", "tookNs")
        sites = {site: (kind, numbers) for site, kind, *numbers in struct.iter_unpack("<II7Q", self.look[168:])}
        return flags, dict(zip(names, numbers)), sites

    def histograms(self, site_id, site):
        """Blocks of a site by bucket of size, and freed blocks by bucket of lifetime."""
        base, size_low, sizes, life_low, lives = struct.unpack_from("<I4B", self.sections["sites"], 192 * site_id + 184)
        if not base:
            freed = site["total_blocks"] - site["resizes"] - site["live_blocks"]
            return {size_low: site["total_blocks"]} if sizes else {}, {life_low: freed} if lives else {}
        counters = struct.unpack_from(f"<{lives + sizes}Q", self.sections["counters"], 8 * base)
        by_life = {life_low + i: blocks for i, blocks in enumerate(counters[:lives]) if blocks}
        by_size = {size_low + i: blocks for i, blocks in enumerate(counters[lives:]) if blocks}
        return by_size if sizes > 1 else {size_low: site["total_blocks"]}, by_life

    def snapshots(self):
        """Snapshots by their time in ticks, each {site: (live bytes, live blocks)}; site 0 is the rest of a partial one."""
        found = {}
        rows = struct.iter_unpack("<IIQ", self.sections["snapshots"][: 16 * self.used["snapshots"]])
        for site, count, ticks in rows:
            assert site == 0 and ticks not in found, "a snapshot's head"
            found[ticks] = {}
            for _ in range(count):
                site, blocks, size = next(rows)
                found[ticks][site] = size, blocks
        return found

    def sites(self):
        """The counters of sites by id, with lifetimes and births in ticks."""
        found = {}
        for i in range(1, self.used["sites"]):
            low, high, birth_low, birth_high, *rest = struct.unpack_from("<4Q2Q2q14Q2I", self.sections["sites"], 192 * i)
            keys = ("total_bytes", "total_blocks", "live_bytes", "live_blocks", "max_bytes", "max_blocks", "peak_bytes")
            keys += ("peak_blocks", "epoch", "temporary_blocks", "resizes", "moves", "copied_bytes")
            keys += ("slack_bytes", "smallest_bytes", "largest_bytes", "first_ticks", "latest_ticks", "node", "batch")
            site = dict(zip(keys, rest), lifetime=low | high << 64, births=birth_low | birth_high << 64)
            site["sizes"], site["lifetimes"] = self.histograms(i, site)
            if site["epoch"] != self.totals["epoch"]:  # unchanged since the peak
                site["peak_bytes"], site["peak_blocks"] = site["live_bytes"], site["live_blocks"]
            found[i] = site
        return found
