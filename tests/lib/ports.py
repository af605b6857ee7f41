# SPDX-License-Identifier: MIT
"""Ports for servers that must be given one."""

import os
import socket

from lib.harness import Failure

# Below the ports that the kernel gives to connections, since a connection could take the port before the server does.
FIRST, COUNT = 20000, 8000

_kept = []  # until the test's process ends


def free_port():
    """A port of the loopback that no other test takes: an abstract socket's name reserves it."""
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
