# SPDX-License-Identifier: MIT
"""The metrics of ctrace serve: promtool's lint, a scrape by Debian's Prometheus over /sd, alert rules."""

import base64
import contextlib
import json
import os
import re
import subprocess
import urllib.parse
import urllib.request

from lib import trace
from lib.harness import ROOT, check, check_equal, check_in, program, test, wait_for
from lib.ports import free_port
from lib.serve import BLOCK, alone, samples, serving, targets, unpack

OPEN_METRICS = "application/openmetrics-text; version=1.0.0,text/plain;version=0.0.4;q=0.5"


def _lint(context, text):
    return context.run(["promtool", "check", "metrics"], stdin=text)


@test(needs="promtool")
def lint(context):
    """promtool has nothing to say about the metrics of all processes, of one, and with sites; but about a broken one."""
    user = alone(context)
    with targets(context, 2, popen=user) as (first, second), serving(context, **user) as server:
        for target in (first, second):
            server.wait_for(target.pid, "the process", lambda row: True)
        for path in ("/metrics", f"/metrics?pid={first.pid}", "/metrics?ledger=1", "/metrics?sites=10"):
            answer = server.ask(path)
            check_equal(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8", "type")
            result = _lint(context, answer.text)
            check_equal((result.status, result.stdout + result.stderr), (0, ""), "promtool check metrics, " + path)
        broken = answer.text.replace("# TYPE ctrace_ends_total counter", "# TYPE ctrace_ends_total gauge")
        check(_lint(context, broken).status, "promtool does not notice a total that is a gauge")


@test()
def sites_as_in_tables(context):
    """The label `site` of /metrics?sites= is the column `site` of the tables, with threads too; each file has its type."""
    user = alone(context)
    with targets(context, popen=user, CTRACE_THREADS=1) as (target,), serving(context, **user) as server:
        target.tell("grow 5")
        server.wait_for(target.pid, "the process", lambda row: row["liveBytes"] > 5 * BLOCK)
        rows = [json.loads(line) for line in server.ask("/export?format=jsonl").text.splitlines()]
        live = {}
        for row in rows:
            live[row["site"]] = live.get(row["site"], 0) + row["end_bytes"]
        got = {dict(labels)["site"]: int(value) for (name, labels), value in samples(server.ask("/metrics?sites=10").text).items() if name == "ctrace_site_live_bytes"}
        check(len(got) == 10 and max(got.values()) > 5 * BLOCK, f"sites in the metrics: {got}")
        check_equal(got, {site: live.get(site) for site in got}, "live bytes by site")
        for name, type_ in (("parquet", "application/vnd.apache.parquet"), ("jsonl", "application/x-ndjson"), ("json", "application/json"), ("html", "text/html; charset=utf-8")):
            check_equal(server.ask(f"/export?format={name}").headers["Content-Type"], type_, name)
        ledger = server.ask("/export?format=json&memory=1").json["memory"]
        check_equal(sum(ledger["rows"].values()), ledger["rssBytes"], "the ledger of a running process")
        check("memory" not in server.ask("/export?format=json").json, "a ledger that was not asked for")
        page = json.loads(unpack(base64.b64decode(re.search(r'id="data">([^<]*)<', server.ask("/export?format=html").text).group(1))))
        check(page["memory"]["rows"]["live"] > 5 * BLOCK, "the ledger of the live page")


@test(needs="promtool")
def tags(context):
    """/metrics has the bytes of the tags with most live bytes, 20 or ?tags=, under names that every parser takes."""
    user = alone(context)
    for threads in (0, 1):
        env = trace.environment(context, f"tags{threads}.json", CTRACE_THREADS=threads)
        process = subprocess.Popen([program("tags"), "held"], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **user)
        try:
            check_equal(process.stdout.readline(), "ready\n", "the program")
            with serving(context, **user) as server:
                server.wait_for(process.pid, "the process", lambda row: row["liveBytes"] > 4000)

                def found(name, **parameters):
                    query = "&".join(f"{key}={value}" for key, value in {"pid": process.pid, **parameters}.items())
                    text = server.ask(f"/metrics?{query}").text
                    result = _lint(context, text)
                    check_equal((result.status, result.stdout + result.stderr), (0, ""), "promtool check metrics")
                    return {dict(labels)["tag"]: value for (sample, labels), value in samples(text).items() if sample == "ctrace_tag_" + name}

                live = {"search": 3000, "checkout/payment": 400, 'a \\"quoted\\" \\\\ name\ufffd': 300, "bad \ufffd\ufffd bytes": 200}
                live.update({f"tag {i}": i for i in range(25, 9, -1)})
                check_equal(found("live_bytes"), live, "live bytes of 20 tags")
                check_equal(list(found("live_bytes")), list(live), "their order")
                total = {tag: number + (300 if tag == "search" else 100) for tag, number in live.items()}
                check_equal(found("allocated_bytes_total"), total, "allocated bytes")
                check_equal(len(found("live_bytes", tags=100)), 29, "with ?tags=100")
                check_equal(found("live_bytes", tags=0), {}, "with ?tags=0")
                server.ask("/metrics?tags=101", status=400)
                process.stdin.close()
                process.wait()
                server.wait_for(process.pid, "the end", lambda row: row["state"] == "ended")
                check_equal((found("live_bytes"), found("allocated_bytes_total")), ({}, total), "after the end")
        finally:
            process.kill()
            process.wait()


@test()
def name_and_state(context):
    """A process has the name by which it was started, whatever its file is called; its page says whether it runs or was killed."""
    user = alone(context)
    os.symlink(program("tags"), context.path("my-server"))
    process = subprocess.Popen([context.path("my-server"), "held"], env=trace.environment(context, "name.json"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **user)
    try:
        check_equal(process.stdout.readline(), "ready\n", "the program")
        with serving(context, **user) as server:
            row = server.wait_for(process.pid, "the process", lambda row: row["liveBytes"] > 4000)
            check_equal((row["name"], os.path.basename(row["exe"])), ("my-server", "tags"), "name and file")
            check(re.search(r'<td title="[^"]*/tags">my-server<', server.ask("/").text), "the list")

            def state():
                text = server.ask(f"/export?pid={process.pid}&format=html").text
                return json.loads(unpack(base64.b64decode(re.search(r'id="data">([^<]*)<', text).group(1))))["processState"]

            check_equal(state(), "runs", "state in the page")
            process.kill()
            process.wait()
            server.wait_for(process.pid, "the kill", lambda row: row["state"] == "killed")
            check_equal(state(), "killed", "state in the page")
    finally:
        process.kill()
        process.wait()


@test()
def two_formats_of_the_same(context):
    """OpenMetrics for those who accept it: the same samples, with units, without _total in a family's name, and with an end."""
    user = alone(context)
    with targets(context, popen=user) as (target,), serving(context, **user) as server:
        target.tell("grow 5")
        row = server.wait_for(target.pid, "the process", lambda row: row["liveBytes"] > 5 * BLOCK)
        text, open_metrics = server.ask("/metrics"), server.ask("/metrics", Accept=OPEN_METRICS)
        check_equal(open_metrics.headers["Content-Type"], "application/openmetrics-text; version=1.0.0; charset=utf-8", "type")
        check(open_metrics.text.endswith("\n# EOF\n") and "# EOF" not in text.text, "the end of OpenMetrics")
        check_in("# TYPE ctrace_heap_allocated_bytes counter\n# UNIT ctrace_heap_allocated_bytes bytes\n", open_metrics.text, "family")
        check_in("# TYPE ctrace_heap_allocated_bytes_total counter\n", text.text, "family")
        moving = ("ctrace_scrape_duration_seconds", "ctrace_serve_requests_total", "ctrace_cgroup_memory_bytes", "ctrace_cgroup_memory_events_total",
                  "ctrace_process_memory_bytes", "ctrace_store_bytes")
        found = [samples(answer.text) for answer in (text, open_metrics)]
        check_equal(list(found[0]), list(found[1]), "names and labels")
        still = [{key: value for key, value in each.items() if key[0] not in moving} for each in found]
        check_equal(still[0], still[1], "samples")
        labels = (("exe", "python3.11"), ("pid", str(target.pid)))
        exe = os.path.basename(row["exe"])
        labels = (("exe", exe), ("pid", str(target.pid)))
        for name, member in (("heap_live_bytes", "liveBytes"), ("heap_peak_bytes", "peakBytes"), ("heap_sites", "sites"),
                             ("heap_allocated_bytes_total", "totalBytes"), ("heap_allocated_blocks_total", "totalBlocks")):
            check_equal(still[0]["ctrace_" + name, labels], row[member], name)
        rss = sum(found[0]["ctrace_process_memory_bytes", tuple(sorted((*labels, ("kind", kind))))] for kind in ("anon", "file", "shmem"))
        with open(f"/proc/{target.pid}/statm", encoding="ascii") as statm:
            resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        check(abs(rss - resident) <= 1 << 20, f"resident memory: {rss}, /proc has {resident}")
        one = samples(server.ask(f"/metrics?pid={target.pid}").text)
        check_equal(one["ctrace_heap_live_bytes", ()], row["liveBytes"], "?pid= has no labels for the process")
        check(not any(name == "ctrace_ends_total" for name, _ in one), "?pid= has metrics of the server")


@test()
def ledger(context):
    """?ledger=1 has where the resident memory is, which adds up, and is not there after the end."""
    user = alone(context)
    with targets(context, popen=user) as (target,), serving(context, **user) as server:

        def rows():
            found = samples(server.ask(f"/metrics?pid={target.pid}&ledger=1").text)
            return {dict(labels)["where"]: value for (name, labels), value in found.items() if name == "ctrace_resident_bytes"}

        check(not any(name == "ctrace_resident_bytes" for name, _ in samples(server.ask("/metrics").text)), "a ledger that was not asked for")
        target.tell("grow 100")
        row = server.wait_for(target.pid, "growth", lambda row: row["liveBytes"] > 100 * BLOCK)
        first = rows()
        check_equal(len(first), 10, "rows")
        check(abs(first["live"] - row["liveBytes"]) < 1 << 20, f"live: {first['live']}, {row['liveBytes']} in the heap")
        with open(f"/proc/{target.pid}/statm", encoding="ascii") as statm:
            resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        check(abs(sum(first.values()) - resident) <= 1 << 20, f"sum of the rows: {sum(first.values())}, /proc has {resident}")
        target.kill()
        server.wait_for(target.pid, "the kill", lambda row: row["state"] == "killed")
        check_equal(rows(), {}, "after the end")


@test()
def sites_are_stable(context):
    """The largest sites have the same hash in two processes, and the sum of all is what is live."""
    user = alone(context)
    with targets(context, 2, popen=user) as made, serving(context, **user) as server:
        found = []
        for target in made:
            server.wait_for(target.pid, "the process", lambda row: True)
            server.ask(f"/metrics?pid={target.pid}&sites=100")  # before the largest site is there
            target.tell("grow 20")
            server.wait_for(target.pid, "growth", lambda row: row["liveBytes"] > 20 * BLOCK)
            rows = samples(server.ask(f"/metrics?pid={target.pid}&sites=100").text)
            live = {dict(labels)["site"]: value for (name, labels), value in rows.items() if name == "ctrace_site_live_bytes"}
            found.append(max(live, key=live.get))
            check(live[found[-1]] >= 20 * BLOCK, f"the largest site: {live}")
            three = samples(server.ask(f"/metrics?pid={target.pid}&sites=3").text)
            check_equal(sum(name == "ctrace_site_live_bytes" for name, _ in three), 3, "sites with ?sites=3")
            check(sum(live.values()) <= rows["ctrace_heap_live_bytes", ()], "sites have more than there is")
        check_equal(found[0], found[1], "site of the same code in two processes")
        server.ask("/metrics?sites=101", status=400)
        server.ask("/metrics?sites=-1", status=400)


class Prometheus:
    """Debian's Prometheus with one job that finds the processes by /sd."""

    def __init__(self, context, server):
        self.port = free_port()
        config = context.write("prometheus.yml", (
            "global: {scrape_interval: 5s, scrape_timeout: 5s}\n"  # a busy machine may answer late
            "scrape_configs:\n"
            "- job_name: ctrace\n"
            f"  http_sd_configs: [{{url: 'http://127.0.0.1:{server.port}/sd', refresh_interval: 1s}}]\n"
            "- job_name: ctrace-all\n"
            f"  static_configs: [{{targets: ['127.0.0.1:{server.port}']}}]\n"
            "  honor_labels: true\n"))
        self.log = open(context.path("prometheus.log"), "w+b")
        self.process = subprocess.Popen(
            ["prometheus", "--config.file=" + config, "--storage.tsdb.path=" + context.path("tsdb"),
             f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"],
            stdout=self.log, stderr=self.log, env=context.environment(), cwd=context.folder)

    def query(self, query):
        """The result of an instant query: [(labels, number)]; [] while Prometheus starts."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        try:
            with urllib.request.urlopen(url) as answer:
                return [(row["metric"], float(row["value"][1])) for row in json.load(answer)["data"]["result"]]
        except OSError:
            return []


@contextlib.contextmanager
def prometheus(context, server):
    made = Prometheus(context, server)
    try:
        yield made
    finally:
        made.process.terminate()
        made.process.wait()
        made.log.close()


def _scraped(context, count):
    user = alone(context)
    with targets(context, count, popen=user) as made, serving(context, **user) as server:
        for target in made:
            target.tell("grow 3")
        wait_for(lambda: len(server.ask("/processes").json["processes"]) == count, "all processes")
        wanted = {str(row["pid"]): row for row in server.ask("/processes").json["processes"]}
        with prometheus(context, server) as engine:
            for job in ("ctrace", "ctrace-all"):
                def complete():
                    rows = engine.query(f'ctrace_heap_live_bytes{{job="{job}"}}')
                    return len(rows) == count and rows
                for labels, value in wait_for(complete, "all processes in Prometheus, job " + job):
                    check_equal(value, wanted[labels["pid"]]["liveBytes"], f"live bytes of {labels}")
            wait_for(lambda: [value for _, value in engine.query("up")] == [1.0] * (count + 1), "a scrape of each target", lambda: f": {engine.query('up')}")
            made[0].kill()
            wait_for(lambda: engine.query('ctrace_ends_total{cause="killed"} == 1'), "the kill in Prometheus")


@test(needs="prometheus")
def scraped_by_prometheus(context):
    """Three processes, by /sd with ?pid= and all at once: the numbers are those of /processes."""
    _scraped(context, 3)


@test(needs="prometheus")
def fifty_processes_in_prometheus(context):
    """The same with 50."""
    _scraped(context, 50)


@test(needs="promtool")
def alert_rules(context):
    """The rules to copy have the effect that their test file describes, and each one fires there."""
    folder = os.path.join(ROOT, "examples", "production")
    for words in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"], ["check", "config", "prometheus.yml"]):
        result = context.run(["promtool", *words], cwd=folder)
        check_equal(result.status, 0, " ".join(words) + ": " + result.stdout + result.stderr)
    with open(os.path.join(folder, "alerts.yml"), encoding="utf-8") as rules, open(
            os.path.join(folder, "alerts_test.yml"), encoding="utf-8") as tests:
        names = [line.split()[-1] for line in rules if "alert:" in line]
        tested = tests.read()
    check(len(names) >= 4, f"rules: {names}")
    for name in names:
        check_in(f"alertname: {name}\n        exp_alerts:\n          - exp_labels", tested, "a test in which the rule fires")
    for old, new in (("> 0", "> 1e9"), ("4 * 3600", "1")):
        text = open(os.path.join(folder, "alerts.yml"), encoding="utf-8").read()
        check_in(old, text, "the rules")
        context.write("alerts.yml", text.replace(old, new))
        context.write("alerts_test.yml", tested)
        check(context.run(["promtool", "test", "rules", "alerts_test.yml"]).status, f"{new} in place of {old} is not noticed")


@test()
def dashboard(context):
    """The dashboard is JSON, and each metric that it asks for is served."""
    user = alone(context)
    with open(os.path.join(ROOT, "examples", "production", "dashboard.json"), encoding="utf-8") as file:
        board = json.load(file)
    asked = set()
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            asked |= {word for word in target["expr"].replace("(", " ").replace("{", " ").replace("[", " ").split() if word.startswith("ctrace_")}
    check(len(asked) >= 8, f"metrics: {asked}")
    with targets(context, popen=user) as (target,), serving(context, **user) as server:
        server.wait_for(target.pid, "the process", lambda row: True)
        served = server.ask("/metrics?sites=5").text
        for name in asked:
            check(f"# TYPE {name} " in served, f"{name} is not served")
