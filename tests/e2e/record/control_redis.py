# SPDX-License-Identifier: MIT
"""
A redis-server that sleeps is loaded by redis-benchmark, switched to exact and back. Its segment equals that of a server that was
recorded from its start.
"""

import os
import signal
import subprocess
import time

from lib import dhat, trace
from lib.ports import free_port
from lib.harness import CTRACE, check, check_equal, check_in, test, wait_for

SECONDS = 10 if "CTRACE_STRESS" in os.environ else 2  # of the segment, while other clients read
READERS = ["redis-benchmark", "-P", "16", "-l", "-q", "-t", "get"]
COMMANDS = "".join(f"set new:{i} {'v' * (1 + i % 300)}\n" for i in range(2000))


def _segment(context, mode):
    """Record a segment of a loaded server that started in this mode. Returns its sites below setCommand(), by stack."""
    folder, port = context.make_folder(mode), str(free_port())
    env = trace.environment(context, os.path.join(folder, "redis.json"), CTRACE_MODE=mode, CTRACE_KEEP_STORE=1, CTRACE_CONTROL=folder)
    options = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]
    with open(os.path.join(folder, "log"), "wb") as log:
        server = subprocess.Popen(["redis-server", *options], env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    client, store = ["redis-cli", "-p", port], os.path.join(folder, "redis.json.store")

    def ctl(*words):
        context.run([CTRACE, "ctl", str(server.pid), *words], env=context.environment(CTRACE_CONTROL=folder)).check()

    try:
        wait_for(lambda: context.run([*client, "ping"]).stdout.strip() == "PONG", "redis-server to answer")
        context.run(["redis-benchmark", "-p", port, "-P", "16", "-n", "20000", "-q", "-t", "set,lpush,sadd"]).check()
        context.run([*client, "config", "set", "activerehashing", "no"]).check()
        with subprocess.Popen(READERS + ["-p", port], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as readers:
            ctl(*(["exact", "part"] if mode == "off" else ["reset", "part"]))
            end = time.monotonic() + SECONDS
            context.run(client, stdin=COMMANDS).check()
            time.sleep(max(0, end - time.monotonic()))
            check(readers.poll() is None, "redis-benchmark ended before the segment did")
            ctl("off")
            readers.kill()
        context.run(["redis-benchmark", "-p", port, "-P", "16", "-n", "20000", "-q", "-t", "set,get"]).check()
        server.send_signal(signal.SIGTERM)
        check_equal(server.wait(), 0, "the server's status")
    except BaseException:
        server.kill()
        server.wait()
        raise
    info = context.run([CTRACE, "info", store]).check().stdout
    check_in("losses         none", info, "losses")
    path = os.path.join(folder, "part.json")
    context.run([CTRACE, "export", "--since", "part", "-o", path, store]).check()
    report = dhat.check_file(path)
    # Replies wait in a list or not, as the socket can take them.
    below = [site for site in report.sites if site.calls_from("setCommand") and not site.calls_from("addReply")]
    return {str(site.functions()): [site[key] for key in ("tbk", "tb", "ebk", "eb")] for site in below}


@test(needs=("redis-server", "redis-benchmark", "redis-cli"))
def segment_of_a_loaded_server(context):
    asleep, reference = _segment(context, "off"), _segment(context, "exact")
    check(sum(site[0] for site in asleep.values()) >= 2 * 2000, f"blocks below setCommand: {asleep}")
    check_equal(asleep, reference, "sites below setCommand()")
