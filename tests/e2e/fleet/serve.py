# SPDX-License-Identifier: MIT
"""ctrace serve: which processes and stores it finds, what it says about them, and whom it answers."""

import base64
import os
import shutil

from lib import dhat
from lib.harness import BUILD, CTRACE, Skip, check, check_equal, check_in, test, wait_for
from lib.serve import BLOCK, PID_AT, alone, serving, targets

MICROHTTPD = "/usr/lib/x86_64-linux-gnu/libmicrohttpd.so.12"
PAGE = os.path.join(BUILD, "share", "ctrace", "report.html")  # make html


@test()
def finds_running_processes(context):
    """The numbers are those of now, and the exported report is that of `ctrace export`, to the byte and site."""
    with targets(context, 2) as (first, second), serving(context) as server:
        rows = {pid: server.wait_for(pid, "the process", lambda row: row["state"] == "runs") for pid in (first.pid, second.pid)}
        first.tell("grow 10")
        grown = server.wait_for(first.pid, "growth", lambda row: row["liveBytes"] > rows[first.pid]["liveBytes"])
        check(10 * BLOCK <= grown["liveBytes"] - rows[first.pid]["liveBytes"] < 10 * BLOCK + 5000, f"growth: {grown}, {rows}")
        check_equal(server.process_of(second.pid)["liveBytes"], rows[second.pid]["liveBytes"], "the other process")
        first.tell("grow 1")  # from the same call stack: nothing but the head of a ring changes
        grown = server.wait_for(first.pid, "one more", lambda row: row["liveBytes"] > grown["liveBytes"])
        answer = server.ask("/processes")
        check_equal((answer.headers["Content-Type"], answer.json["format"], answer.json["version"], answer.json["notTaken"]),
                    ("application/json; charset=utf-8", "ctrace-running", 1, 0), "/processes")
        served = context.write("served.json", server.ask(f"/export?pid={first.pid}&format=dhat").body)
        context.run([CTRACE, "export", "-o", context.path("own.json"), first.store]).check()
        for key in ("tb", "tbk", "gb", "eb", "ebk"):
            check_equal(dhat.check_file(served).total(key), dhat.check_file(context.path("own.json")).total(key), key)
        check_equal(grown["liveBytes"], dhat.check_file(served).total("eb"), "live bytes of /processes")
        shown = {target["labels"]["__param_pid"] for target in server.ask("/sd").json}
        check({str(first.pid), str(second.pid)} <= shown, f"/sd: {shown}")
        check_in(f"<td class=n>{first.pid}<td", server.ask("/").text, "the page")
        for probe in ("/-/healthy", "/-/ready"):
            server.ask(probe)


@test()
def ends(context):
    """A process that ends in order, and one that is killed: the last numbers stay, and the end is counted by its cause."""
    user = alone(context)
    with targets(context, 2, popen=user) as (ends, dies), serving(context, **user) as server:
        for target in (ends, dies):
            target.tell("grow 3")
            server.wait_for(target.pid, "the process", lambda row: row["liveBytes"] > 3 * BLOCK)
        ends.end()
        dies.kill()
        ended = server.wait_for(ends.pid, "the end", lambda row: row["state"] == "ended")
        killed = server.wait_for(dies.pid, "the kill", lambda row: row["state"] == "killed")
        check(not os.path.exists(ends.store), "the export has not removed the store, so the test shows nothing")
        check(ended["peakBytes"] >= 3 * BLOCK and killed["liveBytes"] >= 3 * BLOCK, f"last numbers: {ended}, {killed}")
        context.run([CTRACE, "export", "-o", context.path("own.json"), dies.store]).check()
        check_equal(killed["totalBytes"], dhat.check_file(context.path("own.json")).total("tb"), "total of the killed one")
        check_equal({row["pid"] for row in server.ask("/processes").json["processes"]}, {ends.pid, dies.pid}, "processes")
        text = server.ask("/metrics").text
        check_in('ctrace_ends_total{cause="exit"} 1\n', text, "ends")
        check_in('ctrace_ends_total{cause="killed"} 1\n', text, "ends")
        check(f'ctrace_heap_live_bytes{{pid="{dies.pid}"' not in text, "a process that has ended has live bytes")
        check_in(f'ctrace_heap_allocated_bytes_total{{pid="{dies.pid}"', text, "its totals")


