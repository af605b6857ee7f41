# SPDX-License-Identifier: MIT
"""The profiles of ctrace serve, read by go tool pprof and by gperftools' pprof, and its exports."""

import json
import os
import re
import signal
import socket
import time

from lib import formats
from lib.harness import BUILD, CTRACE, check, check_equal, check_in, test
from lib.serve import BLOCK, SMALL, alone, serving, targets

PAGE = os.path.join(BUILD, "share", "ctrace", "report.html")  # make html
SPARE = 60_000  # bytes that Python allocates beside what it was told to: buffers of stdin


def _raw(context, server, path, name="raw.pb.gz"):
    answer = server.ask(path)
    check_equal(answer.headers["Content-Type"], "application/octet-stream", "type of " + path)
    return formats.PprofRaw(context, context.write(name, answer.body))


def _go(context, *words, status=0):
    env = context.environment(PPROF_TMPDIR=context.make_folder("pprof"))
    return context.run(["go", "tool", "pprof", *words], env=env).check(status)


@test(needs="go")
def read_by_go(context):
    """heap and allocs differ in what is shown first; numbers and names are those of the exported file."""
    user = alone(context)
    with targets(context, popen=user) as (target,), serving(context, **user) as server:
        target.tell("grow 7")
        server.wait_for(target.pid, "the process", lambda row: row["liveBytes"] > 7 * BLOCK)
        context.run([CTRACE, "export", "-f", "pprof", "-o", context.path("own.pb.gz"), target.store]).check()
        own = formats.PprofRaw(context, context.path("own.pb.gz"))
        for path, default in (("heap", "inuse_space"), ("allocs", "alloc_space")):
            raw = _raw(context, server, "/debug/pprof/" + path)
            check_equal(raw.default, default, "shown first by " + path)
            check_equal(raw.sums(), own.sums(), "sums of " + path)
            check("Duration" not in raw.head, f"a duration of what is now: {raw.head}")
            url = f"http://127.0.0.1:{server.port}/debug/pprof/{path}?pid={target.pid}"
            text = _go(context, "-top", "-unit=B", "-nodecount=0", "-nodefraction=0", url).stdout
            check_in("Type: " + default, text, "go tool pprof URL")
            flat, total = formats.pprof_flat(context, context.path("own.pb.gz"), default)
            found = {name: int(number) for number, name in re.findall(r"(?m)^ *(\d+)B? .*%  (.*?)(?: \(inline\))?$", text) if int(number)}
            check_equal(found, {name: number for name, number in flat.items() if number}, "flat numbers by function")
            check_equal(sum(found.values()), total, "their sum")


def _stopped(server, path, seconds):
    """Ask for a change in some seconds, and stop the server before they are over; returns the connection."""
    while True:
        asked = time.monotonic()
        waiting = socket.create_connection(("127.0.0.1", server.port))
        waiting.sendall(f"GET {path}seconds={seconds} HTTP/1.0\r\n\r\n".encode())
        server.ask("/-/healthy")
        os.kill(server.pid, signal.SIGSTOP)
        if time.monotonic() - asked < seconds:
            return waiting
        os.kill(server.pid, signal.SIGCONT)
        waiting.close()


