# SPDX-License-Identifier: MIT
"""The columns: tracers, and shims that show the least that any tracer can cost."""

import glob
import os
import re
import shutil
import subprocess
import tempfile

from lib.harness import BUILD, LIBRARY, PYTHON, base_environment

BENCH = os.path.join(BUILD, "tests", "bench")
SAMPLE = "512k"
HEAPTRACK_LIBRARY = os.path.join(
    os.path.dirname(shutil.which("heaptrack") or "/usr/bin/"), "..", "lib", "heaptrack", "libheaptrack_preload.so"
)


class Tool:
    """How to run a command under a tool. {out} in the settings is a path in the folder of the run.

    proof: files that must exist after the run, otherwise nothing was recorded. slow: runs with less work.
    helpers: other processes work for the tool, so the program's own clock does not show its cost.
    """

    def __init__(self, name, title, prefix=(), preload=None, settings=None, proof=None, slow=False, helpers=False):
        self.name, self.title, self.prefix, self.preload = name, title, prefix, preload
        self.settings, self.proof, self.slow, self.helpers = settings or {}, proof, slow, helpers

    def environment(self, folder):
        out = os.path.join(folder, "out")
        environment = {key: value.format(out=out) for key, value in self.settings.items()}
        if self.preload:
            environment["LD_PRELOAD"] = self.preload
        return environment

    def command(self, words, folder):
        return [word.format(out=os.path.join(folder, "out")) for word in self.prefix] + words

    def has_recorded(self, folder):
        return not self.proof or any(os.path.getsize(path) for path in glob.glob(os.path.join(folder, self.proof)))

    def suits(self, _workload):
        """Is the tool for this workload?"""
        return True

    def output(self, stdout):
        """The program's own output, without that of the tool."""
        return stdout

    def missing(self):
        """What is missing to run the tool, or None."""
        if self.prefix and not shutil.which(self.prefix[0]):
            return self.prefix[0]
        refused = re.search(r"([\w.-]+)'? .*cannot be (pre)?loaded", self.trial() if self.preload else "")
        return refused.group(1) if refused else None

    def trial(self, **changes):
        """The output of the tool when it runs `true`."""
        with tempfile.TemporaryDirectory(prefix="ctrace-bench-") as folder:
            environment = {**base_environment(), **self.environment(folder), **changes}
            return subprocess.run(["true"], env=environment, capture_output=True, text=True, timeout=60).stderr


class Heaptrack(Tool):
    def output(self, stdout):
        """The output without the lines that the script adds."""
        own = re.search(rb"starting application, [^\n]*\n(.*)Heaptrack finished!", stdout, re.DOTALL)
        return own.group(1) if own else stdout


class Memray(Tool):
    """memray traces Python only, and is installed by pip: here, or with MEMRAY=FOLDER in this folder."""

    def suits(self, workload):
        return workload.name == "python3"

    def command(self, words, folder):
        out = os.path.join(folder, "out")
        script = next(i for i, word in enumerate(words) if word.endswith(".py"))
        return [words[0], "-m", "memray", "run", "--native", "-q", "-f", "-o", out, *words[script:]]

    def missing(self):
        found = subprocess.run([PYTHON, "-c", "import memray"], env={**base_environment(), **self.settings}, capture_output=True)
        return "memray (pip; MEMRAY=FOLDER)" if found.returncode else None


class Sampled(Tool):
    def missing(self):
        """Does the library know the variable? It then complains about a wrong value."""
        known = "CTRACE_SAMPLE" in self.trial(CTRACE_SAMPLE="none")
        return super().missing() or (None if known else "CTRACE_SAMPLE in libctrace.so")


CTRACE_SETTINGS = {"CTRACE_OUT": "{out}.%p", "CTRACE_EXPORT": "0", "CTRACE_QUIET": "1"}

TOOLS = [
    Tool("native", "native"),
    Tool("shim", "call-through shim", preload=os.path.join(BENCH, "libshim.so")),
    Tool("unwind", "libunwind shim", preload=os.path.join(BENCH, "libshim_unwind.so")),
    Heaptrack("heaptrack", "heaptrack", ("heaptrack", "-o", "{out}"), proof="out.*", helpers=True),
    Tool(
        "heaptrack-preload",
        "heaptrack's preload alone",
        preload=HEAPTRACK_LIBRARY,
        settings={"DUMP_HEAPTRACK_OUTPUT": "{out}"},
        proof="out*",
    ),
    Tool("dhat", "DHAT", ("valgrind", "--tool=dhat", "--dhat-out-file={out}"), proof="out", slow=True),
    Tool("massif", "Massif", ("valgrind", "--tool=massif", "--massif-out-file={out}"), proof="out", slow=True),
    Memray(
        "memray", "memray --native", settings={"PYTHONPATH": os.environ.get("MEMRAY", "")}, proof="out", helpers=True
    ),
    Tool(
        "gperftools",
        "gperftools",
        preload="libtcmalloc.so.4",
        settings={"HEAPPROFILE": "{out}"},
        proof="out.*",
        slow=True,
    ),
    Tool("ctrace", "ctrace", preload=LIBRARY, settings=CTRACE_SETTINGS, proof="out.*"),
    Sampled(
        "ctrace-sampled",
        "ctrace sampled",
        preload=LIBRARY,
        settings={**CTRACE_SETTINGS, "CTRACE_SAMPLE": SAMPLE},
        proof="out.*",
    ),
    Tool("ctrace-asleep", "ctrace asleep", preload=LIBRARY, settings={**CTRACE_SETTINGS, "CTRACE_MODE": "off"}),
]
BY_NAME = {tool.name: tool for tool in TOOLS}
