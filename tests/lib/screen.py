# SPDX-License-Identifier: MIT
"""A program in a pseudo terminal, whose output the terminal emulator pyte turns into a screen."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios

from lib.harness import Skip, check, wait_for

try:
    import pyte
except ImportError:
    pyte = None

# The keys of TERM=linux, which pyte emulates; it does not know all keys of other terminals.
KEYS = {"up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "end": "\x1b[4~", "home": "\x1b[1~", "esc": "\x1b"}
KEYS.update({"pgup": "\x1b[5~", "pgdn": "\x1b[6~", "enter": "\r", "backspace": "\x7f"})
ESCAPE_SECONDS = 0.025  # ESCDELAY


def run_on_terminal(context, command, **options):
    """
    context.run with a terminal as stdout; result.stdout is all that came, which one read does not always return. It is read when
    the command has ended, so that more than the terminal holds (4 KiB) would block the command.
    """
    master, slave = pty.openpty()
    try:
        try:
            result = context.run(command, stdout_file=slave, **options)
        finally:
            os.close(slave)
        shown = b""
        while True:
            try:
                shown += os.read(master, 65536)
            except OSError:  # EIO: the other side is closed, and everything has been read
                result.stdout_bytes = shown
                return result
    finally:
        os.close(master)


class Terminal:
    """Runs the command until it is closed; lines() is what a user sees."""

    def __init__(self, context, command, columns=80, lines=24, term="linux", **changes):
        if pyte is None:
            raise Skip("python3-pyte")
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.status = None
        self.master, slave = pty.openpty()
        self._set_size(slave, columns, lines)
        self.before = termios.tcgetattr(slave)
        environment = context.environment(**{"TERM": term, "LC_ALL": "C.UTF-8", **changes})
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            for fd in range(3):
                os.dup2(slave, fd)
            os.closerange(3, 64)
            os.execve(command[0], [str(word) for word in command], environment)
        self.slave = slave

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.master)
        os.close(self.slave)

    @staticmethod
    def _set_size(fd, columns, lines):
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns, lines):
        self.screen.resize(lines, columns)
        self._set_size(self.master, columns, lines)  # the kernel sends SIGWINCH

    def pump(self, seconds=0.05):
        """Read the output until nothing has come for this many seconds."""
        while select.select([self.master], [], [], seconds)[0]:
            data = os.read(self.master, 65536)
            self.raw += data
            self.stream.feed(data)

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines())

    def _screen(self):
        return "; the screen:\n" + self.text()

    def wait(self, condition, what):
        """Wait until condition(text of the screen) is true; returns the text."""

        def holds():
            self.pump()
            return condition(self.text())

        wait_for(holds, what, self._screen)
        return self.text()

    def wait_for(self, part):
        return self.wait(lambda text: part in text, repr(part))

    def _rests(self):
        """Has the program read all keys, and does it wait for more?"""
        # Asking the terminal whether it has input also delivers what is still queued in the kernel.
        select.select([self.slave], [], [], 0)
        unread = struct.unpack("i", fcntl.ioctl(self.slave, termios.FIONREAD, b"\0" * 4))[0]
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            return unread == 0 and stat.read().rpartition(")")[2].split()[0] in "SZ"

    def settle(self):
        """Wait until the screen shows the effect of all typed keys."""

        def settled():
            self.pump(0.03)
            return self._rests() and not select.select([self.master], [], [], 0)[0]

        wait_for(settled, "the program to come to rest", self._screen)

    def shown(self, part):
        """Wait until the whole screen with this part has been drawn; returns its text. The program then waits for keys."""
        self.wait_for(part)
        self.settle()
        return self.text()

    def press(self, *keys):
        for key in keys:
            os.write(self.master, KEYS.get(key, key).encode())
            self.settle()
            if key == "esc":  # the program waits for the rest of a sequence, asleep, as it does after any key
                self.pump(2 * ESCAPE_SECONDS)
                self.settle()
        return self.lines()

    def selected(self):
        """The selected line, which is shown in reverse."""
        for number, line in enumerate(self.lines()):
            if self.screen.buffer[number][0].reverse:
                return line
        return None

    def is_done(self):
        """Has the program ended? ended() still returns its status."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def ended(self):
        """Wait for the program's end; returns its status as in subprocess. The terminal must be as it was before."""

        def has_ended():
            self.pump(0.02)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            return pid

        wait_for(has_ended, "the program to end", self._screen)
        self.pump(0.02)
        check(termios.tcgetattr(self.slave) == self.before, "the terminal's settings are not what they were")
        check(b"\x1b[?1049h" not in self.raw or self.raw.rfind(b"\x1b[?1049l") > self.raw.rfind(b"\x1b[?1049h"), "still on the other screen")
        check(self.raw.rfind(b"\x1b[?25l") <= self.raw.rfind(b"\x1b[?25h"), "the cursor is still hidden")
        return self.status
