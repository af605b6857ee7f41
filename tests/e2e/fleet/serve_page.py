# SPDX-License-Identifier: MIT
"""The pages of ctrace serve in a browser."""

import os

from lib import browser
from lib.harness import BUILD, check, check_equal, test, wait_for
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
        check_equal({int(row[1]) for row in rows}, {first.pid, second.pid}, "rows")
        check(all(row[3] == "runs" and "MiB" in row[4] for row in rows), f"states and live bytes: {rows}")
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


@test(needs=browser.NEEDS + (PAGE,))
def list_renews_itself(context):
    """A process that starts appears without a reload, what was chosen stays, and two that are chosen are compared."""
    user = alone(context)
    with targets(context, 2, popen=user) as (first, second), serving(context, **user) as server, browser.Browser() as page:
        for target in (first, second):
            server.wait_for(target.pid, "the process", lambda row: True)
        for width in (1400, 768, 390):
            page.width(width)
            page.open(f"http://127.0.0.1:{server.port}/")
            check(page.run("return document.documentElement.scrollWidth <= innerWidth"), f"wider than {width} pixels")
        page.run(f"window.before = 1; document.querySelector('input[value=\"{first.pid}\"]').click()")
        with targets(context, popen=user) as (third,):
            third.tell("grow 30")
            page.wait(f"return document.querySelector('input[value=\"{third.pid}\"]')", "the new process")
            check_equal(page.run("return [window.before, document.querySelector('#compare button').disabled]"), [1, True], "state")
            page.wait(f"return document.querySelector('input[value=\"{first.pid}\"]').checked", "what was chosen")
            page.run(f"document.querySelector('input[value=\"{third.pid}\"]').click(); document.querySelector('#compare button').click()")
            text = "(document.querySelector('iframe')?.contentDocument?.body?.innerText ?? '')"  # while it reloads there is none
            page.wait(f"return {text}.includes('process')", "the comparison")
            page.wait(f"return {text}.includes('Old') && {text}.includes('process {first.pid}')", "the other process")
            third.tell("grow 40")
            page.wait(f"return /\\+3\\.\\d+ MiB/.test({text})", "its growth")
        check_equal(page.console_errors(), [], "console")


@test(needs=browser.NEEDS + (PAGE,))
def buttons(context):
    """The page's buttons switch the recording, and the page says in which mode it is and what went wrong."""
    user = alone(context)
    with targets(context, popen=user) as (target,), serving(context, "--allow-control", **user) as server, browser.Browser() as page:
        server.wait_for(target.pid, "the process", lambda row: True)
        for width in (390, 768, 1400):
            page.width(width)
            page.open(f"http://127.0.0.1:{server.port}/page?pid={target.pid}")
            check(page.run("return document.documentElement.scrollWidth <= innerWidth"), f"wider than {width} pixels")

        answer = "document.querySelector('#said').textContent"

        def wait_allocating(condition, what):
            def looks():
                target.tell("churn 1")  # the process does it at its next allocation
                return condition()

            wait_for(looks, what, lambda: ": " + page.run("return " + answer))

        def press(button, *said):
            page.run(f"{answer} = ''; document.querySelector('button[value={button}]').click()")
            wait_allocating(lambda: any(part in page.run("return " + answer) for part in said), said[0])

        def press_done(button):
            press(button, button + ": done", "at its next allocation")  # the page looks for some seconds

        def wait_mode(mode):
            wait_allocating(lambda: page.run("return document.querySelector('#mode').textContent") == mode, mode)

        wait_mode("exact")
        for button, shown in (("pause", "exact, paused"), ("resume", "exact"), ("sample", "sample=524288, segment 2"), ("exact", "exact, segment 3"),
                              ("reset", "exact, segment 4"), ("off", "off, segment 4")):
            press_done(button)
            wait_mode(shown)
        press("mark", "mark needs a name")
        press("pause", "nothing is recorded")
        page.run("document.querySelector('input[name=name]').value = 'now'")
        press_done("exact")
        wait_mode("exact, segment 5")
        press_done("mark")
        wait_allocating(lambda: [mark["name"] for mark in server.ask("/export?format=json").json["marks"]] == ["now"], "the mark")
        page.run("document.querySelector('select[name=seconds]').value = '5'; document.querySelector('form:not(#control) button').click()")
        text = "document.querySelector('iframe')?.contentDocument?.body?.innerText ?? ''"
        page.wait(f"return ({text}).includes('process {target.pid} before')", "the change in five seconds")
        check_equal([error for error in page.console_errors() if "400" not in str(error)], [], "console")
