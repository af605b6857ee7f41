# SPDX-License-Identifier: MIT
"""ctrace push: what a strict server gets from running programs and from files, and what happens when it fails."""

import os
import signal
import subprocess

from lib import dhat
from lib.apps import App
from lib.harness import CTRACE, check, check_equal, check_in, program, test, wait_for
from lib.ports import free_port
from lib.receiver import Receiver
from lib.trace import LIBRARY

SERVERS = ("pyroscope", "push.v1", "parca")


def _start(context, *words):
    return subprocess.Popen([CTRACE, "push", *map(str, words)], env=context.environment(), cwd=context.folder, stderr=subprocess.PIPE, text=True)


def _end(push):
    _, errors = push.communicate()
    return push.returncode, errors


@test()
def running(context):
    """Allocations are those since the last push, live blocks those of now. The end of the program is the last push."""
    for server in SERVERS:
        receiver, app = Receiver(), App(context)
        app.tell("a")  # before the first reading, so it is only live
        push = _start(context, "--to", server, "--interval", 1, receiver.url, app.process.pid)
        wait_for(lambda: receiver.requests, "the first push", lambda: str(receiver.refused))
        app.tell("aab")
        app.end()
        check_equal(_end(push), (0, ""), "end of " + server)
        check_equal(receiver.refused, [], "refused")
        sums = [taken.sums() for taken in receiver.pushes]
        check_equal(sum(row.get("alloc_space", 0) for row in sums), 2050, f"{server}: allocated, all pushes together")
        check_equal(sum(row.get("alloc_objects", 0) for row in sums), 3, f"{server}: blocks")
        check_equal((sums[0]["inuse_space"], sums[-1]["inuse_space"]), (1000, 3000), f"{server}: live")
        labels = receiver.pushes[-1].labels
        check_equal((labels["service_name"], labels["exe"]), ("app", "app"), "labels")
        names = [name for values, stack, _ in receiver.pushes[-1].profiles[0].samples for name, _ in stack]
        check("keeps" in names and "main" in names, f"names: {names}")


@test()
def killed(context):
    """A killed program's last allocations are sent."""
    receiver, app = Receiver(), App(context)
    app.tell("a")
    push = _start(context, "--to", "parca", "--interval", 1, receiver.url, app.process.pid)
    wait_for(lambda: receiver.requests, "the first push")
    app.tell("aaaa")
    app.end(kill=True)
    check_equal(_end(push), (0, ""), "end")
    check_equal(sum(taken.sums().get("alloc_space", 0) for taken in receiver.pushes), 4000, "allocated")


@test()
def labels(context):
    """Labels come from the user, OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, in this order."""
    receiver = Receiver()
    app = App(context, OTEL_SERVICE_NAME="shop", OTEL_RESOURCE_ATTRIBUTES="service.name=no,k8s.pod.name=pod%201,a-b.c=d%2,__x=y,empty=,odd")
    for server in SERVERS:
        push = _start(context, "--to", server, "--once", "--pid-label", "--label", "team=x{y},z=\xe9", "--label", "host=here", receiver.url, app.process.pid)
        app.tell("a")
        check_equal(_end(push), (0, ""), server)
    app.end()
    check_equal(receiver.refused, [], "refused")
    for server, taken in zip(SERVERS, receiver.pushes):
        team = "x_y__z_\xe9" if server == "pyroscope" else "x{y},z=\xe9"
        wanted = {"service_name": "shop", "exe": "app", "host": "here", "pod": "pod 1", "a_b_c": "d%2", "pid": str(app.process.pid), "team": team}
        found = {name: value for name, value in taken.labels.items() if name != "container_id"}
        check_equal(found, wanted, server)


@test()
def files(context):
    """A report and a store are sent once, whole; the token and the tenant are headers."""
    app = App(context, CTRACE_KEEP_STORE="1", CTRACE_OUT=context.path("app.json"))
    app.tell("aaabb")
    app.end()
    report = dhat.load(context.path("app.json"))
    context.write("token", "s3cret\n")
    for name in ("app.json", "app.json.store"):
        receiver = Receiver()
        _check = context.run([CTRACE, "push", "--to", "pyroscope", "--token", "token", "--tenant", "t1", receiver.url + "/", name]).check()
        check_equal((receiver.refused, len(receiver.pushes)), ([], 1), name)
        taken = receiver.pushes[0]
        check_equal(taken.sums()["alloc_space"], report.total("tb"), name)
        check_equal(taken.sums()["peak_space"], report.total("gb"), name)
        check_equal((taken.headers["Authorization"], taken.headers["X-Scope-OrgID"]), ("Bearer s3cret", "t1"), "headers")


