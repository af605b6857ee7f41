# SPDX-License-Identifier: MIT
"""The library in the /etc/ld.so.preload of a mount namespace. All processes inside end with the namespace."""

import os
import shutil

from lib.harness import BUILD, Skip, check

LIMIT = 600  # seconds, after which everything inside is killed: a chain of exporters would never end
NOBODY = 65534


class SystemWide:
    """An installed copy that every user can read, and a folder for reports in which every user can write."""

    def __init__(self, context, preloaded="libctrace.so"):
        if os.geteuid():
            raise Skip("root, for a mount namespace")
        self.context = context
        for folder in ("lib", "bin"):
            shutil.copytree(os.path.join(BUILD, folder), context.path("opt", folder), symlinks=True)
        os.chmod(context.folder, 0o755)
        self.library = context.path("opt", "lib", "libctrace.so")
        self.ctrace = context.path("opt", "bin", "ctrace")
        self.etc = context.make_folder("etc")
        for name in ("ld.so.cache", "passwd", "group"):
            shutil.copy("/etc/" + name, self.etc)
        context.write("etc/ld.so.preload", context.path("opt", "lib", preloaded) + "\n")
        self.clear()
        if self.start(["true"]).status:
            raise Skip("the right to mount")
        self.clear()

    def clear(self):
        shutil.rmtree(self.context.path("out"), ignore_errors=True)
        os.chmod(self.context.make_folder("out"), 0o777)

    def out(self, name="%e.%p.json"):
        return self.context.path("out", name)

    def start(self, command, **changes):
        """Run a command inside; returns its result."""
        script = f'mount --make-rprivate / && mount --bind "{self.etc}" /etc && cd "{self.context.path("out")}" && exec "$@"'
        inside = ["unshare", "-m", "-p", "-f", "--kill-child", "--mount-proc", "sh", "-c", script, "sh"]
        env = self.context.environment(CTRACE_QUIET=1, CTRACE_OUT=self.out())
        env.update({name: str(value) for name, value in changes.items()})
        env = {name: value for name, value in env.items() if value != ""}
        return self.context.run(["timeout", "-s", "KILL", LIMIT, *inside, *command], env=env)

    def recorded(self):
        """The names of programs that have a report, sorted. A store that was left counts too, and its name says so."""
        names = []
        for name in os.listdir(self.context.path("out")):
            program, _, end = name.partition(".")
            names.append(program if end.endswith("json") else name)
        return sorted(names)

    def script(self, name, text):
        path = self.context.write(name, "#!/bin/sh\n" + text + "\n")
        os.chmod(path, 0o755)
        return path

    def copy(self, program, mode=0o755):
        """Copy a program to where every user can start it."""
        path = shutil.copy(program, self.context.folder)
        os.chmod(path, mode)
        return path


def check_recorded(wide, wanted, what):
    got = wide.recorded()
    check(got == sorted(wanted), f"{what}: recorded {len(got)} programs {got[:20]}, wanted {wanted}")
