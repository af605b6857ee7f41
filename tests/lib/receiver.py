# SPDX-License-Identifier: MIT
"""A server that takes profiles by the interfaces of Pyroscope, Parca and OpenTelemetry, and refuses what these would refuse."""

import base64
import binascii
import http.server
import json
import re
import socket
import threading
import urllib.parse

from lib.otlp_strict import Message
from lib.pprof_strict import Profile, Refused

LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class Push:
    """A request that was taken: its labels, and its profiles by sample type."""

    def __init__(self, labels, profiles, headers):
        self.labels, self.profiles, self.headers = labels, profiles, headers

    def sums(self):
        return {name: value for profile in self.profiles for name, value in profile.sums().items()}


class Receiver(http.server.ThreadingHTTPServer):
    """answers: what the next requests get instead of being looked at: a status, (status, headers), "close" or "silence"."""

    daemon_threads = True

    def __init__(self, answers=()):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = list(answers)
        self.praise = ""  # the body of an answer to what was taken
        self.pushes, self.refused, self.requests = [], [], 0
        self.lock, self.released = threading.Lock(), threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def take(self, path, headers, body):
        address = urllib.parse.urlparse(path)
        kind = headers.get("Content-Type")
        if address.path == "/v1development/profiles" and kind == "application/x-protobuf":
            message = Message(body)
            return message.resource, [message]
        if address.path == "/ingest":
            return self._ingest(urllib.parse.parse_qs(address.query, strict_parsing=True), kind, body)
        if address.path not in ("/push.v1.PusherService/Push", "/api/profiles/writeraw") or kind != "application/json":
            raise Refused(f"no interface: {path}, {kind}")
        labels, profiles = None, []
        series = json.loads(body)["series"]
        if not series:
            raise Refused("no series")
        for row in series:
            rows = row["labels"]["labels"] if address.path.startswith("/api") else row["labels"]
            labels = _labels([(label["name"], label["value"]) for label in rows])
            if labels.pop("__name__", "") != "memory":
                raise Refused("no __name__")
            for sample in row["samples"]:
                try:
                    profiles.append(Profile(base64.b64decode(sample["rawProfile"], validate=True)))
                except binascii.Error as error:
                    raise Refused(str(error)) from None
        return labels, profiles

    @staticmethod
    def _ingest(query, kind, body):
        if kind != "application/octet-stream" or query["format"] != ["pprof"]:
            raise Refused(f"neither pprof nor its type: {kind}")
        if not int(query["from"][0]) <= int(query["until"][0]):
            raise Refused(f"from {query['from']} until {query['until']}")
        name, _, rest = query["name"][0].partition("{")
        if not rest.endswith("}") or not name:
            raise Refused(f"name {query['name'][0]!r}")
        pairs = [pair.split("=") for pair in rest[:-1].split(",") if pair]
        if any(len(pair) != 2 for pair in pairs):
            raise Refused(f"name {query['name'][0]!r}")
        return _labels([("service_name", name)] + pairs), [Profile(body)]


def _labels(rows):
    labels = dict(rows)
    if len(labels) != len(rows) or len(labels) > 31:
        raise Refused(f"labels {rows}")
    for name, value in rows:
        if not LABEL.fullmatch(name) or not value or len(value.encode()) > 2048:
            raise Refused(f"label {name!r}={value!r}")
    if "service_name" not in labels:
        raise Refused("no service_name")
    return labels


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        server = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with server.lock:
            server.requests += 1
            answer = server.answers.pop(0) if server.answers else None
        if answer == "silence":
            server.released.wait()
        if answer in ("silence", "close"):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.close_connection = True
            return
        if answer:
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            return self._answer(status, f"fault {status}\r\nsecond line", headers)
        try:
            labels, profiles = server.take(self.path, self.headers, body)
        except (Refused, KeyError, ValueError) as error:
            server.refused.append(str(error))
            return self._answer(400, str(error), {})
        server.pushes.append(Push(labels, profiles, dict(self.headers)))
        return self._answer(200, server.praise, {})

    def _answer(self, status, text, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass
