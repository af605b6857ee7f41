# SPDX-License-Identifier: MIT
"""ctrace-top in a terminal, with files and running programs: keys, numbers, ends. Also plain text without a terminal."""

import os
import re
import resource
import shutil
import signal
import subprocess

from lib import commands, trace
from lib.harness import CTRACE, CTRACE_TOP, LIBRARY, PYTHON, Skip, check, check_equal, check_in, test, wait_for
from lib.obedient import obedient
from lib.screen import Terminal

def _number(cell):
    return 0 if cell == "-" else int(cell.replace(",", "").replace("+", ""))


def _rows(lines, heads, ends="──"):
    """The table below the line of headings that begins with one of `heads`: its columns, and the cells of its rows."""
    (at,) = [i for i, line in enumerate(lines) if line.split()[:1] and line.split()[0] in heads]
    columns, rows = lines[at].split(), []
    for line in lines[at + 1 :]:
        if not line or line.startswith(ends) or " more " in line:
            break
        rows.append(line.split())
    return columns, rows


def _cells(table, column):
    columns, rows = table
    return [_number(row[columns.index(column)]) for row in rows]


def _plain(context, *words):
    return context.run([CTRACE_TOP, "--bytes", "-n", "0", *words]).check().stdout.splitlines()


def _report(context, words):
    result = trace.run(context, words)
    return trace.reports(context)[result.pid]


def _same(shown, plain, columns, what):
    """The visible rows of a table must be the first rows of the plain table."""
    for mine, theirs in columns:
        got = _cells(shown, mine)
        check(len(got) >= 5, f"{what}: only {len(got)} rows are seen")
        check_equal(got, _cells(plain, theirs)[: len(got)], f"{what}, column {mine}")


@test(needs=("sqlite3",))
def numbers(context):
    """Every view and sort of a file shows the numbers of the plain tables, in their order."""
    report = _report(context, commands.by_name("sqlite3").words())
    with Terminal(context, [CTRACE_TOP, "-i", "--bytes", report.path], columns=180, lines=60) as terminal:
        terminal.shown("[Sites]")
        keys = {"TOTAL": "total", "BLOCKS": "blocks", "MAX": "max", "PEAK": "peak", "END": "end"}
        for column in ("TOTAL", "BLOCKS", "AVG", "MAX", "PEAK", "END"):
            if column in keys:
                plain = _rows(_plain(context, "--sort", keys[column], report.path), ("TOTAL",))
                shown = _rows(terminal.lines(), ("TOTAL",))
                _same(shown, plain, [(c, c) for c in keys], "sites by " + column)
            terminal.press(">")
        terminal.press("<", "<", "<")
        down = _cells(_rows(terminal.lines(), ("TOTAL",)), "MAX")
        check_equal(down, sorted(down, reverse=True), "back to max with <")
        terminal.press("r", "home")
        up = _cells(_rows(terminal.lines(), ("TOTAL",)), "MAX")
        check_equal(up, sorted(up), "reversed")
        check(up[0] < down[0], "reversed shows the same rows")
        terminal.press("r", "t")  # functions have no max, so they are sorted by total
        terminal.wait_for("[Functions]")
        plain = _rows(_plain(context, "--cum", report.path), ("SELF%",))
        shown = _rows(terminal.lines(), ("SELF%",))
        _same(shown, plain, [(c, c) for c in ("TOTAL", "BLOCKS", "PEAK", "END")], "functions")
        check_equal([row[0] for row in shown[1]], [row[0] for row in plain[1]][: len(shown[1])], "SELF%")
        terminal.press("q")
        check_equal(terminal.ended(), 0, "status")


