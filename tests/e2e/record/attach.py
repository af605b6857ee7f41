# SPDX-License-Identifier: MIT
"""ctrace attach and detach: what they record, what they say, and what they refuse. fire/fire_attach.py does it under load."""

import os
import re
import shutil
import signal
import struct
import subprocess
import time

from control import ctl
from lib import dhat, trace
from lib.attach import attach, attached, detach, is_alive, running
from lib.harness import CTRACE, LIBRARY, PYTHON, ROOT, Skip, check, check_equal, check_in, program, test, wait_for
from lib.processes import cpu_ms

JEMALLOC = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"

GROWS = """
import sys, time
kept = []
def grow():
    kept.append(bytearray(20000))
print("ready", flush=True)
while not sys.stdin.readline():
    pass
for i in range(500):
    grow()
print("grown", flush=True)
sys.stdin.readline()
print("fine")
"""


@test()
def growth_of_python3(context):
    """A python3 that runs without ctrace is attached to, and its growth is named while it runs."""
    with running(context, [PYTHON, context.write("grows.py", GROWS)]) as process:
        lines = attach(context, process.pid, "-o", context.path("grown.json")).stderr
        check(re.search(r"attached to process \d+: \d\d calls of malloc and its kin in \d+ objects lead to ctrace; it records into .*grown.json.store", lines), lines)
        process.stdin.write(b"go\n")
        process.stdin.flush()
        check_equal(process.stdout.readline(), b"grown\n", "answer")
        shown = context.run([CTRACE, "top", "--sort", "end", context.path("grown.json.store")]).check().stdout
        check_in("9.54 MiB", shown, "top of the living process")
        check_in("PyByteArray_Resize", shown, "what has grown")
        process.stdin.write(b"end\n")
    report = dhat.check_file(context.path("grown.json"))
    check_equal(report.below("PyByteArray_Resize")["tb"], 500 * 20001, "bytes of the arrays")
    with open(context.path("program.err"), encoding="utf-8") as file:
        check_in("ctrace: report ", file.read(), "lines at the end")


