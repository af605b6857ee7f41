# SPDX-License-Identifier: MIT
"""A strict reader of pprof's messages, with the rules of the servers that collect profiles.

Parca refuses ids that are not 1, 2, 3... in the order of the file, Pyroscope any text that is not UTF-8, negative values,
sample types with "-", old or future times, and profiles beyond its limits."""

import gzip
import time

SAMPLES, BYTES, FRAMES = 16000, 4 << 20, 1000
OLDEST, NEWEST = 3600, 600  # seconds before and after now


class Refused(Exception):
    """The receiver does not take the profile; the text says why."""


def _varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Refused("cut or damaged message")
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """Yield (number, value) of a message; value is an int or bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        if key & 7 == 0:
            value, at = _varint(data, at)
        elif key & 7 == 2:
            length, at = _varint(data, at)
            value, at = data[at : at + length], at + length
            if at > len(data):
                raise Refused("cut message")
        else:
            raise Refused(f"wire type {key & 7}")
        yield key >> 3, value


def _numbers(data):
    """A packed field."""
    values, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        values.append(value)
    return values


def _signed(value):
    return value - (1 << 64) if value >> 63 else value


class Message:
    """Fields by number; repeated numbers, packed or not, are one list."""

    def __init__(self, data, packed=()):
        self.lists = {}
        for number, value in fields(data):
            values = _numbers(value) if number in packed and isinstance(value, bytes) else [value]
            self.lists.setdefault(number, []).extend(values)

    def all(self, number):
        return self.lists.get(number, [])

    def one(self, number, default=0):
        return self.lists.get(number, [default])[-1]


class Profile:
    """A profile that keeps all rules; otherwise Refused. With wire=False, only those that files must keep, too."""

    def __init__(self, data, wire=True):
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        if wire and len(data) > BYTES:
            raise Refused(f"{len(data)} bytes, the limit is {BYTES}")
        top = Message(data, packed=(13,))
        try:
            self.strings = [text.decode() for text in top.all(6)]
        except UnicodeDecodeError as error:
            raise Refused(f"a string is not UTF-8: {error}") from None
        if not self.strings or self.strings[0]:
            raise Refused("the first string is not empty")
        self.comments = [self.text(index) for index in top.all(13)]
        self.time, self.duration = _signed(top.one(9)), _signed(top.one(10))
        self.default = self.text(top.one(14))
        self.types = [(self.text(kind.one(1)), self.text(kind.one(2))) for kind in map(Message, top.all(1))]
        self.mappings = self._rows("mapping", map(Message, top.all(3)))
        for mapping in self.mappings:
            self.text(mapping.one(5)), self.text(mapping.one(6))
        self.functions = self._rows("function", map(Message, top.all(5)))
        self.names = [self.text(function.one(2)) for function in self.functions]
        for function in self.functions:
            self.text(function.one(3)), self.text(function.one(4))
        self.locations = self._rows("location", map(Message, top.all(4)))
        self.places = []  # of each location: its functions and lines, innermost first
        for location in self.locations:
            if location.one(2) > len(self.mappings):
                raise Refused(f"mapping {location.one(2)} does not exist")
            lines = [Message(line) for line in location.all(4)]
            for line in lines:
                if not 1 <= line.one(1) <= len(self.functions):
                    raise Refused(f"function {line.one(1)} does not exist")
            self.places.append([(self.names[line.one(1) - 1], line.one(2)) for line in lines])
        self.samples = []  # values, stack as (name, line) leaf first, labels
        for sample in (Message(data, packed=(1, 2)) for data in top.all(2)):
            self.samples.append(self._sample(sample, wire))
        if wire:
            self._check_limits()

    def text(self, index):
        if index >= len(self.strings):
            raise Refused(f"string {index} does not exist")
        return self.strings[index]

    @staticmethod
    def _rows(kind, rows):
        rows = list(rows)
        for index, row in enumerate(rows):
            if row.one(1) != index + 1:
                raise Refused(f"{kind} id is not sequential: {row.one(1)} at {index + 1}")
        return rows

    def _sample(self, sample, wire):
        values, stack = [_signed(value) for value in sample.all(2)], []
        if len(values) != len(self.types):
            raise Refused(f"{len(values)} values, {len(self.types)} types")
        if min(values) < 0:
            raise Refused(f"negative value {min(values)}")
        if wire and not any(values):
            raise Refused("a sample of zeros")
        if not sample.all(1):
            raise Refused("a sample without locations")
        for location in sample.all(1):
            if not 1 <= location <= len(self.locations):
                raise Refused(f"location {location} does not exist")
            stack += self.places[location - 1]
        if wire and len(stack) > FRAMES:
            raise Refused(f"a stack of {len(stack)} frames")
        labels = {}
        for label in map(Message, sample.all(3)):
            key = self.text(label.one(1))
            if not key or key in labels:
                raise Refused(f"label {key!r} has no name, or occurs twice")
            labels[key] = self.text(label.one(2)) or _signed(label.one(3))
            if wire and not isinstance(labels[key], str):
                raise Refused(f"label {key!r} is a number: dead weight")
        return values, tuple(stack), labels

    def _check_limits(self):
        if len(self.samples) > SAMPLES:
            raise Refused(f"{len(self.samples)} samples, the limit is {SAMPLES}")
        if any("-" in name for name, _ in self.types):
            raise Refused(f"sample types {self.types}")
        now = time.time()
        if not now - OLDEST <= self.time / 1e9 <= now + NEWEST:
            raise Refused(f"time {self.time / 1e9:.0f}, now {now:.0f}")

    def sums(self):
        """By sample type: the sum over the samples."""
        columns = zip(*(values for values, _, _ in self.samples)) if self.samples else [()] * len(self.types)
        return {name: sum(column) for (name, _), column in zip(self.types, columns)}
