# SPDX-License-Identifier: MIT
"""Recordings that are switched through ctrace serve: what is done, and who may ask for it."""

import base64
import os
import re

from lib import formats
from lib.harness import check, check_equal, check_in, test
from lib.serve import BLOCK, alone, samples, serving, targets

TOKEN = "correct horse battery"


def _key(server, pid, **headers):
    return re.search(r"data-key=(\w+)", server.ask(f"/page?pid={pid}", **headers).text).group(1)


@test()
def each_action(context):
    """Every action of ctrace ctl does what it does there; a wrong one says so."""
    user = alone(context)
    with targets(context, popen=user) as (target,), serving(context, "--allow-control", **user) as server:
        row = server.wait_for(target.pid, "the process", lambda row: True)
        check_equal((row["mode"], row["paused"], row["segment"]), ("exact", False, 1), "at the start")
        key = _key(server, target.pid)

        def ask(action, status=202, **more):
            query = "&".join([f"pid={target.pid}", f"action={action}"] + [f"{name}={value}" for name, value in more.items()])
            answer = server.ask("/control?" + query, "POST", status=status, X_Ctrace_Key=key)
            return answer.json["request"] if status == 202 else answer.text

        def done(request, condition):
            target.tell("churn 1")  # the process does it at its next allocation
            return server.wait_for(target.pid, "the request to be done", lambda row: row["request"] >= request and condition(row))

        done(ask("pause"), lambda row: row["paused"])
        before = server.process_of(target.pid)["totalBytes"]
        target.tell("grow 3")
        done(ask("resume"), lambda row: not row["paused"])
        target.tell("grow 2")
        row = server.wait_for(target.pid, "more", lambda row: row["totalBytes"] > before)
        check(row["totalBytes"] < before + 3 * BLOCK, f"what was allocated meanwhile is recorded: {row}, before {before}")
        first = done(ask("reset", name="second"), lambda row: row["segment"] == 2)
        check(first["totalBytes"] < before, f"the counters begin at 0: {first}")
        done(ask("mark", name="a%20moment"), lambda row: True)
        marks = server.ask("/export?format=json").json["marks"]
        check_equal([mark["name"] for mark in marks], ["a moment"], "the marks")
        done(ask("sample=64k"), lambda row: row["mode"] == "sampled" and row["sampleBytes"] == 65536)
        done(ask("off"), lambda row: row["mode"] == "off")
        check_in("nothing is recorded", ask("pause", status=400), "pause while it is off")
        done(ask("exact", name="again"), lambda row: row["mode"] == "exact")
        target.tell("grow 4")
        server.wait_for(target.pid, "its numbers", lambda row: 4 * BLOCK < row["liveBytes"] < 5 * BLOCK)
        for wrong in ("", "x", "sample=", "sample=0", "sample=1t", "status", "off&name=x", "mark", "mark&name=" + "x" * 300):
            ask(wrong, status=400)
        target.end()
        server.wait_for(target.pid, "the end", lambda row: row["state"] == "ended")
        ask("off", status=409)


@test()
def asleep(context):
    """A process that has been asleep since its start is listed so, and can be woken; then it is served like the others."""
    user = alone(context)
    with targets(context, popen=user) as (other,), targets(context, popen=user, CTRACE_MODE="off") as (target,), serving(context, "--allow-control", **user) as server:
        row = server.wait_for(target.pid, "the process that sleeps", lambda row: True)
        check_equal((row["state"], os.path.basename(row["exe"])), ("asleep", os.path.basename(server.process_of(other.pid)["exe"])), "its row")
        check("liveBytes" not in row, f"numbers of a process that has none: {row}")
        check_in("<td>asleep<td>", server.ask("/").text, "the list")
        check_equal(samples(server.ask("/metrics").text)["ctrace_serve_processes", (("state", "asleep"),)], 1, "the metric")
        check_in("is asleep, and has recorded nothing", server.ask(f"/page?pid={target.pid}", status=404).text, "its page")
        key = _key(server, other.pid)
        check_in("nothing is recorded", server.ask(f"/control?pid={target.pid}&action=pause", "POST", status=400, X_Ctrace_Key=key).text, "pause")
        server.ask(f"/control?pid={target.pid}&action=exact", "POST", status=403, X_Ctrace_Key="wrong")
        server.ask(f"/control?pid={target.pid}&action=exact", "POST", status=202, X_Ctrace_Key=key)
        target.tell("grow 3")
        server.wait_for(target.pid, "the process that was woken", lambda row: row["state"] == "runs" and row["liveBytes"] > 3 * BLOCK)