@test(needs="go")
def change_in_some_seconds(context):
    """
    ?seconds= waits without keeping others waiting, and gives the change, of totals and of what is live: as from Go, it is
    negative where less is live.
    """
    user = alone(context)
    with targets(context, popen=user) as (target,), serving(context, **user) as server:
        target.tell("grow 5")
        before = server.wait_for(target.pid, "the process", lambda row: row["liveBytes"] > 5 * BLOCK)
        with _stopped(server, "/debug/pprof/heap?", 3) as waiting:
            target.tell("churn 400")
            target.tell("grow 3")
            target.tell("shrink 6")
            os.kill(server.pid, signal.SIGCONT)
            answer = b"".join(iter(lambda: waiting.recv(65536), b""))
        check_in(b" 200 OK\r\n", answer, "answer")
        after = server.wait_for(target.pid, "the shrinkage", lambda row: row["liveBytes"] < before["liveBytes"])
        raw = formats.PprofRaw(context, context.write("change.pb.gz", answer.partition(b"\r\n\r\n")[2]))
        check_equal(raw.types, ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"], "types")
        wanted = 400 * SMALL + 3 * BLOCK
        check(wanted <= raw.sums()["alloc_space"] < wanted + SPARE, f"allocated meanwhile: {raw.sums()}, wanted {wanted}")
        check_equal(raw.sums()["inuse_space"], after["liveBytes"] - before["liveBytes"], "change of live bytes")
        check_equal(raw.sums()["inuse_objects"], after["liveBlocks"] - before["liveBlocks"], "change of live blocks")
        check(raw.sums()["inuse_space"] < -2 * BLOCK, f"less is live than before: {raw.sums()}")
        text = _go(context, "-top", "-unit=B", "-sample_index=inuse_space", context.path("change.pb.gz")).stdout
        check(re.search(r"(?m)^ *-\d+B ", text), f"go tool pprof shows it: {text[:500]}")
        check(re.match(r"3|\d\d|[4-9]|\d[mh]\d", raw.head["Duration"]), f"duration: {raw.head}")
        server.ask("/debug/pprof/heap?seconds=1&debug=1", status=400)
        for wrong in ("x", "-1", "1e3", "99999999999999999999", "3601", "1.5", "%00", "+1"):
            server.ask("/debug/pprof/heap?seconds=" + wrong, status=400)


@test(needs="go")
def deltas_by_client(context):
    """Each client gets what was allocated since its own last request, and what is live now; sums over requests are exact."""
    user = alone(context)
    with serving(context, **user) as server, targets(context, popen=user) as (target,):
        target.tell("grow 5")
        row = server.wait_for(target.pid, "the process", lambda row: row["liveBytes"] > 5 * BLOCK)
        first = _raw(context, server, "/debug/pprof/delta_heap?client=a").sums()
        check_equal((first["alloc_space"], first["inuse_space"]), (row["totalBytes"], row["liveBytes"]), "first request")
        target.tell("churn 30")
        grown = server.wait_for(target.pid, "more", lambda now: now["totalBytes"] > row["totalBytes"])
        second = _raw(context, server, "/debug/pprof/delta_heap?client=a").sums()
        check_equal((second["alloc_space"], second["alloc_objects"], second["inuse_space"]),
                    (grown["totalBytes"] - row["totalBytes"], grown["totalBlocks"] - row["totalBlocks"], grown["liveBytes"]),
                    "second request")
        third = _raw(context, server, "/debug/pprof/delta_heap?client=a").sums()
        check_equal((third["alloc_space"], third["inuse_space"]), (0, grown["liveBytes"]), "third request, nothing happened")
        for other in ("/debug/pprof/delta_heap?client=b", "/debug/pprof/delta_heap"):
            check_equal(_raw(context, server, other).sums()["alloc_space"], grown["totalBytes"], "another client")
        for i in range(20):
            server.ask(f"/debug/pprof/delta_heap?client=c{i}")
        check_equal(_raw(context, server, "/debug/pprof/delta_heap?client=a").sums()["alloc_space"], grown["totalBytes"],
                    "a client that was forgotten begins again")
        server.ask("/debug/pprof/delta_heap?client=" + "x" * 65, status=400)


@test(needs="go")
def largest_and_text(context):
    """?top=N keeps N stacks and the sums; ?debug=1 is text with the same sums, which pprof reads too."""
    user = alone(context)
    with targets(context, popen=user) as (target,), serving(context, **user) as server:
        target.tell("grow 4")
        row = server.wait_for(target.pid, "the process", lambda row: row["liveBytes"] > 4 * BLOCK)
        whole = _raw(context, server, "/debug/pprof/heap")
        for count in (1, 5, 100_000):
            top = _raw(context, server, f"/debug/pprof/heap?top={count}")
            check_equal(top.sums(), whole.sums(), f"sums with top={count}")
            check_equal(len(top.samples), min(count + 1, len(whole.samples)), f"samples with top={count}")
        text = server.ask("/debug/pprof/heap?debug=1").text
        head = re.match(r"heap profile: +(\d+): +(\d+) \[ *(\d+): +(\d+)\] @ heapprofile\n", text)
        check(head, "first line: " + text[:200])
        wanted = tuple(row[name] for name in ("liveBlocks", "liveBytes", "totalBlocks", "totalBytes"))
        check_equal(tuple(map(int, head.groups())), wanted, "numbers of the first line")
        check(re.search(r"(?m)^#\t0x[0-9a-f]+\tPyByteArray_FromStringAndSize|^#\t0x[0-9a-f]+\tPy", text), "names")
        path = context.write("heap.txt", text)
        got = context.run(["go", "tool", "pprof", "-raw", path]).check().stdout
        sums = [0] * 4
        for line in got.split("Samples:\n")[1].split("Locations")[0].splitlines()[1:]:
            found = re.match(r"^ *(\d+) +(\d+) +(\d+) +(\d+):", line)
            if found:
                sums = [a + int(b) for a, b in zip(sums, found.groups())]
        check_equal(tuple(sums), (wanted[2], wanted[3], wanted[0], wanted[1]), "pprof's sums of the text")


@test(needs="go")
def other_profiles_of_go(context):
    """What scrapers ask for by default and is not there: 404 with a text that go tool pprof shows."""
    with serving(context) as server:
        for name in ("block", "mutex", "goroutine", "profile", "trace", "threadcreate"):
            answer = server.ask("/debug/pprof/" + name, status=404)
            check_equal(answer.headers["X-Go-Pprof"], "1", "header of " + name)
            result = context.run(["go", "tool", "pprof", "-top", f"http://127.0.0.1:{server.port}/debug/pprof/{name}"])
            check_in("ctrace records the heap only", result.stderr, "what go tool pprof shows")
        check_in("delta_heap", server.ask("/debug/pprof/").text, "index")


@test(needs="google-pprof")
def read_by_gperftools(context):
    """Perl's pprof reads heap and growth and asks for names, of one process among several."""
    user = alone(context)
    with targets(context, 2, popen=user) as (target, other), serving(context, **user) as server:
        target.tell("grow 40")
        other.tell("grow 3")
        row = server.wait_for(target.pid, "the process", lambda row: row["liveBytes"] > 40 * BLOCK)
        for path, bytes_wanted in (("heap", row["liveBytes"]), ("growth", row["peakBytes"])):
            result = context.run(["google-pprof", "--text", "--show_bytes",
                                  f"http://127.0.0.1:{server.port}/pid/{target.pid}/pprof/{path}"]).check()
            total = re.search(r"Total: (\d+) B", result.stdout)
            check(total and int(total.group(1)) == bytes_wanted, f"{path}: {result.stdout[:300]}, wanted {bytes_wanted}")
            check(re.search(r"(?m)^ *\d+ .* Py[A-Z_]\w+", result.stdout), f"names: {result.stdout[:500]}")
        check_equal(server.ask("/pprof/symbol").text, "num_symbols: 1\n", "GET symbol")
        check_equal(server.ask("/pprof/symbol", "POST", b"0x1+0x2,zz++\n0xffffffffffffffffff").text, "", "addresses of nothing")


@test()
def which_process(context):
    """Without a pid: the only one that runs; several: a list; none: what to do."""
    user = alone(context)
    with serving(context, **user) as server:
        answer = server.ask("/debug/pprof/heap", status=404)
        check_in("LD_PRELOAD=libctrace.so", answer.text, "what to do")
        with targets(context, popen=user) as (first,):
            server.wait_for(first.pid, "the process", lambda row: True)
            server.ask("/debug/pprof/heap")
            with targets(context, popen=user) as (second,):
                server.wait_for(second.pid, "the process", lambda row: True)
                check_in("2 processes are recorded", server.ask("/pprof/heap", status=300).text, "choice")
                server.ask("/debug/pprof/heap?debug=1", status=300)
                for path in (f"/debug/pprof/heap?pid={second.pid}", f"/pid/{second.pid}/debug/pprof/heap"):
                    check_in(f".{second.pid}.pb.gz", server.ask(path).headers["Content-Disposition"], "name of the file")
        for wrong in ("/pid/0/metrics", "/pid/x/metrics", "/pid//metrics", "/pid/1", "/pid/", "/pid/99999999999999/metrics"):
            server.ask(wrong, status=404)
        server.ask("/debug/pprof/heap?pid=1", status=404)


def _by_process(context, server, path):
    """Sums by (pid, exe, service_name): {process: {type: sum}}."""
    raw = _raw(context, server, path)
    sums = {}
    for (values, _), labels in zip(raw.samples, raw.labels):
        row = sums.setdefault(tuple(labels.get(name) for name in ("pid", "exe", "service_name")), dict.fromkeys(raw.types, 0))
        for name, value in zip(raw.types, values):
            row[name] += value
    return sums


@test(needs="go")
def all_processes_in_one_profile(context):
    """Without a pid, and with pid=all: the samples have labels, and each process's sums are its own, to the byte."""
    user = alone(context)
    with serving(context, **user) as server, targets(context, 2, popen=user) as (first, second), targets(context, popen=user, OTEL_SERVICE_NAME="shop") as (third,):
        rows = {}
        for i, target in enumerate((first, second, third)):
            before = server.wait_for(target.pid, "the process", lambda row: True)["liveBytes"]
            target.tell(f"grow {i + 2}")
            rows[target.pid] = server.wait_for(target.pid, "growth", lambda row: row["liveBytes"] > before + (i + 1) * BLOCK)
        python = os.path.basename(rows[first.pid]["exe"])
        names = {(str(target.pid), python, service) for target, service in ((first, python), (second, python), (third, "shop"))}
        for path in ("heap", "allocs?pid=all", "delta_heap", "heap?top=3", "heap?top=1"):
            sums = _by_process(context, server, "/debug/pprof/" + path)
            check_equal(sum(row["alloc_space"] for row in sums.values()), sum(row["totalBytes"] for row in rows.values()), "sum of " + path)
            if "top" in path:
                continue
            check_equal(set(sums), names, "labels of " + path)
            for (pid, _, _), row in sums.items():
                check_equal((row["alloc_space"], row["inuse_space"], row["inuse_objects"]),
                            tuple(rows[int(pid)][name] for name in ("totalBytes", "liveBytes", "liveBlocks")), f"process {pid} in {path}")
        shown = {target["labels"]["pid"]: target["labels"]["service_name"] for target in server.ask("/sd").json}
        check_equal(shown, {pid: service for pid, _, service in names}, "services of /sd")
        text = _go(context, "-top", "-unit=B", "-nodecount=0", "-nodefraction=0", "-tagfocus=service_name=shop", f"http://127.0.0.1:{server.port}/debug/pprof/heap").stdout
        check_in(f"accounting for {rows[third.pid]['liveBytes']}B,", text, "go tool pprof with one service")

        # One is killed and one starts while the change is waited for.
        before = {target.pid: server.process_of(target.pid) for target in (first, second, third)}
        with _stopped(server, "/debug/pprof/heap?pid=all&", 2) as waiting:
            first.tell("grow 6")
            first.tell("churn 10")
            first.kill()
            with targets(context, popen=user) as (fourth,):
                fourth.tell("grow 9")
                os.kill(server.pid, signal.SIGCONT)
                answer = b"".join(iter(lambda: waiting.recv(65536), b""))
                raw = formats.PprofRaw(context, context.write("change.pb.gz", answer.partition(b"\r\n\r\n")[2]))
                live = {}
                for (values, _), labels in zip(raw.samples, raw.labels):
                    live[labels["pid"]] = live.get(labels["pid"], 0) + values[raw.types.index("inuse_space")]
                check_equal(live[str(first.pid)], -before[first.pid]["liveBytes"], "live bytes of the killed one")
                check_equal(live[str(fourth.pid)], server.process_of(fourth.pid)["liveBytes"], "those of the new one")
                check_equal(live.get(str(second.pid), 0), 0, "those of one that has done nothing")
                sums = _by_process(context, server, "/debug/pprof/delta_heap")
                check(sums[(str(first.pid), python, python)]["alloc_space"] >= 6 * BLOCK + 10 * SMALL, f"last words of the killed one: {sums}")
                check_equal(sums[(str(first.pid), python, python)]["inuse_space"], 0, "and nothing of it is live")
                check(str(first.pid) not in {pid for pid, _, _ in _by_process(context, server, "/debug/pprof/delta_heap")}, "once")


@test()
def two_processes_compared(context):
    """/diff has what one process has more than the other, in the forms of ctrace diff."""
    user = alone(context)
    with targets(context, 2, popen=user) as (small, large), serving(context, **user) as server:
        small.tell("grow 2")
        large.tell("grow 12")
        rows = [server.wait_for(target.pid, "the process", lambda row: row["liveBytes"] > 2 * BLOCK) for target in (small, large)]
        diff = server.ask(f"/diff?pid={large.pid}&with={small.pid}&format=json").json
        largest = max(diff["rows"], key=lambda row: row["new"]["endBytes"] - row["old"]["endBytes"])
        check_equal(largest["new"]["endBytes"] - largest["old"]["endBytes"], 10 * BLOCK, f"the largest growth: {largest}")
        sums = [sum(row[side]["endBytes"] for row in diff["rows"]) for side in ("old", "new")]
        check(sums[0] <= rows[0]["liveBytes"] and sums[1] <= rows[1]["liveBytes"], f"sums of the rows: {sums}, {rows}")
        folded = server.ask(f"/diff?pid={large.pid}&with={small.pid}&format=folded").text
        check(re.search(rf"(?m) {2 * BLOCK} {12 * BLOCK}$", folded), f"folded: {folded[:500]}")
        for wrong, status in ((f"pid={large.pid}", 404), (f"pid={large.pid}&with=1", 404), ("with=1", 300),
                              (f"pid={large.pid}&with=x", 400), (f"pid={large.pid}&with={small.pid}&format=svg", 400)):
            server.ask("/diff?" + wrong, status=status)
        if os.path.exists(PAGE):
            check_in('id="data">', server.ask(f"/diff?pid={large.pid}&with={small.pid}").text, "the page")


@test()
def two_moments_compared(context):
    """/diff?seconds=N has what was allocated and freed in N seconds, site by site."""
    user = alone(context)
    with targets(context, popen=user) as (target,), serving(context, **user) as server:
        target.tell("grow 12")
        before = server.wait_for(target.pid, "the process", lambda row: row["liveBytes"] > 12 * BLOCK)
        with _stopped(server, "/diff?format=json&", 2) as waiting:
            target.tell("shrink 7")
            target.tell("churn 20")
            os.kill(server.pid, signal.SIGCONT)
            answer = b"".join(iter(lambda: waiting.recv(65536), b""))
        after = server.wait_for(target.pid, "the shrinkage", lambda row: row["liveBytes"] < before["liveBytes"])
        diff = json.loads(answer.partition(b"\r\n\r\n")[2])
        for side, row in (("old", before), ("new", after)):
            sums = tuple(diff[side]["totals"][name] for name in ("endBytes", "totalBytes", "totalBlocks"))
            check_equal(sums, (row["liveBytes"], row["totalBytes"], row["totalBlocks"]), side)
        largest = min(diff["rows"], key=lambda row: row["new"]["endBytes"] - row["old"]["endBytes"])
        check_equal(largest["new"]["endBytes"] - largest["old"]["endBytes"], -7 * BLOCK, f"the largest decrease: {largest}")
        server.ask(f"/diff?seconds=1&with={target.pid}", status=400)
        server.ask("/diff?seconds=x", status=400)


@test()
def every_format(context):
    """Each format of ctrace export is served, and the one without a time or a command line is the same as from the command."""
    user = alone(context)
    refused = context.run([CTRACE, "export", "-f", "x", "x"]).check(2).stderr
    names = refused.rpartition("known: ")[2].split(", ")
    names[-1] = names[-1].strip()
    check(len(names) >= 13, f"formats: {names}")
    with targets(context, popen=user) as (target,), serving(context, **user) as server:
        target.tell("grow 4")
        server.wait_for(target.pid, "the process", lambda row: row["liveBytes"] > 4 * BLOCK)
        if not os.path.exists(PAGE):
            names.remove("html")
        for name in names:
            answer = server.ask(f"/export?format={name}")
            check_in(f".{target.pid}.", answer.headers["Content-Disposition"], "file name of " + name)
            check(len(answer.body) > 500, f"{name} has {len(answer.body)} bytes")
            if name == "folded":
                context.run([CTRACE, "export", "-f", name, "-o", context.path("own.folded"), target.store]).check()
                with open(context.path("own.folded"), "rb") as file:
                    check_equal(answer.body, file.read(), "bytes of " + name)
        peak = server.ask("/export?format=folded&metric=peak").text
        check_equal(sum(int(line.rsplit(" ", 1)[1]) for line in peak.splitlines()), server.process_of(target.pid)["peakBytes"], "metric=peak")
        page = os.path.exists(PAGE) and server.ask("/export?format=html&view=1")
        check(not page or "Content-Disposition" not in page.headers and "default-src" not in page.headers["Content-Security-Policy"],
              f"the page is saved or its script refused: {page.headers}")
        for wrong in ("format=x", "format=", "metric=x", "format=dhat&metric=peak", "format=folded&metric=lost"):
            server.ask("/export?" + wrong, status=400)
