# SPDX-License-Identifier: MIT
"""Source in the page of ctrace html: lines with their bytes and blocks, hostile files, and links to an editor."""

import json
import os
import shutil

from lib import browser
from lib.harness import BUILD, CTRACE, PYTHON, check, check_equal, check_in, test
from lib.page import NEEDS, SERVER, box, click, open_page, recorded, search, show, text

EVIL = [
    "</script><script>window.caught = 1</script>",
    "<img src=x onerror=window.caught=1>",
    "@DATA@ @SCRIPT@ \\u0041 \\ \" '",
    "\u202egnp.exe",
    "a\tb\t\tc",
]
PROGRAM = """
#include <stdlib.h>
{lines}
__attribute__((noinline)) static void *take(unsigned long bytes)
{{
	return malloc(bytes); // {mark}
}}

int main(void)
{{
	void *volatile kept = take(5000);
	free(kept);
	kept = take(7000);
	return kept == NULL;
}}
"""
ROWS = "return Object.fromEntries([...document.querySelectorAll('.code tr[data-line]')].map((row) => [row.dataset.line, [...row.cells].map((c) => c.classList.contains('text') ? c.textContent : Number(c.dataset.value))]))"


def _refused(context, why, command, **more):
    check_in(why, context.run(command, **more).check(2).stderr, "the error")


def _made(context, name="evil.c", lines=(), mark="here"):
    """A report of a program of which this is the source."""
    os.makedirs(os.path.dirname(context.path(name)), exist_ok=True)
    with open(context.path(name), "wb") as file:
        file.write(PROGRAM.format(lines="\n".join(f"// {line}" for line in lines), mark=mark).encode("utf-8", "surrogateescape"))
    context.run(["gcc", "-g", "-O1", "-o", "evil", context.path(name)]).check()
    return recorded(context, context.path("evil"), options=())


@test(needs=NEEDS)
def lines(context):
    """Each line has the bytes and blocks of the sites through it, by any number; the page and the command say that source is inside."""
    report, data = recorded(context, options=("--threads",))
    through = lambda line, key: sum(point[key] for point in data["pps"] if any(f"(server.cpp:{line})" in data["ftbl"][i] for i in point["fs"]))
    numbers = sorted({int(frame.split("(server.cpp:")[1].rstrip(")")) for frame in data["ftbl"] if "(server.cpp:" in frame})
    with open(SERVER, encoding="utf-8") as file:
        source = [line.rstrip("\n").expandtabs(8) for line in file]
    with browser.Browser() as page:
        said = show(context, page, report, "#tab=source", ("--source",))
        check_in("source is inside the page: ", said, "the command's line")
        check_in(" lines of 1 file;", said, "files of the program's own code")
        check_in("Source is inside this page: ", text(page, ".notice"), "the page's line")
        rows = page.run(ROWS)
        check_equal({line: row[4] for line, row in rows.items()}, {line: source[int(line) - 1] for line in rows}, "lines of the file")
        for bytes_, blocks, key, count in (("totalBytes", "totalBlocks", "tb", "tbk"), ("peakBytes", "peakBlocks", "gb", "gbk")):
            click(page, f"[data-metric={bytes_}]")
            rows = page.run(ROWS)
            for line in numbers:
                check_equal(rows[str(line)][1:3], [through(line, key), through(line, count)], f"{bytes_} and {blocks} of line {line}")
        click(page, "[data-metric=totalBytes]")
        rows = page.run(ROWS)
        check_equal(rows["41"][0], through(41, "tb"), "what line 41 allocates itself")
        check_equal(rows["61"][0], 0, "what line 61 allocates itself")
        check(rows["61"][1] > rows["41"][1], "line 61 has what its calls allocate")
        around = {line + i for line in numbers for i in range(-8, 9) if 1 <= line + i <= len(source)}
        check_equal(sorted(map(int, rows)), sorted(around), "the lines in the page")
        search(page, "^score$")
        click(page, "#focus")
        check_equal(page.run(ROWS)["41"][1:3], [through(41, "tb"), through(41, "tbk")], "line 41 with a focus on its function")
        check_equal(page.run(ROWS)["52"][1], 0, "another line with this focus")
        check_equal(page.console_errors(), [], "console")
        said = show(context, page, report, "#tab=source")
        check(source[40].strip() not in open(context.path("view.html"), encoding="utf-8").read() and "source" not in said, "source is inside without --source")
        check_equal(page.run(ROWS)["41"][1:3] + [page.run(ROWS)["41"][4]], [through(41, "tb"), through(41, "tbk"), ""], "numbers without source")
        check_in("ctrace html --source", text(page, "#source-status"), "how to get the lines")


