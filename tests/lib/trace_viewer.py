# SPDX-License-Identifier: MIT
"""Chrome's trace viewer (formerly chrome://tracing), which Go contains for `go tool trace`, in headless Chromium."""

import contextlib
import functools
import glob
import http.server
import os
import threading

from lib import browser
from lib.harness import check

FOLDERS = glob.glob("/usr/share/go-*/src/cmd/trace/static")
FOLDER = FOLDERS[-1] if FOLDERS else "/usr/share/go/src/cmd/trace/static"
NEEDS = browser.NEEDS + (os.path.join(FOLDER, "trace_viewer_full.html"),)

_PAGE = b"""<!doctype html><script src="/webcomponents.min.js"></script>
<link rel="import" href="/trace_viewer_full.html"><body style="margin:0"></body>"""

# As in Go's cmd/trace: import the file and show it.
_IMPORT = """
window.told = null;
const model = new tr.Model(), viewer = document.createElement('tr-ui-timeline-view');
const container = document.createElement('track-view-container');
container.id = 'track_view_container';
Polymer.dom(viewer).appendChild(container);
viewer.track_view_container = container;
Object.assign(viewer.style, {display: 'flex', width: '100vw', height: '100vh'});
Polymer.dom(document.body).appendChild(viewer);
const counters = process => Object.values(process.counters).map(
  counter => [counter.name, counter.series.map(series => [series.name, series.samples.map(sample => [sample.timestamp, sample.value])])]);
const options = new tr.importer.ImportOptions();
options.shiftWorldToZero = false;
new tr.importer.Import(model, options).importTracesWithProgressDialog([arguments[0]]).then(() => {
  viewer.model = model;
  window.told = {
    warnings: model.importWarnings.map(warning => warning.message),
    processes: Object.values(model.processes).map(process => ({
      pid: process.pid, name: process.name, threads: Object.values(process.threads).map(thread => thread.name), counters: counters(process)})),
  };
}).catch(error => { window.told = {error: String(error.message || error)}; });
"""


class _Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(_PAGE)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served():
    """The address of the viewer's page, which loads its parts only over HTTP."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, directory=FOLDER)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def load(page, address, path):
    """What the importer reads from the file: its only process, with counters as {name: [(µs, value)]}."""
    page.open(address)
    page.wait("return window.tr && tr.importer && tr.importer.Import && !!window.Polymer", "the trace viewer to start")
    with open(path, encoding="utf-8") as file:
        page.run(_IMPORT, file.read())
    told = page.wait("return window.told", "the trace viewer to import " + path)
    check("error" not in told and not told.get("warnings"), f"trace viewer: {told.get('error') or told.get('warnings')}")
    (process,) = told["processes"]
    counters = {}
    for name, series in process["counters"]:
        ((_, samples),) = series
        counters[name] = [(round(time * 1000), value) for time, value in samples]
    process["counters"] = counters
    return process
