# SPDX-License-Identifier: MIT
"""Clients and stores that mean harm: nothing ends ctrace serve, nothing leaks out of it, and others are answered meanwhile."""

import os
import random
import re
import resource
import select
import shutil
import socket
import struct

from lib.harness import PYTHON, Skip, check, check_equal, test, wait_for
from lib.serve import BLOCK, alone, memory_mib, samples, serving, targets

CONNECTIONS = 10_000


def _send(server, requests):
    """
    Send each of the requests on a connection of its own, and return what comes back until the end. The server need not wait
    for more of a request: this side is closed then.
    """
    connections, answers = [], []
    for data in requests:
        connections.append(socket.create_connection(("127.0.0.1", server.port)))
        try:
            connections[-1].sendall(data)
            connections[-1].shutdown(socket.SHUT_WR)
        except OSError:  # the server may close before it has read everything
            pass
    for connection in connections:
        try:
            answers.append(b"".join(iter(lambda: connection.recv(65536), b"")))
        except OSError:
            answers.append(b"")
        connection.close()
    return answers


def _is_well(server, before):
    """It answers, and holds no more descriptors than before."""
    server.ask("/-/healthy")
    wait_for(lambda: server.descriptors() <= before, "closed descriptors", lambda: f": {server.descriptors()}, before {before}")


@test()
def malformed_requests(context):
    """Each gets an answer of 4xx or is closed. libmicrohttpd 1 sends a path with blanks to itself, with the blanks encoded."""
    user = alone(context)
    with targets(context, popen=user) as (target,), serving(context, **user) as server:
        server.wait_for(target.pid, "the process", lambda row: True)
        server.ask("/debug/pprof/heap")
        before = server.descriptors()
        long = b"x" * 100_000
        requests = (
            b"\0" * 1000, b"\r\n" * 5000, b"GET", b"GET ", b"GET /", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
            b"GET /" + long + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET / HTTP/1.1\r\nHost: " + long + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 10_000 + b"\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: localhost\r\n\r\n", long + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"POST /pprof/symbol HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
            b"POST /pprof/symbol HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n",
            b"POST /pprof/symbol HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
            b"\xff\xfe GET / HTTP/1.1\r\nConnection: close\r\n\r\n", b"GET /%ff%fe?a=%zz&&&=&pid HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500,
        )
        for request, answer in zip(requests, _send(server, requests)):
            check(not answer or re.match(rb"HTTP/1\.[01] [45]\d\d ", answer) or answer.startswith(b"HTTP/1.1 200") and request == b"GET / HTTP/1.1\r\n\r\n"
                  or answer.startswith(b"HTTP/1.1 301") and b"\r\nLocation: GET%20/\r\n" in answer,
                  f"{request[:60]!r}: {answer[:200]!r}")
        for body, status in ((b"0x1+" * 16_384, 200), (b"x" * 70_000, 413), (b"+" * 65_536, 200)):
            server.ask("/pprof/symbol", "POST", body, status=status)
        _is_well(server, before)


@test()
def random_requests(context):
    """Requests made of pieces that mean something, in any order, 3,000 of them: an answer to each, and no descriptor more."""
    dice = random.Random(20261127)
    user = alone(context)
    with targets(context, popen=user) as (target,), serving(context, **user) as server:
        server.wait_for(target.pid, "the process", lambda row: True)
        server.ask("/debug/pprof/heap")
        before = server.descriptors()
        pieces = ["", "/", "/metrics", "/export", "/debug/pprof/", "heap", "allocs", "delta_heap", "/pprof/symbol", "/pid/", str(target.pid),
                  "?", "&", "pid=", "seconds=", "debug=", "top=", "client=", "format=", "metric=", "sites=", "view=", "dhat", "pprof",
                  "folded", "peak", "total", "1", "0", "-1", "2147483648", "18446744073709551616", "..", "//", "%2e%2e", "%00", "%",
                  ";", "'", '"', "<", "\x7f", "a" * 300]
        starts = ["/", "/", "/metrics?", "/export?", "/debug/pprof/heap?", "/debug/pprof/", f"/pid/{target.pid}/"]
        statuses = {}
        for _ in range(3000):
            path = dice.choice(starts) + "".join(dice.choice(pieces) for _ in range(dice.randrange(7)))
            if re.search(r"seconds=0*[1-9]", path):  # would wait
                continue
            request = f"{dice.choice(('GET', 'GET', 'HEAD', 'POST', 'PUT'))} {path} HTTP/1.0\r\n\r\n".encode("latin-1")
            found = re.match(rb"HTTP/1\.[01] (\d\d\d) ", _send(server, [request])[0])
            check(found, f"no answer to {request!r}")
            statuses[int(found.group(1))] = statuses.get(int(found.group(1)), 0) + 1
        check(set(statuses) <= {200, 400, 404, 405}, f"statuses: {statuses}")
        check(statuses[200] > 20, f"hardly any request had a meaning: {statuses}")
        _is_well(server, before)
        return ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))


