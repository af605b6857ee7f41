# SPDX-License-Identifier: MIT
"""ctrace ... --debuginfod asks a server for names, here one of our own. Without the option no server is asked."""

import ctypes.util
import http.server
import os
import re
import socket
import threading

from lib import dhat
from lib.harness import CTRACE, Skip, check, check_equal, check_in, test
from lib.screen import Terminal

SOURCE = """
#include <stdlib.h>
__attribute__((noinline)) static void *hidden(unsigned long bytes) { return malloc(bytes); }
int main(void) { void *kept = hidden(1000); return !kept; }
"""


class _Server(http.server.ThreadingHTTPServer):
    """Has one file, by build-id. asked: the build-ids that it was asked for. silent: accept and never answer."""

    def __init__(self, build_id, path):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.build_id, self.path, self.asked = build_id, path, []
        self.released = threading.Event()
        self.silent = False
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.server.silent:
            self.server.released.wait()
        found = self.path == f"/buildid/{self.server.build_id}/debuginfo"
        self.send_response(200 if found else 404)
        self.end_headers()
        if found:
            with open(self.server.path, "rb") as file:
                self.wfile.write(file.read())

    def log_message(self, *_):
        pass


def _stripped(context):
    """The store of a program whose debug information is in a file of its own; returns the store and a server that has it."""
    if not ctypes.util.find_library("debuginfod"):
        raise Skip("libdebuginfod")
    context.write("app.c", SOURCE)
    context.run(["gcc", "-g", "-O1", "-fno-optimize-sibling-calls", "-Wl,--build-id", "app.c", "-o", "app"]).check()
    context.run(["objcopy", "--only-keep-debug", "app", "kept.debug"]).check()
    context.run(["strip", "app"]).check()
    notes = context.run(["readelf", "-n", "app"]).check().stdout
    build_id = re.search(r"Build ID: ([0-9a-f]+)", notes)[1]
    context.run([CTRACE, "record", "-q", "--export", "0", "-o", "app.json", "./app"]).check()
    return context.path("app.json.store"), _Server(build_id, context.path("kept.debug"))


def _functions(context, path):
    return {frame.function for site in dhat.check_file(context.path(path)).sites for frame in site.frames}


@test(needs=("gcc", "objcopy", "strip", "readelf"))
def names(context):
    store, server = _stripped(context)
    env = context.environment(DEBUGINFOD_URLS=server.url, DEBUGINFOD_CACHE_PATH=context.path("cache"))
    context.run([CTRACE, "export", "-o", "without.json", store], env=env).check()
    check_equal((server.asked, "hidden" in _functions(context, "without.json")), ([], False), "without the option: questions, the name")
    context.run([CTRACE, "export", "--debuginfod", "-o", "with.json", store], env=env).check()
    check_in(f"/buildid/{server.build_id}/debuginfo", server.asked, "questions")
    check_in("hidden", _functions(context, "with.json"), "functions")
    check_in("hidden app.c:3", context.run([CTRACE, "top", "--debuginfod", store], env=env).check().stdout, "ctrace top")
    env["DEBUGINFOD_CACHE_PATH"] = context.path("other")
    context.run([CTRACE, "record", "-q", "--debuginfod", "-o", "recorded.json", "./app"], env=env).check()
    check_in("hidden", _functions(context, "recorded.json"), "functions of ctrace record")
    server.shutdown()


@test(needs=("gcc", "objcopy", "strip", "readelf"))
def trouble(context):
    """No server, one that is not there, and one that never answers: the report is written, without the names."""
    store, server = _stripped(context)
    refused = context.run([CTRACE, "export", "--debuginfod", "-o", "a.json", store]).check(2)
    check_in("DEBUGINFOD_URLS names no server", refused.stderr, "stderr without DEBUGINFOD_URLS")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}"
    env = context.environment(DEBUGINFOD_URLS=gone, DEBUGINFOD_CACHE_PATH=context.path("cache"))
    context.run([CTRACE, "export", "--debuginfod", "-o", "a.json", store], env=env).check()
    check("hidden" not in _functions(context, "a.json"), "a name from nowhere")
    server.silent = True
    env = dict(DEBUGINFOD_URLS=server.url, DEBUGINFOD_CACHE_PATH=context.path("other"), DEBUGINFOD_TIMEOUT="3")
    with Terminal(context, [CTRACE, "export", "--debuginfod", "-o", context.path("b.json"), store], columns=120, **env) as terminal:
        check_equal(terminal.ended(), 0, "status with a server that never answers")
        check_in(b"(asking for names, DEBUGINFOD_URLS)", terminal.raw, "the line")
    server.released.set()
    check(server.asked and "hidden" not in _functions(context, "b.json"), f"questions: {server.asked}")
    server.shutdown()
