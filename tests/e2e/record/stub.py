# SPDX-License-Identifier: MIT
"""libctrace-stub.so in /etc/ld.so.preload and in LD_PRELOAD: who is recorded, who sleeps, and who is left alone."""

import os
import shutil

from lib.harness import BUILD, Skip, check, check_equal, check_in, program, test
from lib.system_wide import SystemWide, check_recorded

STUB = os.path.join(BUILD, "lib", "libctrace-stub.so")


class Fleet(SystemWide):
    """A machine whose processes all load the stub. Settings are in its /etc/ctrace.conf, not in the environment."""

    def __init__(self, context, **settings):
        self.conf = context.path("etc", "ctrace.conf")
        super().__init__(context, "libctrace-stub.so")
        self.set(**settings)

    def set(self, **settings):
        """Write /etc/ctrace.conf. The report's place is always there."""
        lines = [f"CTRACE_{name.upper()}={value}" for name, value in {"out": self.out(), "quiet": 1, **settings}.items()]
        self.context.write("etc/ctrace.conf", "# settings\n" + "\n".join(lines) + "\n")
        os.chmod(self.conf, 0o644)
        self.clear()

    def run(self, *command, **changes):
        """Run without a line of ctrace on stderr; returns the output."""
        result = self.start(command, **{"CTRACE_QUIET": "", "CTRACE_OUT": "", **changes}).check()
        check_equal(result.stderr, "", f"{command}: stderr")
        return result.stdout


def _state(fleet, *command):
    """What `ctrace ctl` says of a process that was started with this command and waits."""
    # It is that program, no longer the shell, and has allocated.
    started = 'until [ /proc/$pid/exe -ef "$(command -v "$1")" ] && grep -q heap /proc/$pid/maps; do sleep 0.01; done'
    script = f'"$@" & pid=$!\n{started}\n"{fleet.ctrace}" ctl $pid 2>&1\nkill $pid; wait $pid 2> /dev/null\ntrue\n'
    return fleet.run(fleet.script("state", script), *command)


@test()
def needs_nothing(context):
    """The same file loads with any C library: it imports no name and names no library that must be there."""
    names = context.run(["nm", "-D", STUB]).check().stdout.split("\n")
    check_equal([line.split()[-2:] for line in names if line], [["R", "ct_stub"]], "its names")
    check("NEEDED" not in context.run(["readelf", "-d", STUB]).check().stdout, "it needs a library")


@test(needs=("unshare", "mount", "timeout"))
def sleeps_unless_told_otherwise(context):
    """Without settings every program sleeps, and no file is left. Settings of the file and of the environment wake it."""
    fleet = Fleet(context)
    tiny = fleet.copy(program("tiny"))
    fleet.run(tiny)
    os.remove(fleet.conf)
    fleet.run(tiny)
    check_recorded(fleet, [], "asleep")
    check_in("asleep", _state(fleet, "sleep", "1000"), "ctl")
    fleet.set(mode="exact")
    fleet.run(tiny)
    check_recorded(fleet, ["tiny"], "exact, by the file")
    fleet.set()
    fleet.run(tiny, CTRACE_MODE="exact")
    check_recorded(fleet, ["tiny"], "exact, by the environment")
    fleet.set(mode="exact")
    fleet.run(tiny, CTRACE_MODE="off")
    check_recorded(fleet, [], "the environment comes first")
    fleet.set()
    fleet.run(fleet.ctrace, "record", "-q", "-o", fleet.out(), tiny)
    check_recorded(fleet, ["tiny"], "ctrace record")


@test(needs=("unshare", "mount", "timeout"))
def lists(context):
    fleet = Fleet(context)
    tiny, other = fleet.copy(program("tiny")), shutil.copy(program("tiny"), context.path("other"))
    for settings, wanted in (
        ({"allow": "tiny"}, ["tiny"]),
        ({"deny": "ti*"}, ["other"]),
        ({"allow": f"{context.folder}/*", "deny": other}, ["tiny"]),
        ({"allow": "/usr/bin/*"}, []),
    ):
        fleet.set(mode="exact", **settings)
        fleet.run(tiny)
        fleet.run(other)
        check_recorded(fleet, wanted, str(settings))
    fleet.set(mode="exact", deny="other")
    fleet.run(other, CTRACE_DENY="tiny")
    check_recorded(fleet, ["other"], "the environment comes first")
    fleet.set(deny="sleep")
    check_in("not ", _state(fleet, "sleep", "1000"), "a program that is left alone has no page")


