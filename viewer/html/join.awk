# SPDX-License-Identifier: MIT
# Joins the modules of a folder into one script. Each becomes a function that is called once, after those that it imports,
# and returns what it exports. Understood are `import {a, b as c} from "./x.js";`, `import * as x from "./x.js";` and
# `export` before a function, a class or a const; anything else is an error. Comments of their own lines and indentation
# are left out, so no text may go over several lines.
#   awk -v folder=DIR -f join.awk ENTRY

BEGIN {
	join(ARGV[1], "")
	printf "(() => {\n\"use strict\";\nconst modules = {};\n%s})();\n", script
}

function fail(name, text) {
	print folder "/" name ": " text > "/dev/stderr"
	exit 1
}

function trimmed(line) {
	sub(/^[ \t]+/, "", line)
	return line
}

# Returns the line for an import, after the imported module was joined.
function imported(name, line,   what, other) {
	if (!match(line, / from "\.\/[A-Za-z0-9_-]+\.js";$/))
		fail(name, "not understood: " line)
	what = substr(line, 8, RSTART - 8)
	other = substr(line, RSTART + 9, RLENGTH - 11)
	join(other, name)
	if (sub(/^\* as /, "", what))
		return "const " what " = modules[\"" other "\"];"
	if (what !~ /^\{.*\}$/)
		fail(name, "not understood: " line)
	gsub(/ as /, ": ", what)
	return "const " what " = modules[\"" other "\"];"
}

function join(name, importer,   line, more, body, exported, got, word) {
	if (state[name] == "open")
		fail(importer, "it and " name " import each other")
	if (state[name])
		return
	state[name] = "open"
	while ((got = (getline line < (folder "/" name))) > 0) {
		line = trimmed(line)
		if (line == "" || line ~ /^\/\//)
			continue
		if (line ~ /^import /) {
			while (line !~ /;$/ && (getline more < (folder "/" name)) > 0)
				line = line " " trimmed(more)
			line = imported(name, line)
		} else if (line ~ /^export /) {
			line = substr(line, 8)
			if (!match(line, /^(async function|function|class|const) [A-Za-z_$][A-Za-z0-9_$]*/))
				fail(name, "not understood: export " line)
			word = substr(line, 1, RLENGTH)
			sub(/.* /, "", word)
			exported = exported (exported ? ", " : "") word
		}
		if (gsub(/`/, "`", line) % 2)
			fail(name, "a text over several lines: " line)
		body = body line "\n"
	}
	if (got < 0)
		fail(importer ? importer : name, "cannot read " name)
	close(folder "/" name)
	state[name] = "joined"
	script = script "modules[\"" name "\"] = (() => {\n" body "return {" exported "};\n})();\n"
}
