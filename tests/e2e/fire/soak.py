# SPDX-License-Identifier: MIT
"""Soak: real programs behave as without the library, and all their processes have complete recordings."""

import glob
import os
import pwd
import re
import signal

from lib import soak
from lib.harness import PYTHON, ROOT, Skip, check, check_equal, check_in, test, wait_for
from lib.ports import free_port
from lib.soak import FACTOR, server, talk_to, wait_for_all_ends

SQL = """
pragma journal_mode = wal;
create table a(id integer primary key, n integer, name text);
with recursive i(x) as (select 1 union all select x + 1 from i where x < {count})
  insert into a select x, x * 7919 % {count}, printf('%d name %s', x, hex(x * x)) from i;
create index a_n on a(n); create unique index a_name on a(name, id);
select count(*), avg(n), min(name), max(name) from a where n between {count} / 3 and {count} / 2;
select n % 100 k, count(*), sum(length(group_names)) from (select n, group_concat(name) group_names from a group by n % 500) group by k order by 2 desc, k limit 10;
select count(*) from a x join a y on x.id = y.n where x.name like '%9%';
update a set name = upper(name) || hex(zeroblob(id % 50)) where id % 3 = 0;
create table b as select * from a order by name desc;
delete from a where id % 4 = 0;
select sum(length(name)), count(distinct n) from (select * from a union select * from b);
select json_group_array(json_object('n', n, 'name', name)) from (select * from a order by name limit 20);
vacuum; pragma integrity_check;
"""


@test(needs="sqlite3")
def sqlite3(context):
    script = SQL.format(count=15000 * FACTOR)

    def work(way):
        result = way.run(["sqlite3", way.path("a.db")], stdin=script).check()
        return result.stdout, result.stderr, way.untraced(["sqlite3", way.path("a.db"), ".sha3sum"]).check().stdout

    return soak.soak(context, work, {"sqlite3": 1})


@test(needs="g++")
def cc1plus(context):
    """The source file of the benchmark: the object code is the same."""
    source = os.path.join(ROOT, "tests", "bench", "templates.cc")

    def work(way):
        command = ["g++", "-O2", "-g", "-std=c++17", f"-DCOUNT={5 * FACTOR}", "-c", source, "-o", "out.o"]
        result = way.run(command).check()
        with open(way.path("out.o"), "rb") as file:
            return result.stdout, result.stderr, file.read()

    return soak.soak(context, work, {"cc1plus": 1})


PYTHON_MODULES = ["test_dict", "test_json"] + (["test_gc", "test_threading", "test_subprocess", "test_signal"] if FACTOR > 1 else [])
KILLING = FACTOR > 1  # some of the additional tests kill their children
VERDICT = re.compile(r"^(\w+ \([\w.]+\))(?s:.*?)\.\.\. (?s:.*?)(ok|skipped .*|FAIL|ERROR|expected failure)$", re.M)


@test()
def python_test_suite(context):
    """Debian's Python, whose test suite is a separate package."""
    here = context.run([PYTHON, "-c", "import test.test_gc"])
    if here.status != 0:
        raise Skip("libpython3.*-testsuite")

    def work(way):
        names = ["test." + name for name in PYTHON_MODULES]
        result = way.run([PYTHON, "-m", "unittest", "-v", *names])
        told = sorted(VERDICT.findall(result.stderr))
        check(len(told) > 100, f"{len(told)} tests: {result.stderr[-1000:]}")
        return result.status, re.findall(r"^(?:Ran \d+ tests|OK.*|FAILED.*)", result.stderr, re.M), told

    # Some tests recurse endlessly. What they allocate there depends on the hash values of the run.
    return soak.soak(context, work, {"python3": 1}, allowed=(soak.CUT,), stores_stay=KILLING)


NODE = """
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
if (isMainThread) {
  const results = []; let left = 4;
  for (let i = 0; i < 4; i++) {
    const worker = new Worker(__filename, { workerData: { i, turns: +process.argv[2] } });
    worker.on('message', m => { results[i] = m; });
    worker.on('exit', code => { if (code || !--left) { console.log(results.join('\\n')); process.exitCode = code || 3; } });
  }
} else {
  const zlib = require('zlib'), crypto = require('crypto'), hash = crypto.createHash('sha256');
  for (let turn = 0; turn < workerData.turns; turn++) {
    const data = [...Array(3000).keys()].map(n => ({ n, text: 'x'.repeat(n % 90), turn, of: workerData.i }));
    const packed = zlib.gzipSync(JSON.stringify(data));
    hash.update(zlib.gunzipSync(packed)); hash.update(JSON.stringify(JSON.parse(zlib.gunzipSync(packed)).sort((a, b) => a.text < b.text ? -1 : 1)));
  }
  parentPort.postMessage(workerData.i + ' ' + hash.digest('hex'));
}
"""