@test(needs=("unshare", "mount", "timeout"))
def chain_of_programs(context):
    """A script, what it starts, and what that becomes. The script is its interpreter."""
    fleet = Fleet(context, mode="exact", deny="tiny,sed")
    says, tiny = fleet.copy(program("says")), fleet.copy(program("tiny"))
    script = fleet.script("chain", f'echo text | sed -n 1p\n"{says}" "{tiny}"\n("{says}")\n')
    output = fleet.run(script)
    check_equal(output.count(": user 0\n"), 2, "lines of says")
    # What the first says becomes is left alone, so its store stays.
    recorded = [name.split(".")[0] for name in fleet.recorded()]
    check_equal(sorted(set(recorded)), ["dash", "says"], "programs")
    check_equal(recorded.count("says"), 2, f"recordings of says in {fleet.recorded()}")


@test(needs=("unshare", "mount", "timeout"))
def programs_that_cannot_be_recorded(context):
    """Static, of another C library, or with rights of their own: they run as without the stub, and nothing is written."""
    fleet = Fleet(context, mode="exact", allow="says*")
    copies = [fleet.copy(program(name)) for name in ("says_static", "says_musl") if os.path.exists(program(name))]
    privileged = fleet.copy(program("says"))
    os.chown(privileged, 65534, 65534)
    os.chmod(privileged, 0o4755)
    for path in (*copies, privileged):
        for way in ({}, {"LD_PRELOAD": context.path("opt", "lib", "libctrace-stub.so")}):
            user = 65534 if path == privileged else 0
            check_equal(fleet.run(path, **way), f"{path}: user {user}\n", "output")
    check_recorded(fleet, [], "reports")
    if len(copies) < 2:
        raise Skip("musl-gcc (musl-tools)")


@test(needs=("unshare", "mount", "timeout"))
def settings_that_cannot_be_used(context):
    """Wrong values, and a file that others than root can write: no line in any process, and nothing is recorded."""
    fleet = Fleet(context)
    tiny = fleet.copy(program("tiny"))
    for settings in ({"mode": "exactly"}, {"mode": "exact", "depth": "x"}, {"mode": "exact", "max_sites": 0}):
        fleet.set(**settings)
        fleet.run(tiny)
        check_recorded(fleet, [], str(settings))

    def writable():
        os.chmod(fleet.conf, 0o664)

    def owned():
        os.chown(fleet.conf, 65534, 0)

    def long():
        with open(fleet.conf, "a") as file:
            file.write("#" * 20000)

    def special():
        os.remove(fleet.conf)
        os.mkfifo(fleet.conf)

    for change in (writable, owned, long, special):
        if os.path.exists(fleet.conf):
            os.remove(fleet.conf)
        fleet.set(mode="exact")
        change()
        fleet.run(tiny)
        check_recorded(fleet, [], change.__name__)
    os.remove(fleet.conf)
    fleet.set(mode="exact")
    fleet.run(tiny)
    check_recorded(fleet, ["tiny"], "a file that can be used")


@test(needs=("unshare", "mount", "timeout"))
def library_is_missing(context):
    """The stub alone does no harm."""
    fleet = Fleet(context, mode="exact")
    tiny = fleet.copy(program("tiny"))
    os.remove(fleet.library)
    fleet.run(tiny)
    check_recorded(fleet, [], "reports")


@test()
def in_a_pod(context):
    """LD_PRELOAD for containers with different C libraries: what the variables say holds, and tools are not recorded."""
    out = context.make_folder("out")
    env = context.environment(LD_PRELOAD=STUB, CTRACE_MODE="exact", CTRACE_OUT=os.path.join(out, "%e.json"), CTRACE_ALLOW="says*,dash")
    names = [name for name in ("says", "says_musl", "says_static") if os.path.exists(program(name))]
    for name in names:
        result = context.run([program(name)], env=env).check()
        check_equal(result.stdout, f"{program(name)}: user {os.geteuid()}\n", name)
    context.run([program("tiny")], env=env).check()
    context.run([os.path.join(BUILD, "bin", "ctrace"), "info", os.path.join(out, "says.json")], env=env).check()
    check_equal(os.listdir(out), ["says.json"], "reports")
    env["CTRACE_CHILDREN"] = "0"
    context.run(["sh", "-c", program("says")], env=env).check()
    check_equal(sorted(os.listdir(out)), ["dash.json", "says.json"], "reports, without children")
    os.remove(os.path.join(out, "says.json"))
    context.run(["sh", "-c", program("says") + "; true"], env={**env, "CTRACE_QUIET": "1"}).check()
    check("says.json" not in os.listdir(out), "a child is recorded in spite of CTRACE_CHILDREN=0")
