# SPDX-License-Identifier: MIT
"""The flame graph of `go tool pprof -http`, in headless Chromium."""

import contextlib
import os
import re
import signal
import socket
import subprocess

from lib.harness import check, check_equal, wait_for

# The page's data as {stack, root first: own value}, and the boxes that it has drawn.
_READ = """
const stacks = [], waiting = [[data, []]];
while (waiting.length) {
  const [node, above] = waiting.pop(), children = node.c || [];
  const own = node.v - children.reduce((sum, child) => sum + child.v, 0);
  const stack = node === data ? [] : [...above, node.f];
  if (own)
    stacks.push([stack, own]);
  for (const child of children)
    waiting.push([child, stack]);
}
const boxes = [...document.querySelectorAll('#chart g.frame')].map(box => [
  Math.round(Number(box.getAttribute('transform').match(/,(\\d+)/)[1]) / 18), box.querySelector('title').textContent]);
return {total: data.v, stacks, boxes};
"""


def _listens(port):
    try:
        socket.create_connection(("localhost", port)).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def served(context, path):
    """The address at which pprof serves the profile."""
    command = ["go", "tool", "pprof", "-http=localhost:", "-no_browser", "-unit=B", path]
    server = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=context.environment(), start_new_session=True
    )
    try:
        line = server.stderr.readline()
        found = re.fullmatch(r"Serving web UI on (http://localhost:(\d+))\n", line)
        check(found, f"go tool pprof -http: {line!r}")
        wait_for(lambda: _listens(int(found.group(2))), "pprof to listen, which it does after it has said so")
        yield found.group(1)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        server.stderr.close()


# pprof of Go 1.23 and newer draws another page. The names of its boxes are cut, and their numbers come with the mouse.
_NEWER = """
const text = [...document.scripts].map(script => script.textContent).find(text => text.includes('stackViewer({'));
const start = text.indexOf('stackViewer({') + 'stackViewer('.length;
const data = JSON.parse(text.slice(start, text.indexOf('}, [', start) + 1));
return {total: data.Total, stacks: data.Stacks.filter(stack => stack.Value).map(stack => [stack.Sources.slice(1).map(i => data.Sources[i].FullName), stack.Value]), boxes: null};
"""


def flame_graph(page, address, sample_type):
    """For a sample type: (total, {stack: its own value}, {(depth, name): value} of the boxes drawn; None: they do not say it)."""
    page.open(f"{address}/ui/flamegraph?si={sample_type}")
    page.wait("return document.querySelectorAll('#chart g.frame, #stack-chart .boxbg').length > 20", "pprof's flame graph")
    # Chromium may request the icon when the server of the previous page has ended. The server then answers with the graph,
    # for which pprof needs graphviz.
    no_icon = ("/ui/ - Failed to load resource", "/favicon.ico - Failed to load resource")
    errors = [error for error in page.console_errors() if not any(part in error for part in no_icon)]
    check_equal(errors, [], "console of pprof's page")
    told = page.run(_NEWER if page.find("#stack-chart") else _READ)
    stacks, boxes = {}, {}
    for stack, value in told["stacks"]:
        stacks[tuple(stack)] = stacks.get(tuple(stack), 0) + value
    if told["boxes"] is None:
        return told["total"], stacks, None
    for depth, title in told["boxes"]:
        found = re.fullmatch(r"(.*) \([\d.e-]+%, (\d+)B?\)", title)
        check(found, f"pprof: a box of another form: {title!r}")
        box = depth, found.group(1)
        boxes[box] = boxes.get(box, 0) + int(found.group(2))
    return told["total"], stacks, boxes
