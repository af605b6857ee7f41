# SPDX-License-Identifier: MIT
"""
Lines of ctrace never reach a program: a process writes them only where the first process of the recording has its stderr.
`ctrace record` prints those of the other processes at the end.
"""

import glob
import os
import re

from lib import trace
from lib.harness import CTRACE, LIBRARY, PYTHON, check, check_equal, check_in, missing_tool, program, test

# A program, and a script for /bin/sh in which it reads the output of a program, stderr included, or keeps it in a file.
# What it read is on stdout or in files of the current folder. SPEAKER is a program that allocates and writes to stderr. (The
# programs of coreutils close their stderr before they end, so they are silent anyway.)
READERS = (
    ("dash", "x=$(ls . 2>&1); echo \"<$x>\"; y=`env true 2>&1`; echo \"<$y>\""),
    ("bash", "bash -c 'x=$(env true 2>&1); echo \"<$x>\"; cat < <(SPEAKER 2>&1); coproc { read x; SPEAKER 2>&1; }; exec 3<&${COPROC[0]}; echo >&${COPROC[1]}; cat <&3'"),
    ("zsh", "zsh -fc 'x=$(env true 2>&1); print \"<$x>\"; SPEAKER |& cat'"),
    ("fish", "fish --no-config -c 'set x (env true 2>&1); echo \"<$x>\"'"),
    ("tclsh", "echo 'puts [exec env echo from-tcl]' > a.tcl; tclsh a.tcl 2>&1"),
    ("perl", "perl -e 'print \"<\", `env true 2>&1`, \">\\n\"; open F, \"-|\", \"SPEAKER 2>&1\"; print <F>'"),
    (PYTHON, PYTHON + " -c 'import subprocess; print(subprocess.run([\"SPEAKER\"], stderr=subprocess.PIPE).stderr)'"),
    ("ruby", "ruby -e 'require \"open3\"; p Open3.capture3(\"SPEAKER\")[1]; p `env true 2>&1`'"),
    ("php", "php -n -r 'echo \"<\", shell_exec(\"env true 2>&1\"), \">\\n\";'"),
    ("node", "node -e 'console.log(require(\"child_process\").spawnSync(\"SPEAKER\").stderr.toString())'"),
    ("guile", "guile --no-auto-compile -c '(use-modules (ice-9 popen) (ice-9 rdelim)) (display (read-string (open-input-pipe \"SPEAKER 2>&1\")))'"),
    ("erl", "erl -noshell -eval 'io:put_chars(os:cmd(\"SPEAKER 2>&1\")), halt().'"),
    ("make", "printf 'X := $(shell env echo from-make 2>&1)\\nall:\\n\\t@echo \"<$(X)>\"; SPEAKER > log 2>&1; true\\n' > Makefile; make -s"),
    ("ninja", "printf 'rule r\\n command = SPEAKER 2>&1; touch $out\\nbuild x: r\\n' > build.ninja; ninja | grep -v '^\\['"),
    ("cmake", "printf 'cmake_minimum_required(VERSION 3.10)\\nproject(p NONE)\\nexecute_process(COMMAND SPEAKER ERROR_VARIABLE e)\\n"
              "file(WRITE ${CMAKE_BINARY_DIR}/e.txt \"${e}\")\\n' > CMakeLists.txt; cmake -S . -B b > /dev/null && cat b/e.txt"),
    ("ctest", "mkdir t; printf 'add_test(a SPEAKER)\\n' > t/CTestTestfile.cmake; cd t; ctest > /dev/null; sed -n '/^none/p' Testing/Temporary/LastTest.log"),
    ("gcc", "echo 'int main(void) { return x; }' > a.c; gcc -c a.c > log 2>&1; cat log; gcc -print-prog-name=as; LC_ALL=C gcc -v 2>&1 | head -1"),
    ("autoconf", "printf 'AC_INIT([p],[1])\\nAC_OUTPUT\\n' > configure.ac; autoconf 2>&1; ./configure > log 2>&1; cat log"),
    ("git", "git init -q . 2>&1; printf '#!/bin/sh\\nSPEAKER\\nexit 1\\n' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit; "
            "git -c user.name=a -c user.email=b commit --allow-empty -m c 2>&1 | cat; git -c alias.x='!env true' x 2>&1"),
    ("cargo", "x=$(cargo --version 2>&1); echo \"$x\""),
    ("npm", "echo '{\"name\": \"p\", \"version\": \"1.0.0\", \"scripts\": {\"x\": \"SPEAKER 2>&1; true\"}}' > package.json; npm run -s x 2>&1 | grep none"),
    ("pkg-config", "x=$(pkg-config --exists nothing 2>&1); echo \"<$x>\""),
    ("xargs", "echo a | xargs SPEAKER 2>&1 | cat"),
    ("find", "find . -maxdepth 0 -exec SPEAKER ';' 2>&1 | cat"),
    ("ssh-agent", "ssh-agent sh -c 'env true; kill $SSH_AGENT_PID' 2>&1 | cat"),
    ("man", "x=$(man -w ls 2>&1); echo \"<$x>\""),
    ("less", "SPEAKER 2>&1 | less | cat"),
    ("gdb", "gdb -nx -batch -ex 'shell SPEAKER' 2>&1 | grep none"),
    ("script", "script -qec 'SPEAKER' log > /dev/null; sed -n '/^none/p' log"),
    ("vim", "vim -u NONE -es -c 'call writefile([system(\"SPEAKER\")], \"log\")' -c 'qa!' < /dev/null; cat log"),
    ("ed", "printf 'r !SPEAKER 2>&1\\n,p\\nQ\\n' | ed -s"),
    ("m4", "echo 'esyscmd(`SPEAKER 2>&1')' | m4"),
    ("awk", "awk 'BEGIN { while ((\"SPEAKER 2>&1\" | getline x) > 0) print \"<\" x \">\" }'"),
    ("sed", "echo x | sed 's|x|SPEAKER 2>\\&1|e'"),
    ("tar", "echo a > a; tar -cf a.tar --checkpoint=1 --checkpoint-action=exec='SPEAKER > log 2>&1' a; cat log | head -1"),
    ("flock", "flock lock SPEAKER 2>&1 | cat"),
    ("timeout", "timeout 600 SPEAKER 2>&1 | cat"),
    ("run-parts", "mkdir d; printf '#!/bin/sh\\nSPEAKER\\n' > d/a; chmod +x d/a; run-parts --report d 2>&1 | grep none"),
    ("setsid", "setsid -w SPEAKER 2>&1 | cat"),
)


