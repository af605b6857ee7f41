# SPDX-License-Identifier: MIT
"""Ports for servers that want to be told theirs."""

import os
import socket

from lib.harness import Failure

# Below those that the kernel gives to connections: one of these could have it before the server does.
FIRST, COUNT = 20000, 8000

_kept = []  # as long as the test's process lives


def free_port():
    """A port of the loopback that no other test takes: a name among abstract sockets stands for it."""
    for i in range(COUNT):
        port = FIRST + (os.getpid() * 37 + i) % COUNT
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0ctrace-test-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            name.close()
            continue
        _kept.append(name)
        return port
    raise Failure("no free port")
