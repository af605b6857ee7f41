# SPDX-License-Identifier: MIT
"""Where ctrace serve listens: TLS, a Unix socket, and what it refuses to open to other machines."""

import http.client
import os
import re
import signal
import socket
import ssl
import stat
import subprocess

from lib.harness import CTRACE, check, check_equal, check_in, test, wait_for
from lib.serve import alone, serving, targets

TOKEN = "correct horse battery"


def _certificate(context, name="cert"):
    """Paths of a certificate for localhost, of its key, and of the authority's that has signed it."""
    key_options = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    cert, key, authority = (context.path(name + end) for end in (".pem", ".key", ".ca"))
    context.run(["openssl", "req", "-x509", *key_options, "-days", "2", "-subj", "/CN=authority", "-addext", "keyUsage=critical,keyCertSign",
                 "-out", authority, "-keyout", authority + ".key"]).check()
    context.run(["openssl", "req", *key_options, "-subj", "/CN=localhost", "-out", cert + ".csr", "-keyout", key]).check()
    names = context.write(name + ".names", "subjectAltName=DNS:localhost,IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n")
    context.run(["openssl", "x509", "-req", "-in", cert + ".csr", "-CA", authority, "-CAkey", authority + ".key", "-CAcreateserial", "-days", "2",
                 "-extfile", names, "-out", cert]).check()
    return cert, key, authority


def _ask(connection, path, status=200, **headers):
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    check_equal(response.status, status, f"status of {path}: {body[:200]!r}")
    return body


@test(needs=("openssl", "go"))
def https(context):
    """With --tls, clients that trust the certificate read the same; without TLS, or with an old version, nothing is said."""
    cert, key, authority = _certificate(context)
    user = alone(context)
    for path in (cert, key, context.write("token", TOKEN)):
        os.chown(path, user["user"], user["group"])
    with targets(context, popen=user) as (target,), serving(context, "--tls", f"{cert},{key}", "--token", context.path("token"), **user) as server:
        check_in(f"serving https://127.0.0.1:{server.port}/", server.said(), "the line at the start")
        trust = ssl.create_default_context(cafile=authority)

        def ask(path, status=200, **headers):
            return _ask(http.client.HTTPSConnection("127.0.0.1", server.port, context=trust), path, status, **headers)

        ask("/processes", 401)
        for i in range(3):
            check_in(b"ctrace-running", ask("/processes", Authorization="Bearer " + TOKEN), "processes")
        check_in(b'"__scheme__":"https"', ask("/sd", Authorization="Bearer " + TOKEN), "targets")
        check(ask("/debug/pprof/heap?seconds=1", Authorization="Bearer " + TOKEN).startswith(b"\x1f\x8b"), "an answer that waited")
        env = context.environment(PPROF_TMPDIR=context.make_folder("pprof"), SSL_CERT_FILE=authority)
        result = context.run(["go", "tool", "pprof", "-top", f"https://user:{TOKEN.replace(' ', '%20')}@127.0.0.1:{server.port}/debug/pprof/heap"], env=env)
        check_equal(result.status, 0, "go tool pprof: " + result.stderr)
        check_in("Type: inuse_space", result.stdout, "go tool pprof")
        with socket.create_connection(("127.0.0.1", server.port)) as plain:
            plain.sendall(b"GET /processes HTTP/1.0\r\n\r\n")
            check(b"ctrace-running" not in b"".join(iter(lambda: plain.recv(65536), b"")), "an answer without TLS")
        old = ssl.create_default_context(cafile=authority)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        try:
            _ask(http.client.HTTPSConnection("127.0.0.1", server.port, context=old), "/-/healthy")
            check(False, "TLS 1.1 is spoken")
        except (ssl.SSLError, ConnectionError):
            pass
        before = server.descriptors()
        half = []
        for i in range(50):  # clients that stop in the middle of the handshake
            half.append(socket.create_connection(("127.0.0.1", server.port)))
            half[-1].sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes([i]) * (10 * i))
        ask("/-/healthy")
        for connection in half:
            connection.close()
        wait_for(lambda: server.descriptors() <= before, "closed descriptors")


@test(needs="openssl")
def wrong_certificates(context):
    """A certificate or key that is missing, no PEM, or does not fit: one line, before anything is served."""
    cert, key, _ = _certificate(context)
    _, other, _ = _certificate(context, "other")
    garbage = context.write("garbage.pem", "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n")
    for files, status in ((cert, 2), ("," + key, 2), (cert + ",", 2), (f"{cert},{context.path('none')}", 3), (f"{cert},{other}", 3),
                          (f"{garbage},{key}", 3), (f"{cert},{context.write('text', 'x')}", 2), (f"{context.folder},{key}", 3), (f"{key},{cert}", 3)):
        result = context.run([CTRACE, "serve", "--listen", "127.0.0.1:0", "--tls", files])
        check_equal((result.status, result.stderr.count("\n")), (status, 1), f"--tls {files}: {result.stderr}")