def _ours(context, folder):
    """What of ours is in the files that the programs wrote."""
    found = []
    for path in glob.glob(os.path.join(folder, "**"), recursive=True):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                found += [f"{path}: {line!r}" for line in file if b"ctrace: " in line or b"ctrace export" in line]
    return found


def _run(context, name, script, command=(), **changes):
    folder = context.make_folder(name)
    result = context.run([*command, "/bin/sh", "-c", script], env=context.environment(**changes), cwd=folder)
    check_equal(_ours(context, folder), [], f"{name}: files that the programs wrote")
    return result


@test(needs="/usr/bin/perl")
def readers(context):
    """Programs that read the output of others: they read the same as without us, with ctrace record and without."""
    tried = []
    speaker = context.write("speaker", "#!/usr/bin/perl\nprint STDERR \"none\\n\";\n")
    os.chmod(speaker, 0o755)
    out = context.make_folder("out")
    for name, script in READERS:
        if missing_tool([name]):
            continue
        tool, script = os.path.basename(name), script.replace("SPEAKER", speaker)
        plain = _run(context, tool + ".plain", script)
        recorded = _run(context, tool + ".recorded", script, (CTRACE, "record", "-o", out + "/%e.%p.json"))
        preloaded = _run(context, tool + ".preloaded", script, LD_PRELOAD=LIBRARY, CTRACE_OUT=out + "/p.%e.%p.json")
        for how, result in (("recorded", recorded), ("preloaded", preloaded)):
            check_equal((result.status, result.stdout), (plain.status, plain.stdout), f"{tool}, {how}: status and stdout")
            check_in("report ", result.stderr, f"{tool}, {how}: lines of the first process")
        tried.append(tool)
    check(len(tried) >= 10, f"only {tried}")
    return f"{len(tried)} programs"


BLOCK = re.compile(r"ctrace: (\d+) process(?:es)?[;\n].*?((?:ctrace:   .*\n)+)", re.S)


