# SPDX-License-Identifier: MIT
"""examples/production: the webhook, the units, the image's steps."""

import base64
import copy
import json
import os
import re
import shutil
import subprocess

from lib.harness import CTRACE, PYTHON, ROOT, Skip, check, check_equal, check_in, program, test

FOLDER = os.path.join(ROOT, "examples", "production")
WEBHOOK = os.path.join(FOLDER, "webhook.py")
STUB = "/opt/ctrace/lib/libctrace-stub.so"


def _review(context, pod):
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "u-1", "object": pod}}
    text = context.run([PYTHON, WEBHOOK, "registry/ctrace:1"], stdin=json.dumps(review)).check().stdout
    response = json.loads(text)["response"]
    check_equal((response["uid"], response["allowed"]), ("u-1", True), "the response")
    return json.loads(base64.b64decode(response["patch"])) if "patch" in response else None


def _apply(pod, patch):
    """Apply "add" operations as RFC 6902 says: the parent must be there."""
    pod = copy.deepcopy(pod)
    for operation in patch:
        check_equal(operation["op"], "add", "the operation")
        *parents, last = operation["path"].split("/")[1:]
        at = pod
        for key in parents:
            at = at[int(key)] if isinstance(at, list) else at[key]
        if isinstance(at, dict):
            at[last] = operation["value"]
        else:
            at.insert(len(at) if last == "-" else int(last), operation["value"])
    return pod


def _variables(container):
    names = [variable["name"] for variable in container["env"]]
    check_equal(sorted(set(names)), sorted(names), "names of variables")
    return {variable["name"]: variable.get("value") for variable in container["env"]}


@test(needs=PYTHON)
def webhook(context):
    """What a pod is after the patch. An LD_PRELOAD that is there stays in front."""
    containers = [
        {"name": "plain", "image": "a"},
        {"name": "own", "image": "b", "env": [{"name": "A", "value": "1"}, {"name": "LD_PRELOAD", "value": "/x.so"}], "volumeMounts": [{"name": "v", "mountPath": "/v"}]},
        {"name": "elsewhere", "image": "c", "env": [{"name": "LD_PRELOAD", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]},
        {"name": "mode", "image": "d", "env": [{"name": "CTRACE_MODE", "value": "exact"}]},
    ]
    pod = {"metadata": {"annotations": {"ctrace/mode": "off"}}, "spec": {"containers": containers}}
    changed = _apply(pod, _review(context, pod))
    plain, own, elsewhere, mode = changed["spec"]["containers"]
    check_equal(_variables(plain)["LD_PRELOAD"], STUB, "LD_PRELOAD")
    check_equal(_variables(plain)["CTRACE_MODE"], "off", "CTRACE_MODE")
    check_equal(_variables(own)["LD_PRELOAD"], "/x.so:" + STUB, "LD_PRELOAD that was there")
    check_equal(_variables(own)["A"], "1", "another variable")
    check_equal(_variables(mode)["CTRACE_MODE"], "exact", "CTRACE_MODE that was there")
    check_equal(elsewhere, containers[2], "a container with valueFrom")
    check_equal([mount["mountPath"] for mount in own["volumeMounts"]], ["/v", "/opt/ctrace", "/var/lib/ctrace"], "mounts")
    volumes = {volume["name"]: volume for volume in changed["spec"]["volumes"]}
    check_equal(volumes["ctrace"]["image"]["reference"], "registry/ctrace:1", "the image")
    check("medium" not in volumes["ctrace-stores"]["emptyDir"], "stores are in memory")
    check_equal(_review(context, changed), None, "the patch of a pod that has it already")
    check_equal(_review(context, {"metadata": {}, "spec": {"containers": containers}}), None, "the patch without the annotation")
    kept = {"spec": {"containers": containers[2:3]}, "metadata": pod["metadata"]}
    check_equal(_review(context, kept), None, "the patch if no container can have it")


@test(needs=("systemd-analyze", PYTHON))
def units(context):
    """systemd accepts the drop-in and the unit of `ctrace watch`."""
    units = context.make_folder("units")
    watch = open(os.path.join(FOLDER, "ctrace-watch@.service"), encoding="utf-8").read()
    os.mkdir(os.path.join(units, "web.service.d"))
    shutil.copy(os.path.join(FOLDER, "ctrace.conf"), os.path.join(units, "web.service.d"))
    context.write("units/web.service", "[Service]\nExecStart=/bin/true\n")
    context.write("units/ctrace-watch@.service", watch.replace("/usr/local/bin/ctrace", "/bin/true"))
    env = context.environment(SYSTEMD_UNIT_PATH=units + ":/lib/systemd/system")
    for unit in ("web.service", "ctrace-watch@web.service"):
        result = context.run(["systemd-analyze", "verify", os.path.join(units, unit)], env=env)
        # Other units of the machine may have faults of their own.
        ours = [line for line in (result.stderr + result.stdout).splitlines() if "web" in line or "ctrace" in line]
        check_equal(ours, [], unit)


@test(needs=("make", "/usr/sbin/chroot"))
def image(context):
    """The steps of Containerfile without a container tool: what it copies, as the root of a file system, serves a program."""
    text = open(os.path.join(FOLDER, "Containerfile"), encoding="utf-8").read()
    copies = re.findall(r"^COPY (\S+) (\S+)$", text, re.M)
    check_equal(len(copies), 2, "steps")
    installed, root = context.path("image"), context.make_folder("root")
    context.run(["make", "-C", ROOT, "install", f"DESTDIR={installed}", "PREFIX=/opt/ctrace", *([f"B={os.environ['B']}"] if "B" in os.environ else [])]).check()
    for source, target in copies:
        shutil.copytree(os.path.join(installed, source), root + target, symlinks=True)
    check_equal(sorted(os.listdir(root + "/opt/ctrace")), ["bin", "lib"], "the image")
    for name in ("libctrace.so", "libctrace-stub.so"):
        check(os.path.exists(f"{root}/opt/ctrace/lib/{name}"), f"{name} is not in the image")
    # A container with a program and its C library, in which the image is mounted.
    libraries = subprocess.run(["ldd", program("says"), root + "/opt/ctrace/lib/libctrace.so"], stdout=subprocess.PIPE, text=True, check=True).stdout
    for path in set(re.findall(r"(/lib\S+) \(", libraries)):
        os.makedirs(root + os.path.dirname(path), exist_ok=True)
        shutil.copy(path, root + path)
    shutil.copy(program("says"), root + "/says")
    os.makedirs(root + "/var/lib/ctrace")
    if context.run(["/usr/sbin/chroot", root, "/says"]).status:
        raise Skip("the right to chroot")
    # The loader of chroot itself does not see the stub, and says so.
    env = context.environment(LD_PRELOAD=STUB, CTRACE_MODE="exact", CTRACE_EXPORT=0, CTRACE_OUT="/var/lib/ctrace/%e.json")
    check_in("user 0", context.run(["/usr/sbin/chroot", root, "/says"], env=env).check().stdout, "the output")
    store = root + "/var/lib/ctrace/says.json.store"
    context.run([CTRACE, "export", "-o", context.path("says.json"), store]).check()
    check_in("[says]", context.run([CTRACE, "top", context.path("says.json")]).check().stdout, "sites, from outside")