@test(needs="openssl")
def other_machines(context):
    """An address that others can reach needs a token and TLS, or --insecure; the line says what to do."""
    cert, key, _ = _certificate(context)
    token = context.write("token", TOKEN)
    for options in ((), ("--token", token), ("--tls", f"{cert},{key}")):
        for address in ("0.0.0.0:0", "[::]:0", ":0", "10.255.255.1:0"):
            process = subprocess.Popen([CTRACE, "serve", "--listen", address, *options], env=context.environment(), stderr=subprocess.PIPE, text=True)
            line = process.stderr.readline()
            process.kill()  # if it serves after all
            more = process.stderr.read()
            process.stderr.close()
            check_equal((process.wait() in (2, -signal.SIGKILL), more), (True, ""), f"{address} with {options}: {line}")
            check_in("--token FILE and --tls CERT,KEY", line, f"what is needed for {address} with {options}")
            check_in("--insecure", line, "the other way")
    for options in (("--token", token, "--tls", f"{cert},{key}"), ("--insecure",), ("--insecure", "--token", token)):
        process = subprocess.Popen([CTRACE, "serve", "--no-proc", "--listen", "0.0.0.0:0", *options], env=context.environment(), stderr=subprocess.PIPE, text=True)
        line = process.stderr.readline()
        check(re.search(r"serving https?://0\.0\.0\.0:\d+/\n", line), f"{options}: {line}")
        port = int(re.search(r":(\d+)/", line).group(1))
        if options == ("--insecure",):  # a Host of the machine's own names
            _ask(http.client.HTTPConnection("127.0.0.1", port), "/processes", Host="machine.example.org")
        elif "--tls" not in options:
            _ask(http.client.HTTPConnection("127.0.0.1", port), "/processes", 401)
        process.terminate()
        check_equal(process.wait(), 0, "status")
        process.stderr.close()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def _serve_unix(context, path, **popen):
    process = subprocess.Popen([CTRACE, "serve", "--listen", "unix:" + path], env=context.environment(), stderr=subprocess.PIPE, text=True, **popen)
    check_equal(process.stderr.readline(), f"ctrace serve: serving unix:{path}\n", "the line at the start")
    return process


@test()
def unix_socket(context):
    """Only its user may open it, whatever the umask; it is gone at the end; one that a killed server has left is replaced."""
    user = alone(context)
    path = context.path("serve.sock")
    with targets(context, popen=user) as (target,):
        process = _serve_unix(context, path, umask=0, **user)
        check_equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode")
        check_in(str(target.pid).encode(), _ask(_UnixConnection(path), "/processes"), "processes")
        check(_ask(_UnixConnection(path), "/debug/pprof/heap?seconds=1").startswith(b"\x1f\x8b"), "an answer that waited")
        other = context.run([CTRACE, "serve", "--listen", "unix:" + path], **user)
        check_equal((other.status, other.stderr), (3, f"ctrace serve: {path}: another server listens there\n"), "a second server")
        _ask(_UnixConnection(path), "/-/healthy")
        process.kill()
        process.wait()
        process.stderr.close()
        check(os.path.exists(path), "a killed server removes its socket, so the test shows nothing")
        process = _serve_unix(context, path, **user)
        _ask(_UnixConnection(path), "/processes")
        process.send_signal(signal.SIGINT)
        check_equal(process.wait(), 0, "status")
        process.stderr.close()
        check(not os.path.exists(path), "the socket is left behind")
        # What is not ours to remove stays.
        context.write("file", "precious")
        os.symlink(context.path("file"), context.path("link"))
        for wrong, status in (("file", 3), ("link", 3), (".", 3), ("none/x", 3), ("x" * 200, 2)):
            result = context.run([CTRACE, "serve", "--listen", "unix:" + context.path(wrong)], **user)
            check_equal((result.status, result.stderr.count("\n")), (status, 1), f"unix:{wrong}: {result.stderr}")
        check_equal(context.run([CTRACE, "serve", "--listen", "unix:"]).status, 2, "an empty path")
        with open(context.path("file"), encoding="ascii") as file:
            check_equal(file.read(), "precious", "the file")
        # The name may be another server's at the end.
        process = _serve_unix(context, path, **user)
        os.remove(path)
        replaced = _serve_unix(context, path, **user)
        process.terminate()
        process.wait()
        process.stderr.close()
        _ask(_UnixConnection(path), "/-/healthy")
        replaced.terminate()
        check_equal(replaced.wait(), 0, "status")
        replaced.stderr.close()