@test(needs="node")
def node_workers(context):
    script = context.write("workers.js", NODE)

    def work(way):
        result = way.run(["node", script, str(3 * FACTOR)]).check(3)
        return result.stdout, result.stderr

    # Code that V8 generates has no unwind tables.
    return soak.soak(context, work, {"node": 1}, allowed=(soak.UNROOTED,))


def history(commits):
    """The history of a repository, for git fast-import."""
    for i in range(1, commits + 1):
        yield f"commit refs/heads/main\ncommitter A <a@b> {1700000000 + i} +0000\ndata <<END\ncommit {i}\nEND\n"
        for name in (f"dir{i % 7}/file{i % 31}", f"file{i % 11}"):
            text = "".join(f"line {(n * i) % 97} of {n}\n" for n in range(i % 200 + 20))
            yield f"M 100644 inline {name}\ndata {len(text)}\n{text}\n"


@test(needs="git")
def git(context):
    """Import, clone, gc, fsck, and the content of the clone."""
    stream = "".join(history(300 * FACTOR))
    env = {"GIT_CONFIG_NOSYSTEM": 1, "GIT_PAGER": "cat"}
    steps = [
        "git init -q -b main one",
        "git -C one fast-import --quiet",
        "git clone -q --no-local one two",
        "git -C two -c pack.threads=2 gc --quiet --aggressive --prune=now",
        "git -C two fsck --strict",
        "git -C two count-objects -v",
        "git -C two log --stat --format=%H%n%s",
        "git -C two blame file3",
        "git -C two status --short",
    ]

    def work(way):
        shown = []
        for step in steps:
            result = way.run(step.split(), env=env, stdin=stream if "import" in step else b"").check()
            # The size of a pack depends on which thread packed which object.
            shown.append((step, re.sub(r"size-pack: \d+", "", result.stdout), result.stderr))
        return shown

    return soak.soak(context, work, {"git": 15})


PIPED = "".join(f"SET key:{i} {'v' * (i % 500 + 1)}\r\nRPUSH list:{i % 9} {i}\r\nHSET hash:{i % 5} f{i} {i}\r\nZADD sorted {i * 7 % 1000} m{i}\r\n" for i in range(3000))


@test(needs=("redis-server", "redis-benchmark"))
def redis(context):
    """redis in the foreground and as a daemon: pipelined load, two children that save, and the digest of all data."""
    requests = str(5000 * FACTOR)

    def session(way, daemon):
        port = str(free_port())
        client = ["redis-cli", "-p", port]
        command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--enable-debug-command", "yes", "--dir", way.folder]

        def ask(*words):
            return way.untraced([*client, *words]).stdout.strip()

        def talk():
            load = ["redis-benchmark", "-p", port, "-P", "16", "-c", "20", "-n", requests, "-q", "-t", "set,get,incr,lpush,rpop,sadd,hset,zadd,lrange_100,mset"]
            errors = way.run(load).check().stderr
            piped = way.run([*client, "--pipe"], stdin=PIPED).check().stdout
            check_in("errors: 0, replies: 12000", piped, "redis-cli --pipe")
            for start, running in (("bgsave", "rdb_bgsave_in_progress"), ("bgrewriteaof", "aof_rewrite_in_progress")):
                ask(start)
                wait_for(lambda: running + ":0" in ask("info", "persistence"), start)
            shown = errors, ask("debug", "digest"), ask("dbsize"), ask("lrange", "list:3", "0", "5"), ask("eval", "return #redis.call('keys', '*')", "0")
            check(re.fullmatch("[0-9a-f]{40}", shown[1]) and shown[1].strip("0"), f"digest {shown[1]}")
            way.run([*client, "shutdown", "nosave"])
            return shown

        def answers():
            return ask("ping") == "PONG"

        return talk_to(way, command, answers, talk, daemon and [*command, "--daemonize", "yes", "--logfile", way.path("log")])

    def work(way):
        return [session(way, daemon) for daemon in (False, True)]

    # Debian's redis-server is a link to redis-check-rdb. Each server has two children; the daemon also has its parent.
    return soak.soak(context, work, {"redis-check-rdb": 7, "redis-benchmark": 2, "redis-cli": 4})


