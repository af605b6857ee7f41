# SPDX-License-Identifier: MIT
"""The library in /etc/ld.so.preload: programs are recorded, but not the processes that do our work. See SECURITY.md."""

import os
import shutil

from lib.harness import PYTHON, Skip, check, check_equal, check_in, program, test
from lib.system_wide import NOBODY, SystemWide, check_recorded

# Scripts that replace the exporter; $ctrace, $library and $0 are filled in. Each of them once caused an endless chain.
WRAPPERS = {
    "sets LD_PRELOAD again": 'export LD_PRELOAD="$library"; sed -n 1p /etc/passwd > /dev/null; "$ctrace" "$@"',
    "empties the environment": 'exec env -i "$ctrace" "$@"',
    "all variables again": 'exec env -i LD_PRELOAD="$library" CTRACE_BIN="$0" CTRACE_OUT="$out" "$ctrace" "$@"',
    "other arguments": 'for last; do :; done; env -i LD_PRELOAD="$library" CTRACE_BIN="$0" CTRACE_OUT="$out" "$ctrace" export "$last"; rm -f "$last"',
    "helpers": 'env -i CTRACE_BIN="$0" CTRACE_OUT="$out" sed -n 1p /etc/passwd > /dev/null; env -i "$ctrace" "$@"',
    "a helper in a session of its own": 'env -i setsid sh -c "CTRACE_BIN=$0 CTRACE_OUT=$out sed -n 1p /etc/passwd" > /dev/null; env -i "$ctrace" "$@"',
}


def _wrapper(wide, name, text):
    head = f'ctrace="{wide.ctrace}" library="{wide.library}" out="{wide.out()}"\n'
    return wide.script(name.replace(" ", "_"), head + text)


@test(needs=("unshare", "mount", "timeout"))
def exporter_is_not_recorded(context):
    """However the exporter is started, the program has a report and nothing else has one."""
    wide = SystemWide(context)
    tiny = wide.copy(program("tiny"))
    other = shutil.copy(wide.ctrace, context.path("opt", "bin", "copy-by-another-name"))
    link = context.path("opt", "bin", "link-to-it")
    os.symlink("copy-by-another-name", link)
    ways = {"plain": None, "a copy": other, "a link": link}
    ways.update({name: _wrapper(wide, name, text) for name, text in WRAPPERS.items()})
    for name, exporter in ways.items():
        result = wide.start([tiny], **({"CTRACE_BIN": exporter} if exporter else {})).check()
        check_equal(result.stderr, "", name + ": stderr")
        check_recorded(wide, ["tiny"], name)
        wide.clear()
    return f"{len(ways)} ways"


@test(needs=("unshare", "mount", "timeout", "chrt"))
def exporter_of_a_real_time_program(context):
    """A real-time program has no timer slack that could be the mark, but its exporter has."""
    wide = SystemWide(context)
    tiny = wide.copy(program("tiny"))
    if wide.start(["chrt", "-f", "1", "true"]).status:
        raise Skip("the right to real-time scheduling")
    for name, text in WRAPPERS.items():
        wide.clear()
        wide.start(["chrt", "-f", "1", tiny], CTRACE_BIN=_wrapper(wide, name, text)).check()
        # chrt becomes the program by exec, and only the exporter that the library starts looks for older images.
        check_recorded(wide, ["chrt.1.json.store" if name == "other arguments" else "chrt", "tiny"], name)


@test(needs=("unshare", "mount", "timeout", PYTHON))
def exporter_that_sets_its_slack(context):
    """If the slack is changed, the other two marks are enough."""
    wide = SystemWide(context)
    tiny = wide.copy(program("tiny"))
    lose = f"{PYTHON} -c 'import ctypes, os, sys; ctypes.CDLL(None).prctl(29, 50000); os.execv(sys.argv[1], sys.argv[1:])'"
    ways = {
        "the variable stays": f'export LD_PRELOAD="$library"; exec {lose} "$ctrace" export "$5"',
        "the variable goes": f'exec {lose} /usr/bin/env -i "$ctrace" "$@"',
        "LD_PRELOAD again": f'exec {lose} /usr/bin/env -i LD_PRELOAD="$library" CTRACE_BIN="$0" CTRACE_OUT="$out" "$ctrace" "$@"',
    }
    for name, text in ways.items():
        wide.clear()
        wide.start([tiny], CTRACE_BIN=_wrapper(wide, name, text), CTRACE_KEEP_STORE=1).check()
        recorded = [found for found in wide.recorded() if not found.endswith(".store")]
        check_equal(recorded, ["tiny"], name)