@test()
def paths_lead_nowhere(context):
    """No path, in any spelling, names a file."""
    with serving(context) as server:
        for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/export/../../etc/passwd", "/metrics/..",
                     "/etc/passwd", "/./metrics", "/debug/pprof/heap/..", "/debug/pprof/../../etc/passwd", "/pid/1/../../etc/passwd",
                     "/export?format=../../etc/passwd", "/export?format=/etc/passwd", "/\\..\\etc", "/file:///etc/passwd"):
            answer = server.ask(path, status=None)
            check(answer.status in (400, 404) and b"root:" not in answer.body, f"{path}: {answer.status} {answer.body[:100]!r}")


@test(needs="promtool")
def names_of_programs(context):
    """A program whose name has quotes, markup, a line break and bytes that are no UTF-8: every answer can still be read."""
    user = alone(context)
    name = b'a"b\\c\nd<img src=x onerror=alert(1)>{}=,\xff\xc3\xa9' + b"\xc3\xa9" * 90
    python = os.path.join(os.fsencode(context.folder), name)
    shutil.copy(PYTHON, python)
    os.chmod(python, 0o755)
    with targets(context, popen=user, python=python) as (target,), serving(context, **user) as server:
        row = server.wait_for(target.pid, "the process", lambda row: True)
        check('a"b\\c' in row["exe"] and "\n" not in row["exe"] and row["exe"].endswith("é"), f"exe: {row['exe']!r}")
        labels = server.ask("/sd").json[0]["labels"]
        check_equal(labels["exe"], os.path.basename(row["exe"]), "exe of /sd")
        for path in ("/", f"/page?pid={target.pid}"):
            check("<img" not in server.ask(path).text, "markup in " + path)
        text = server.ask("/metrics?sites=5").text
        result = context.run(["promtool", "check", "metrics"], stdin=text)
        check_equal((result.status, result.stdout + result.stderr), (0, ""), "promtool check metrics")
        found = {dict(labels)["exe"] for (name, labels) in samples(text) if name == "ctrace_heap_live_bytes"}
        check(all(exe.startswith('a\\"b\\\\c') for exe in found) and len(found) == 1, f"labels: {found}")
        for path in ("/export?format=json", "/debug/pprof/heap", "/debug/pprof/heap?debug=1", "/pprof/heap"):
            answer = server.ask(path)
            check("\n" not in answer.headers.get("Content-Disposition", ""), f"header: {answer.headers}")


@test()
def slow_clients(context):
    """Connections that send a part of a request, and clients that take nothing of a large answer: others do not wait."""
    user = alone(context)
    held = []
    with targets(context, popen=user) as (target,), serving(context, **user) as server:
        server.wait_for(target.pid, "the process", lambda row: True)
        server.ask("/export?format=json")
        try:
            for i in range(200):
                connection = socket.create_connection(("127.0.0.1", server.port))
                held.append(connection)
                if i % 2:
                    connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: loc")
                else:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
                    connection.sendall(b"GET /export?format=json HTTP/1.0\r\n\r\n")
            for _ in range(5):
                server.ask("/-/healthy")
                server.ask("/metrics")
        finally:
            for connection in held:  # with a reset
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
        wait_for(lambda: server.descriptors() < 40, "closed connections", lambda: f": {server.descriptors()}")
        server.ask("/metrics")


