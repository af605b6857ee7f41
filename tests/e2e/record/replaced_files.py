# SPDX-License-Identifier: MIT
"""Files that are replaced, removed or moved while they are mapped: names are those of the recorded code, or there are none."""

import glob
import os
import shutil
import signal
import subprocess

from lib import dhat
from lib.harness import CTRACE, LIBRARY, check, check_equal, check_in, test

PLUGIN = r"""
#include <stdlib.h>
__attribute__((noinline)) void *NAME(size_t bytes) { char *block = malloc(bytes); if (block) block[0] = 1; return block; }
void *allocate(void) { void *block = NAME(300); __asm__ volatile("" : : "r"(block)); return block; }
"""

# One command a line: `load FILE`, `memory FILE`, `call`, `unload`. Each is answered by a line.
HOST = (
    PLUGIN.replace("allocate(", "own(")
    + r"""
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <fcntl.h>
static void *plugin;
static const char *copy(const char *file)
{
	static char name[64];
	char bytes[65536];
	int from = open(file, O_RDONLY), to = memfd_create("unpacked", 0);
	ssize_t got;
	while ((got = read(from, bytes, sizeof(bytes))) > 0)
		if (write(to, bytes, (size_t)got) != got)
			return NULL;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", to);
	return name;
}
int main(void)
{
	char line[4096];
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "load ", 5))
			plugin = dlopen(line + 5, RTLD_NOW);
		else if (!strncmp(line, "memory ", 7))
			plugin = dlopen(copy(line + 7), RTLD_NOW);
		else if (!strcmp(line, "call"))
			((void *(*)(void))dlsym(plugin, "allocate"))();
		else if (!strcmp(line, "own"))
			own();
		else
			dlclose(plugin);
		puts(plugin || line[0] == 'o' ? "done" : dlerror());
		fflush(stdout);
	}
	return 0;
}
"""
)


def _build(context, source, name, function, *options, build_id="none"):
    """Compile to a new file, as a rebuild does: the old file has no name any more, but is not overwritten."""
    code = context.write("source.c", source)
    path = context.path(name)
    words = ["gcc", "-g", "-O1", "-D_GNU_SOURCE", f"-DNAME={function}", f"-Wl,--build-id={build_id}", *options, code]
    context.run([*words, "-o", path + ".new"]).check()
    os.rename(path + ".new", path)
    return path


class _Host:
    """The traced host, driven line by line."""

    def __init__(self, context, path, before=(), **changes):
        self.context = context
        env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=context.path("r.json"), **changes)
        self.told = open(context.path("told"), "w+")
        self.process = subprocess.Popen(
            [*before, path], env=env, cwd=context.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.told, text=True
        )

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        check_equal(self.process.stdout.readline(), "done\n", line)

    def end(self):
        """Let it end; returns the functions of its report, and what ctrace has said."""
        self.process.stdin.close()
        self.process.stdout.close()
        check_equal(self.process.wait(), 0, "status")
        return self.functions(), self.words()

    def words(self):
        self.told.seek(0)
        return self.told.read()

    def functions(self):
        """Of all its images: setpriv, which becomes the host, has a report too."""
        reports = [dhat.check_file(path) for path in glob.glob(self.context.path("r*.json"))]
        return {frame.function for report in reports for site in report.sites for frame in site.frames}


@test(needs="gcc")
def executable(context):
    """Replaced, removed or moved away: /proc leads to the recorded file while the process lives."""
    for build_id in ("none", "sha1"):
        for how in ("replaced", "removed", "moved"):
            path = _build(context, HOST, "host", "old_function", build_id=build_id)
            host = _Host(context, path)
            host.say("own")
            if how == "moved":
                os.rename(path, path + ".away")
            if how == "removed":
                os.remove(path)
            else:
                _build(context, HOST, "host", "new_function", build_id=build_id)
            functions, words = host.end()
            check("new_function" not in functions, f"{how}: names of the new file")
            check_in("old_function", functions, f"{how}, build-id {build_id}")
            check("without names" not in words, f"{how}: {words}")


