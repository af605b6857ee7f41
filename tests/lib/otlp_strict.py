# SPDX-License-Identifier: MIT
"""
Reads OTLP's profiles with OpenTelemetry's own classes, and refuses what breaks the rules in the comments of their definition:
the first entry of each table is empty, nothing occurs twice or without use, each index leads to an entry.
"""

from lib import databases
from lib.pprof_strict import Refused


def _unknown(message):
    """The fields of a message, and of those in it, that their definition does not have."""
    databases.package("google.protobuf")
    from google.protobuf import unknown_fields

    found = len(unknown_fields.UnknownFieldSet(message))
    for field, value in message.ListFields():
        if field.message_type:
            found += sum(_unknown(each) for each in (value if field.is_repeated else [value]))
    return found


def _require(condition, what):
    if not condition:
        raise Refused(what)


class Message:
    """resource: attributes; profiles: by sample type, {stack of (function, file, line), leaf first: value}; raw: by sample type."""

    def __init__(self, body):
        service = databases.package("opentelemetry.proto.collector.profiles.v1development.profiles_service_pb2")
        from google.protobuf.message import DecodeError

        request = service.ExportProfilesServiceRequest()
        try:
            request.ParseFromString(body)
        except DecodeError as error:
            raise Refused(str(error)) from None
        _require(not _unknown(request), "a field that OpenTelemetry does not have")
        self.tables, self.used, self.frames = request.dictionary, {}, {}
        for field in self.tables.DESCRIPTOR.fields:
            rows = [row if isinstance(row, str) else row.SerializeToString(deterministic=True) for row in getattr(self.tables, field.name)]
            _require(rows and not rows[0], f"{field.name} has no empty entry first")
            _require(len(set(rows)) == len(rows), f"{field.name} has an entry twice")
            self.used[field.name] = {0}
        _require(len(request.resource_profiles) == 1 and len(request.resource_profiles[0].scope_profiles) == 1, "not one resource and scope")
        attributes = request.resource_profiles[0].resource.attributes
        self.resource = {row.key: getattr(row.value, row.value.WhichOneof("value")) for row in attributes}
        _require(len(self.resource) == len(attributes), "an attribute twice")
        (scope,) = request.resource_profiles[0].scope_profiles
        self.scope, self.profiles, self.raw = scope.scope, {}, {}
        ids = {profile.profile_id for profile in scope.profiles}
        _require(len(ids) == len(scope.profiles) and all(len(each) == 16 for each in ids), "ids of profiles")
        for profile in scope.profiles:
            self._read(profile)
        for name, used in self.used.items():
            _require(len(used) == len(getattr(self.tables, name)), f"{name} has {len(getattr(self.tables, name)) - len(used)} entries without use")

    def _entry(self, name, index):
        rows = getattr(self.tables, name)
        _require(0 <= index < len(rows), f"{name} has no entry {index}")
        self.used[name].add(index)
        return rows[index]

    def _text(self, index):
        return self._entry("string_table", index)

    def _attributes(self, indices):
        rows = [self._entry("attribute_table", index) for index in indices]
        return {self._text(row.key_strindex): row.value.string_value for row in rows}

    def _frames(self, index):
        if index not in self.frames:
            self.frames[index] = list(self._read_location(index))
        return self.frames[index]

    def _read_location(self, index):
        location = self._entry("location_table", index)
        _require(index, "a stack with the empty location")
        _require(self._attributes(location.attribute_indices) == {"profile.frame.type": "native"}, "no type of frame")
        mapping = self._entry("mapping_table", location.mapping_index)
        if location.mapping_index:
            _require(self._text(mapping.filename_strindex) and mapping.memory_start < mapping.memory_limit, "a mapping without file or room")
            _require(set(self._attributes(mapping.attribute_indices)) <= {"process.executable.build_id.gnu"}, "attributes of a mapping")
            _require(mapping.memory_start <= location.address < mapping.memory_limit, "a location outside its mapping")
        for line in location.lines:
            function = self._entry("function_table", line.function_index)
            name, whole = self._text(function.name_strindex), self._text(function.system_name_strindex)
            _require(name and name != whole, f"a function's names: {name!r}, {whole!r}")
            yield whole or name, self._text(function.filename_strindex), line.line

    def _read(self, profile):
        name, unit = self._text(profile.sample_type.type_strindex), self._text(profile.sample_type.unit_strindex)
        self._text(profile.period_type.type_strindex), self._text(profile.period_type.unit_strindex)
        _require(name not in self.profiles and unit == ("count" if name.endswith("objects") else "bytes"), f"sample type {name} {unit}")
        _require(profile.time_unix_nano and profile.period > 0, "no time or period")
        self._entry("link_table", 0)
        self.profiles[name], self.raw[name], seen = {}, profile, set()
        for sample in profile.samples:
            _require(len(sample.values) == 1 and sample.values[0] > 0 and sample.stack_index not in seen, "a sample's values")
            seen.add(sample.stack_index)
            locations = self._entry("stack_table", sample.stack_index).location_indices
            stack = tuple(frame for index in locations for frame in self._frames(index))
            self.profiles[name][stack] = self.profiles[name].get(stack, 0) + sample.values[0]

    def sums(self):
        return {name: sum(rows.values()) for name, rows in self.profiles.items()}