@test(needs=NEEDS)
def from_a_stack(context):
    """A frame of an open row leads to its line in Source, if the line is in the page; a finding's place is a link."""
    report, _ = recorded(context, options=("--reach",))
    with browser.Browser() as page:
        show(context, page, report, "#tab=sites", ("--source",))
        click(page, "#sites .open", "leak_token")
        check_equal(page.run("return [...document.querySelectorAll('.details li')].filter((li) => li.querySelector('.line')).map((li) => li.querySelector('a.place').textContent)"), ["server.cpp:52", "server.cpp:63", "server.cpp:70"], "frames with lines in the page")
        page.run("scrollTo(0, 0)")
        click(page, ".details li .line")
        check_in("tab=source", page.run("return location.hash"), "the address")
        seen = "const row = document.querySelector('.code .shown'), box = row.getBoundingClientRect(); return [row.dataset.line, box.top > 0 && box.bottom < innerHeight]"
        check_equal(page.run(seen), ["52", True], "the line that is shown")
        page.run("history.back()")
        page.wait("return document.querySelector('#tab-sites[aria-selected=true]')", "Back to the stack")
        click(page, "#tab-findings")
        link = page.run("const a = document.querySelector('#every-finding a.place'); return [a.textContent, a.getAttribute('href').endsWith('/server.cpp:52'), a.closest('dd').textContent.startsWith('leak_token server.cpp:52 < handle')]")
        check_equal(link, ["server.cpp:52", True, True], "a finding's place")
        check_equal(page.console_errors(), [], "console")
        show(context, page, report, "#tab=sites")
        click(page, "#sites .open", "leak_token")
        check_equal(len(page.find(".details .line")), 0, "lines of a page without source")


@test(needs=NEEDS)
def recursion(context):
    """A site counts once for a line, and once for a file, however often they are in its stack."""
    context.write("deep.c", "#include <stdlib.h>\nstatic void *deep(int n)\n{\n\treturn n ? deep(n - 1) : malloc(1000);\n}\nint main(void)\n{\n\tfree(deep(9));\n\treturn 0;\n}\n")
    context.run(["gcc", "-g", "-O0", "-o", "deep", context.path("deep.c")]).check()
    report, _ = recorded(context, context.path("deep"), options=())
    with browser.Browser() as page:
        show(context, page, report, "#tab=source", ("--source",))
        rows = page.run(ROWS)
        check_equal([rows[line][:3] for line in ("4", "8")], [[1000, 1000, 1], [0, 1000, 1]], "self, total and blocks of two lines")
        check_equal(page.run("return [...document.querySelectorAll('#source tr.chosen td.number')].map((cell) => Number(cell.dataset.value))"), [1000, 1000], "self and total of the file")