def _block(result):
    """The number of processes in the block that ctrace record prints, and its lines."""
    found = BLOCK.search(result.stderr)
    check(found, "no block of processes: " + result.stderr)
    return int(found[1]), [line.removeprefix("ctrace:   ") for line in found[2].splitlines()]


def _record(context, script, *options, **changes):
    out = context.path("out.%e.%p.json")
    return context.run([CTRACE, "record", *options, "-o", out, "/bin/sh", "-c", script], env=context.environment(**changes)).check()


@test()
def block(context):
    """One line for each process: the largest first, with totals and report, at most 20, those that lack something before others."""
    result = _record(context, "x=$(sort /dev/null 2>&1); x=$(ls 2>&1); echo end", "--only", "*")
    count, lines = _block(result)
    check_equal((result.stdout, count), ("end\n", len(lines)), "output, number of lines")
    check_equal([line.split(" ")[0] for line in lines], ["sort", "ls", "dash"], "order")
    (line,) = [line for line in lines if line.startswith("ls ")]
    report = re.fullmatch(r"ls \d+: total .* in \d+ blocks, peak .*, at end .*; report (.*)", line)
    check(report and os.path.exists(report[1]), line)
    check_equal(_record(context, "x=$(ls 2>&1)", "--quiet").stderr, "", "lines with --quiet")
    count, lines = _block(_record(context, "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22; do x=$(ls 2>&1); done; "
                                           "x=$(CTRACE_DEPTH=no uname 2>&1)", "--only", "*"))
    check(count > 21, f"processes: {count}")
    check(len(lines) == 21 and re.fullmatch(r"and \d+ more", lines[-1]), f"lines: {lines}")
    (line,) = [line for line in lines if line.startswith("uname ")]
    check_in("CTRACE_DEPTH=no is not a number; nothing is recorded", line, "the line of a process that lacks something")
    check_equal(glob.glob(context.path("*.notes")) + glob.glob(context.path("*.store")), [], "files left behind")


@test()
def late(context):
    """With --format, ctrace record exports everything itself: the same block."""
    _, lines = _block(_record(context, "x=$(sort /dev/null 2>&1)", "--format", "dhat,folded"))
    check(any(re.fullmatch(r"sort \d+: total .*; report .*\.json; report .*\.folded", line) for line in lines), str(lines))


@test()
def same_stderr(context):
    """Processes whose stderr is that of the first one speak, whatever it is: a file, a pipe."""
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=context.path("out.%e.%p.json"))
    for redirect in ("2>&1 | cat", "2> log; cat log"):
        script = f"LD_PRELOAD={LIBRARY} /bin/sh -c '{program('tiny')}; true' {redirect}"
        both = context.run(["/bin/sh", "-c", script], env={**env, "LD_PRELOAD": ""}).check()
        check_equal(len(re.findall(r"report .*out\.(?:tiny|dash)", both.stdout)), 2, f"reports named ({redirect}): {both.stdout}")


@test()
def moved_stderr(context):
    """stderr closed, and another file or a terminal in its place: silent. The first one's file again: it speaks."""
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=context.path("out.%e.%p.json"))
    tiny = program("tiny")
    closed = context.run(["/bin/sh", "-c", f"exec 2>&-; exec 2> log; {tiny}; exec {tiny}"], env=env).check()
    check_equal((closed.stderr, os.path.getsize(context.path("log"))), ("", 0), "stderr, log")
    first = context.run(["/bin/sh", "-c", f"LD_PRELOAD={LIBRARY} sh -c '{tiny} 2> log; true' 2>&-"], env=context.environment()).check()
    check_equal((first.stderr, os.path.getsize(context.path("log"))), ("", 0), "closed from the start: stderr, log")
    back = context.run(["/bin/sh", "-c", f"exec 3>&2 2> log; sh -c 'exec 2>&3 3>&-; exec {tiny}'; true"], env=env).check()
    check_in("out.tiny.", back.stderr, "stderr of the first process again")


@test()
def errors_of_the_exporter(context):
    """An exporter that fails is as silent as its process; ctrace record prints its error."""
    script = f"x=$(CTRACE_FORMAT=nonsense {program('tiny')} 2>&1); echo \"<$x>\""
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=context.path("alone.%e.%p.json"))
    check_equal(context.run(["/bin/sh", "-c", script], env=env).check().stdout, "<>\n", "what the shell read")
    check_equal(len(glob.glob(context.path("alone.tiny.*.store"))), 1, "stores of the program whose export fails")
    result = _record(context, script)
    (line,) = [line for line in _block(result)[1] if line.startswith("tiny ")]
    check_equal(result.stdout, "<>\n", "what the shell read, recorded")
    check_in("nonsense", line, "the line of the program whose export fails")


