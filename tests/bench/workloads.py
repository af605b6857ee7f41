# SPDX-License-Identifier: MIT
"""The rows. At scale 1 each takes about a quarter of a second, and its output is the same each time."""

import os
import random
import shutil
import signal
import socket
import subprocess
import time

from lib.harness import BUILD, PYTHON, ROOT, base_environment
from tools import BENCH

SOURCES = os.path.join(ROOT, "tests", "bench")

PY = """
import json, re, sys
class Node:
    def __init__(self, name, below): self.name, self.below = name, below
def tree(depth, name):
    return Node(name, [tree(depth - 1, name + str(i)) for i in range(4)] if depth else [])
total = 0
for turn in range(int(sys.argv[1])):
    data = {str(i): [i, {"k": "v" * (i % 30)}] for i in range(600)}
    text = json.dumps(data, sort_keys=True)
    total += len(json.loads(text)) + len(re.findall("v+", text)) + len(tree(4, "n").below)
    total += sum(len(word) for word in sorted(text.split(","), key=lambda w: w[::-1]))
print(total)
"""

SQL = """
create table people(id integer primary key, name text, town text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < {count})
  insert into people select i, 'name' || (i * 7919 % {count}), 'town' || (i % 200) from n;
create index by_town on people(town, name);
select count(*), sum(length(names)) from (select group_concat(name) names from people group by town);
select sum(length(a.name || upper(b.name))) from people a join people b on a.id = b.id + 1 where b.town like '%7';
update people set name = upper(name) || hex(zeroblob(id % 40)) where id % 3 = 0;
select sum(length(json_object('name', name, 'town', printf('%s-%d', town, id)))) from people;
delete from people where id % 5 = 0;
select count(*), max(name) from people;
"""

PERL = r"""
my ($count, %words, $sum) = shift;
for my $i (1 .. $count) {
    my $word = "w" . ($i * 7919 % 20011);
    push @{$words{$word}}, {at => $i, text => "x" x ($i % 50)};
    delete $words{"w" . ($i % 20011)} if $i % 3 == 0;
}
for my $word (sort keys %words) { $sum += length join ",", map { $_->{text} . $_->{at} } @{$words{$word}}; }
print "$sum\n";
"""

JQ = "group_by(.town) | map({town: .[0].town, names: map(.name | ascii_upcase), sum: (map(.values | add) | add)})"


JS = """
let total = 0;
for (let turn = 0; turn < Number(process.argv[2]); turn++) {
  const data = {};
  for (let i = 0; i < 2000; i++) data["k" + i] = { n: i, text: "v".repeat(i % 30), buffer: Buffer.alloc(9000, i % 10) };
  const text = JSON.stringify(data, (key, value) => (key === "buffer" ? value.length : value));
  total += Object.keys(JSON.parse(text)).length + text.replace(/v+/g, "w").length;
}
console.log(total);
"""

NGINX = "/usr/sbin/nginx"
NGINX_CONF = """
daemon off; master_process off; pid {folder}/nginx.sock.pid; error_log {folder}/error.log;
events { worker_connections 64; }
http {
  access_log off; default_type text/plain; keepalive_requests 1000000000;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server { listen unix:{folder}/nginx.sock; root {folder}/www; location /list/ { alias {folder}/www/; autoindex on; } }
}
"""


class Run:
    """A prepared workload: command, input file, settings."""

    def __init__(self, command, stdin=None, **settings):
        self.command, self.stdin, self.settings = [str(word) for word in command], stdin, settings


class Workload:
    """prepare(count, folder) returns a Run. needs: programs. pairs: runs tests/bench/pairs, which counts the pairs."""

    def __init__(self, name, count, prepare, needs=(), pairs=False, drive=None):
        self.name, self.count, self.pairs, self.drive = name, count, pairs, drive
        self._prepare, self._needs = prepare, needs

    def prepare(self, scale, folder):
        return self._prepare(max(1, round(self.count * scale)), folder)

    def missing(self):
        return next((tool for tool in self._needs if not shutil.which(tool)), None)

    @property
    def real(self):
        return bool(self._needs)

    @property
    def steady(self):
        """Does it execute about the same number of instructions each time?"""
        return not self.drive and "threads" not in self.name and "handed" not in self.name and self.name != "node"