@test(needs="go")
def differences_over_a_reset(context):
    """After a reset the counters begin at 0: the differences of a client are what was allocated since, and never wrap around."""
    user = alone(context)
    with targets(context, popen=user) as (target,), serving(context, "--allow-control", **user) as server:
        target.tell("grow 5")
        server.wait_for(target.pid, "the process", lambda row: row["liveBytes"] > 5 * BLOCK)
        server.ask("/debug/pprof/delta_heap")
        server.ask(f"/control?pid={target.pid}&action=reset", "POST", status=202, X_Ctrace_Key=_key(server, target.pid))
        target.tell("grow 2")
        row = server.wait_for(target.pid, "the reset", lambda row: row["segment"] == 2 and row["liveBytes"] > 2 * BLOCK)
        raw = formats.PprofRaw(context, context.write("delta.pb.gz", server.ask("/debug/pprof/delta_heap").body))
        check_equal((raw.sums()["alloc_space"], raw.sums()["inuse_space"]), (row["totalBytes"], row["liveBytes"]), "difference")


@test()
def who_may_control(context):
    """Only with --allow-control, by POST, with the key of our own page or a Bearer token, and from no other site."""
    basic = "Basic " + base64.b64encode(("user:" + TOKEN).encode()).decode()
    user = alone(context)
    with targets(context, popen=user) as (target,):
        path = f"/control?pid={target.pid}&action=reset"
        with serving(context, **user) as server:
            server.wait_for(target.pid, "the process", lambda row: True)
            check_in("--allow-control", server.ask(path, "POST", status=403).text, "what is needed")
            check("id=control" not in server.ask(f"/page?pid={target.pid}").text, "buttons on a page that may not control")
        with serving(context, "--allow-control", **user) as server:
            server.wait_for(target.pid, "the process", lambda row: True)
            key, own = _key(server, target.pid), f"http://127.0.0.1:{server.port}"
            check_equal(server.ask(path, status=405).headers["Allow"], "POST", "methods")
            for headers in ({}, {"X_Ctrace_Key": ""}, {"X_Ctrace_Key": key[:-1]}, {"X_Ctrace_Key": "0" * len(key)}, {"Origin": own},
                            {"X_Ctrace_Key": key, "Origin": "http://example.org"}, {"X_Ctrace_Key": key, "Origin": "null"},
                            {"X_Ctrace_Key": key, "Origin": f"http://127.0.0.1:{server.port}.example.org"},
                            {"X_Ctrace_Key": key, "Host": "example.org"}, {"Authorization": "Bearer "}, {"Authorization": "Bearer x"}):
                server.ask(path, "POST", status=403, **headers)
            preflight = server.ask(path, "OPTIONS", status=405, Origin="http://example.org", Access_Control_Request_Headers="X-Ctrace-Key")
            check(not any(name.startswith("Access-Control") for name in preflight.headers), "another site may send the key")
            check_equal(server.process_of(target.pid)["segment"], 1, "segments after refused requests")
            server.ask(path, "POST", status=202, X_Ctrace_Key=key, Origin=own)
            server.ask(path, "POST", status=202, X_Ctrace_Key=key)
        with serving(context, "--allow-control", "--token", context.write("token", TOKEN), **user) as server:
            server.wait_for(target.pid, "the process", lambda row: True, Authorization=basic)
            key = _key(server, target.pid, Authorization=basic)
            server.ask(path, "POST", status=401, X_Ctrace_Key=key)
            server.ask(path, "POST", status=403, Authorization=basic)  # a browser sends that for other sites' pages, too
            server.ask(path, "POST", status=202, Authorization=basic, X_Ctrace_Key=key)
            server.ask(path, "POST", status=202, Authorization="Bearer " + TOKEN)
            server.ask(path, "POST", status=403, Authorization="Bearer " + TOKEN, Origin="http://example.org")


@test()
def another_users_process(context):
    """A store that others own can be shown, if it is readable, but not controlled."""
    user = alone(context)
    folder = context.make_folder("stores")
    with targets(context) as (target,):
        target.tell("grow 2")
        with open(target.store, "rb") as file:
            context.write(f"stores/{target.pid}.store", file.read())
        with serving(context, "--allow-control", "--no-proc", "--stores", folder, **user) as server:
            row = server.wait_for(target.pid, "the store", lambda row: True)
            answer = server.ask(f"/control?pid={target.pid}&action=off", "POST", status=409, X_Ctrace_Key=_key(server, target.pid))
            check_in("only its owner and root", answer.text, "reason")
            check_equal(server.process_of(target.pid)["mode"], row["mode"], "mode")
