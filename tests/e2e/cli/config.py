# SPDX-License-Identifier: MIT
""".ctracerc: of the project and of the user, what each setting does, and files that do not count."""

import os

from lib import trace
from lib.harness import CTRACE, check, check_equal, check_in, program, test


def _report(context):
    trace.run(context, [program("sites")], out="heap.json")
    return context.path("heap.json")


def _top(context, *words, cwd=None, status=0, **changes):
    return context.run([CTRACE, "top", *words], cwd=cwd, env=context.environment(**changes)).check(status)


def _heads(shown):
    return [line for line in shown.stdout.splitlines() if line.endswith("WHERE")][0].split()[:-1]


@test()
def settings(context):
    """Each setting, from the nearest file upwards; options take its place, and the project's file that of the user."""
    path = _report(context)
    project, deep = context.make_folder("project"), context.make_folder("project/src/deep")
    context.write("project/.ctracerc", "# a comment\n\n hide = ^do_grow$ \ncolumns = peak,end\nbudget = ci/heap.budget\nsource-path = src\n")
    context.make_folder("project/ci")
    context.write("project/ci/heap.budget", "total <= 1\n")
    home = context.make_folder("home")
    context.write("home/.ctracerc", "hide = ^do_leak$\ncolumns = total\n")
    shown = _top(context, path, cwd=deep, HOME=home)
    check_equal(_heads(shown), ["PEAK", "%", "SUM%", "END"], "columns of the project")
    check_in("hide ^do_grow$ or ^do_leak$", shown.stdout, "what is hidden")
    check_equal(_heads(_top(context, "--columns", "blocks", path, cwd=deep, HOME=home))[0], "BLOCKS", "columns of the command line")
    check_equal(_heads(_top(context, path, HOME=home))[0], "TOTAL", "columns of the user")
    check_equal(_heads(_top(context, path))[:2], ["TOTAL", "%"], "without a file")
    check("hide" not in _top(context, path, cwd=deep, HOME=home, CTRACE_CONFIG="").stdout, "CTRACE_CONFIG=''")
    other = context.write("other", "columns = end\n")
    check_equal(_heads(_top(context, path, cwd=deep, HOME=home, CTRACE_CONFIG=other))[0], "END", "CTRACE_CONFIG")
    # The budget of the file is for a command line without rules, and is found from any folder.
    check_in("total <= 1", context.run([CTRACE, "check", path], cwd=deep).check(1).stdout, "check")
    budget = context.write("fine", "total > 1\n")
    context.run([CTRACE, "check", path, "-b", budget], cwd=deep).check()
    context.run([CTRACE, "check", path]).check(2)
    context.run([CTRACE, "diff", path, path], cwd=deep).check()
    # Columns that a file lacks are left out; other views than tables do not mind.
    copy = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))), "tests", "unit", "data", "dhat.out.copy")
    _top(context, copy, cwd=project)
    for words in (["--csv"], ["--json"], ["--tree"], ["--leaks"], ["--peek", "main"], ["--cum"]):
        _top(context, *words, path, cwd=project)


@test()
def refused(context):
    """A line that is not a setting is named; a file of another user, or one that everyone can write to, does not count."""
    path = _report(context)
    folder = context.make_folder("p")
    for text, part in (("colums = total\n", "did you mean 'columns'?"), ("columns\n", "expected 'setting = value'"), ("hide =\n", "is missing"), ("\ncolumns = peek\n", ".ctracerc: --columns peek"), ("hide = (\n", "--hide"), ("hide = a" + 24 * "+" + "\n", "repeats too much"), ("hide = ((a{99}){99}){99}\n", "repeats too much")):
        context.write("p/.ctracerc", text)
        result = _top(context, path, cwd=folder, status=2)
        check_equal((result.stdout, len(result.stderr.splitlines())), ("", 1), f"output for {text!r}")
        check_in(part, result.stderr, text)
    context.write("p/.ctracerc", "columns = end\n")
    os.chmod(context.path("p/.ctracerc"), 0o666)
    result = _top(context, path, cwd=folder)
    check_in("p/.ctracerc: not used, since everyone can write to it", result.stderr, "a file that all can write")
    check_equal(_heads(result)[0], "TOTAL", "columns")
    os.chmod(context.path("p/.ctracerc"), 0o644)
    check_equal(_heads(_top(context, path, cwd=folder))[0], "END", "columns")
    os.remove(context.path("p/.ctracerc"))
    os.mkfifo(context.path("p/.ctracerc"))
    check_equal(_heads(_top(context, path, cwd=folder))[0], "TOTAL", "beside a pipe")
    context.run([CTRACE, "top", path], env=context.environment(CTRACE_CONFIG=context.path("none"))).check(3)
    if os.geteuid() != 0:
        return "without the file of another user"
    os.remove(context.path("p/.ctracerc"))
    context.write("p/.ctracerc", "columns = end\n")
    os.chown(context.path("p/.ctracerc"), 65534, 65534)
    result = _top(context, path, cwd=folder)
    check_in("p/.ctracerc: not used, since it belongs to another user", result.stderr, "another user's file")
    check_equal(_heads(result)[0], "TOTAL", "columns")
    return ""