def _pairs(name, count, mode, *options):
    def prepare(scaled, _folder):
        words = options
        if "live" in mode:
            words = [f"live={max(1, scaled // 2)}"]
        return Run([os.path.join(BENCH, "pairs"), mode, scaled, *words])

    return Workload(name, count, prepare, pairs=True)


def _write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


def _python(count, folder):
    return Run([PYTHON, "-S", "-E", _write(folder, "work.py", PY), count], PYTHONMALLOC="malloc")


def _sqlite(count, folder):
    return Run(["sqlite3", ":memory:"], _write(folder, "work.sql", SQL.replace("{count}", str(count))))


def _perl(count, folder):
    return Run(["perl", _write(folder, "work.pl", PERL), count], PERL_HASH_SEED="0")


def _jq(count, folder):
    draw = random.Random(1)
    rows = (
        '{"name":"n%d","town":"t%d","values":[%d,%d,1.5]}' % (i, draw.randrange(500), i, draw.randrange(1000))
        for i in range(count)
    )
    return Run(["jq", "-c", JQ, _write(folder, "work.json", "[" + ",\n".join(rows) + "]")])


def _xz(count, folder):
    draw = random.Random(1)
    words = ["".join(draw.choices("abcdefghij", k=6)) for _ in range(2000)]
    return Run(["xz", "-6", "-T1", "-c", _write(folder, "work.txt", " ".join(draw.choices(words, k=count)))])


def _cc1plus(count, _folder):
    def ask(what):
        return subprocess.run(["g++", what], capture_output=True, text=True, check=True).stdout.strip()

    compiler, machine = ask("-print-prog-name=cc1plus"), ask("-print-multiarch")
    words = [compiler, "-quiet", "-O2", "-std=c++17", "-D_GNU_SOURCE", f"-DCOUNT={count}"]
    return Run([*words, "-imultiarch", machine, os.path.join(SOURCES, "templates.cc"), "-o", "-"])


def _clang(count, _folder):
    words = ["clang++", "-O2", "-std=c++17", "-D_GNU_SOURCE", f"-DCOUNT={count}", "-S"]
    return Run([*words, os.path.join(SOURCES, "templates.cc"), "-o", "-"])


def _node(count, folder):
    return Run(["node", _write(folder, "work.js", JS), count])


def _nginx(_count, folder):
    www = os.path.join(folder, "www")
    os.makedirs(www, exist_ok=True)
    for name in ("a", "b"):
        _write(www, f"{name}.txt", name * 2000)
    return Run([NGINX, "-p", folder, "-c", _write(folder, "nginx.conf", NGINX_CONF.replace("{folder}", folder))])


def _drive_nginx(count, _folder, prepared):
    """Requests through one connection, many at a time. The number of bytes is the output."""
    path = os.path.join(os.path.dirname(prepared.command[-1]), "nginx.sock")
    client = _connect(path)
    request = b"GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\nGET /list/ HTTP/1.1\r\nHost: x\r\n\r\n"
    known = 0
    for left in range(count, 0, -32):
        turns = min(left, 32)
        client.sendall(request * turns)
        answers = b""
        while answers.count(b"HTTP/1.1 200 OK") < 2 * turns or not answers.endswith(b"0\r\n\r\n"):
            answers += client.recv(1 << 20)
        known += len(answers)
    client.close()
    with open(path + ".pid", encoding="ascii") as file:
        os.kill(int(file.read()), signal.SIGTERM)
    return str(known).encode()


def _connect(path):
    for _ in range(1200):
        client = socket.socket(socket.AF_UNIX)
        try:
            client.connect(path)
            return client
        except OSError:
            client.close()
            time.sleep(0.05)
    raise subprocess.SubprocessError(f"no answer at {path}")


def _redis(_count, _folder):
    words = "redis-server --save  --appendonly no --port 0 --unixsocket redis.sock --loglevel warning"
    return Run(words.split(" "))


