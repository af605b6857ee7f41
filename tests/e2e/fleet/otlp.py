# SPDX-License-Identifier: MIT
"""ctrace push --to otlp: messages that OpenTelemetry's own classes read, with the numbers and names of the report."""

import collections

from lib import databases, dhat, formats, otlp_strict, trace
from lib.apps import App
from lib.harness import CTRACE, check, check_caught, check_equal, check_in, program, test, wait_for
from lib.pprof_strict import Refused
from lib.receiver import Receiver

SERVICE = "opentelemetry.proto.collector.profiles.v1development.profiles_service_pb2"


def _receiver(*answers):
    databases.package(SERVICE)
    return Receiver(answers)


@test()
def sums(context):
    """Each sample type has the numbers of the report, stack by stack, with inlined frames, files and lines."""
    for make in formats.RECORDINGS:
        recording, receiver = make(context), _receiver()
        context.run([CTRACE, "push", "--to", "otlp", receiver.url, recording.path]).check()
        check_equal((receiver.refused, len(receiver.pushes)), ([], 1), "requests")
        message = receiver.pushes[0].profiles[0]
        check_equal(message.scope.name, "ctrace", "scope")
        check_equal(message.sums(), {name: recording.report.total(key) for name, key in formats.SAMPLE_TYPES.items()}, "sums")
        for name, key in formats.SAMPLE_TYPES.items():
            stacks = collections.Counter()
            for stack, value in message.profiles[name].items():
                stacks[tuple(function for function, _, _ in reversed(stack))] += value
            check_equal(dict(stacks), recording.by_stack(key), name)
            lives = not name.startswith("alloc_")
            check_equal(message.raw[name].duration_nano, 0 if lives else recording.report.data["te"] * 1000, f"duration of {name}")
        places = {(file, line) for stack in message.profiles["alloc_space"] for _, file, line in stack if file}
        wanted = {(frame.file, frame.line) for site in recording.report.sites for frame in site.frames if frame.file}
        check_equal({(file.rpartition("/")[2], line) for file, line in places}, {(file.rpartition("/")[2], line) for file, line in wanted}, "places")


@test()
def running(context):
    """Of a running program: what was allocated since the last message, what is live; its attributes under OpenTelemetry's names."""
    receiver = _receiver()
    app = App(context, OTEL_SERVICE_NAME="shop", OTEL_RESOURCE_ATTRIBUTES="service.name=no,k8s.pod.name=pod%201,a-b.c=d,deployment.environment.name=test")
    app.tell("a")
    push = app.push(context, "--to", "otlp", "--interval", 1, "--pid-label", "--label", "team=x", receiver.url)
    wait_for(lambda: receiver.pushes, "the first message")
    app.tell("aab")
    app.end(kill=True)
    check_equal(app.pushed(push), (0, ""), "push")
    check_equal(receiver.refused, [], "refused")
    messages = [taken.profiles[0] for taken in receiver.pushes]
    check_equal(sum(message.sums().get("alloc_space", 0) for message in messages), 2050, "allocated while it was watched")
    check_equal(messages[-1].sums()["inuse_space"], 3000, "live at the end")
    found = {name: value for name, value in messages[-1].resource.items() if name not in ("container.id", "host.name")}
    wanted = {"service.name": "shop", "process.executable.name": "app", "k8s.pod.name": "pod 1", "a-b.c": "d"}
    check_equal(found, wanted | {"deployment.environment.name": "test", "process.pid": app.process.pid, "team": "x"}, "attributes")


@test()
def large(context):
    """A profile beyond the limits loses small stacks, and no number."""
    out, receiver = context.path("many.json"), _receiver()
    context.run([program("many_sites"), "15"], env=context.environment(LD_PRELOAD=trace.LIBRARY, CTRACE_OUT=out, CTRACE_QUIET="1")).check()
    context.run([CTRACE, "push", "--to", "otlp", receiver.url, out]).check()
    check_equal((receiver.refused, len(receiver.pushes)), ([], 1), "requests")
    message, report = receiver.pushes[0].profiles[0], dhat.load(out)
    check(len(report.sites) > 16000 >= len(message.raw["alloc_space"].samples) > 1000, f"{len(message.raw['alloc_space'].samples)} samples")
    check_equal(message.sums()["alloc_space"], report.total("tb"), "allocated")


