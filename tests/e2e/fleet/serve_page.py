# SPDX-License-Identifier: MIT
"""The pages of ctrace serve in a browser."""

import os

from lib import browser
from lib.harness import BUILD, check, check_equal, test
from lib.serve import BLOCK, alone, serving, targets

PAGE = os.path.join(BUILD, "share", "ctrace", "report.html")


@test(needs=browser.NEEDS + (PAGE,))
def list_and_page(context):
    """
    The list has a row and a curve for each process. Its link leads to the page of ctrace html, which shows what the process
    allocates while it is open, until "live" is unchecked.
    """
    user = alone(context)
    with targets(context, 2, popen=user) as (first, second), serving(context, **user) as server, browser.Browser() as page:
        for target in (first, second):
            target.tell("grow 20")
            server.wait_for(target.pid, "the process", lambda row: row["liveBytes"] > 20 * BLOCK)
        page.open(f"http://127.0.0.1:{server.port}/")
        rows = page.run("return [...document.querySelectorAll('tr')].slice(1).map(r => [...r.cells].map(c => c.innerText))")
        check_equal({int(row[0]) for row in rows}, {first.pid, second.pid}, "rows")
        check(all(row[2] == "runs" and "MiB" in row[3] for row in rows), f"states and live bytes: {rows}")
        points = page.run("return [...document.querySelectorAll('polyline')].map(p => p.points.length)")
        check(len(points) == 2 and min(points) > 1, f"points of the curves: {points}")
        href = page.run("return document.querySelector('a[href*=page]').getAttribute('href')")
        target = first if str(first.pid) in href else second
        page.open(f"http://127.0.0.1:{server.port}{href}")
        figure = "document.querySelector('iframe').contentDocument?.querySelector('[data-metric=totalBytes] .figure')"
        page.wait(f"return {figure} && {figure}.textContent.includes('MiB')", "the report in its frame")
        target.tell("churn 3000")
        page.wait(f"return {figure} && parseFloat({figure}.textContent) > 20", "its new total")
        page.run("document.querySelector('#live').click()")
        check_equal(page.run("return document.querySelector('#live').checked"), False, "live")
        check_equal(page.console_errors(), [], "console")