def _drive_redis(count, folder, _prepared):
    """Run redis-benchmark to its end, without the tracer. The server's data is then the output."""
    socket = os.path.join(folder, "redis.sock")

    def client(*words):
        return subprocess.run([*words], env=base_environment(), capture_output=True, timeout=600, check=True).stdout

    for _ in range(1200):
        if os.path.exists(socket):
            break
        time.sleep(0.05)
    benchmark = ["redis-benchmark", "-s", socket, "-P", "16", "-q", "-d", "100", "-r", "10000"]
    for test, requests in (("set,get,hset,sadd,zadd,mset,lpush", count), ("lrange_100", max(1, count // 10))):
        client(*benchmark, "-n", str(requests), "-t", test)
    known = client("redis-cli", "-s", socket, "llen", "mylist")
    subprocess.run(["redis-cli", "-s", socket, "shutdown", "nosave"], capture_output=True, timeout=60, check=False)
    return known


MILLION = 1000000

WORKLOADS = [
    _pairs("depth-5", 2 * MILLION, "same", "depth=5"),
    _pairs("depth-20", 2 * MILLION, "same", "depth=20"),
    _pairs("depth-100", 2 * MILLION, "same", "depth=100"),
    _pairs("threads-2", MILLION, "same", "depth=20", "threads=2"),
    _pairs("threads-4", MILLION // 2, "same", "depth=20", "threads=4"),
    _pairs("threads-8", MILLION // 4, "same", "depth=20", "threads=8"),
    _pairs("sites-64", 2 * MILLION, "sites", "sites=64", "depth=14"),
    _pairs("sites-4096", 2 * MILLION, "sites", "sites=4096", "depth=8"),
    _pairs("sites-4096-threads-2", MILLION, "sites", "sites=4096", "depth=8", "threads=2"),
    _pairs("scattered-4096", 2 * MILLION, "scattered", "sites=4096", "depth=8"),
    _pairs("scattered-4096-threads-2", MILLION, "scattered", "sites=4096", "depth=8", "threads=2"),
    _pairs("recursion", 2 * MILLION, "wander", "depth=7"),
    _pairs("recursion-threads-2", MILLION, "wander", "depth=7", "threads=2"),
    _pairs("handed-over-2", MILLION, "cross", "threads=2"),
    _pairs("handed-over-8", MILLION // 4, "cross", "threads=8"),
    _pairs("live-1M", 2 * MILLION, "live"),
    _pairs("sizes", 2 * MILLION, "sizes"),
    _pairs("realloc", 2 * MILLION, "grow"),
    Workload("containers", 15000, lambda count, _folder: Run([os.path.join(BENCH, "containers"), count])),
    Workload("python3", 150, _python, [PYTHON]),
    Workload("sqlite3", 60000, _sqlite, ["sqlite3"]),
    Workload("redis", 60000, _redis, ["redis-server", "redis-benchmark", "redis-cli"], drive=_drive_redis),
    Workload("cc1plus", 4, _cc1plus, ["g++"]),
    Workload("clang", 1, _clang, ["clang++"]),
    Workload("nginx", 8000, _nginx, [NGINX], drive=_drive_nginx),
    Workload("node", 8, _node, ["node"]),
    Workload("perl", 200000, _perl, ["perl"]),
    Workload("jq", 40000, _jq, ["jq"]),
    Workload("xz", 150000, _xz, ["xz"]),
]


def _seeded(name, script):
    return Workload(name, 1, lambda _count, _folder: Run(["/bin/sh", "-c", script]))


# These must be reported: programs that notice the tracer, and one that the tracer does not see.
SEEDED = [
    _seeded("other-output", 'echo "$LD_PRELOAD"'),
    _seeded("other-status", '[ -z "$LD_PRELOAD" ] || exit 3'),
    _seeded("hanging", '[ -z "$LD_PRELOAD" ] || sleep 4321'),
    _seeded("crashing", '[ -z "$LD_PRELOAD" ] || kill -SEGV $$'),
    # Statically linked, so no library can be preloaded.
    Workload("unseen", 1, lambda _count, _folder: Run([os.path.join(BUILD, "tests", "programs", "static_hello"), "5"])),
]