@test(needs="gcc")
def after_the_death(context):
    """The process is gone, so nothing leads to the old file: no names, and a line says so. A copy of the same file is right."""
    path = _build(context, HOST, "host", "old_function")
    host = _Host(context, path)
    host.say("own")
    host.process.send_signal(signal.SIGKILL)
    check_equal(host.process.wait(), -signal.SIGKILL, "status")
    (store,) = glob.glob(context.path("*.store"))

    def export():
        told = context.run([CTRACE, "export", "-o", context.path("r.json"), store]).check().stderr
        info = context.run([CTRACE, "info", store]).check().stdout
        lines = [line for line in info.splitlines() if path in line and "no build-id" in line]
        return host.functions(), told, lines[0]

    check_in("old_function", export()[0], "the unchanged file")
    with open(path, "r+b") as file:
        kept = file.read()
    times = os.stat(path)
    _build(context, HOST, "host", "new_function")
    for what in ("a new file", "a new file of the same size"):
        functions, _, line = export()
        check(not {"new_function", "old_function"} & functions, f"{what} gives names: {functions}")
        check_in("file is gone or of another build", line, what)
        with open(path, "ab") as file:
            file.truncate(len(kept))
    # Unpacked from an archive: another inode, the time in whole seconds.
    os.remove(path)
    context.write("host", kept)
    os.utime(path, ns=(times.st_mtime_ns, times.st_mtime_ns // 10**9 * 10**9))
    check_in("old_function", export()[0], "the same file from an archive")


NO_RIGHTS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")  # even root may not follow the links of mappings


@test(needs=("gcc", "setpriv"))
def libraries(context):
    """Unpacked, loaded and removed, as JNI does; in memory; replaced by a newer one; moved away."""
    host_path = _build(context, HOST, "host", "host_function", "-ldl")
    for build_id, before in (("none", ()), ("none", NO_RIGHTS), ("sha1", NO_RIGHTS)):
        shared = lambda name, function: _build(context, PLUGIN, name, function, "-shared", "-fPIC", build_id=build_id)
        host = _Host(context, host_path, before)
        host.say("load " + shared("unpacked.so", "unpacked_function"))
        os.remove(context.path("unpacked.so"))
        host.say("call")
        host.say("memory " + shared("memory.so", "memory_function"))
        os.remove(context.path("memory.so"))
        host.say("call")
        host.say("load " + shared("newer.so", "older_function"))
        host.say("call")
        shared("newer.so", "newer_function")
        host.say("load " + shared("away.so", "away_function"))
        host.say("call")
        os.rename(context.path("away.so"), context.path("away.2"))
        shared("away.so", "wrong_function")
        functions, words = host.end()
        wanted = {"unpacked_function", "memory_function", "older_function", "away_function"}
        check_equal(wanted - functions, set(), f"names that are missing, build-id {build_id}, after {before}")
        check_equal({"newer_function", "wrong_function"} & functions, set(), "names of other files")
        check("without names" not in words, words)


@test(needs="gcc")
def plugin_reloaded(context):
    """A plugin without build-id is rebuilt and loaded again: two modules, so that no name of one is used for the other."""
    path = _build(context, HOST, "host", "host_function", "-ldl")
    shared = lambda function: _build(context, PLUGIN, "plugin.so", function, "-shared", "-fPIC")
    host = _Host(context, path, CTRACE_EXPORT="0")
    host.say("load " + shared("first_function"))
    host.say("call")
    host.say("unload")
    shutil.copy2(context.path("plugin.so"), context.path("first.so"))
    host.say("load " + shared("second_function"))
    host.say("call")
    host.process.stdin.close()
    host.process.wait()
    (store,) = glob.glob(context.path("*.store"))
    context.run([CTRACE, "export", "-o", context.path("r.json"), store]).check()
    check("first_function" not in host.functions(), "the old plugin has a name, though its file is gone")
    check_in("second_function", host.functions(), "the new plugin")
    os.rename(context.path("first.so"), context.path("plugin.so"))
    context.run([CTRACE, "export", "-o", context.path("r.json"), store]).check()
    check_in("first_function", host.functions(), "the old plugin, from its own file")
    check("second_function" not in host.functions(), "the new plugin has a name of the old one")