@test(needs=NEEDS)
def hostile_source(context):
    """Source is text, whatever is in it: markup, bad bytes, long lines, a file that is not text."""
    long = "y" * 100_000 + "é"
    report, _ = _made(context, lines=["\udcff\udc80 bad \x00 rest \x01\x1b[31m", long, *EVIL[1:]], mark=EVIL[0])
    with browser.Browser() as page:
        show(context, page, report, "#tab=source", ("--source",))
        shown = {row[-1].removeprefix("// ") for row in page.run(ROWS).values()}
        check(any(EVIL[0] in line for line in shown), f"the line with numbers: {shown}")
        check({EVIL[1], EVIL[2], EVIL[3], "\ufffd\ufffd bad ? rest \ufffd\ufffd[31m", "a    b               c"} <= shown, f"lines: {shown}")
        longest = max(shown, key=len)
        check(380 < len(longest) < 420 and longest.endswith("y…"), f"a long line: {len(longest)}")
        check_equal(page.run("return window.caught"), None, "markup from source")
        check_equal(page.run("return document.documentElement.scrollWidth <= innerWidth"), True, "a long line scrolls in its table, not in the page")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def secrets(context):
    """A recording cannot put a file that is not source code into a page: neither by its name nor by a link with another."""
    secret = "KEY-0123456789"
    for name in ("id_rsa", "server.pem", ".env", "passwords.txt", "linked.c"):
        if name == "linked.c":
            os.symlink(context.path("id_rsa"), context.path(name))
        else:
            context.write(name, (secret + "\n") * 20)
        context.write("main.c", f'#include <stdlib.h>\n#line 5 "{context.path(name)}"\nint main(void) {{ return !malloc(10); }}\n')
        context.run(["gcc", "-g", "-O0", "-o", "main", "main.c"]).check()
        report, data = recorded(context, context.path("main"), options=())
        check([frame for frame in data["ftbl"] if f"({name}:5)" in frame], f"no frame in {name}")
        with browser.Browser() as page:
            said = show(context, page, report, "#tab=source", ("--source",))
            check_in("1 file is not source code by its name", said, "the command's line")
            check_in("not that of source code", text(page, "#source .notice"), "the page's line")
            check(secret not in page.run("return document.documentElement.outerHTML"), f"{name} is in the page")
    os.remove(context.path("linked.c"))
    context.write("linked.c", (secret + "\n") * 20)
    check_in("is inside the page", context.run([CTRACE, "html", "--source", "-o", "-", report]).check().stderr, "a file of source code")


@test(needs=NEEDS)
def missing_source(context):
    """A file that is gone, moved or changed is named, by the command and in the page; --source-path and .ctracerc find moved ones."""
    report, data = _made(context, os.path.join("lib", "moved.c"))
    total = sum(point["tb"] for point in data["pps"])
    with browser.Browser() as page:
        show(context, page, report, "#tab=source", ("--source",))
        check_equal(page.run("return document.querySelectorAll('#source .notice').length"), 0, "notes on a file that is as it was")
        check(page.run("return document.querySelector('.code a').href").startswith("vscode://file/"), "a link to a line")
        os.utime(context.path("lib/moved.c"), (4e9, 4e9))
        show(context, page, report, "#tab=source", ("--source",))
        check_in("changed after the recording began", text(page, "#source .notice"), "a newer file")
        os.makedirs(context.path("elsewhere"))
        shutil.move(context.path("lib"), context.path("elsewhere/lib"))
        said = show(context, page, report, "#tab=source", ("--source",))
        check_in("1 source file was not found; --source-path", said, "the command's line")
        check_in("not found when the page was made", text(page, "#source .notice"), "the page's line")
        rows = page.run(ROWS)
        check_equal([max(row[1] for row in rows.values()), {row[4] for row in rows.values()}], [total, {""}], "numbers without lines")
        check_equal(len(page.find(".code a")), 0, "links to a file that is gone")
        for options, rc in ((("--source-path", context.path("elsewhere")), ""), ((), f"source-path = {context.path('elsewhere')}\n")):
            context.write("rc", rc)
            path = context.path("view.html")
            context.run([CTRACE, "html", "--source", "-o", path, *options, report], env=context.environment(CTRACE_CONFIG=context.path("rc"))).check()
            open_page(page, path, "#tab=source")
            check(any("malloc(bytes)" in row[4] for row in page.run(ROWS).values()), f"a moved file, {options} {rc}")
            check_in("/elsewhere/lib/moved.c", page.run("return document.querySelector('.code a').href"), "its link")
        check_equal(page.console_errors(), [], "console")
        path = context.path("plain.html")
        report, _ = recorded(context, PYTHON, "-c", "pass", options=())
        _refused(context, "one recording", [CTRACE, "html", "--source", report, report])


