# SPDX-License-Identifier: MIT
"""The DevTools that Chromium contains, in a page of the browser."""

import json
import urllib.request

from lib.harness import check

_LOAD = """
const text = arguments[0];
window.told = null;
(async () => {
  const ui = await import('./ui/legacy/legacy.js');
  await ui.ViewManager.ViewManager.instance().showView('heap-profiler');
  const profiler = await import('./panels/profiler/profiler.js');
  const panel = profiler.HeapProfilerPanel.HeapProfilerPanel.instance();
  await panel.loadFromFile(new File([text], 'a.heapprofile'));
  const view = panel.showProfile(panel.findProfileTypeByExtension('a.heapprofile').getProfiles()[0]);
  while (!view.profileDataGridTree)
    await new Promise(done => setTimeout(done, 50));
  window.told = {
    total: view.adjustedTotal,
    functions: view.profileDataGridTree.children.map(row => [row.functionName, row.self]),
  };
})().catch(error => { window.told = {error: String(error) + error.stack}; });
"""


def _ask(page, what, method="GET"):
    local = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with local.open(urllib.request.Request(f"http://{page.debugger}/json/{what}", method=method)) as answer:
        told = answer.read()
    return json.loads(told) if told[:1] in b"[{" else None


def load_heap_profile(page, path):
    """Load a .heapprofile into the Memory panel. Returns (total, {function: its own size})."""
    # The DevTools need a tab to inspect. Then switch back to ours, since a hidden page does not draw.
    own = next(tab["id"] for tab in _ask(page, "list") if tab["type"] == "page")
    tab = _ask(page, "new?about:blank", "PUT")["id"]
    _ask(page, "activate/" + own)
    page.open(f"http://{page.debugger}/devtools/devtools_app.html?ws={page.debugger}/devtools/page/{tab}")
    page.wait("return document.title.startsWith('DevTools - ')", "DevTools to start")
    with open(path, encoding="utf-8") as file:
        page.run(_LOAD, file.read())
    told = page.wait("return window.told", "DevTools to show " + path)
    check("error" not in told, f"DevTools: {told}")
    functions = {}
    for name, size in told["functions"]:
        functions[name] = functions.get(name, 0) + size
    return told["total"], functions