class Switched:
    """tests/programs/process/switched.c, preloaded asleep or not at all."""

    def __init__(self, context, name, preloaded, allocator=None, path=None):
        self.context, self.name = context, name
        self.folder = context.make_folder(name)
        self.out = os.path.join(self.folder, "s.json")
        settings = {"CTRACE_MODE": "off", "CTRACE_CONTROL": self.folder, "CTRACE_KEEP_STORE": 1}
        self.preloaded = preloaded
        self.process = subprocess.Popen(
            [path or program("switched")],
            env=self.environment(allocator, **settings),
            cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        self.answer("ready")

    def environment(self, allocator, **settings):
        env = trace.environment(self.context, self.out, **settings) if self.preloaded else self.context.environment()
        libraries = [library for library in (env.get("LD_PRELOAD"), allocator) if library]
        return {**env, "LD_PRELOAD": ":".join(libraries)} if libraries else env

    def answer(self, word):
        check_equal(self.process.stdout.readline().decode().strip(), word, "answer")

    def do(self, *words):
        for word in words:
            self.process.stdin.write(word.encode() + b"\n")
            self.process.stdin.flush()
            self.answer(word)

    def ctl(self, *words):
        return ctl(self.context, self.process.pid, self.folder, *words).stdout

    def on(self):
        if self.preloaded:
            self.ctl("exact")
        else:
            attach(self.context, self.process.pid, "-q", "--keep-store", "-o", self.out)
            wait_for(lambda: "mode      exact" in self.ctl(), "the recording")  # attach waits for 3 s

    def off(self):
        if self.preloaded:
            self.ctl("off")
        else:
            detach(self.context, self.process.pid)

    def end(self):
        self.process.stdin.close()
        check_equal(self.process.wait(), 0, "status")

    def sites(self, segment):
        """All counters of a segment that do not depend on time, by stack."""
        path = os.path.join(self.folder, f"{segment}.json")
        self.context.run([CTRACE, "export", "--segment", str(segment), "-o", path, self.out + ".store"]).check()
        return sorted((str(site.functions()), *(site[key] for key in ("tbk", "tb", "ebk", "eb"))) for site in dhat.check_file(path).sites)


def _compare(context, allocator=None, path=None):
    found = {}
    for name in ("preloaded", "attached"):
        run = Switched(context, name, name == "preloaded", allocator, path)
        run.do("work", "grow")  # before: not recorded, nor its frees
        run.on()
        run.do("work", "work", "grow", "drop", "work")
        run.off()
        run.do("work", "drop")  # between: the frees of the first segment's blocks are not seen
        run.on()
        run.do("work", "grow", "load", "rest", "drop", "work")
        run.ctl("off")
        run.end()
        info = context.run([CTRACE, "info", run.out + ".store"]).check().stdout
        check_in("losses         none", info, name)
        found[name] = [run.sites(1), [site for site in run.sites(2) if "load" not in site[0]]]
    check_equal(found["attached"], found["preloaded"], "sites")
    check(sum(site[1] for site in found["attached"][0]) > 9000, f"blocks: {found['attached'][0]}")


@test()
def as_if_preloaded(context):
    """From the moment of attaching on, each site's numbers are those of a preloaded process that was switched on then."""
    _compare(context)


@test(needs=JEMALLOC)
def as_if_preloaded_with_jemalloc(context):
    _compare(context, JEMALLOC)


@test()
def as_if_preloaded_in_other_builds(context):
    """At a fixed address, where the address of malloc is that of a stub; with all slots filled at start, and read-only."""
    source = os.path.join(ROOT, "tests", "programs", "process", "switched.c")
    takes = context.write("takes.c", "#include <stdlib.h>\nvoid *(*volatile taken)(size_t) = malloc;\n")
    flags = ["-g", "-O1", "-fno-builtin", "-fno-inline", "-fno-optimize-sibling-calls", "-pthread", "-D_GNU_SOURCE", "-I" + os.path.join(ROOT, "tests", "programs")]
    for number, build in enumerate((["-no-pie", "-fno-pie"], ["-pie", "-fpie", "-Wl,-z,now,-z,relro"])):
        context.run(["gcc", *flags, *build, "-o", context.path("built"), source, takes]).check()
        _compare(context, path=context.path("built"))
        for name in ("preloaded", "attached"):
            os.rename(context.path(name), context.path(f"{name}.{number}"))


@test()
def forked(context):
    """A child that is forked after attaching has its own store, with its parent's blocks and its own."""
    run = Switched(context, "attached", False)
    run.out = os.path.join(run.folder, "s.%p.json")
    run.on()
    run.do("work")
    run.process.stdin.write(b"fork\n")
    run.process.stdin.flush()
    child = int(run.process.stdout.readline().split()[1])
    run.do("go")  # the child's last word
    run.do("drop")  # the child has ended
    run.end()
    found = {pid: dhat.check_file(os.path.join(run.folder, f"s.{pid}.json")) for pid in (run.process.pid, child)}
    blocks = {pid: report.below("keep")["tbk"] for pid, report in found.items()}
    check_equal(blocks, {run.process.pid: 800, child: 800 + 2 * 100}, "blocks")


@test()
def starting(context):
    """A python3 that has just been started: it is attached to or refused, and does what it should in any case."""
    statuses = set()
    for number in range(12):
        process = subprocess.Popen([PYTHON, "-c", "import json, decimal, sys; print(len(json.dumps(list(range(10000))))); sys.stdin.read()"], env=context.environment(), cwd=context.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started = time.monotonic()
        while time.monotonic() - started < number * 0.004:
            pass
        done = context.run([CTRACE, "attach", "-q", "-o", context.path("started.%p.json"), str(process.pid)])
        check(done.status in (0, 3), f"status {done.status}: {done.stderr}")
        statuses.add(done.status)
        shown, _ = process.communicate(b"")
        check_equal((shown, process.returncode), (b"58890\n", 0), f"output and status after {number * 4} ms ({done.stderr})")
    check(0 in statuses, "none was attached to")


@test()
def plugins(context):
    """A program that is attached to finds its plugins by RUNPATH, is recorded inside them, and its stacks have no frame of ours."""
    with running(context, attached("load")) as process:
        attach(context, process.pid, "-q", "-o", context.path("load.json"))
        wait_for(lambda: "plugin_a_blocks" in context.run([CTRACE, "top", "--all-frames", context.path("load.json.store")]).stdout, "blocks of a plugin")
    report = dhat.check_file(context.path("load.json"))
    stacks = [site.functions() for site in report.sites if site.calls_from("plugin_a_blocks")]
    check(stacks and all(stack[:3] == ["plugin_a_blocks", "plugin_run", "loading"] for stack in stacks), f"stacks: {stacks}")
    strange = [stack for stack in (site.functions() for site in report.sites) if any("ct_" in name or "libctrace" in name for name in stack)]
    check_equal(strange, [], "stacks with frames of ours")


@test()
def not_inside_the_loader(context):
    """A thread that holds the loader's lock is not used; there is a short moment in which it does not."""
    with running(context, attached("callback")) as process:
        attach(context, process.pid, "-q", "-o", context.path("c.json"))


@test()
def kept_pointers(context):
    """Addresses of malloc that are kept elsewhere are counted and said."""
    with running(context, attached("pointers")) as process:
        lines = attach(context, process.pid, "-o", context.path("p.json")).stderr
        before = cpu_ms(process.pid)
        wait_for(lambda: cpu_ms(process.pid) > before + 100, "many rounds of its loop")
        check(re.search(r"1 pointer to malloc and its kin is kept elsewhere, in .*/attached; calls through it are not recorded", lines), lines)
    report = dhat.check_file(context.path("p.json"))
    below = {site.functions()[0] for site in report.sites if site.calls_from("through_pointer")}
    check_equal(below, {"strdup"}, "functions that allocate")  # by a call inside the C library


@test()
def options(context):
    """A sample, another mode, and wrong options."""
    with running(context, attached("threads", 2)) as process:
        first = attach(context, process.pid, "--mode", "sample=64k", "-o", context.path("s.json")).stderr
        check_in("sample=64", context.run([CTRACE, "ctl", str(process.pid)]).check().stdout, "status")
        check_in("is attached to", attach(context, process.pid, status=2).stderr, "a second time")
        detach(context, process.pid)
        check_in("is not attached to", detach(context, process.pid, status=2).stderr, "a second time")
        check_in("mode      off", context.run([CTRACE, "ctl", str(process.pid)]).check().stdout, "status")
        again = attach(context, process.pid, "--mode", "exact").stderr
        check_equal(re.findall(r"(\d+) calls of malloc", again), re.findall(r"(\d+) calls of malloc", first), "slots that the detach had given back")
        check_in("mode      exact", context.run([CTRACE, "ctl", str(process.pid)]).check().stdout, "status")
    for words, line in ((["--mode", "of", "1"], "not off, exact or sample=BYTES"), ([], "name a process"), (["x"], "not a pid"), (["1", "2"], "one process")):
        check_in(line, context.run([CTRACE, "attach", *words]).check(2).stderr, str(words))


def _waits(pid):
    """Does it read its stdin?"""
    with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
        return file.read().startswith("0 0x0 ")


def _refused(context, command, line, prepare=None, status=3, env=None):
    """A process that must be refused, and be unharmed by that."""
    process = subprocess.Popen(command, env=env or context.environment(), cwd=context.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        wait_for(lambda: _waits(process.pid), "the program to read")
        if prepare:
            prepare(process)
        told = attach(context, process.pid, status=status).stderr
        check_equal(told.count("\n"), 1, f"lines {told}")
        check(re.search(line, told), f"{told} does not match {line}")
        check(is_alive(process.pid), "it is dead")
    finally:
        process.kill()
        process.wait()


@test()
def refused(context):
    """Each process that cannot be attached to has its line, and exit status 3, or 2 if another command does it."""
    cat = ["cat"]
    _refused(context, cat, r"was started with ctrace; 'ctrace ctl \d+ exact' switches it on", env=trace.environment(context, CTRACE_MODE="off"), status=2)
    _refused(context, cat, r"is stopped; continue it first", lambda process: (process.send_signal(signal.SIGSTOP), os.waitpid(process.pid, os.WUNTRACED)))
    static = context.write("wait.c", "#include <unistd.h>\nint main(void) { char c; return (int)read(0, &c, 1); }\n")
    context.run(["gcc", "-static", "-o", context.path("static"), static]).check()
    _refused(context, [context.path("static")], "runs a static program, or one without glibc")
    if shutil.which("musl-gcc"):
        context.run(["musl-gcc", "-o", context.path("musl"), static]).check()
        if context.run([context.path("musl")]).status == 0:
            _refused(context, [context.path("musl")], "runs on musl, whose code has no unwind tables")
    context.run(["gcc", "-fsanitize=address", "-o", context.path("asan"), static]).check()
    _refused(context, [context.path("asan")], "was built with -fsanitize")
    own = context.write("own.c", "#include <stddef.h>\n#include <unistd.h>\nstatic char memory[1 << 20]; static size_t used;\nvoid *malloc(size_t n) { used = (used + n + 15) & ~15ul; return memory + used - n; }\nvoid free(void *p) { (void)p; }\nint main(void) { char c; return (int)read(0, &c, 1); }\n")
    context.run(["gcc", "-rdynamic", "-o", context.path("own"), own]).check()
    _refused(context, [context.path("own")], "has an allocator of its own in the program")
    check_in("there is no process", attach(context, 2**22 + 5, status=3).stderr, "no process")


@test(needs="strace")
def refused_while_traced(context):
    def trace_it(process):
        trace_it.tracer = subprocess.Popen(["strace", "-o", "/dev/null", "-p", str(process.pid)], stderr=subprocess.DEVNULL)
        wait_for(lambda: "TracerPid:\t0" not in open(f"/proc/{process.pid}/status").read(), "strace")

    _refused(context, ["cat"], r"is being traced by process \d+, a debugger or strace", trace_it)
    trace_it.tracer.wait()


# Argument: the number of a call, and what happens for it; all others are allowed.
SANDBOX = """
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int count, char **word) {
	struct sock_filter all[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)atoi(word[1]), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, (unsigned)strtoul(word[2], NULL, 0)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog filter = {4, all};
	char c;
	(void)count;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
	while (read(0, &c, 1) > 0)
		free(malloc(100));
	return 0;
}
"""
KILL, FAIL = "0x80000000", "0x00050001"


@test()
def sandboxes(context):
    """A filter that would kill for a call is a reason to refuse, one that makes a call fail (containers) is not. Only root can read it."""
    path = context.path("sandbox")
    context.run(["gcc", "-o", path, context.write("sandbox.c", SANDBOX)]).check()
    if os.geteuid():
        _refused(context, [path, "319", KILL], r"is in a sandbox \(seccomp\) whose filters only root can read")
        return
    _refused(context, [path, "319", KILL], r"is in a sandbox \(seccomp\) that would kill or stop it for memfd_create")
    _refused(context, [path, "10", FAIL], r"is in a sandbox \(seccomp\) that would fail it for mprotect")
    process = subprocess.Popen([path, "319", FAIL], env=context.environment(), cwd=context.folder, stdin=subprocess.PIPE)
    wait_for(lambda: _waits(process.pid), "the program to read")
    attach(context, process.pid, "-q", "-o", context.path("sandboxed.json"))
    process.communicate(b"x" * 10)
    check_equal(process.returncode, 0, "status")
    check_equal(dhat.check_file(context.path("sandboxed.json")).below("main")["tbk"], 10, "blocks")


@test()
def refused_to_another_user(context):
    """Root's process, to nobody."""
    if os.geteuid():
        raise Skip("root")
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    try:
        done = context.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", CTRACE, "attach", str(process.pid)])
        if done.status == 127 or "Permission denied" in done.stderr:
            raise Skip("a folder that nobody can read")
        check_equal(done.status, 3, "status")
        check_in("belongs to another user; run this as root", done.stderr, "line")
    finally:
        process.kill()
        process.wait()


# The loader's reasons are in the program's language.
GERMAN = {"": "Content-Type: text/plain; charset=UTF-8\n", "cannot allocate memory in static TLS block": "kein Platz im TLS-Block", "cannot open shared object file": "keine Datei"}
IN_GERMAN = "import locale, os, sys\nos.environ['LOCPATH'] = '{folder}'\nlocale.setlocale(locale.LC_ALL, 'de_DE.utf8')\nlocale.bindtextdomain('libc', '{folder}')\n"


def _in_german(context):
    """The first lines of a Python program; LANGUAGE=de must be in its environment."""
    texts = [(key.encode(), value.encode()) for key, value in sorted(GERMAN.items())]
    head, tables, data = 28, [b"", b""], b""
    for which in (0, 1):
        for pair in texts:
            tables[which] += struct.pack("<2I", len(pair[which]), head + 16 * len(texts) + len(data))
            data += pair[which] + b"\0"
    words = context.make_folder("words")
    shutil.copytree("/usr/lib/locale/C.utf8", os.path.join(words, "de_DE.utf8"))  # newer glibcs translate nothing in C.UTF-8
    folder = os.path.join(words, "de", "LC_MESSAGES")
    os.makedirs(folder)
    with open(os.path.join(folder, "libc.mo"), "wb") as file:
        file.write(struct.pack("<7I", 0x950412DE, 0, len(texts), head, head + 8 * len(texts), 0, 0) + b"".join(tables) + data)
    return IN_GERMAN.format(folder=words)


TLS = "__thread char large[{bytes}] __attribute__((tls_model(\"initial-exec\")));\nchar *use(void) {{ return large; }}\n"


@test()
def refused_without_static_tls(context):
    """A program whose space for thread-local data of libraries is used up goes on; the line has the loader's reason and the cure."""
    for i, size in enumerate([512] * 8 + [64] * 16 + [8] * 32):
        context.run(["gcc", "-shared", "-fPIC", "-o", context.path(f"tls{i}.so"), context.write("tls.c", TLS.format(bytes=size))]).check()
    script = "import ctypes, sys\nfor i in range(56):\n    try:\n        ctypes.CDLL(f'{sys.argv[1]}/tls{i}.so')\n    except OSError:\n        pass\nsys.stdin.readline()\n"
    for lines, language, words in (("", "", "static TLS"), (_in_german(context), "de", "kein Platz im TLS")):
        path = context.write("tls.py", lines + script)
        _refused(context, [PYTHON, path, context.folder], f"cannot load the library: /.*libctrace.so: .*{words}.*optional_static_tls=", env=context.environment(LANGUAGE=language))


def _sleeps(pid):
    """Is it in clock_nanosleep? Then its C library is ready."""
    with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
        return file.read().startswith("230 ")


@test()
def not_visible(context):
    """A process whose mount namespace does not have the library loads a copy of it from memory."""
    library = os.path.dirname(os.path.dirname(LIBRARY))
    hidden = f"""
mount -t tmpfs none {library}/lib
exec sleep 1000
"""
    if os.geteuid():
        raise Skip("root")
    process = subprocess.Popen(["unshare", "-m", "--propagation", "private", "sh", "-ec", hidden], env=context.environment(), cwd=context.folder)
    try:
        wait_for(lambda: process.poll() is not None or _sleeps(process.pid), "sleep")
        if process.poll() is not None:
            raise Skip("the right to mount")
        attach(context, process.pid, "-q", "-o", context.path("hidden.json"))
        with open(f"/proc/{process.pid}/maps", encoding="ascii") as maps:
            check_in("/memfd:libctrace.so", maps.read(), "mappings")
        check_equal([name for name in os.listdir(f"/proc/{process.pid}/fd") if "memfd" in os.readlink(f"/proc/{process.pid}/fd/{name}")], [], "descriptors left behind")
        detach(context, process.pid)
        check(is_alive(process.pid), "it is dead")
    finally:
        process.kill()
        process.wait()


@test(needs="setpriv")
def out_of_reach(context):
    """Root attaches to a process of a user who may not read the library: it is loaded from memory, too, in any language."""
    if os.geteuid():
        raise Skip("root")
    private, out, script = context.make_folder("private"), context.make_folder("out"), _in_german(context) + "sys.stdin.readline()"
    for path in (LIBRARY, CTRACE):
        folder = os.path.join(private, os.path.basename(os.path.dirname(path)))
        os.makedirs(folder)
        shutil.copy(path, folder)
    os.chmod(private, 0o700)
    os.chmod(out, 0o777)
    os.chmod(context.folder, 0o711)
    process = subprocess.Popen(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", PYTHON, "-c", script], env=context.environment(LANGUAGE="de"), cwd=out, stdin=subprocess.PIPE)
    try:
        wait_for(lambda: _waits(process.pid), "the program to read")
        attach(context, process.pid, "-q", "-o", os.path.join(out, "german.json"), ctrace=os.path.join(private, "bin", "ctrace"))
        check(is_alive(process.pid), "it is dead")
        check_equal(os.stat(os.path.join(out, "german.json.store")).st_uid, 65534, "owner of the store")
    finally:
        process.kill()
        process.wait()
