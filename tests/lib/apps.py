# SPDX-License-Identifier: MIT
"""A program that allocates when it is told to, and ctrace push beside it."""

import os
import subprocess

from lib.harness import CTRACE
from lib.trace import LIBRARY

# Each letter on stdin is an allocation, and is answered when it has been made: a keeps 1000 bytes, b is freed at once.
SOURCE = """
#include <stdlib.h>
#include <unistd.h>
static void *volatile sink;
__attribute__((noinline)) static void keeps(void) { sink = malloc(1000); }
__attribute__((noinline)) static void frees(void) { sink = malloc(50); free(sink); }
int main(void)
{
	char letter;
	for (write(1, ".", 1); read(0, &letter, 1) == 1; write(1, ".", 1))
		letter == 'a' ? keeps() : frees();
	return 0;
}
"""


class App:
    """A traced program that allocates when it is told to."""

    def __init__(self, context, **environment):
        if not os.path.exists(context.path("app")):
            context.write("app.c", SOURCE)
            context.run(["gcc", "-g", "-O1", "-fno-optimize-sibling-calls", "app.c", "-o", "app"]).check()
        self.process = subprocess.Popen(
            [context.path("app")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, cwd=context.folder,
            env=context.environment(LD_PRELOAD=LIBRARY, CTRACE_QUIET="1", **environment))
        self.process.stdout.read(1)

    def tell(self, letters):
        for letter in letters:
            self.process.stdin.write(letter.encode())
            self.process.stdout.read(1)

    def end(self, kill=False):
        if kill:
            self.process.kill()
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def push(self, context, *words, errors=False):
        """Start ctrace push for this program. errors: what it says is in the file push.err."""
        command = [CTRACE, "push", *map(str, words), str(self.process.pid)]
        with open(context.path("push.err"), "wb") as file:
            return subprocess.Popen(command, env=context.environment(), cwd=context.folder, stderr=file if errors else subprocess.PIPE, text=True)

    @staticmethod
    def pushed(push):
        """The status of ctrace push, and what it has said."""
        _, errors = push.communicate()
        return push.returncode, errors
