# SPDX-License-Identifier: MIT
"""ctrace check: each form of the result, read by a reader of that form, and the places of annotations."""

import json
import os
import re

from lib import dhat, trace
from lib.harness import BUILD, CTRACE, PYTHON, Skip, check, check_equal, check_in, test
from lib.screen import run_on_terminal

SOURCE = """
#include <vector>
__attribute__((noinline)) void score(std::vector<long> &list)
{
    for (long i = 0; i < 5000; i++)
        list.push_back(i); // line 6
}

int main()
{
    std::vector<long> list;
    score(list);
    return list.size() != 5000;
}
"""
LINE = 6


def _record(context, name="server.cc", folder="tree/src"):
    """Build and record a program in a working tree, with line 6 of its source as the one that allocates."""
    folder = context.make_folder(folder)
    os.makedirs(context.path("tree", ".git"), exist_ok=True)
    context.write(os.path.relpath(os.path.join(folder, name), context.folder), SOURCE)
    context.run(["c++", "-g", "-O1", "-o", "app", name], cwd=folder).check()
    trace.run(context, [os.path.join(folder, "app")], out="heap.json")
    dhat.check_file(context.path("heap.json"))
    return context.path("heap.json"), folder


def _check(context, path, *words, cwd=None, status=1, **changes):
    budget = context.write("budget", "total <= 5\n# a comment\nfunction no_such total == 1\nblocks > 0\n")
    return context.run([CTRACE, "check", path, "-b", budget, *words], cwd=cwd, env=context.environment(**changes)).check(status)


def _commands(text):
    """The workflow commands in a log, read as GitHub's runner reads them: (command, properties, message)."""

    def unescape(value, codes):
        for code, character in codes:
            value = value.replace(code, character)
        return value

    message_codes = [("%0D", "\r"), ("%0A", "\n"), ("%25", "%")]
    property_codes = [("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")]
    commands = []
    for line in text.splitlines():
        check(line.startswith("::"), "not a command: " + line)
        head, message = line[2:].split("::", 1)
        command, _, rest = head.partition(" ")
        pairs = dict(pair.split("=", 1) for pair in rest.split(",") if pair)
        commands.append((command, {key: unescape(value, property_codes) for key, value in pairs.items()}, unescape(message, message_codes)))
    return commands


@test(needs="c++")
def text(context):
    """Aligned columns, the user's own line and not the library's; the same on a terminal, whatever its width."""
    path, folder = _record(context)
    shown = _check(context, path).stdout
    lines = shown.splitlines()
    check_equal(lines[0], f"{path}: 2 of 3 rules broken", "first line")
    check_equal(lines[2].split(), "BROKEN RULE LIMIT ACTUAL OFF BY".split(), "head")
    rows = [line for line in lines[3:] if line[0] != " "]
    check_equal([re.split(r"  +", row)[0] for row in rows], ["total <= 5", "function no_such total == 1"], "rules")
    ends = {row.index(" B ") for row in rows}
    check_equal(len(ends), 1, f"columns do not line up: {rows}")
    check(re.search(r"^ {4}.* KiB  score server\.cc:6$", shown, re.M), "the user's line: " + shown)
    check_equal(lines[lines.index(rows[1]) + 1], "    matches no site", "a rule without sites")
    narrow = context.environment(COLUMNS=40, TERM="xterm")
    result = run_on_terminal(context, [CTRACE, "check", path, "-b", context.path("budget")], env=narrow, cwd=folder)
    check_equal(result.status, 1, "status on a terminal")
    check_in("\x1b[0;1mtotal <= 5", result.stdout, "on a terminal")
    check("\x1b" not in shown, "colours in a pipe")


@test(needs="c++")
def github(context):
    """Errors at the user's line, below the working tree, with characters that are special in a command."""
    path, folder = _record(context, name="a,b:c%d.cc")
    for cwd in (folder, context.path("tree")):
        commands = _commands(_check(context, path, "-f", "github", cwd=cwd).stdout)
        check_equal([command for command, _, _ in commands], ["error"] * 2, "commands")
        _, properties, message = commands[0]
        check_equal((properties["file"], properties["line"]), ("src/a,b:c%d.cc", str(LINE)), "place")
        check_equal(properties["title"], "ctrace check: total <= 5", "title")
        check_in("the limit of 5 B\n  ", message, "message")
        check_in("score a,b:c%d.cc:6", message, "message")
    # Outside the working tree, the annotation is at the rule.
    commands = _commands(_check(context, path, "-f", "github", cwd=context.make_folder("elsewhere")).stdout)
    check_equal((commands[0][1]["file"], commands[0][1]["line"]), (context.path("budget"), "1"), "place outside")
    check_equal(commands[1][1]["line"], "3", "line of the second broken rule")
    context.write("holds", "total > 5\nfunction none end == 0\n")
    shown = context.run([CTRACE, "check", path, "-b", "holds", "-f", "github"]).check().stdout
    check_equal([command for command, _, _ in _commands(shown)], ["warning", "notice"], "commands of a gate that holds")


