# SPDX-License-Identifier: MIT
"""The files in examples/ci: they are what their servers expect, and their commands do what they promise."""

import json
import os
import re
import shutil

from lib.harness import BUILD, ROOT, Skip, check, check_equal, check_in, test

FOLDER = os.path.join(ROOT, "examples", "ci")


def _load(name):
    try:
        import yaml
    except ImportError:
        raise Skip("python3-yaml")
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return yaml.load(file, yaml.BaseLoader)  # BaseLoader: "on" stays a word


def _script(context, name, text):
    path = context.write(name, text)
    os.chmod(path, 0o755)
    return path


def _project(context):
    """The program of examples/gate, in a working tree of its own."""
    folder = context.make_folder("project")
    os.makedirs(os.path.join(folder, ".git"), exist_ok=True)
    for name in ("tests.c", "heap.budget"):
        shutil.copy(os.path.join(ROOT, "examples", "gate", name), folder)
    return folder


def _break(folder):
    """The program's parser copies its input, which the budget does not allow."""
    path = os.path.join(folder, "tests.c")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("/* Represents", "#define REGRESSION\n/* Represents", 1))


def _environment(context, **more):
    env = context.environment(**more)
    env["PATH"] = ":".join((context.make_folder("bin"), os.path.join(BUILD, "bin"), env["PATH"]))
    return env


class Runner:
    """Runs the shell steps of an action as GitHub's runner does."""

    def __init__(self, context, folder):
        self.context, self.folder = context, folder
        self.summary = context.write("summary.md", "")

    def bash(self, text, **env):
        env = _environment(self.context, GITHUB_STEP_SUMMARY=self.summary, GITHUB_ACTION_PATH=FOLDER, **env)
        env["GITHUB_PATH"] = self.context.path("path")
        script = _script(self.context, "step.sh", text)
        return self.context.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", script], env=env, cwd=self.folder)

    def use(self, action, given):
        """All steps of a composite action after the first, until one fails; returns the last result."""
        inputs = {name: given.get(name, described.get("default", "")) for name, described in action["inputs"].items()}
        unknown = set(given) - set(inputs)
        check(not unknown, f"inputs that the action does not have: {unknown}")
        for step in action["runs"]["steps"][1:]:
            names = {key: re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", value).group(1) for key, value in step["env"].items()}
            check("${{" not in step["run"], "an input in a script is code: " + step["run"])
            result = self.bash(step["run"], **{key: inputs[name] for key, name in names.items()})
            if result.status:
                break
        return result


@test()
def action_is_complete(context):
    action = _load("action.yml")
    check_equal(action["runs"]["using"], "composite", "kind")
    for step in action["runs"]["steps"]:
        check_equal(step["shell"], "bash", "shell of " + step["name"])
    for name, described in action["inputs"].items():
        check(described["description"] and ("default" in described or described.get("required") == "true"), "input " + name)
    # The first step builds ctrace from its own tree. Here, make and sudo only say how they were called.
    runner = Runner(context, context.folder)
    context.make_folder("bin")
    for name in ("make", "sudo"):
        _script(context, os.path.join("bin", name), f'#!/bin/sh\necho "{name} $PWD $*"\n')
    result = runner.bash(action["runs"]["steps"][0]["run"]).check()
    check_equal(result.stdout.splitlines(), [f"sudo {ROOT} tests/setup-build", f"make {ROOT} "], "what builds ctrace")
    check(os.access(os.path.join(ROOT, "tests", "setup-build"), os.X_OK), "tests/setup-build is not a program")
    with open(context.path("path"), encoding="utf-8") as file:
        check_equal(file.read(), os.path.join(ROOT, "build", "bin") + "\n", "PATH of the next steps")


@test(needs="cc")
def github(context):
    """The workflow's commands, with its action: first the main branch, then a pull request that breaks the budget."""
    workflow, action = _load("github.yml"), _load("action.yml")
    check(set(workflow["on"]) == {"push", "pull_request"}, f"when: {workflow['on']}")
    steps = workflow["jobs"]["heap"]["steps"]
    check(all(("uses" in step) != ("run" in step) for step in steps), "a step is one or the other")
    folder = _project(context)
    runner = Runner(context, folder)

    def job(main):
        results = []
        for step in steps:
            if "refs/heads/main" in step.get("if", "") and not main:
                continue
            if "run" in step:
                results.append(runner.bash(step["run"]))
            elif step["uses"].startswith("OWNER/ctrace/examples/ci@"):
                results.append(runner.use(action, step["with"]))
        return results

    for result in job(main=True):
        result.check()
    check(os.path.exists(os.path.join(folder, "baseline.json")), "no baseline")
    _break(folder)
    results = job(main=False)
    check_equal([result.status for result in results], [0, 1, 0], "statuses")
    check_in("::error file=tests.c,line=13,title=ctrace check%3A peak <= 32 KiB::", results[1].stdout, "annotations")
    check_in("growth peak 5%25", results[1].stdout, "growth from the baseline")
    with open(runner.summary, encoding="utf-8") as file:
        summary = file.read()
    check_in("| growth `peak 5%` |", summary, "the job's summary")
    check_in("| this |", summary, "the trend in the summary")
    with open(os.path.join(folder, "heap.sarif"), encoding="utf-8") as file:
        check(json.load(file)["runs"][0]["results"], "no alert")
    check({"heap.html", "heap.diff.html"} <= set(os.listdir(folder)), "pages")


@test(needs="cc")
def github_inputs(context):
    """Quotes in the command; neither budget nor baseline; a command that fails fails the step."""
    folder = _project(context)
    runner, action = Runner(context, folder), _load("action.yml")
    result = runner.use(action, {"command": "printf '%s|' 'a b' \"c\""})
    check_in("nothing to check", result.check().stdout, "without rules")
    record = action["runs"]["steps"][1]
    shown = runner.bash(record["run"], COMMAND="printf '%s|' 'a b' \"c\"", REPORT="heap.json").check().stdout
    check_equal(shown, "a b|c|", "arguments")
    check_equal(runner.use(action, {"command": "sh -c 'exit 7'", "budget": "heap.budget"}).status, 7, "status of a program that fails")
    check_equal(runner.use(action, {"command": "/bin/true", "budget": "none"}).status, 3, "status without the budget's file")


@test(needs="cc")
def gitlab(context):
    """The job's commands in one shell, as GitLab's runner runs them."""
    job = _load("gitlab.yml")["heap"]
    folder = _project(context)
    # ctrace comes from this tree, not from a clone.
    script = "set -eo pipefail\n" + "\n".join(line for line in job["script"] if not line.startswith("export PATH"))
    path = _script(context, "job.sh", script)

    def run(branch):
        return context.run(["bash", path], env=_environment(context, CI_COMMIT_BRANCH=branch, CI_DEFAULT_BRANCH="main"), cwd=folder)

    check_in("3 rules hold", run("main").check().stdout, "the main branch")
    _break(folder)
    shown = run("feature").check(1).stdout
    check_in("growth peak 5%", shown, "the merge request")
    check_in("peak     ", shown, "the trend")
    with open(os.path.join(folder, job["artifacts"]["reports"]["junit"]), encoding="utf-8") as file:
        check_in("<failure ", file.read(), "JUnit XML")
    check(all(os.path.exists(os.path.join(folder, name)) for name in job["artifacts"]["paths"]), "artifacts")
    before = " ".join(job["before_script"])
    check_in("/opt/ctrace/tests/setup-build", before, "what builds ctrace")