NGINX = """
daemon {daemon};
{user}
worker_processes 2;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{ worker_connections 128; }}
http {{
  access_log {folder}/access.log;
  gzip on; gzip_min_length 100; gzip_types text/plain;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{
    listen 127.0.0.1:{port};
    root {folder}/www;
    location /proxy/ {{ proxy_pass http://127.0.0.1:{port}/; }}
    location /list/ {{ alias {folder}/www/; autoindex on; autoindex_exact_size on; }}
    location ~ ^/again/(.*)$ {{ return 302 /$1; }}
  }}
}}
"""


def _children(path):
    """The processes that the process in a pid file has started."""
    with open(path, encoding="ascii") as file:
        pid = file.read().strip()
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return set(file.read().split())


@test(needs=("/usr/sbin/nginx", "wrk", "curl"))
def nginx(context):
    """nginx in the foreground and as a daemon, with a reload. Root's workers become another user."""

    def session(way, daemon):
        port = free_port()
        user = "user nobody nogroup;" if os.getuid() == 0 else ""
        conf = way.path("nginx.conf")
        with open(conf, "w", encoding="ascii") as file:
            file.write(NGINX.format(daemon="on" if daemon else "off", folder=way.folder, port=port, user=user))
        os.makedirs(way.path("www"), exist_ok=True)
        for size in (10, 5000, 300000):
            with open(way.path("www", f"{size}.txt"), "wb") as file:
                file.write(b"a line of text\n" * (size // 15 + 1))
            os.utime(way.path("www", f"{size}.txt"), (1700000000, 1700000000))
        command = ["nginx", "-c", conf]
        url = f"http://127.0.0.1:{port}"

        def get(path, *options):
            return way.untraced(["curl", "-s", *options, url + path]).stdout_bytes

        def tell(what):
            way.run([*command, "-s", what]).check()

        def talk():
            for path in ("/5000.txt", "/proxy/10.txt", "/list/"):
                load = way.run(["wrk", "-t2", "-c16", "--timeout", "600s", f"-d{max(FACTOR // 2, 1)}s", "-H", "Accept-Encoding: gzip", url + path]).check().stdout
                check("Requests/sec" in load and "Non-2xx" not in load and "Socket errors" not in load, load)
            old = _children(way.path("pid"))
            tell("reload")
            wait_for(lambda: len(_children(way.path("pid")) - old) >= 2, "two new workers")  # a master that is to quit does not reload
            shown = [get(path) for path in ("/5000.txt", "/proxy/300000.txt", "/list/", "/again/x", "/none")]
            shown.append(get("/300000.txt", "--compressed"))
            check_equal([len(text) > 100 for text in shown], [True] * 6, "pages")
            tell("quit")
            return shown

        def answers():
            return get("/10.txt") != b""

        shown = talk_to(way, command, answers, talk, daemon and command)
        with open(way.path("error.log"), encoding="utf-8") as file:
            errors = re.sub(r"^[\d/: ]+|\d+#\d+: \*?\d*|client: .*", "", file.read(), flags=re.M)
        return shown, sorted(set(errors.splitlines()))

    def work(way):
        return [session(way, daemon) for daemon in (False, True)]

    # Twice: a master, two workers, and two more after the reload. Also the daemon's parent, and four that send a signal.
    return soak.soak(context, work, {"nginx": 15, "wrk": 6})


POSTGRES = max(glob.glob("/usr/lib/postgresql/*/bin"), default="/usr/lib/postgresql/bin")
SLOW = r"\s+(?:autovacuum )?worker took too long to start"  # on a busy machine
CHECKS = """
select sum(abalance), count(*) from pgbench_accounts;
select sum(bbalance) from pgbench_branches;
select sum(tbalance) from pgbench_tellers;
select count(*), sum(delta) from pgbench_history;
select aid % 10 as k, count(*), string_agg(abalance::text, ',' order by aid) filter (where abalance <> 0) from pgbench_accounts group by 1 order by 1;
do $$ declare s text := ''; begin for i in 1..2000 loop s := s || i; end loop; raise notice '%', md5(s); begin perform 1/0; exception when division_by_zero then raise notice 'zero'; end; end $$;
select md5(string_agg(v::text, '' order by v::text)) from (select jsonb_build_object('n', n, 'r', repeat('x', n % 40)) v from generate_series(1, 5000) n) q;
select nothing;
"""


@test(needs=(POSTGRES + "/initdb", POSTGRES + "/pgbench"))
def postgres(context):
    """initdb, a daemon of pg_ctl, and a server in the foreground, under pgbench's load. postgres refuses to run as root."""
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}

    def work(way):
        data, port = way.path("data"), str(free_port())
        options = f"-k {way.folder} -p {port} -c listen_addresses= -c fsync=off -c autovacuum_naptime={1 if FACTOR == 1 else 10} -c max_parallel_workers_per_gather=2"
        client = ["-h", way.folder, "-p", port, "-U", "soak"]

        def run(tool, *words, **more):
            return way.run([os.path.join(POSTGRES, tool), *words], **user, **more).check()

        shown = [run("initdb", "-D", data, "-U", "soak", "-N", "--no-locale", "-E", "UTF8").stdout]

        def load(seed):
            bench = ["pgbench", *client, "-c", "4", "-j", "2", "-t", str(50 * FACTOR), f"--random-seed={seed}", "postgres"]
            text = run(*bench).stdout
            shown.append(re.findall("number of transactions actually processed.*|number of failed.*", text))
            result = way.run([POSTGRES + "/psql", *client, "-qAt", "postgres"], stdin=CHECKS, **user).check()
            shown.append((result.stdout, result.stderr))

        control = ["pg_ctl", "-D", data, "-s", "-w", "-t", "1800"]
        run(*control, "-l", way.path("log"), "-o", options, "start")
        run("pgbench", *client, "-i", "-q", "-s", "1", "postgres")
        load(1)
        run(*control, "-m", "fast", "stop")
        wait_for_all_ends()

        def answers():
            return way.untraced([POSTGRES + "/pg_isready", "-q", *client, "-d", "postgres"]).status == 0

        with server(way, [POSTGRES + "/postgres", "-D", data, *options.split()], answers, **user) as process:
            load(2)
            process.send_signal(signal.SIGINT)
        wait_for_all_ends()
        check(shown[2] != shown[4], "two loads, one result")
        with open(way.path("log"), encoding="utf-8") as file:
            check_equal(re.findall(rf"(?:PANIC|WARNING):(?!{SLOW}).*|.*terminated by.*", file.read()), [], "the server's log")
        return shown

    # Stores of shells stay, since they exec, and of backends whose exporter was ended by a signal to the process group.
    return soak.soak(context, work, {"initdb": 1, "postgres": 30, "pgbench": 3, "psql": 2, "pg_ctl": 2}, stores_stay=True)


# Without dataset, which allows the process that it starts only half a second.
GLIB = "/usr/libexec/installed-tests/glib"
GLIB_QUICK = "array-test base64 bytes cache hash hmac list markup node ptr-array queue shell string strfuncs tree uri"
GLIB_MORE = "asyncqueue bookmarkfile checksum collate convert cond date hook mapping mutex option-context pattern private " \
    "rec-mutex regex rwlock sequence slice sort threadpool-test timeout thread utf8-misc"
GLIB_TESTS = GLIB_QUICK + " " + (GLIB_MORE if FACTOR > 1 else "")


@test(needs=GLIB + "/hash")
def glib_test_suite(context):
    """The programs of GLib's own tests, with the verdict of each of their cases."""

    def work(way):
        shown = []
        for name in GLIB_TESTS.split():
            path = os.path.join(GLIB, name)
            if os.path.exists(path):
                result = way.run([path, "--tap", "-m", "thorough" if FACTOR > 1 else "quick", "--seed", "R02S" + "12345678" * 4])
                shown.append((name, result.status, re.findall("^(?:not )?ok .*|^1..*", result.stdout, re.M)))
        check(sum(len(verdicts) for _, _, verdicts in shown) > 300, f"few verdicts: {shown}")
        return shown

    return soak.soak(context, work, {"hash": 1, "string": 1, "uri": 1}, stores_stay=KILLING)


# Garbage collectors that scan all memory for pointers, threads, fibers, JIT compilers, signals. Erlang ignores SIGCHLD.
RUNTIMES = {
    "ruby": """
        a = (1..20000).map { |i| { i => 'x' * (i % 100) } }
        4.times.map { |k| Thread.new { (1..2000).map { |i| (i * k).to_s * 3 }.join.size } }.each { |t| puts t.value }
        f = Fiber.new { 100.times { |i| Fiber.yield [i] * 100 }; :done }
        101.times { f.resume }
        GC.start; puts a.size, `echo sub`, (raise 'x' rescue $!.message)""",
    "php": """
        for ($i = 0; $i < 50000; $i++) $a["k$i"] = str_repeat("x", $i % 50);
        function f($n) { return $n ? f($n - 1) + 1 : 0; }
        ksort($a); echo md5(serialize($a)), f(5000), json_encode(array_slice($a, 0, 3)), preg_replace("/x+/", "y", $a["k49"]), PHP_EOL;""",
    "guile": """
        (use-modules (ice-9 threads))
        (define (f n) (if (= n 0) '() (cons (make-vector 10 n) (f (- n 1)))))
        (display (apply + (map (lambda (i) (length (f 10000))) (iota 50))))
        (display (apply + (par-map (lambda (i) (length (f i))) (iota 100))))""",
    "erl": """
        [receive {P, S} -> io:format("~p~n", [S]) end || P <- [begin M = self(), spawn(fun() -> M ! {self(),
        lists:sum([erlang:phash2({N, X}, 1000) || X <- lists:seq(1, 3000)])} end) end || N <- lists:seq(1, 200)]], halt(3).""",
}
RUNTIME_OPTIONS = {"ruby": ["-e"], "php": ["-r"], "guile": ["--no-auto-compile", "-c"], "erl": ["-noshell", "-eval"]}


@test(needs=tuple(RUNTIMES))
def runtimes(context):
    def work(way):
        shown = []
        for name, script in RUNTIMES.items():
            result = way.run([name, *RUNTIME_OPTIONS[name], script])
            check_equal(result.status, 3 if name == "erl" else 0, f"status of {name}: {result.stderr}")
            check(result.stdout, f"{name} says nothing")
            shown.append((name, result.stdout, result.stderr))
        wait_for_all_ends()
        return shown

    # Code that Guile and Erlang generate has no unwind tables.
    return soak.soak(context, work, {"ruby3": 1, "php8": 1, "guile": 1, "beam": 1}, allowed=(soak.UNROOTED,), stores_stay=True)


SSHD = """Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
PidFile {folder}/pid
StrictModes no
LoginGraceTime 0
Subsystem sftp internal-sftp
"""


@test(needs=("/usr/sbin/sshd", "ssh", "scp"))
def sshd(context):
    """Each connection has a process that changes root and user, and enters a sandbox that kills for unknown calls."""
    if os.getuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)

    def work(way):
        port = free_port()
        for name in ("host", "key"):
            way.untraced(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", way.path(name)]).check()
        for name, text in (("conf", SSHD.format(port=port, folder=way.folder)), ("data", "some data\n" * 100000)):
            with open(way.path(name), "w", encoding="ascii") as file:
                file.write(text)
        options = ["-F", "none", "-q", "-i", way.path("key"), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        user = pwd.getpwuid(os.getuid()).pw_name

        def answers():
            return way.untraced(["ssh-keyscan", "-T", "600", "-p", str(port), "127.0.0.1"]).stdout != ""

        shown = []
        with server(way, ["/usr/sbin/sshd", "-D", "-f", way.path("conf")], answers) as process:
            for turn in range(FACTOR):
                result = way.run(["ssh", *options, "-p", str(port), user + "@127.0.0.1", f"cat; echo turn {turn}; exit 3"], stdin="words\n")
                shown.append((result.status, result.stdout))
                way.run(["scp", *options, "-P", str(port), f"{user}@127.0.0.1:{way.path('data')}", way.path("copy")]).check()
                with open(way.path("copy"), encoding="ascii") as copy:
                    shown.append(len(copy.read()))
            process.terminate()
        wait_for_all_ends()
        check_equal(shown[:2], [(3, "words\nturn 0\n"), 1000000], "what the connections gave")
        return shown

    # A new image takes over each connection, and the store of the old image stays.
    servers = {"sshd": 6 * FACTOR + 1}
    if os.path.exists("/usr/lib/openssh/sshd-auth"):  # since OpenSSH 10 a connection has programs of its own
        servers = {"sshd": 1, "sshd-session": 4 * FACTOR, "sshd-auth": 2 * FACTOR}
    return soak.soak(context, work, {**servers, "ssh": 2 * FACTOR, "scp": FACTOR}, stores_stay=True)


PAGE = """<!doctype html><title>soak</title><h1>A page</h1><p id=p></p><script>
document.getElementById('p').textContent = [...Array(300).keys()].map(i => 'word' + i * i).join(' ')
</script>"""


@test(needs=("chromium", "pdftotext"))
def chromium(context):
    """Chromium prints a page. It has its own malloc, so its processes are recorded as empty, unlike those of its start script."""
    page = context.write("page.html", PAGE)

    def work(way):
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", f"--user-data-dir={way.path('profile')}"]
        way.run(["chromium", *options, "--print-to-pdf=" + way.path("page.pdf"), "file://" + page]).check()
        wait_for_all_ends()
        text = way.untraced(["pdftotext", way.path("page.pdf"), "-"]).check().stdout
        check_in("word89401", text, "the text of the page")
        return text

    return soak.soak(context, work, {"chromium": 2, "dash": 1}, allowed=(soak.BYPASSED,), stores_stay=True)
