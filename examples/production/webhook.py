#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A mutating admission webhook for Kubernetes: pods with the annotation `ctrace/mode: "off"` (or exact, sample=512k) get ctrace.

    webhook.py IMAGE                          # a review on stdin, the answer on stdout
    webhook.py IMAGE 8443 CERT KEY            # the same by HTTPS; webhook.yml registers it

IMAGE is that of Containerfile. It is mounted as an image volume (Kubernetes 1.35, or the feature gate ImageVolume before).
Every container gets the stub in LD_PRELOAD, behind what it has there, so a container with musl runs as before. Stores are in an
emptyDir on disk.
A container that takes LD_PRELOAD from elsewhere (valueFrom) is left alone.
"""

import base64
import http.server
import json
import ssl
import sys

STUB = "/opt/ctrace/lib/libctrace-stub.so"
FOLDER = "/var/lib/ctrace"


def _container_patch(path, container, mode):
    """The operations for one container; none if it has to be left alone."""
    env = container.get("env", [])
    names = [variable["name"] for variable in env]
    operations = [] if env else [{"op": "add", "path": f"{path}/env", "value": []}]
    wanted = {"CTRACE_MODE": mode, "CTRACE_OUT": FOLDER + "/%e.%p.json", "CTRACE_KEEP_BYTES": "512m"}
    if "LD_PRELOAD" in names:
        index = names.index("LD_PRELOAD")
        if "valueFrom" in env[index] or "libctrace" in env[index].get("value", ""):
            return []
        # Appended: what the container preloads comes first.
        value = ":".join(filter(None, (env[index].get("value", ""), STUB)))
        operations.append({"op": "add", "path": f"{path}/env/{index}/value", "value": value})
    else:
        wanted["LD_PRELOAD"] = STUB
    for name, value in wanted.items():
        if name not in names:
            operations.append({"op": "add", "path": f"{path}/env/-", "value": {"name": name, "value": value}})
    if not container.get("volumeMounts"):
        operations.append({"op": "add", "path": f"{path}/volumeMounts", "value": []})
    for name, place in (("ctrace", "/opt/ctrace"), ("ctrace-stores", FOLDER)):
        mount = {"name": name, "mountPath": place}
        if name == "ctrace":
            mount.update(readOnly=True, subPath="opt/ctrace")
        operations.append({"op": "add", "path": f"{path}/volumeMounts/-", "value": mount})
    return operations


def patch(pod, image):
    """The JSON patch for a pod."""
    mode = pod.get("metadata", {}).get("annotations", {}).get("ctrace/mode")
    spec = pod.get("spec", {})
    if not mode or any(volume["name"] == "ctrace" for volume in spec.get("volumes", [])):
        return []
    operations = []
    for index, container in enumerate(spec.get("containers", [])):
        operations += _container_patch(f"/spec/containers/{index}", container, mode)
    if not operations:
        return []
    volumes = [
        {"name": "ctrace", "image": {"reference": image, "pullPolicy": "IfNotPresent"}},
        {"name": "ctrace-stores", "emptyDir": {"sizeLimit": "2Gi"}},  # on disk: not medium Memory
    ]
    if not spec.get("volumes"):
        operations.append({"op": "add", "path": "/spec/volumes", "value": []})
    return operations + [{"op": "add", "path": "/spec/volumes/-", "value": volume} for volume in volumes]


def answer(review, image):
    """The AdmissionReview to send back. A pod that cannot be understood is admitted as it is."""
    request = review["request"]
    response = {"uid": request["uid"], "allowed": True}
    operations = patch(request.get("object") or {}, image)
    if operations:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def serve(image, port, cert, key):
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self):  # pylint: disable=invalid-name
            try:
                size = int(self.headers.get("Content-Length", 0))
                body = json.dumps(answer(json.loads(self.rfile.read(min(size, 8 << 20))), image)).encode()
            except (ValueError, KeyError, TypeError, AttributeError):
                self.send_error(400)
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) == 2:
        json.dump(answer(json.load(sys.stdin), sys.argv[1]), sys.stdout, indent=1)
    elif len(sys.argv) == 5:
        serve(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4])
    else:
        sys.exit(__doc__)
