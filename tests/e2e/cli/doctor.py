# SPDX-License-Identifier: MIT
"""ctrace doctor: finds everything that prevents a recording, says how to fix it, and accepts what is fine."""

import glob
import os
import resource
import shutil

from lib.harness import BUILD, CTRACE, LIBRARY, PYTHON, Skip, check, check_equal, check_in, program, test


def _doctor(context, *words, ctrace=CTRACE, env=None, cwd=None, status=0, **popen):
    """Run ctrace doctor; returns its lines as (state, what, text)."""
    result = context.run([ctrace, "doctor", *words], env=env, cwd=cwd, **popen).check(status)
    return [tuple((line.split(None, 2) + [""])[:3]) for line in result.stdout.splitlines()]


def _problems(lines):
    return {what: text for state, what, text in lines if state == "problem"}


@test()
def healthy(context):
    lines = _doctor(context, program("sites"))
    check_equal(_problems(lines), {}, "problems")
    states = {what: state for state, what, _ in lines}
    for what in ("library", "program", "loader", "malloc", "output", "space", "limits", "variables", "/proc"):
        check_equal(states.get(what), "ok", what)
    names = [(state, text) for state, what, text in lines if what == "names"]
    check_equal(names[0], ("ok", program("sites") + ": functions and lines"), "names of a program with -g")
    check("program" not in {what for _, what, _ in _doctor(context)}, "a line about a program without one")


@test()
def programs(context):
    """Programs that cannot be recorded, or that deserve a note."""
    cases = [
        ("no-such-program", "program", "no such program"),
        (program("static_hello"), "program", "static"),
        (program("fire_sanitize.address"), "program", "sanitize"),
        (context.write("plain", "x"), "program", "chmod +x"),
        (program("fire_own_malloc"), "malloc", "a malloc of its own"),
    ]
    for path, what, part in cases:
        problems = _problems(_doctor(context, path, status=1))
        check_equal(list(problems), [what], f"problems of {path}")
        check_in(part, problems[what], path)
    script = context.write("script", f"#!{program('sites')}\n")
    os.chmod(script, 0o755)
    told = [text for _, what, text in _doctor(context, script) if what == "program"]
    check_in(f"a script: {program('sites')} is recorded", told[0], "a script")
    stripped = shutil.copy(program("sites"), context.path("stripped"))
    context.run(["strip", stripped]).check()
    told = [(state, text) for state, what, text in _doctor(context, stripped) if what == "names"]
    check_equal(told[0][0], "note", "state of a stripped program's names")
    check_in("build it with -g", told[0][1], "a stripped program")


@test(needs=("gcc", "dwp"))
def debug_information_that_cannot_be_read(context):
    """Split, packed or compressed: doctor says what is lacking and what helps, or the names are there."""
    source = context.write("split.c", "#include <stdlib.h>\nint main(void)\n{\n\treturn !malloc(1);\n}\n")
    path = context.path("split")

    def names():
        return [(state, text) for state, what, text in _doctor(context, path) if what == "names"][0]

    for version in ("4", "5"):
        # In the folder of the test, where the .dwo file is looked for.
        context.run(["gcc", f"-gdwarf-{version}", "-gsplit-dwarf", "-c", source, "-o", "split.o"]).check()
        context.run(["gcc", "split.o", "-o", path]).check()
        check_equal(names(), ("ok", path + ": functions and lines"), "with the .dwo file")
        if version == "4":  # Debian 12's dwp does not know version 5
            context.run(["dwp", "-e", path, "-o", path + ".dwp"]).check()
        os.remove(context.path("split.dwo"))
        state, text = names()
        if version == "4" and state != "ok":
            check_in(f"they are in {path}.dwp, which libdw ", text, "a package")
            os.remove(path + ".dwp")
            state, text = names()
        if version == "5" or state != "ok":
            check_equal(state, "note", "without the .dwo file")
            check_in("the .dwo parts of -gsplit-dwarf were not found", text, "without the .dwo file")
    if context.run(["gcc", "-g", source, "-o", path, "-Wl,--compress-debug-sections=zstd"]).status == 0:
        state, text = names()
        check(state == "ok" or f"objcopy --decompress-debug-sections {path}" in text, f"compressed by zstd: {text}")
        context.run(["objcopy", "--decompress-debug-sections", path]).check()
    check_equal(names(), ("ok", path + ": functions and lines"), "decompressed")


