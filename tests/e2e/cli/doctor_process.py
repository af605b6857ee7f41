# SPDX-License-Identifier: MIT
"""ctrace doctor PID: what a running process does, and why it is not recorded."""

import contextlib
import os
import shutil
import subprocess

from lib import trace
from lib.harness import CTRACE, LIBRARY, Skip, check_equal, check_in, program, test


@contextlib.contextmanager
def _waiting(context, path=None, before=(), **env):
    """A program that waits for input; yields its pid."""
    path = path or program("says")
    command = [*before, path, "-"]
    process = subprocess.Popen(command, env=context.environment(**env), cwd=context.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        check_in("user", process.stdout.readline(), f"{command}: its line")
        yield process.pid
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def _doctor(context, pid, status, before=(), env=None):
    """Lines of ctrace doctor, as {what: (state, text)}."""
    result = context.run([*before, CTRACE, "doctor", pid], env=env).check(status)
    return {line.split()[1]: (line.split()[0], line.split(None, 2)[2]) for line in result.stdout.splitlines()}


def _check(lines, what, state, part):
    check_equal(lines.get(what, ("none",))[0], state, f"{what} in {lines}")
    check_in(part, lines[what][1], what)


@test()
def recorded(context):
    env = trace.environment(context)
    with _waiting(context, **env) as pid:
        lines = _doctor(context, pid, 0)
        _check(lines, "recording", "ok", f"out.{pid}.json.store")
        _check(lines, "process", "ok", program("says"))
        _check(lines, "output", "ok", context.folder)
    with _waiting(context, **env, CTRACE_MODE="off", CTRACE_CONTROL=context.make_folder("pages")) as pid:
        _check(_doctor(context, pid, 0), "recording", "ok", f"ctrace ctl {pid} exact")


@test()
def not_recorded(context):
    with _waiting(context) as pid:
        _check(_doctor(context, pid, 1), "library", "problem", f"ctrace attach {pid}")
    with _waiting(context, program("says_static"), LD_PRELOAD=LIBRARY) as pid:
        _check(_doctor(context, pid, 1), "library", "problem", "static")
    with _waiting(context, LD_PRELOAD="/no/such/libctrace.so") as pid:
        _check(_doctor(context, pid, 1), "library", "problem", "/no/such/libctrace.so does not exist where the process runs")
    with _waiting(context, **trace.environment(context), CTRACE_DENY="says") as pid:
        _check(_doctor(context, pid, 1), "recording", "problem", "CTRACE_DENY=says")
    check_in("there is no process", _doctor(context, 999999999, 1)["process"][1], "no process")
    context.run([CTRACE, "doctor", "--run", str(os.getpid())]).check(2)
    # A program may be called like a pid.
    shutil.copy(program("says"), context.path("12"))
    check_in("12: dynamically linked", _doctor(context, "12", 0, env=context.environment(PATH=context.folder + ":/usr/bin"))["program"][1], "a program")


@test(needs="musl-gcc")
def musl(context):
    with _waiting(context, program("says_musl"), LD_PRELOAD=LIBRARY) as pid:
        _check(_doctor(context, pid, 1), "library", "problem", "musl")


@test()
def gained_rights(context):
    if os.geteuid():
        raise Skip("root, for a set-user-ID program of another user")
    path = shutil.copy(program("says"), context.path("says"))
    os.chmod(context.folder, 0o755)
    os.chown(path, 65534, 65534)
    os.chmod(path, 0o4755)
    with _waiting(context, path, LD_PRELOAD=LIBRARY) as pid:
        _check(_doctor(context, pid, 1), "library", "problem", "gained rights")


@test()
def places_for_the_store(context):
    """Folders of CTRACE_OUT, as the process sees them: not there, read-only, in memory, of another user."""
    if os.geteuid() or context.run(["unshare", "-m", "true"]).status:
        raise Skip("root, for a mount namespace")
    folder, asleep = context.make_folder("place"), {"CTRACE_MODE": "off", "CTRACE_CONTROL": context.make_folder("pages"), "CTRACE_TMPFS": ""}
    for mount, part in (
        (f'mount -t tmpfs none "{folder}"', "in memory (tmpfs)"),
        (f'mount --bind "{folder}" "{folder}" && mount -o remount,ro,bind "{folder}"', "read-only for the process"),
    ):
        before = ["unshare", "-m", "sh", "-c", f'{mount} && LD_PRELOAD="{LIBRARY}" exec "$@"', "sh"]
        with _waiting(context, before=before, CTRACE_OUT=folder + "/%p.json", **asleep) as pid:
            lines = _doctor(context, pid, 1)
            _check(lines, "output", "problem", part)
            _check(lines, "container", "note", "mount namespace")
    with _waiting(context, LD_PRELOAD=LIBRARY, CTRACE_OUT=context.path("none", "x.json"), **asleep) as pid:
        _check(_doctor(context, pid, 1), "output", "problem", "No such file")


@test()
def service(context):
    """The unit of a service is found by its control group, and what it sets is said."""
    groups = "/sys/fs/cgroup/unified" if os.path.isdir("/sys/fs/cgroup/unified") else "/sys/fs/cgroup"
    group, name = os.path.join(groups, f"ctrace-test-{os.getpid()}"), f"ctrace-test-{os.getpid()}@1.service"
    units = context.make_folder("units")
    with open(os.path.join(units, name.replace("@1", "@")), "w") as unit:
        unit.write("[Service]\nExecStart=/bin/true\nPrivateTmp=yes\nProtectSystem=strict\nEnvironment=A=1 'B=2 3'\n")
    try:
        os.makedirs(os.path.join(group, name))
    except OSError as error:
        raise Skip(f"a control group of its own ({error.strerror})") from None
    before = ["sh", "-c", f'echo $$ > "{group}/{name}/cgroup.procs" && exec "$@"', "sh"]
    doctor = ["unshare", "-m", "sh", "-c", f'mount --bind "{units}" /etc/systemd/system && exec "$@"', "sh"]
    try:
        if context.run([*doctor, "true"]).status:
            raise Skip("the right to mount")
        with _waiting(context, before=before) as pid:
            lines = _doctor(context, pid, 1, doctor)
            _check(lines, "library", "problem", f"{name} does not set LD_PRELOAD")
            _check(lines, "unit", "ok", f"{name}, without LD_PRELOAD, ProtectSystem=strict")
            os.mkdir(os.path.join(units, name + ".d"))
            with open(os.path.join(units, name + ".d", "ctrace.conf"), "w") as conf:
                conf.write('[Service]\nEnvironment="LD_PRELOAD=/x/libctrace.so" CTRACE_MODE=off\n')
            _check(_doctor(context, pid, 1, doctor), "library", "problem", "was started before")
        with _waiting(context, before=before, LD_PRELOAD=LIBRARY, CTRACE_MODE="off", CTRACE_OUT="/tmp/x/%p.json", CTRACE_CONTROL=context.folder) as pid:
            result = context.run([*doctor, CTRACE, "doctor", str(pid)])
            check_in(f"PrivateTmp=: stores are in the service's own folder, here /proc/{pid}/root/tmp/x", result.stdout, "PrivateTmp")
    finally:
        for folder in (os.path.join(group, name), group):
            with contextlib.suppress(OSError):
                os.rmdir(folder)


@test()
def memory(context):
    """The limit of its control group, and how much of it is used."""
    groups = context.make_folder("groups")
    if os.geteuid() or context.run(["unshare", "-m", "true"]).status:
        raise Skip("root, for a mount namespace")
    doctor = ["unshare", "-m", "sh", "-c", f'mount --bind "{groups}" /sys/fs/cgroup && exec "$@"', "sh"]
    with _waiting(context, **trace.environment(context)) as pid:
        _check(_doctor(context, pid, 0, doctor), "memory", "note", "cannot be read")
        context.write("groups/memory.max", str(512 << 20))
        context.write("groups/memory.current", str(128 << 20))
        lines = _doctor(context, pid, 0, doctor)
        _check(lines, "memory", "ok", "128 MiB of 512 MiB used")
        _check(lines, "memory", "ok", "the store's pages in memory count")
        context.write("groups/memory.current", str(500 << 20))
        _check(_doctor(context, pid, 0, doctor), "memory", "note", "some MiB more")
