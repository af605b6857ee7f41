# SPDX-License-Identifier: MIT
"""ctrace attach and detach, time and again, to programs under load: nothing dies or hangs, and all compute the same."""

import glob
import os
import re
import signal
import subprocess

from lib import soak
from lib.attach import CYCLES, attach, attached, cycle, detach, is_alive, running
from lib.fire import STRESS
from lib.harness import CTRACE, PYTHON, check, check_equal, check_in, program, test, wait_for
from lib.ports import free_port

JEMALLOC = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"

# Each reads nothing from stdin until it ends, and checks what it computes.
PYTHON_BUSY = """
import hashlib, json, select, sys
print("ready", flush=True)
rounds, wanted = 0, None
while True:
    rows = [{"id": i, "name": "n" * (i % 50), "list": list(range(i % 20))} for i in range(300)]
    digest = hashlib.sha256(json.dumps(json.loads(json.dumps(rows))).encode()).hexdigest()
    wanted = wanted or digest
    assert digest == wanted
    rounds += 1
    if select.select([sys.stdin], [], [], 0)[0]:
        break
print("fine", rounds)
"""

NODE_BUSY = """
const zlib = require('zlib'), crypto = require('crypto');
let rounds = 0, over = false, wanted = null;
process.stdin.on('end', () => { over = true; }).resume();
console.log('ready');
function round() {
  if (over) { console.log('fine', rounds); process.exit(0); }
  const text = JSON.stringify(Array.from({length: 300}, (x, i) => ({id: i, name: 'n'.repeat(i % 50)})));
  zlib.deflate(text, (e, packed) => zlib.inflate(packed, (e, back) => {
    const digest = crypto.createHash('sha256').update(back).digest('hex');
    wanted = wanted || digest;
    if (digest !== wanted) { console.log('changed'); process.exit(1); }
    Buffer.allocUnsafeSlow(100000).fill(1);
    rounds++; setImmediate(round);
  }));
}
round();
"""

JAVA_BUSY = """
import java.nio.ByteBuffer; import java.util.zip.*;
public class Busy {
  static volatile boolean over = false, wrong = false; static final java.util.concurrent.atomic.AtomicLong rounds = new java.util.concurrent.atomic.AtomicLong();
  static void work(int seed) {
    try {
      while (!over) {
        byte[] text = new byte[20000]; for (int i = 0; i < text.length; i++) text[i] = (byte) (i * seed % 7);
        Deflater d = new Deflater(); d.setInput(text); d.finish(); byte[] packed = new byte[30000]; int n = d.deflate(packed); d.end();
        Inflater f = new Inflater(); f.setInput(packed, 0, n); byte[] back = new byte[text.length]; f.inflate(back); f.end();
        if (!java.util.Arrays.equals(text, back)) wrong = true;
        ByteBuffer.allocateDirect(10000).put(0, (byte) 1); String nothing = null;
        try { nothing.length(); } catch (NullPointerException e) { rounds.incrementAndGet(); }
      }
    } catch (Exception e) { wrong = true; }
  }
  public static void main(String[] words) throws Exception {
    Thread[] all = new Thread[4];
    for (int i = 0; i < all.length; i++) { final int seed = i + 1; all[i] = new Thread(() -> work(seed)); all[i].start(); }
    System.out.println("ready"); System.out.flush();
    while (System.in.read() >= 0) { }
    over = true; for (Thread t : all) t.join();
    System.out.println((wrong ? "wrong " : "fine ") + rounds.get());
  }
}
"""


def cycled(context, command, **popen):
    with running(context, command, **popen) as process:
        cycle(context, process.pid)
    return f"{CYCLES} attaches and detaches; {process.verdict.strip()}"


@test()
def python3(context):
    return cycled(context, [PYTHON, context.write("busy.py", PYTHON_BUSY)])


@test()
def threads(context):
    """64 threads that allocate without pause."""
    return cycled(context, attached("threads", 64))


@test()
def plugins(context):
    """A program that loads and unloads plugins all the time."""
    return cycled(context, attached("load"))


@test(needs=JEMALLOC)
def jemalloc(context):
    return cycled(context, attached("threads", 8), env=context.environment(LD_PRELOAD=JEMALLOC))


@test()
def signals(context):
    """A signal handler on an alternate stack, vector registers, the red zone."""
    return cycled(context, attached("signals"))


@test()
def waits(context):
    """No wait ends early or with an error, in whichever a thread is stopped."""
    return cycled(context, attached("waits"))


@test(needs="node")
def node(context):
    return cycled(context, ["node", context.write("busy.js", NODE_BUSY)])