@test()
def watched_folder(context):
    """Stores of processes that cannot be seen: one that is there at the start, one that comes, and files that are none."""
    folder = context.make_folder("stores")
    with targets(context, 2) as (first, second):
        for target in (first, second):
            target.tell("grow 2")
            target.kill()
        shutil.copy(first.store, folder)
        context.write("stores/garbage.store", b"\0" * 100_000)
        context.write("stores/none.store", b"")
        os.mkfifo(os.path.join(folder, "pipe.store"))
        os.symlink(second.store, os.path.join(folder, "link.store"))
        os.mkdir(os.path.join(folder, "folder.store"))
        with serving(context, "--no-proc", "--stores", folder) as server:
            rows = server.ask("/processes").json["processes"]
            check_equal([(row["pid"], row["state"]) for row in rows], [(first.pid, "unseen")], "stores at the start")
            shutil.copy(second.store, folder + "/new.tmp")
            os.rename(folder + "/new.tmp", folder + "/second.store")
            row = server.wait_for(second.pid, "the new store", lambda row: row["liveBytes"] > 2 * BLOCK)
            check_equal(row["store"], folder + "/second.store", "its name")
            os.remove(folder + "/second.store")
            wait_for(lambda: not server.process_of(second.pid), "the store to be forgotten")


@test()
def folders_in_the_folder(context):
    """Stores in sub-folders, four deep, are served too: at the start, in a folder that appears, is moved or removed. No link is followed."""
    top, outside = context.make_folder("stores"), context.make_folder("outside")
    with targets(context) as (target,):
        target.kill()
    with open(target.store, "rb") as file:
        whole = bytearray(file.read())

    def put(folder, pid):
        os.makedirs(folder, exist_ok=True)
        whole[PID_AT : PID_AT + 4] = pid.to_bytes(4, "little")
        with open(os.path.join(folder, "new.tmp"), "wb") as out:
            out.write(whole)
        os.rename(os.path.join(folder, "new.tmp"), os.path.join(folder, f"{pid}.store"))

    for depth in range(6):
        put(os.path.join(top, *"abcde"[:depth]), 2_000_000 + depth)
    put(outside, 2_000_010)
    os.symlink(outside, top + "/link")
    os.symlink(top, top + "/a/loop")
    with serving(context, "--no-proc", "--stores", top) as server:

        def served():
            return {row["pid"] - 2_000_000: os.path.relpath(row["store"], top) for row in server.ask("/processes").json["processes"]}

        wait_for(lambda: set(served()) == {0, 1, 2, 3, 4}, "the stores four deep", lambda: f": {served()}")
        check_equal(served()[3], "a/b/c/2000003.store", "name of a store")
        check_equal(server.ask("/processes").json["notWatched"], 1, "folders that are too deep")
        before = server.descriptors()
        os.makedirs(top + "/new/deep")
        put(top + "/new/deep", 2_000_020)
        wait_for(lambda: 20 in served(), "a store in a folder that has appeared")
        os.rename(top + "/new", top + "/moved")
        put(top + "/moved/deep", 2_000_021)
        wait_for(lambda: served().get(21) == "moved/deep/2000021.store", "a store in a folder that was moved")
        os.rename(top + "/moved", outside + "/moved")
        put(outside + "/moved/deep", 2_000_022)
        os.symlink(outside + "/moved", top + "/moved")
        put(top, 2_000_023)
        wait_for(lambda: 23 in served(), "the store after that")
        check(22 not in served(), "a folder that was moved away, or a link to it, is watched")
        shutil.rmtree(outside + "/moved")
        for i in range(30):  # folders that come and go leave nothing
            put(top + f"/f{i}/g", 2_000_100 + i)
            shutil.rmtree(top + f"/f{i}")
        wait_for(lambda: set(served()) == {0, 1, 2, 3, 4, 23}, "what was removed to be forgotten", lambda: f": {served()}")
        wait_for(lambda: server.descriptors() <= before + 1, "closed descriptors", lambda: f": {server.descriptors()}, before {before}")