@test(needs=NEEDS)
def editor_links(context):
    """Each place is a link to the editor, by --editor-link or .ctracerc, with paths escaped; none of them can run a script."""
    report, _ = _made(context, os.path.join("a b%#?é", "evil'(1).c"))
    folder = context.path("a b%#?é").replace("a b%#?é", "")
    escaped = folder + "a%20b%25%23%3F%C3%A9/evil%27%281%29.c"
    hrefs = "return [...new Set([...document.querySelectorAll('a[href]')].filter((a) => a.textContent.includes('evil')).map((a) => a.getAttribute('href')))]"
    with browser.Browser() as page:
        path = context.path("view.html")
        for options, rc, wanted in (
            ((), "", f"vscode://file{escaped}:6"),
            ((), "editor-link = idea://open?file={path}&line={line}\n", f"idea://open?file={escaped}&line=6"),
            (("--editor-link", "editor:{path}"), "editor-link = idea://open?file={path}\n", f"editor:{escaped}"),
            (("--editor-link", "none"), "", None),
        ):
            context.write("rc", rc)
            context.run([CTRACE, "html", "-o", path, *options, report], env=context.environment(CTRACE_CONFIG=context.path("rc"))).check()
            open_page(page, path)
            got = page.run(hrefs)
            check_equal(bool(wanted), wanted in got, f"{options} {rc}: {got}")
            click(page, "#sites td.number")
            check_equal(len(page.find("#sites .details a.place")) > 1, bool(wanted), "links in a stack")
            click(page, "#tab-functions")
            check_equal(len(page.find("#functions a.place")) > 0, bool(wanted), "links of functions")
            context.run([CTRACE, "html", "-o", path, *options, report, report], env=context.environment(CTRACE_CONFIG=context.path("rc"))).check()
            open_page(page, path)
            click(page, "#more")  # the row has not changed
            check_equal(page.run(hrefs), [wanted] if wanted else [], "links in the page of two recordings")
        # A click on a link does not open the row.
        context.run([CTRACE, "html", "--editor-link", "about-editor:{path}", "-o", path, report]).check()
        open_page(page, path, "#tab=sites")
        page.run("document.querySelector('a.place').addEventListener('click', (event) => { window.followed = 1; event.preventDefault(); })")
        click(page, "#sites a.place")
        check_equal(page.run("return [window.followed, document.querySelectorAll('.details').length]"), [1, 0], "a click on a link")
        check_equal(page.console_errors(), [], "console")
    for link in ("javascript:alert('{path}')", "JavaScript:{path}", "data:text/html,{path}", "vbscript:{path}", "blob:{path}", "{path}", "//host/{path}", "vscode://file", "x: {path}", 'x:"{path}', ":{path}", ""):
        _refused(context, "is not a link to an editor", [CTRACE, "html", "--editor-link", link, "-o", "-", report])
    context.write("rc", "editor-link = javascript:{path}\n")
    _refused(context, "rc:1: 'javascript:{path}' is not a link", [CTRACE, "html", "-o", "-", report], env=context.environment(CTRACE_CONFIG=context.path("rc")))


@test(needs=NEEDS)
def many_lines(context):
    """The lines in a page are bounded: those with the most bytes stay, and the command says how many lines were left out."""
    count = 4000
    names = [f"int f{i}(void) {{ return !malloc({16 + i}); }} // line {i}" for i in range(count)]
    calls = "\n".join(f"f{i}();" for i in range(count))
    context.write("many.c", "#include <stdlib.h>\n" + ("\n" * 18).join(names) + "\nint main(void)\n{\n" + calls + "\nreturn 0; }\n")
    context.run(["gcc", "-g", "-O0", "-o", "many", context.path("many.c")]).check()
    report, _ = recorded(context, context.path("many"), options=())
    said = context.run([CTRACE, "html", "--source", "-o", "many.html", report]).check().stderr
    left = int(said.split(" lines with few bytes")[0].split()[-1].replace(",", ""))
    check(left >= count, f"of {2 * count} lines with frames, {left} were left out")
    check(int(said.split("page: ")[1].split()[0].replace(",", "")) <= 51_000, said)
    with browser.Browser() as page:
        open_page(page, context.path("many.html"), "#tab=source")
        page.wait("return document.querySelectorAll('.code tr').length > 500", "lines")
        check(page.run("return document.querySelectorAll('.code tr').length") < 1100, "not all lines at once")
        box(page, "#source-code > button")
        page.click(page.find("#source-code > button")[0])
        check(page.run("return document.querySelectorAll('.code tr').length") > 1900, "more lines after a click")
        check_equal(page.console_errors(), [], "console")