@test()
def faults(context):
    """Requests wait while the server fails, and all arrive. What it refuses is dropped, counted and said."""
    app = App(context)
    app.tell("a")
    receiver = Receiver([500, "close", (429, {"Retry-After": "1"}), (503, {})])
    push = _start(context, "--to", "push.v1", "--interval", 1, receiver.url, app.process.pid)
    wait_for(lambda: receiver.requests >= 2, "two tries")
    app.tell("aab")
    app.end()
    status, errors = _end(push)
    check_equal(status, 0, errors)
    check_in("the server answers 500: fault 500; profiles wait", errors, "said")
    check_in("takes profiles again", errors, "said")
    check_equal(len(errors.splitlines()), 2, errors)
    check_equal(sum(taken.sums().get("alloc_space", 0) for taken in receiver.pushes), 2050, "allocated")
    receiver, app = Receiver([422]), App(context)
    push = _start(context, "--to", "pyroscope", "--once", receiver.url, app.process.pid)
    app.tell("a")
    status, errors = _end(push)
    app.end()
    check_equal(status, 3, errors)
    check_in("the server answers 422: fault 422; the profile is dropped", errors, "said")
    check_in("1 of 1 profiles were not taken", errors, "said")


@test()
def queue(context):
    """Profiles wait in a folder while there is no server. The next push sends them; damaged files do no harm."""
    app = App(context, CTRACE_KEEP_STORE="1", CTRACE_OUT=context.path("app.json"))
    app.tell("aa")
    nothing = f"http://127.0.0.1:{free_port()}"
    push = _start(context, "--to", "parca", "--interval", 1, "--queue", "waiting", nothing, app.process.pid)
    wait_for(lambda: os.path.isdir(context.path("waiting")) and len(os.listdir(context.path("waiting"))) >= 2, "two files")
    second = context.run([CTRACE, "push", "--to", "parca", "--queue", "waiting", nothing]).check(3)
    check_in("another ctrace push uses this folder", second.stderr, "second")
    push.send_signal(signal.SIGTERM)
    status, errors = _end(push)
    check_equal(status, 0, errors)
    waiting = sorted(os.listdir(context.path("waiting")))
    check_in(f"{len(waiting)} profiles wait in waiting", errors, "said")
    app.end()
    for number, text in ((1, b"no line"), (2, b"ftp://x\napplication/json\n{}"), (3, b"/a b\napplication/json\n{}"), (4, b"/a\nother\n{}")):
        context.write(f"waiting/{90 + number:020}.push", text)
    os.symlink("/etc/passwd", context.path("waiting", f"{95:020}.push"))
    receiver = Receiver()
    result = context.run([CTRACE, "push", "--to", "parca", "--queue", "waiting", receiver.url])
    check_equal((result.check(3).stderr.count("not a request of ours"), len(receiver.pushes), receiver.refused), (5, len(waiting), []), "pushes")
    check_equal(os.listdir(context.path("waiting")), [], "files left")


@test()
def large(context):
    """A profile beyond the server's limits loses small stacks, and no number."""
    out = context.path("many.json")
    context.run([program("many_sites"), "15"], env=context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=out, CTRACE_QUIET="1")).check()
    receiver, report = Receiver(), dhat.load(out)
    context.run([CTRACE, "push", "--to", "pyroscope", receiver.url, out]).check()
    check_equal((receiver.refused, len(receiver.pushes)), ([], 1), "refused")
    profile = receiver.pushes[0].profiles[0]
    check(len(report.sites) > 16000 >= len(profile.samples) > 1000, f"{len(report.sites)} sites, {len(profile.samples)} samples")
    check_equal(profile.sums()["alloc_space"], report.total("tb"), "allocated")
    check(any("small stacks are counted at one of their callers" in line for line in profile.comments), str(profile.comments))


@test()
def bad_words(context):
    """What is wrong with the command line is said in one line."""
    for words, code, part in (
        (["http://x", "1"], 2, "--to is missing"),
        (["--to", "pyroscoep", "http://x", "1"], 2, "--to pyroscoep: unknown"),
        (["--to", "parca", "localhost:7070", "1"], 2, "not the URL of a server"),
        (["--to", "parca", "http://x"], 2, "no process and no file"),
        (["--to", "parca", "--interval", "0", "http://x", "1"], 2, "not a number of seconds"),
        (["--to", "parca", "--label", "x", "http://x", "1"], 2, "not NAME=VALUE"),
        (["--to", "parca", "--token", "none", "http://x", "1"], 2, "--token none: No such file"),
        (["--to", "parca", "http://x", "none.json"], 3, "none.json: No such file"),
        (["--to", "parca", "http://x", str(os.getpid())], 3, str(os.getpid())),
    ):
        result = context.run([CTRACE, "push", *words])
        check(result.status == code and part in result.stderr and result.stderr.count("\n") == 1, f"{words}: {result.status} {result.stderr}")
