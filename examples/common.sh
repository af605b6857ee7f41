# SPDX-License-Identifier: MIT
# Every example's `run` sources this first. It copies the example into a temporary folder, which is removed at the end, puts
# this tree's ctrace into PATH, and defines show, which prints a command and runs it.
set -eu
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
build=${B:-$root/build}
[ -x "$build/bin/ctrace" ] || { echo "build ctrace first: make -C $root" >&2; exit 1; }

# Programs, library and header are found by name, as after `make install`.
export PATH="$build/bin:$PATH" LD_LIBRARY_PATH="$build/lib" CPATH="$root/include"
export LC_ALL=C.UTF-8 COLUMNS=120 NO_COLOR=1 CTRACE_QUIET=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
cp ./* "$work/"
cd "$work"

show() {
	printf '$ %s\n' "$*"
	eval "$*"
}