@test()
def a_store_appears_in_the_folder(context):
    """The store of a process that starts later and is not looked for in /proc."""
    with serving(context, "--no-proc", "--stores", context.folder) as server, targets(context) as (target,):
        target.tell("grow 4")
        server.wait_for(target.pid, "the store", lambda row: row.get("liveBytes", 0) > 4 * BLOCK)


@test()
def a_damaged_store_beside_others(context):
    """Its row says what is wrong; the others are served as before."""
    folder = context.make_folder("stores")
    with targets(context, 2) as (good, bad):
        good.kill()
        bad.kill()
        shutil.copy(good.store, folder + "/good.store")
        whole = bytearray(open(bad.store, "rb").read())
        whole[4096:65536] = b"\xff" * (65536 - 4096)
        context.write("stores/bad.store", bytes(whole))
        with serving(context, "--no-proc", "--stores", folder) as server:
            check_in("damaged store", server.process_of(bad.pid)["problem"], "problem of the damaged one")
            check("problem" not in server.process_of(good.pid), "a problem of the good one")
            text = server.ask("/metrics").text
            check_in(f'ctrace_store_readable{{pid="{bad.pid}",exe=""}} 0\n', text, "metrics of the damaged one")
            check(f'ctrace_heap_peak_bytes{{pid="{bad.pid}"' not in text, "numbers that are not known")
            server.ask(f"/export?pid={bad.pid}&format=dhat", status=500)
            server.ask(f"/export?pid={good.pid}&format=dhat")


@test()
def arguments_are_hidden(context):
    """No URL shows a process's arguments, unless the server was started so."""
    with targets(context, secret="--password=hunter2") as (target,):
        for options, shown in (((), False), (("--arguments",), True)):
            with serving(context, *options) as server:
                server.wait_for(target.pid, "the process", lambda row: True)
                seen = set()
                page = ["/export?format=html&view=1"] if os.path.exists(PAGE) else []
                for path in ("/", "/processes", "/sd", "/metrics", f"/metrics?sites=5&pid={target.pid}",
                             *(f"/pid/{target.pid}{path}" for path in (
                                 *page, "/export?format=dhat", "/export?format=folded",
                                 "/export?format=json", "/export?format=massif", "/export?format=callgrind",
                                 "/debug/pprof/heap?debug=1", "/debug/pprof/cmdline", "/pprof/heap", "/pprof/cmdline"))):
                    if b"hunter2" in server.ask(path).body:
                        seen.add(path)
                check_equal(bool(seen), shown, f"arguments with {options}: {seen}")


