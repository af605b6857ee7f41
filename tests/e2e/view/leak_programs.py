# SPDX-License-Identifier: MIT
"""Verdicts on what stays in real programs: caches that fill, what is loaded once, what comes and goes, and leaks.

Each program works along the clock, and is killed at the end, when nothing has been freed yet.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time

from lib import processes, trace
from lib.harness import CTRACE, check, check_equal, check_in, test, wait_for
from lib.ports import free_port

SECONDS = 3
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "python3"

# What a Python program does: work(share of the time that has passed), again and again.
PACED = """
import sys, time
{before}
start = time.monotonic()
print("ready", flush=True)
while (share := (time.monotonic() - start) / {seconds}) < 1:
    work(share)
    time.sleep(0.002)
work(1)
print("done", flush=True)
time.sleep(3600)
"""

PERL = """
use Time::HiRes qw(time sleep);
$| = 1;
{before}
my $start = time;
print "ready\\n";
while ((my $share = (time - $start) / {seconds}) < 1) {{
    work($share);
    sleep 0.002;
}}
work(1);
print "done\\n";
sleep 3600;
"""

VECTOR = r"""
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>
std::vector<int> numbers;
int main()
{
    using namespace std::chrono;
    auto start = steady_clock::now();
    puts("ready");
    fflush(stdout);
    double share = 0;
    while (share < 1) {
        share = std::min(1.0, duration<double>(steady_clock::now() - start).count() / SECONDS);
        while (numbers.size() < share * 3000000)
            numbers.push_back(1);
        delete new std::vector<int>(10);
        std::this_thread::sleep_for(milliseconds(2));
    }
    puts("done");
    fflush(stdout);
    std::this_thread::sleep_for(hours(1));
}
"""


class Program:
    """A program with the library, in front of others, which is killed at the end."""

    def __init__(self, context, command, **changes):
        self.context = context
        self.log = open(context.path("program.log"), "ab")
        env = trace.environment(context, "out.json", CTRACE_EXPORT=0, **changes)
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        self.process = subprocess.Popen(command, env=env, cwd=context.folder, preexec_fn=processes.run_in_front, **pipes)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()

    def wait_for_line(self, wanted):
        for line in self.process.stdout:
            if line.strip() == wanted.encode():
                return
        raise AssertionError(f"the program ended before it wrote {wanted}")


def _pace(work):
    """Call work(share) while the share of the time that has passed goes from 0 to 1; returns the seconds that it took."""
    processes.run_in_front()
    start = time.monotonic()
    while (share := (time.monotonic() - start) / SECONDS) < 1:
        work(share)
        time.sleep(0.002)
    work(1)
    return time.monotonic() - start


def _advice(context):
    """
    From the store of the killed program. Its report says the same of what is large: moments between the snapshots have only the
    sites with most of the bytes. What is full may be flat there, since it is known only after it was filled.
    """
    store, report = context.path("out.json.store"), context.path("out.json")
    context.run([CTRACE, "export", "-o", report, store]).check()
    advice = [json.loads(context.run([CTRACE, "advise", "-n", "0", "-f", "json", path]).check().stdout) for path in (store, report)]
    least = max(262144, sum(row["endBytes"] for row in advice[0]["stays"]) / 10)
    verdicts = [[(row["verdict"].replace("flat", "full"), row["where"]) for row in one["stays"] if row["endBytes"] >= least] for one in advice]
    check_equal(verdicts[1], verdicts[0], "the verdicts of the report")
    return advice[0]


def _no_leak(context, verdict):
    """Nothing leaks, and the largest that stays has this verdict."""
    advice = _advice(context)
    check_equal([row["where"] for row in advice["findings"] if row["kind"] == "leak"], [], "leaks")
    largest = advice["stays"][0]
    check_in(largest["verdict"], verdict, f"the largest that stays: {largest}")
    check_in(f"the largest that stays: {largest['where']}" if largest["verdict"] else "no function's live bytes", advice["noLeak"], "the reason")
    return largest


def _leak(context, bytes_per_second):
    """The largest finding about a leak has this rate."""
    leaks = [row for row in _advice(context)["findings"] if row["kind"] == "leak"]
    check(leaks, "no leak is found")
    largest = max(leaks, key=lambda row: row["bytesPerSecond"])
    check(0.7 < largest["bytesPerSecond"] / bytes_per_second < 1.5, f"not {bytes_per_second} bytes a second: {largest['because']}")
    check(largest["sure"] >= 0.9, f"how sure: {largest['because']}")
    return largest


def _python(context, before, **changes):
    code = PACED.format(before=before, seconds=SECONDS)
    with Program(context, [PYTHON, "-c", code], PYTHONMALLOC="malloc", **changes) as program:
        program.wait_for_line("done")


@test(needs=("python3",))
def python_cache(context):
    """functools.lru_cache fills and then replaces what it has."""
    _python(context, """
import functools
@functools.lru_cache(maxsize=1000)
def page(number):
    return bytes(3000)
done = 0
def work(share):
    global done
    while done < share * 3000:
        page(done)
        done += 1
""")
    largest = _no_leak(context, ("full",))
    check_in("blocks replaced", largest["because"], "that a block does not stay")
    share = largest["since"] / 1e6 / SECONDS
    check(0.2 < share < 0.7, f"full since {share:.2f} of the work")


@test(needs=("python3",))
def python_leak(context):
    """A list that only grows, beside a table that was made at the start."""
    _python(context, """