@test(needs=("sqlite3",))
def drill(context):
    """Open branches, of callees and of callers, add up to their parent. Closing removes them."""
    report = _report(context, commands.by_name("sqlite3").words())
    total = report.total("tb")
    with Terminal(context, [CTRACE_TOP, "-i", "--tree", "--bytes", report.path], columns=180, lines=100) as terminal:
        for name in ("Tree", "Callers"):
            text = terminal.shown(f"[{name}]")
            top = _rows(text.splitlines(), ("TOTAL",))
            whole = _cells(top, "TOTAL")
            if name == "Tree":
                check_equal(sum(whole), total, "sum of the roots")
            else:
                check(sum(whole) <= total, "sum of the functions that allocate, as far as they are seen")
            before = len(whole)
            terminal.press("enter")
            table = _rows(terminal.lines(), ("TOTAL",))
            cells = _cells(table, "TOTAL")
            if name == "Tree":
                check(len(cells) > before, "nothing opened")
                check_equal(sum(cells[1 : 1 + len(cells) - before]), cells[0], "sum of the children")
                terminal.press("down", "down")
                wanted = terminal.selected()
                terminal.press("left")
                check(terminal.selected() != wanted, "left does not go to the branch around")
                terminal.press("left")
                check_equal(_cells(_rows(terminal.lines(), ("TOTAL",)), "TOTAL"), whole, "closed again")
            else:
                check_in("- ", terminal.selected(), "opened")
            terminal.press("t")
        terminal.press("t", "t")  # past modules and leaks
        # show a site's whole stack, and go back
        terminal.wait_for("[Sites]")
        frames = max(len(site.frames) for site in report.sites[:1])
        text = "\n".join(terminal.press("enter"))
        check_in("Esc closes", text, "the stack")
        for part in re.findall(r"(?m)^    (?:at|by) (\S+)", text)[:frames]:
            check(any(part in str(frame) or part.startswith("[") for site in report.sites for frame in site.frames), f"no frame {part}")
        text = "\n".join(terminal.press("esc"))
        check("Esc closes" not in text, "Esc does not close the stack")
        terminal.press("q")
        check_equal(terminal.ended(), 0, "status")


@test(needs=("sqlite3",))
def search_and_filter(context):
    report = _report(context, commands.by_name("sqlite3").words())
    names = [[frame.function for frame in site.frames] for site in report.sites]
    wanted = [site for site in names if any(re.search("prepare", function, re.I) for function in site)]
    exact = [site for site in names if any("PREPARE" in function for function in site)]
    check(0 < len(wanted) < len(names) and not exact, "the recording does not suit this test")
    with Terminal(context, [CTRACE_TOP, "-i", report.path], columns=120, lines=40) as terminal:
        terminal.wait_for("[Sites]")
        terminal.press("f", "prepare", "enter")
        terminal.wait_for(f"filter prepare: {len(wanted)} of {len(names):,} sites")
        terminal.press("f", *["backspace"] * 7, "PREPARE", "enter")
        terminal.wait_for("no site matches")
        terminal.press("f", *["backspace"] * 7, "pre(", "enter")  # not a regular expression, so it is plain text
        terminal.wait_for("filter pre(: 0 of")
        terminal.press("esc")
        terminal.wait(lambda text: "filter pre(" not in text and f" {len(names):,} sites" in text, "no filter")
        terminal.press("t", "/", "prepare.*v[0-9]|sqlite3_exec", "enter")
        first = terminal.selected()
        check(re.search("prepare.*v[0-9]|sqlite3_exec", first), "found: " + first)
        terminal.press("/", "no such function", "enter")
        terminal.wait_for("not found: no such function")
        check_equal(terminal.selected(), first, "selection after a vain search")
        terminal.press("/", "sqlite3", "enter")
        first = terminal.selected()
        second = terminal.press("n") and terminal.selected()
        check("sqlite3" in first and "sqlite3" in second and first != second, f"n: {first} {second}")
        terminal.press("N")
        check_equal(terminal.selected(), first, "back with N")
        terminal.press("q")
        check_equal(terminal.ended(), 0, "status")


@test(needs=("sqlite3",))
def sizes(context):
    """A window of any size, even after a change, shows the selected row and no broken line."""
    report = _report(context, commands.by_name("sqlite3").words())
    with Terminal(context, [CTRACE_TOP, "-i", report.path]) as terminal:
        terminal.wait_for("[Sites]")
        check(all(len(line) <= 80 for line in terminal.lines()), "lines of 80x24")
        terminal.press("end")
        for columns, lines in ((200, 50), (80, 24), (60, 12), (41, 9), (20, 5), (1, 1), (120, 30)):
            terminal.resize(columns, lines)
            terminal.pump(0.3)
            if lines > 9:
                terminal.wait(lambda text: terminal.selected() is not None, f"the selected row in {columns}x{lines}")
        terminal.wait(lambda text: "[Sites]" in text and "AVG" in text, "columns of a wide window")
        terminal.press("?")
        terminal.wait_for("any key goes back")
        terminal.press("x")
        terminal.wait_for("[Sites]")
        terminal.press("q")
        check_equal(terminal.ended(), 0, "status")