@test()
def rejected(context):
    """A server that answers with success, and rejects profiles in its text: they are counted as dropped, and its words are shown."""
    service = databases.package(SERVICE)
    recording, receiver = formats.thread_recording(context), _receiver()
    answer = service.ExportProfilesServiceResponse()
    for rejected, message, status in ((0, "", 0), (0, "a warning", 0), (5, "no room\x1b\nsecond", 3)):
        answer.partial_success.rejected_profiles, answer.partial_success.error_message = rejected, message
        receiver.praise = answer.SerializeToString().decode()
        result = context.run([CTRACE, "push", "--to", "otlp", receiver.url, recording.path]).check(status)
        if status:
            check_in("the server has rejected 5 profiles: no room", result.stderr, "said")
            check_in("1 of 1 profiles were not taken", result.stderr, "said")
            check("\x1b" not in result.stderr, "a control character")
    receiver.praise = "no protobuf at all " * 400
    context.run([CTRACE, "push", "--to", "otlp", receiver.url, recording.path]).check()


@test()
def no_memory(context):
    """Whichever allocation fails first, a whole message is sent, or none."""
    recording, after, fine = formats.thread_recording(context), 0, 0
    receiver = _receiver()
    while fine < 3:
        env = context.environment(LD_PRELOAD=program("libfail_alloc.so"), FAIL_AFTER=after)
        result = context.run([CTRACE, "push", "--to", "otlp", "--queue", context.make_folder(f"queue{after}"), receiver.url, recording.path], env=env)
        aborted = result.status == 127 and "thread-local data" in result.stderr  # the C library's own end, in a library of curl's
        check(result.status in (0, 2, 3) or aborted, f"status {result.status} when allocation {after} fails: {result.stderr}")
        fine = fine + 1 if result.status == 0 else 0
        after += 1 + after // 10
    check_equal(receiver.refused, [], "requests that were not whole")
    sums = {name: recording.report.total(key) for name, key in formats.SAMPLE_TYPES.items()}
    check(all(taken.sums() == sums for taken in receiver.pushes) and receiver.pushes, "sums")


@test()
def reader_notices(context):
    """Seeded violations: the strict reader does not accept everything."""
    service = databases.package(SERVICE)
    recording, receiver = formats.thread_recording(context), _receiver()
    bodies = []
    receiver.take = lambda path, headers, body: (bodies.append(body), ({}, []))[1]
    context.run([CTRACE, "push", "--to", "otlp", receiver.url, recording.path]).check()
    otlp_strict.Message(bodies[0])

    def broken(change, part):
        request = service.ExportProfilesServiceRequest.FromString(bodies[0])
        change(request.dictionary, request.resource_profiles[0].scope_profiles[0].profiles[0])
        check_caught(lambda: otlp_strict.Message(request.SerializeToString()), Refused, part, part)

    broken(lambda tables, _: tables.string_table.append("x"), "without use")
    broken(lambda tables, _: tables.string_table.append(tables.string_table[1]), "twice")
    broken(lambda tables, _: tables.location_table.pop(0), "no empty entry first")
    broken(lambda tables, _: tables.stack_table[1].location_indices.append(10**6), "no entry")
    broken(lambda _, profile: profile.samples[0].values.append(1), "values")
    broken(lambda _, profile: profile.ClearField("time_unix_nano"), "no time")
    check_caught(lambda: otlp_strict.Message(bodies[0][:-3]), Refused, "", "a cut message")
    check_caught(lambda: otlp_strict.Message(bodies[0] + b"\xa2\x06\x01x"), Refused, "does not have", "an unknown field")