@test()
def silent_clients(context):
    """The server closes connections that stay silent: at the start, in the middle of the headers, in the body, after an answer."""
    with serving(context) as server:
        body = b"POST /pprof/symbol HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nshort"
        held = []
        for data in (b"", b"GET / HTTP/1.1\r\nHost: loc", body, b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            held.append(socket.create_connection(("127.0.0.1", server.port)))
            held[-1].sendall(data)
        answers = [b"".join(iter(lambda: connection.recv(65536), b"")) for connection in held]
        check_equal(answers[:3], [b"", b"", b""], "answers to parts of requests")
        check(answers[3].endswith(b"ok\n"), f"answer to the whole request: {answers[3]!r}")
        for connection in held:
            connection.close()


@test()
def thousands_of_connections(context):
    """10,000 connections at once: 512 are served, the others wait; all is well when they are gone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < CONNECTIONS + 100:
        raise Skip(f"{CONNECTIONS} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (CONNECTIONS + 100, hard))
    with serving(context, **alone(context)) as server:
        server.ask("/")
        before, held = server.descriptors(), []
        try:
            for _ in range(CONNECTIONS):
                connection = socket.socket()
                connection.setblocking(False)
                connection.connect_ex(("127.0.0.1", server.port))
                held.append(connection)
            wait_for(lambda: server.descriptors() > before + 500, "the limit", lambda: f": {server.descriptors()}")
            check(server.descriptors() <= before + 520, f"descriptors: {server.descriptors()}, before {before}")
        finally:
            for connection in held:
                connection.close()
        _is_well(server, before + 2)
        check(memory_mib(server.pid) < 64, f"{memory_mib(server.pid):.0f} MiB for connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@test()
def waiting_requests(context):
    """More requests with ?seconds= than can wait are refused; clients that go away meanwhile leave nothing; the end does not wait."""
    user = alone(context)
    with targets(context, popen=user) as (target,), serving(context, **user) as server:
        server.wait_for(target.pid, "the process", lambda row: True)
        server.ask("/debug/pprof/heap")
        held = []
        for i in range(70):
            connection = socket.create_connection(("127.0.0.1", server.port))
            connection.sendall(b"GET /debug/pprof/heap?seconds=3600 HTTP/1.0\r\n\r\n")
            held.append(connection)
        answered = wait_for(lambda: (ready := select.select(held, (), (), 0)[0]) and len(ready) >= 6 and ready, "the answers to six")
        check_equal(len(answered), 6, "refused requests")  # which six they are depends on the order of arrival
        for connection in answered:
            check(re.match(rb"HTTP/1\.[01] 503 ", connection.recv(100)), "a request that was not refused was answered")
        for connection in held[:32]:
            connection.close()
        server.ask("/metrics")
        server.stop()  # while 64 wait
        for connection in held[32:]:
            connection.close()


@test()
def the_process_ends_during_a_request(context):
    """Killed, and ended, while ?seconds= waits: the answer is the change until the end."""
    user = alone(context)
    with targets(context, 2, popen=user) as (dies, ends), serving(context, **user) as server:
        waiting = []
        for target in (dies, ends):
            server.wait_for(target.pid, "the process", lambda row: True)
            connection = socket.create_connection(("127.0.0.1", server.port))
            connection.sendall(f"GET /debug/pprof/allocs?pid={target.pid}&seconds=2 HTTP/1.0\r\n\r\n".encode())
            waiting.append(connection)
        server.ask("/-/healthy")
        for target in (dies, ends):
            target.tell("grow 5")
        dies.kill()
        ends.end()
        for connection in waiting:
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
            connection.close()
            check(re.match(rb"HTTP/1\.[01] 200 ", answer), f"answer: {answer[:300]!r}")
        killed = server.wait_for(dies.pid, "the kill", lambda row: row["state"] == "killed")
        check(killed["liveBytes"] > 5 * BLOCK, f"last numbers: {killed}")


@test()
def damaged_stores_in_the_folder(context):
    """A store with bytes changed at 300 random places, one after another, and one that claims to be huge: an answer to each question."""
    dice = random.Random(7)
    folder = context.make_folder("stores")
    with targets(context, popen=None) as (target,):
        target.tell("grow 5")
        target.kill()
        with open(target.store, "rb") as file:
            whole = file.read()
        shutil.copy(target.store, folder + "/good.store")
        with serving(context, "--no-proc", "--stores", folder) as server:
            server.ask("/debug/pprof/heap")
            for i in range(300):
                copy = bytearray(whole)
                for _ in range(dice.choice((1, 1, 4, 200))):
                    copy[dice.randrange(len(copy) if i % 2 else 65536)] = dice.choice((0, 1, 0x7F, 0xFF, dice.randrange(256)))
                copy = copy[: dice.randrange(len(copy))] if i % 10 == 0 else copy
                struct.pack_into("<I", copy, 32, 1_000_000 + i) if len(copy) > 40 else None
                context.write("stores/new.tmp", bytes(copy))
                os.rename(folder + "/new.tmp", folder + f"/{i}.store")
                if i % 30 == 29:
                    server.ask("/processes")
                    server.ask("/metrics?sites=10")
                    for row in server.ask("/processes").json["processes"]:
                        status = server.ask(f"/export?pid={row['pid']}&format=folded", status=None).status
                        check(status in (200, 404, 500), f"status {status} for {row}")  # 404: removed and forgotten
                    for name in os.listdir(folder):
                        if name != "good.store":
                            os.remove(folder + "/" + name)
            with open(folder + "/huge.store", "wb") as file:
                file.write(whole)
                file.truncate(1 << 40)
            server.ask("/metrics")
            server.ask(f"/export?pid={target.pid}&format=folded", status=None)
            wait_for(lambda: len(server.ask("/processes").json["processes"]) <= 2, "removed stores to be forgotten")
            with open(f"/proc/{server.pid}/status", encoding="ascii") as status:
                peak = int(re.search(r"VmHWM:\s+(\d+) kB", status.read()).group(1))
            check(peak < 300_000, f"memory of the server: {peak} KiB")