def _exact_live(terminal, bytes_, what):
    terminal.wait(lambda text: f"now       {bytes_:,} in " in text, what)
    terminal.settle()


def _live_bytes(context, store):
    """The live bytes of a store, from the plain view."""
    (line,) = [line for line in _plain(context, store) if line.startswith("at end ")]
    return _number(line.split()[2])


RATE = re.compile(r"rate +([\d.]+) ([KM])iB/s, ([\d.]+)(k?) *blocks/s")


def _is_churn(text):
    """The number of blocks of 7,000 bytes per second depends on the machine, but not their size."""
    found = RATE.search(text)
    if not found:
        return False
    size, unit, blocks, thousands = found.groups()
    rate = float(size) * {"K": 1 << 10, "M": 1 << 20}[unit]
    blocks = float(blocks) * (1000 if thousands else 1)
    return blocks > 100 and 3000 < rate / blocks < 7200 and rate < 7.5e6


@test()
def live(context):
    """The numbers of a running python3 are those of its store. Also growth since the baseline, rates, pause, and the end."""
    with obedient(context) as target:
        target.tell("grow 10")
        with Terminal(context, [CTRACE_TOP, "--bytes", "-p", target.pid], columns=200, lines=60) as terminal:
            terminal.wait_for(f"pid {target.pid}")
            before = _live_bytes(context, target.store)
            _exact_live(terminal, before, "live bytes")
            plain = _rows(_plain(context, "--sort", "end", target.store), ("TOTAL",))
            shown = _rows(terminal.lines(), ("TOTAL",))
            _same(shown, plain, [("LIVE", "END")] + [(c, c) for c in ("TOTAL", "BLOCKS", "MAX", "PEAK")], "a running program")

            target.tell("grow 7")
            grown = _live_bytes(context, target.store) - before
            check(grown >= 350_000, "the program did not grow")
            terminal.shown(f"live +{grown:,} since the baseline")
            (row,) = [line for line in terminal.lines() if "PyByteArray_Resize <" in line]
            check_in(f" +{7 * 50_001:,} ", row, "the row that grew")

            # A rate is shown for a second. On a busy machine this test may not see it, so it asks for another one.
            def churns(text):
                if "rate      0 B/s" in text:
                    target.tell("churn 1000")
                return _is_churn(text)

            terminal.wait(churns, "a rate of 1,000 blocks of 7,000 bytes")
            terminal.wait_for("rate      0 B/s")

            now = _live_bytes(context, target.store)
            terminal.press("m")
            terminal.wait_for("live +0 since the baseline")
            terminal.press(" ")
            terminal.wait_for("paused")
            target.tell("shrink 3")
            less = now - _live_bytes(context, target.store)
            terminal.pump(2.2)
            _exact_live(terminal, now, "nothing new while paused")
            terminal.press(" ")
            terminal.wait_for(f"live -{less:,} since the baseline")

            target.end()
            terminal.wait_for("process ended")
            check(not os.path.exists(target.store), "the store stays after a good export")
            report = next(iter(trace.reports(context, "target.*.json").values()))
            terminal.wait_for(f"now       {report.total('eb'):,} in {report.total('ebk'):,} blocks")
            terminal.press("q")
            check_equal(terminal.ended(), 0, "status")


@test()
def killed(context):
    """The target is killed by SIGKILL, and its final state stays on the screen."""
    with obedient(context) as target:
        with Terminal(context, [CTRACE_TOP, "--bytes", "-p", target.pid], columns=120, lines=30) as terminal:
            terminal.wait_for("[Sites]")
            target.tell("grow 5")
            target.process.kill()
            terminal.wait_for("process ended")  # it has not been waited for, so it is a zombie
            target.process.wait()
            _exact_live(terminal, _live_bytes(context, target.store), "the final state")
            terminal.press("t")
            terminal.wait_for("[Functions]")
            terminal.press("q")
            check_equal(terminal.ended(), 0, "status")
    os.remove(target.store)