@test()
def who_may_ask(context):
    """Only the loopback without a token; a token as Bearer or as password; no foreign Host; probes are open."""
    for address in ("0.0.0.0:0", "[::]:0", ":0"):
        result = context.run([CTRACE, "serve", "--listen", address])
        check_equal(result.status, 2, "status of --listen " + address)
        check_in("--token FILE and --tls", result.stderr, "the line that says how")
    for wrong in ("127.0.0.1", "127.0.0.1:99999", "127.0.0.1:x", "example.org:80", ""):
        check_equal(context.run([CTRACE, "serve", "--listen", wrong]).status, 2, "status of --listen " + wrong)
    check_equal(context.run([CTRACE, "serve", "--token", context.write("short", "x\n")]).status, 2, "status of a short token")
    with serving(context) as server:
        for host in ("localhost", "127.0.0.1:6070", "127.8.9.1", "[::1]:80", "LOCALHOST:1"):
            server.ask("/processes", Host=host)
        for host in ("example.org", "127.0.0.1.example.org", "localhost.example.org:6070", "[::1", "", "10.0.0.1", "x" * 300):
            server.ask("/processes", Host=host, status=403)
        answer = server.ask("/processes")
        check_equal(answer.headers["X-Content-Type-Options"], "nosniff", "nosniff")
        check("Access-Control-Allow-Origin" not in answer.headers, "another site may read the answer")
        check_in("default-src 'none'", answer.headers["Content-Security-Policy"], "policy")
        server.ask("/processes", "POST", b"x", status=405)
        server.ask("/processes", "DELETE", status=405)
        server.ask("/processes", "HEAD")
    token = "correct horse battery"
    with serving(context, "--token", context.write("token", token + "\nmore\n")) as server:
        server.ask("/-/healthy")
        basic = lambda password: "Basic " + base64.b64encode(("user:" + password).encode()).decode()
        for header in ("Bearer " + token, "bearer " + token, basic(token)):
            server.ask("/processes", Authorization=header, Host="example.org")
        for header in (None, "", "Bearer", "Bearer ", "Bearer " + token[:-1], "Bearer " + token + "x", basic(""), "Basic",
                       "Basic !!!", basic(token + "x"), "Basic " + "A" * 5000):
            answer = server.ask("/processes", status=401, **({"Authorization": header} if header is not None else {}))
            check_in("Basic", answer.headers["WWW-Authenticate"], "what is asked for")


@test()
def a_process_that_has_just_started(context):
    """It is served by its pid at once; without one, it is found within a second."""
    with serving(context) as server:
        server.ask("/processes")
        with targets(context) as (target,):
            server.ask(f"/debug/pprof/heap?pid={target.pid}")


@test(needs=("unshare", MICROHTTPD))
def without_libmicrohttpd(context):
    """A line says what is missing; every other command works."""
    hide = 'mount --bind /dev/null "$0" && exec "$@"'
    run = lambda *words: context.run(["unshare", "-m", "sh", "-c", hide, os.path.realpath(MICROHTTPD), CTRACE, *words])
    result = run("serve", "--listen", "127.0.0.1:0")
    if "unshare" in result.stderr or "mount" in result.stderr:
        raise Skip("the right to mount")
    check_equal(result.status, 3, "status")
    check_in("libmicrohttpd12", result.stderr, "what to install")
    check_equal(run("--version").status, 0, "status of another command")


@test()
def one_port_one_server(context):
    with serving(context) as server:
        result = context.run([CTRACE, "serve", "--listen", f"127.0.0.1:{server.port}"])
        check_equal(result.status, 3, "status")
        check_in("cannot listen on", result.stderr, "reason")


@test()
def second_look_is_cheap(context):
    """A store that has not changed is looked at, but not read again; one that has changed is."""
    user = alone(context)
    with targets(context, popen=user) as (target,), serving(context, **user) as server:
        target.tell("wander 12")
        size = os.stat(target.store).st_size
        check(size > 2_000_000, f"the store has only {size} bytes")

        def read():
            """The bytes that a request made the server read."""
            with open(f"/proc/{server.pid}/io", encoding="ascii") as file:
                before = int(file.read().split()[1])
            server.ask(f"/debug/pprof/heap?pid={target.pid}")
            with open(f"/proc/{server.pid}/io", encoding="ascii") as file:
                return int(file.read().split()[1]) - before

        check(read() > size / 2, "the first request does not read the store")
        looks = []
        for _ in range(3):
            looks.append(wait_for(lambda: next((bytes for bytes in (read(),) if bytes > 60_000), None), "a look at the store"))
        check(max(looks) < size / 2, f"looks at an unchanged store of {size} bytes have read {looks}")
        target.tell("churn 1")
        wait_for(lambda: read() > size / 2, "the change to be read")