@test(needs="c++")
def summary(context):
    """The Markdown is added to the job's summary by itself, beside text; not beside a file for another tool."""
    path, _ = _record(context)
    summary_path = context.write("summary.md", "# Job\n")
    for words in ((), ("-f", "github"), ("-f", "md"), ("-f", "junit"), ("-f", "sarif")):
        _check(context, path, *words, GITHUB_STEP_SUMMARY=summary_path)
    with open(summary_path, encoding="utf-8") as file:
        written = file.read()
    table = _check(context, path, "-f", "md").stdout
    check_equal(written, "# Job\n" + table + table, "the summary")
    check_in("| `total <= 5` |", table, "the table")
    result = _check(context, path, GITHUB_STEP_SUMMARY=context.path("no", "such", "folder"))
    check_in("the job's summary cannot be written", result.stderr, "an unwritable summary")
    check_in("2 of 3 rules broken", result.stdout, "the text all the same")


@test(needs=("c++", "xmllint"))
def junit(context):
    """A strict reader of JUnit's XML sees each rule as a case."""
    try:
        import junitparser
    except ImportError:
        raise Skip("python3-junitparser")
    path, folder = _record(context, name="x&y<z>.cc")
    context.write("budget2", 'function "*<&>\'*" total < 4\n')
    out = context.path("check.xml")
    shown = _check(context, path, "-f", "junit", "-b", context.path("budget2"), "-o", out, cwd=folder)
    check_equal(shown.stdout, "", "stdout with -o")
    context.run(["xmllint", "--noout", out]).check()
    suites = list(junitparser.JUnitXml.fromfile(out))
    check_equal([(suite.name, suite.tests, suite.failures, suite.errors) for suite in suites], [(path, 4, 2, 0)], "suites")
    cases = list(suites[0])
    check_equal([case.name for case in cases], ["total <= 5", "function no_such total == 1", "blocks > 0", 'function "*<&>\'*" total < 4'], "cases")
    failures = [[(result.type, result.message) for result in case.result] for case in cases]
    check_equal([len(each) for each in failures], [1, 1, 0, 0], "failures")
    check_in("above the limit of 5 B", failures[0][0][1], "message")
    check_equal((cases[0]._elem.get("file"), cases[0]._elem.get("line")), ("src/x&y<z>.cc", str(LINE)), "place")
    check_in("score x&y<z>.cc:6", cases[0].result[0].text, "worst sites")
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    data["ctrace"]["losses"]["dropped"] = 5
    lossy = context.write("lossy.json", json.dumps(data))
    context.run([CTRACE, "check", lossy, "-b", context.write("holds", "total > 5\n"), "--strict", "-f", "junit", "-o", out]).check(1)
    suites = list(junitparser.JUnitXml.fromfile(out))
    check_equal([(suite.tests, suite.failures) for suite in suites], [(2, 1)], "a recording that is not whole")


@test(needs=("c++", os.path.join(BUILD, "npm", "node_modules", "@microsoft", "jest-sarif")))
def sarif(context):
    """Valid for SARIF's own schema, with a result per broken rule at the user's line."""
    try:
        import jsonschema
    except ImportError:
        raise Skip("python3-jsonschema")
    folder = os.path.join(BUILD, "npm", "node_modules", "@microsoft", "jest-sarif", "lib", "schemas")
    with open(os.path.join(folder, os.listdir(folder)[0]), encoding="utf-8") as file:
        schema = json.load(file)
    path, folder = _record(context, name="a b%.cc")
    context.write("more", "total <= 6\nfunction score total <= 6\n")
    growth = ("--baseline", path, "--max-growth", "total 0")
    for words in ((), ("-b", context.path("more")), growth):
        text = _check(context, path, "-f", "sarif", *words, cwd=folder).stdout
        log = json.loads(text)
        jsonschema.validate(log, schema)
        run = log["runs"][0]
        rules = run["tool"]["driver"]["rules"]
        check_equal(len({rule["id"] for rule in rules}), len(rules), "identities of rules")
        check(all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"]), "rules of results")
        place = run["results"][0]["locations"][0]["physicalLocation"]
        check_equal(place, {"artifactLocation": {"uri": "src/a%20b%25.cc", "uriBaseId": "%SRCROOT%"}, "region": {"startLine": LINE}}, "place")
        check_equal([result["ruleId"] for result in run["results"]][:2], ["total-bytes", "function no_such total-bytes"], "results")
    # Seeded: the schema is really applied.
    log["runs"][0]["results"][0]["level"] = "fatal"
    try:
        jsonschema.validate(log, schema)
    except jsonschema.ValidationError:
        return
    check(False, "the schema accepts a level that SARIF does not have")


@test()
def without_lines(context):
    """A program without debug information: the annotation is at the rule's line; growth rules have no line."""
    trace.run(context, [PYTHON, "-S", "-c", "pass"], out="heap.json")
    commands = _commands(_check(context, context.path("heap.json"), "-f", "github").stdout)
    check_equal((commands[0][1]["file"], commands[0][1]["line"]), ("budget", "1"), "place")
    words = ("--baseline", context.path("heap.json"), "--max-growth", "function none total 0", "--strict", "-f", "github")
    shown = context.run([CTRACE, "check", context.path("heap.json"), *words]).check(1).stdout
    check("file" not in _commands(shown)[0][1], "a place from nowhere: " + shown)