@test(needs=("perl",))
def another_program(context):
    """After an exec the view continues with the store of the new program."""
    perl = ["perl", "-e", "my @kept; $| = 1; print qq(perl\n); <STDIN>; push @kept, 'x' x 1_000_000 for 1 .. 20; <STDIN>;"]
    code = f"import os, sys\nprint('python', flush=True)\nsys.stdin.readline()\nos.execv('/usr/bin/perl', {perl!r})\n"
    env = trace.environment(context, out="target.%p.json")
    process = subprocess.Popen([PYTHON, "-S", "-E", "-u", "-c", code], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    try:
        check_equal(process.stdout.readline(), "python\n", "first word")
        with Terminal(context, [CTRACE_TOP, "-p", process.pid], columns=120) as terminal:
            terminal.wait_for(f"python3 · pid {process.pid}")
            process.stdin.write("\n")
            check_equal(process.stdout.readline(), "perl\n", "second word")
            terminal.wait_for(f"perl · pid {process.pid}")
            process.stdin.write("\n")
            terminal.wait(lambda text: re.search(r"live \+(19|2\d)\.\d MiB since the baseline", text), "20 MB more")
            process.stdin.write("\n")
            terminal.wait_for("process ended")
            terminal.press("q")
            check_equal(terminal.ended(), 0, "status")
    finally:
        process.kill()
        process.wait()


@test(needs=("strace",))
def hands_off(context):
    """The program is neither signalled nor traced nor stopped: ctrace-top makes no such system call."""
    log = context.path("calls")
    with obedient(context) as target:
        command = [shutil.which("strace"), "-f", "-o", log, CTRACE_TOP, "-p", target.pid]
        with Terminal(context, command) as terminal:
            terminal.wait_for("[Sites]")
            target.tell("grow 3")
            terminal.wait_for("live +1")
            terminal.press("q")
            check_equal(terminal.ended(), 0, "status")
        with open(log, encoding="utf-8", errors="replace") as calls:
            names = {match.group(1) for match in re.finditer(r"(?m)^\d+ +(\w+)\(", calls.read())}
        check("pread64" in names, f"strace saw nothing: {names}")
        check_equal(names & {"kill", "tkill", "tgkill", "ptrace", "process_vm_readv", "pidfd_send_signal"}, set(), "calls")
        target.end()


@test(needs=("redis-server", "redis-cli"))
def redis(context):
    """The live bytes of a server under load grow with its data."""
    socket = context.path("redis.sock")
    env = trace.environment(context, out="redis.%p.json")
    server = subprocess.Popen(
        ["redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--daemonize", "no", "--dir", context.folder],
        env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )

    def ask(*words):
        return context.run(["redis-cli", "-s", socket, *words]).check().stdout.strip()

    try:
        wait_for(lambda: os.path.exists(socket), "redis-server")
        with Terminal(context, [CTRACE_TOP, "-p", server.pid], columns=160, lines=40) as terminal:
            terminal.wait_for("redis-server")
            terminal.press("m")
            ask("eval", "for i = 1, 20000 do redis.call('set', 'key' .. i, string.rep('x', 200)) end", "0")
            check_equal(ask("dbsize"), "20000", "keys")
            terminal.wait(lambda text: re.search(r"live \+[4-9]\.\d+ MiB since the baseline", text), "4 MB more")
            terminal.press("f", "sds", "enter", "end", "home", "t", "t", "enter", "right", "t", "enter", "T", "T")
            terminal.wait_for("[Functions]")
            terminal.press("q")
            check_equal(terminal.ended(), 0, "status")
    finally:
        ask("shutdown", "nosave")
        server.wait()


@test()
def plain(context):
    """Without a terminal, or with a dumb one, -p prints one snapshot with the store's numbers."""
    with obedient(context) as target:
        target.tell("grow 4")
        pipe = context.run([CTRACE_TOP, "--bytes", "-p", target.pid]).check().stdout
        table = _rows(pipe.splitlines(), ("TOTAL",))
        wanted = _rows(_plain(context, "--sort", "end", target.store), ("TOTAL",))
        check_equal(_cells(table, "LIVE"), _cells(wanted, "END")[:20], "LIVE of the snapshot")
        check("\x1b" not in pipe, "escape sequences in a pipe")
        tree = context.run([CTRACE, "top", "-p", target.pid, "--tree"]).check().stdout
        check_in("PyByteArray_Resize", tree, "the tree of a running program")
        with Terminal(context, [CTRACE_TOP, "-i", "-p", target.pid], term="dumb", lines=60) as terminal:
            check_equal(terminal.ended(), 0, "status with TERM=dumb")
            check_in("WHERE", terminal.text(), "snapshot with TERM=dumb")
            check(b"\x1b" not in terminal.raw, "escape sequences with TERM=dumb")
        with Terminal(context, [CTRACE_TOP, "-p", target.pid], term="no-such-terminal") as terminal:
            check_equal(terminal.ended(), 2, "status with an unknown terminal")
            check_in("TERM=no-such-terminal", terminal.text(), "error")
        target.end()


def _refused(context, words, status, part, top=CTRACE_TOP, **popen):
    result = context.run([top, *words], **popen).check(status)
    check_equal(len(result.stderr.splitlines()), 1, "lines of the error: " + result.stderr)
    check_in(part, result.stderr, "error")
    check_equal(result.stdout, "", "stdout")


def _other_user():
    if os.getuid() != 0:
        raise Skip("root, to be another user")
    return {"user": 65534, "group": 65534, "extra_groups": []}


@test()
def refusals(context):
    """A refusal is one line that names the process and the solution."""
    _refused(context, ["-p", "x"], 2, "--pid x: not a process number")
    _refused(context, ["-p", "1", "file"], 2, "-p takes no file")
    _refused(context, ["-p", os.getpid(), "--focus=x"], 2, "-p takes no --focus")
    _refused(context, ["-p", os.getpid(), "--csv"], 2, "-i and -p show sites")
    gone = subprocess.Popen(["/bin/true"])
    zombie = gone.pid
    os.waitid(os.P_PID, zombie, os.WEXITED | os.WNOWAIT)
    _refused(context, ["-p", zombie], 3, f"process {zombie} has ended")
    gone.wait()
    _refused(context, ["-p", zombie], 3, f"there is no process {zombie}")
    _refused(context, ["-p", os.getpid()], 3, f"process {os.getpid()} is not traced by ctrace; start it with LD_PRELOAD={LIBRARY}")


@test()
def deleted_store(context):
    """Only root can read a store whose file was deleted."""
    with obedient(context) as target:
        target.tell("grow 4")
        os.remove(target.store)
        if os.getuid() == 0:
            check_in("PyByteArray_Resize", context.run([CTRACE_TOP, "-p", target.pid]).check().stdout, "as root")
        else:
            _refused(context, ["-p", target.pid], 3, "has been deleted; only root can still read it")


@test()
def another_user(context):
    other = _other_user()
    top = shutil.copy(CTRACE, context.path("ctrace-top"))  # the other user can reach this folder
    os.chmod(context.folder, 0o755)
    with obedient(context) as target:
        _refused(context, ["-p", target.pid], 3, f"process {target.pid} is another user's", top, **other)
        target.end()


@test()
def stopped_recording(context):
    """A limit on file sizes stops the recording. The view says so first, and then shows what was recorded."""
    limit = (1_500_000, resource.RLIM_INFINITY)
    with obedient(context, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)) as target:
        target.tell("wander 13")
        result = context.run([CTRACE_TOP, "-p", target.pid]).check()
        check_in(f"the recording of process {target.pid} has stopped: the store has reached", result.stderr, "error line")
        check_in("WHERE", result.stdout, "what there is")
        with Terminal(context, [CTRACE_TOP, "-p", target.pid], columns=160) as terminal:
            terminal.wait_for("recording stopped: the store has reached")
            terminal.press("q")
            check_equal(terminal.ended(), 0, "status")


@test()
def ended_by_signal(context):
    """A signal kills ctrace-top as usual and the terminal is restored. The target continues."""
    with obedient(context) as target:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            with Terminal(context, [CTRACE_TOP, "-p", target.pid], term="xterm-256color") as terminal:
                terminal.wait_for("[Sites]")
                check(b"\x1b[?1049h" in terminal.raw, "not on the other screen")
                os.kill(terminal.pid, number)
                check_equal(terminal.ended(), -number, "status")
        target.tell("grow 1")
        target.end()