table = [bytes(1000) for i in range(5000)]
kept, done = [], 0
def work(share):
    while len(kept) < share * 3000:
        kept.append(bytearray(2000))
""")
    _leak(context, 3000 * 2000 / SECONDS)


@test(needs=("python3",))
def python_imports(context):
    """Modules that are loaded at the start stay, and that is no leak."""
    _python(context, """
import argparse, decimal, email.message, http.client, json, logging, unittest, xml.dom.minidom
def work(share):
    json.loads(json.dumps({"share": [share] * 50}))
""")
    _no_leak(context, ("full", "flat"))


@test(needs=("python3",))
def python_server(context):
    """A server that keeps something of each request."""
    port = free_port()
    code = """
import socketserver, sys
sessions = []
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            sessions.append(bytearray(4000))
            self.wfile.write(b"HTTP/1.0 200 OK\\r\\n")
class Server(socketserver.TCPServer):
    allow_reuse_address = True
with Server(("127.0.0.1", int(sys.argv[1])), Handler) as server:
    print("ready", flush=True)
    server.serve_forever()
"""
    with Program(context, [PYTHON, "-c", code, str(port)], PYTHONMALLOC="malloc") as program:
        program.wait_for_line("ready")
        with socket.create_connection(("127.0.0.1", port)) as client, client.makefile("rwb") as stream:
            done = 0

            def work(share):
                nonlocal done
                while done < share * 1000:
                    stream.write(b"GET /\r\n")
                    stream.flush()
                    check_in(b"200", stream.readline(), "the answer")
                    done += 1

            seconds = _pace(work)
    _leak(context, 1000 * 4000 / seconds)


class Redis(Program):
    def __init__(self, context, *options):
        port = str(free_port())
        super().__init__(context, ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", *options])
        wait_for(lambda: context.run(["redis-cli", "-p", port, "ping"]).stdout.strip() == "PONG", "redis-server to answer")
        self.client = socket.create_connection(("127.0.0.1", int(port)))
        self.stream = self.client.makefile("rwb")

    def __exit__(self, *arguments):
        self.stream.close()
        self.client.close()
        super().__exit__(*arguments)

    def command(self, *words):
        parts = [f"*{len(words)}\r\n".encode()] + [b"$%d\r\n%s\r\n" % (len(word), word) for word in (word.encode() for word in words)]
        self.stream.write(b"".join(parts))
        self.stream.flush()
        check_in(self.stream.readline()[:1], b"+:", "redis-server's answer")

    def send(self, count, *words):
        """Send a command along the clock: # in its words is the command's number. Returns the seconds that it took."""
        done = 0

        def work(share):
            nonlocal done
            while done < share * count:
                self.command(*(word.replace("#", str(done)) for word in words))
                done += 1

        return _pace(work)


REDIS = ("redis-server", "redis-cli")


@test(needs=REDIS)
def redis_fills(context):
    """Keys are evicted from the moment on at which maxmemory is reached."""
    with Redis(context, "--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lru") as redis:
        redis.send(6000, "set", "key:#", "x" * 3000)
    largest = _no_leak(context, ("full",))
    check_in("cache, full since", largest["because"], "the verdict")


@test(needs=REDIS)
def redis_steady(context):
    """Values are replaced by others of the same size."""
    with Redis(context) as redis:
        for i in range(1000):
            redis.command("set", f"key:{i}", "x" * 3000)
        redis.send(3000, "set", "key:1", "y" * 3000)
    _no_leak(context, ("full", "flat"))


@test(needs=REDIS)
def redis_queue(context):
    """A queue from which nothing is taken."""
    with Redis(context) as redis:
        seconds = redis.send(3000, "rpush", "queue", "#" + "x" * 3000)
    _leak(context, 3000 * 3000 / seconds)


@test(needs=("sqlite3",))
def sqlite_cache(context):
    """The page cache of a database that becomes larger than it."""
    with Program(context, ["sqlite3", "test.db"]) as program:
        program.process.stdin.write(b"pragma cache_size=-2000; pragma synchronous=off; pragma journal_mode=off; create table t(a);\n")
        done = 0

        def work(share):
            nonlocal done
            while done < share * 3000:
                program.process.stdin.write(b"insert into t values(randomblob(3000));\n")
                program.process.stdin.flush()
                done += 1

        _pace(work)
        wait_for(lambda: os.path.getsize(context.path("test.db")) > 8000000, "the database to be written")
    _no_leak(context, ("full",))


@test(needs=("perl",))
def perl_batches(context):
    """A buffer that is emptied again and again."""
    code = """
my @rows;
my $batch = 0;
sub work {
    my $wanted = $_[0] * 8.5;
    if (int($wanted) > $batch) { $batch = int($wanted); @rows = (); }
    push @rows, "x" x 3000 while @rows < ($wanted - $batch) * 1000;
}
"""
    with Program(context, ["perl", "-e", PERL.format(before=code, seconds=SECONDS)]) as program:
        program.wait_for_line("done")
    _no_leak(context, ("sawtooth",))


@test(needs=("g++",))
def vector_doubles(context):
    """One vector that doubles its block."""
    context.write("vector.cpp", VECTOR)
    context.run(["g++", "-g", "-O1", f"-DSECONDS={SECONDS}", "-o", "vector", "vector.cpp"]).check()
    with Program(context, [context.path("vector")]) as program:
        program.wait_for_line("done")
    _no_leak(context, ("", "full", "flat"))  # flat: since the last doubling, if the machine was so busy that this was early