@test()
def lost_mark(context):
    """A program that empties the environment but keeps LD_PRELOAD: its children are silent in a pipe."""
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=context.path("out.%e.%p.json"))
    script = 'x=$(env -i LD_PRELOAD="$LD_PRELOAD" CTRACE_OUT=' + context.path("lost.%p.json") + " " + program("tiny") + ' 2>&1); echo "<$x>"'
    result = context.run(["/bin/sh", "-c", script], env=env).check()
    check_equal(result.stdout, "<>\n", "what the shell read")
    check_equal(len(glob.glob(context.path("lost.*.json"))), 1, "reports of the program with an empty environment")
    script = f"x=$(LD_PRELOAD={LIBRARY} {program('tiny')} 2>&1); echo \"$x\""
    first = context.run(["/bin/sh", "-c", script], env=context.environment(LIBRARY=LIBRARY, FOR_LD_PRELOAD=LIBRARY, LD_PRELOAD="/no/libctrace")).check()
    check_in("ctrace: report ", first.stdout, "a first process in a pipe, whose parent only knows the library's name")


@test()
def nested(context):
    """A recording in a recording is a tree of its own: its program speaks where the inner ctrace record has its stderr."""
    inner = f"{CTRACE} record -o {context.path('inner.%e.%p.json')} {program('tiny')}"
    result = _record(context, f"x=$({inner} 2>&1); echo \"$x\"")
    check_equal(len(re.findall(r"inner\.tiny\.", result.stdout)), 1, "lines of the inner recording: " + result.stdout)
    check("out." not in result.stdout, "lines of the outer recording in the inner one's: " + result.stdout)


@test()
def environment_is_kept(context):
    """The mark is the only variable that is added, last, and none if it is there already."""
    env = trace.environment(context)
    plain = context.run(["env"], env={**env, "LD_PRELOAD": ""}).check().stdout.replace("LD_PRELOAD=", "LD_PRELOAD=" + LIBRARY)
    traced = context.run(["env"], env=env).check().stdout
    added = traced.removeprefix(plain)
    check(re.fullmatch(r"CTRACE_STDERR=\d+:\d+\n", added), f"added: {added!r}")
    again = context.run(["env"], env={**env, "CTRACE_STDERR": "1:2"}).check()
    check_equal((again.stdout, again.stderr), (plain + "CTRACE_STDERR=1:2\n", ""), "with a mark")


@test()
def litter(context):
    """Forks that exec at once leave no store, and programs that become others leave reports that *.json finds."""
    script = "env true; (env true); x=$(env true); env true | cat; true & wait; exec env env sort /dev/null"
    folder = context.make_folder("out")
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_QUIET=1, CTRACE_OUT="out/%e.%p.json")
    context.run(["bash", "-c", script], env=env).check()
    names = os.listdir(folder)
    check_equal([name for name in names if not name.endswith(".json")], [], "other files than reports")
    programs = [trace.dhat.check_file(os.path.join(folder, name)).data["cmd"].split(" ")[0] for name in names]
    check_equal((programs.count("env"), programs.count("sort")), (6, 1), f"images with a report: {sorted(programs)}")


@test()
def litter_of_a_recording(context):
    """The same where ctrace record exports."""
    result = context.run([CTRACE, "record", "-f", "dhat", "--only", "*", "bash", "-c", "env true; (env true); x=$(env true); true"], env=context.environment()).check()
    reports = glob.glob(context.path("ctrace.*.json"))
    programs = [trace.dhat.check_file(path).data["cmd"].split(" ")[0] for path in reports]
    check_equal(programs.count("env"), 3, f"reports ({result.stderr})")
    check(programs.count("bash") <= 3, f"reports of bash: {sorted(programs)}")


@test()
def no_advice(context):
    """A store without an allocation: no advice to export it."""
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_EXPORT=0)
    check_equal(context.run(["true"], env=env).check().stderr, "", "stderr of a program without an allocation")
    check_in("make the report with: ctrace export ", context.run([program("tiny")], env=env).check().stderr, "stderr of tiny")