@test(needs=("/var/lib/dpkg/status",))
def missing_names(context):
    """doctor and top give the command that installs missing names, by the local database of packages."""
    owner = context.run(["dpkg", "-S", os.path.realpath(PYTHON)]).check().stdout.partition(":")[0]
    version = os.path.basename(os.path.realpath(PYTHON))
    wanted = f"apt install {version}-dbg"
    found = [text for state, what, text in _doctor(context, PYTHON) if what == "names" and "python" in text]
    if "functions and lines" in found[0]:
        raise Skip(f"a Python without debug information ({owner})")
    check(found[0].endswith("; " + wanted), f"doctor on Python of the package {owner}: {found}")
    context.run([CTRACE, "record", "-q", "-o", "py.json", PYTHON, "-c", "pass"]).check()
    line = f"ctrace top: names: {version} has none of its own: {wanted}\n"
    shown = context.run([CTRACE, "top", "py.json"]).check()
    check_equal((shown.stderr, "names:" in shown.stdout), (line, False), "stderr of top; the line in its stdout")
    check_equal(context.run([CTRACE, "top", "--json", "py.json"]).check().stderr, "", "stderr of top --json")
    context.run([CTRACE, "record", "-q", "-o", "own.json", program("sites")]).check()
    check_equal(context.run([CTRACE, "top", "own.json"]).check().stderr, "", "stderr of top, with names")


@test()
def places(context):
    """A library that is missing or that the loader refuses; folders."""
    moved = context.make_folder("moved/bin")
    ctrace = shutil.copy(CTRACE, moved)
    check_in("libctrace.so is missing", _problems(_doctor(context, program("sites"), ctrace=ctrace, status=1))["library"], "no library")
    library = os.path.join(context.make_folder("moved/lib"), "libctrace.so")
    with open(os.path.join(BUILD, "lib", "libctrace.so"), "rb") as whole, open(library, "wb") as cut:
        cut.write(whole.read(2000))
    check("loader" in _problems(_doctor(context, program("sites"), ctrace=ctrace, status=1)), "a library cut in two is no problem")
    env = context.environment(CTRACE_OUT=context.path("none/out.json"))
    notes = [text for state, what, text in _doctor(context, env=env) if (state, what) == ("note", "output")]
    check_in("reports go to /tmp", "".join(notes), "a folder that is not there")
    env["TMPDIR"] = context.path("neither")
    check_in("set CTRACE_OUT", _problems(_doctor(context, env=env, status=1))["output"], "no folder")


@test()
def limits(context):
    for number, value, what in ((resource.RLIMIT_AS, 500 << 20, "-v"), (resource.RLIMIT_FSIZE, 100000, "-f"), (resource.RLIMIT_NOFILE, 7, "-n")):
        limited = lambda number=number, value=value: resource.setrlimit(number, (value, resource.RLIM_INFINITY if number != resource.RLIMIT_NOFILE else 4096))
        check_in("ulimit " + what, _problems(_doctor(context, preexec_fn=limited, status=1))["limits"], what)
    env = context.environment(CTRACE_EXPORT=0, LD_PRELOAD=program("libbump.so"))
    notes = [text for state, what, text in _doctor(context, env=env) if (state, what) == ("note", "variables")]
    check_equal(len(notes), 2, f"notes on variables: {notes}")


@test()
def trial(context):
    folder = context.make_folder("tmp")
    env = context.environment(TMPDIR=folder, CTRACE_FORMAT="pprof", CTRACE_OUT=context.path("mine.json"))
    told = {what: (state, text) for state, what, text in _doctor(context, "--run", program("deep"), "5", env=env)}
    check_equal(told["trial"], ("ok", "2 allocations at 2 sites, of deep"), "trial")
    check_equal(told["stacks"], ("ok", "100.0 % of the allocations have a whole stack"), "stacks")
    told = {what: text for _, what, text in _doctor(context, "--run", "env", "-i", program("tiny"), env=env)}
    check(told["trial"].endswith(", of env"), f"env -i drops LD_PRELOAD: {told}")
    told = {what: text for _, what, text in _doctor(context, "--run", "sh", "-c", program("tiny") + "; true", env=env)}
    check_in("2 processes", told["processes"], "a shell and its child")
    own = dict(env, LD_PRELOAD=LIBRARY + ":" + program("plugin_b.so"), CTRACE_QUIET="1")
    told = {what: text for _, what, text in _doctor(context, "--run", program("deep"), "5", env=own)}
    check_in("2 allocations at 2 sites, of deep", told["trial"], "a recorded doctor")
    mine = glob.glob(context.path("mine.*"))
    check_equal([os.path.basename(path) for path in mine], ["mine.pb.gz"], "recordings of ctrace, by hand and of what it starts")
    os.remove(mine[0])
    problems = _problems(_doctor(context, "--run", program("fire_own_malloc"), env=env, status=1))
    check_in("malloc of its own", problems["trial"], "nothing recorded")
    lines = _doctor(context, "--run", program("ends"), "exit", env=env)
    check(("note", "trial", program("ends") + " ended with status 3") in lines, f"its status: {lines}")
    check_equal((os.listdir(folder), os.path.exists(context.path("mine.json"))), ([], False), "files left")
    context.run([CTRACE, "doctor", "--run"]).check(2)
    context.run([CTRACE, "doctor", "--nonsense"]).check(2)