@test(needs=("unshare", "mount", "timeout"))
def ctrace_by_hand(context):
    """ctrace is not recorded unless LD_PRELOAD asks for it."""
    wide = SystemWide(context)
    tiny = wide.copy(program("tiny"))
    wide.start([tiny], CTRACE_OUT=context.path("tiny.json")).check()
    copy = shutil.copy(wide.ctrace, context.path("renamed"))
    for command in ([wide.ctrace, "info"], [wide.ctrace + "-top"], [copy, "top"], ["/lib64/ld-linux-x86-64.so.2", wide.ctrace, "info"]):
        wide.start([*command, context.path("tiny.json")]).check()
        check_recorded(wide, [], " ".join(command))
    doctor = wide.start([wide.ctrace, "doctor", "--run", tiny]).check()
    check_in("allocations at", doctor.stdout, "doctor --run")
    check_recorded(wide, [], "doctor --run")
    for command in (["env", "LD_PRELOAD=" + wide.library], [wide.ctrace, "record", "-q"]):
        wide.start([*command, wide.ctrace, "info", context.path("tiny.json")]).check()
        asked = [name for name in wide.recorded() if name == "ctrace"]
        check_equal(len(asked), 1, f"{command[0]}: recordings of ctrace in {wide.recorded()}")
        wide.clear()


@test(needs=("unshare", "mount", "timeout"))
def record(context):
    """The program has one report, even if ctrace record uses another copy of the library."""
    wide = SystemWide(context)
    tiny = wide.copy(program("tiny"))
    shutil.copytree(context.path("opt"), context.path("other"), symlinks=True)
    for folder in ("opt", "other"):
        wide.start([context.path(folder, "bin", "ctrace"), "record", "-q", tiny]).check()
        check_recorded(wide, ["tiny"], folder)
        wide.clear()


@test(needs=("unshare", "mount", "timeout"))
def script_of_several_programs(context):
    """Each process of the script has a report, and nothing else has one."""
    wide = SystemWide(context)
    tiny = wide.copy(program("tiny"))
    script = wide.script("several", f'cat /etc/passwd | sed -n 1p\n"{tiny}"\n"{tiny}" & wait\n')
    result = wide.start([script]).check()
    check_equal(result.stdout.count("\n"), 1, "output")
    # A child of sh becomes another program by exec, and the store of the old image stays.
    check_equal([name for name in wide.recorded() if not name.endswith(".store")], ["cat", "dash", "sed", "tiny", "tiny"], "reports")


# Ways to give a file rights that its caller lacks.
RIGHTS = {
    "setuid": lambda path: os.chmod(path, 0o4755),
    "setgid": lambda path: os.chmod(path, 0o2755),
    "capabilities": None,
}


def _give_capabilities(context, path):
    tool = shutil.which("setcap", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if not tool:
        raise Skip("setcap (libcap2-bin)")
    if context.run([tool, "cap_net_raw+ep", path]).status:
        raise Skip("a file system with capabilities")


def _privileged(context, how):
    """Run as nobody. Without rights the caller chooses exporter and report, with rights it chooses neither."""
    wide = SystemWide(context)
    privileged, nobody = wide.copy(program("privileged")), wide.copy(program("as_nobody"))
    chosen = wide.script("chosen", f'id -u > "{wide.out("ran")}"')
    command = [nobody, privileged, "CTRACE_BIN=" + chosen, "CTRACE_OUT=" + wide.out(), "CTRACE_DEPTH=wrong?", "OTHER=1"]
    plain = [word.replace("wrong?", "100") for word in command]
    wide.start(plain).check(3)
    check("ran" in os.listdir(context.path("out")), "without rights the caller's exporter does not run: nothing is tested")
    wide.clear()
    if how == "capabilities":
        _give_capabilities(context, privileged)
    else:
        RIGHTS[how](privileged)
    result = wide.start(command).check(3)
    if "secure 0" in result.stdout:
        raise Skip(f"a file system that honours {how}")
    check_equal(os.listdir(context.path("out")), [], how + ": files")
    check_equal(result.stderr, "", how + ": stderr")
    check_in("secure 1, 0 variables of ctrace, 1 other\n", result.stdout, how + ": output")
    return wide, command, result


@test(needs=("unshare", "mount", "timeout"))
def setuid(context):
    """A program that it starts after becoming root for good finds no variable of its caller either."""
    wide, command, result = _privileged(context, "setuid")
    check_in("effective 0:", result.stdout, "the user")
    child = wide.copy(program("tiny"))
    wide.start(command[:2] + [word for word in command[2:] if "DEPTH" not in word] + ["START=" + child]).check()
    check(not os.path.exists(wide.out("ran")), "root runs the caller's program")
    check_recorded(wide, ["ctrace"], "the default name, in the current folder")


@test(needs=("unshare", "mount", "timeout"))
def setgid(context):
    _, _, result = _privileged(context, "setgid")
    check_in(f"effective {NOBODY}:0,", result.stdout, "the group")


@test(needs=("unshare", "mount", "timeout"))
def file_capabilities(context):
    _privileged(context, "capabilities")