@test(needs=("java", "javac"))
def java(context):
    context.run(["javac", context.write("Busy.java", JAVA_BUSY)]).check()
    return cycled(context, ["java", "-Xshare:auto", "-cp", context.folder, "Busy"])


@test(needs=("redis-server", "redis-benchmark"))
def redis(context):
    """Under redis-benchmark; all keys are there after that, and redis checks them itself."""
    port = str(free_port())
    client = ["redis-cli", "-p", port]

    def ask(*words):
        return context.run([*client, *words]).stdout.strip()

    with open(context.path("log"), "wb") as log:
        server = subprocess.Popen(["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--enable-debug-command", "yes"], cwd=context.folder, env=context.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    load = None
    try:
        wait_for(lambda: ask("ping") == "PONG", "redis-server to answer")
        context.run(client, stdin="".join(f"set key:{i} {'v' * (i % 300)}\n" for i in range(5000))).check()
        digest = ask("debug", "digest")
        load = subprocess.Popen(["redis-benchmark", "-p", port, "-P", "16", "-c", "20", "-l", "-q", "-n", "100000", "-t", "get,incr,lpush,rpop,sadd,hset"], env=context.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cycle(context, server.pid)
        check_equal(load.poll(), None, "the load has ended")
        load.kill()
        load.wait()
        for key in ("counter:__rand_int__", "mylist", "myset", "myhash"):
            ask("del", key)
        check_equal(ask("debug", "digest"), digest, "digest of the data")
    finally:
        for process in filter(None, (load, server)):
            process.kill() if process is load else process.terminate()
            process.wait()
    check_equal(server.returncode, 0, "the server's status")


NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 128; }}
http {{
  access_log {folder}/access.log; gzip on; gzip_min_length 100; gzip_types text/plain;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port}; root {folder}/www; location /list/ {{ alias {folder}/www/; autoindex on; }} }}
}}
"""


@test(needs=("/usr/sbin/nginx", "wrk", "curl"))
def nginx(context):
    """A worker, which has become another user, under wrk; each answer is right."""
    port = free_port()
    ctrace = os.path.join(os.path.dirname(os.path.dirname(soak.installed(context))), "bin", "ctrace")
    folder = context.make_folder("nginx")
    os.chmod(context.folder, 0o711)
    os.chmod(folder, 0o777)
    os.makedirs(os.path.join(folder, "www"))
    with open(os.path.join(folder, "www", "a.txt"), "w", encoding="ascii") as file:
        file.write("a line of text\n" * 1000)
    conf = context.write("nginx.conf", NGINX.format(folder=folder, port=port))
    server = subprocess.Popen(["nginx", "-c", conf], env=context.environment(), stdin=subprocess.DEVNULL)
    load, url = None, f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: context.run(["curl", "-s", url + "/a.txt"]).stdout, "nginx to answer")
        (worker,) = context.run(["pgrep", "-P", str(server.pid)]).stdout.split()
        page = context.run(["curl", "-s", url + "/list/"]).stdout
        with open(context.path("wrk"), "wb") as out:
            load = subprocess.Popen(["wrk", "-t1", "-c8", "-d3600s", "--timeout", "600s", "-H", "Accept-Encoding: gzip", url + "/list/"], env=context.environment(), stdout=out)
        cycle(context, int(worker), folder, ctrace)
        check_equal(context.run(["curl", "-s", url + "/list/"]).stdout, page, "a page")
        load.send_signal(signal.SIGINT)
        load.wait()
        with open(context.path("wrk"), encoding="ascii") as file:
            shown = file.read()
        check("Requests/sec" in shown and "Non-2xx" not in shown and "Socket errors" not in shown, shown)
        check_equal(context.run(["pgrep", "-P", str(server.pid)]).stdout.split(), [worker], "workers")
    finally:
        for process in filter(None, (load, server)):
            process.kill() if process is load else process.send_signal(signal.SIGQUIT)
            process.wait()
    check_equal(server.returncode, 0, "the server's status")


POSTGRES = max(glob.glob("/usr/lib/postgresql/*/bin"), default="/usr/lib/postgresql/bin")
SUMS = "select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history), (select sum(bbalance) from pgbench_branches) = (select sum(tbalance) from pgbench_tellers);"


@test(needs=(POSTGRES + "/initdb", POSTGRES + "/pgbench"))
def postgres(context):
    """A backend and the postmaster under pgbench; the sums of all tables agree after that."""
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
    ctrace = os.path.join(os.path.dirname(os.path.dirname(soak.installed(context))), "bin", "ctrace")
    folder, port = context.make_folder("postgres"), str(free_port())
    os.chmod(context.folder, 0o711)
    os.chmod(folder, 0o777)
    data = os.path.join(folder, "data")
    client = ["-h", folder, "-p", port, "-U", "test"]

    def run(tool, *words, **more):
        return context.run([os.path.join(POSTGRES, tool), *words], cwd=folder, **user, **more)

    run("initdb", "-D", data, "-U", "test", "-N", "--no-locale", "-E", "UTF8").check()
    with open(context.path("log"), "wb") as log:
        options = ["-k", folder, "-p", port, "-c", "listen_addresses=", "-c", "fsync=off"]
        server = subprocess.Popen([POSTGRES + "/postgres", "-D", data, *options], env=context.environment(), cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **user)
    load = None
    try:
        wait_for(lambda: run("pg_isready", "-q", *client, "-d", "postgres").status == 0, "postgres to answer")
        run("pgbench", *client, "-i", "-q", "-s", "1", "postgres").check()
        bench = [POSTGRES + "/pgbench", *client, "-c", "2", "-T", "36000", "postgres"]
        load = subprocess.Popen(bench, env=context.environment(), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user)
        # pgbench has one more connection at first, which it closes.
        wait_for(lambda: run("psql", *client, "-qAt", "-c", "select count(*) > 100 from pgbench_history", "postgres").stdout.strip() == "t", "transactions")
        query = "select pid from pg_stat_activity where application_name = 'pgbench' order by 1 limit 1"
        backend = wait_for(lambda: run("psql", *client, "-qAt", "-c", query, "postgres").stdout.strip(), "a backend")
        cycle(context, int(backend), folder, ctrace)
        cycle(context, server.pid, folder, ctrace)
        check_equal(load.poll(), None, "the load has ended")
        load.send_signal(signal.SIGINT)
        load.wait()
        wait_for(lambda: not run("psql", *client, "-qAt", "-c", query, "postgres").stdout.strip(), "the backends to end")
        check_equal(run("psql", *client, "-qAt", "-c", SUMS, "postgres").check().stdout.strip(), "t|t", "sums")
    finally:
        for process in filter(None, (load, server)):
            process.kill() if process is load else process.send_signal(signal.SIGINT)
            process.wait()
    check_equal(server.returncode, 0, "the server's status")
    with open(context.path("log"), encoding="utf-8") as file:
        check_equal(re.findall(r"PANIC:.*|.*terminated by.*", file.read()), [], "the server's log")


KILLS = 60 if STRESS == 1 else 600


class Killer:
    """Kills ctrace attach and detach at points that are spread over all that can change the program."""

    def __init__(self, context):
        self.context, self.out = context, ["-q", "-o", context.path("killed.json")]
        self.points, self.count = {}, 0

    def words(self, what):
        return [what, *(self.out if what == "attach" else [])]

    def to_state(self, process, what):
        """It can be attached to, or detached from, whatever was left behind."""
        done = self.context.run([CTRACE, *self.words(what), str(process.pid)])
        check(done.status in (0, 2) and is_alive(process.pid), f"{what}: status {done.status} {done.stderr}")

    def kill(self, process, kind, what):
        """One kill. The first of its kind is none, and counts the points."""
        most = self.points.get(kind)
        point = 1 + self.count * 7919 % most if most else 0
        done = self.context.run([program("kill_at"), str(point), CTRACE, *self.words(what), str(process.pid)])
        check(is_alive(process.pid), f"died as ctrace {what} was killed at point {point} of {most}")
        answer = done.stdout.split()[-1]
        self.points.setdefault(kind, int(answer) if answer != "killed" else 0)
        self.count += answer == "killed"


def killed(context, kills, *words):
    """A third of the kills each: in the first attach, which loads the library, in a later one, and in a detach."""
    killer = Killer(context)
    for number in range(kills // 3 + 1):
        with running(context, attached(*words)) as process:
            killer.kill(process, "load", "attach")
            for what in ("attach", "detach"):
                killer.to_state(process, "detach" if what == "attach" else "attach")
                killer.kill(process, what, what)
            killer.to_state(process, "attach")
            killer.to_state(process, "detach")
    check(killer.count > kills / 2, f"killed {killer.count} times of {kills}")
    return f"killed {killer.count} times, at points of {killer.points}"


@test()
def killed_while_busy(context):
    """ctrace is killed at one point after the other; the program, with busy threads, lives on and computes the same."""
    return killed(context, KILLS, "threads", 4)


@test()
def killed_while_waiting(context):
    """The same while threads wait. The waits that are begun once more take longer, and none ends early."""
    return killed(context, KILLS // 5, "waits")


@test()
def killed_among_signals(context):
    """The same while a signal handler runs every millisecond, and vector registers and the red zone are in use."""
    return killed(context, KILLS // 3, "signals")
