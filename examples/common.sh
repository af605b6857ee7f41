# SPDX-License-Identifier: MIT
# What every example's `run` begins with: a copy of the example in a temporary folder, which is removed at the end, ctrace
# of this tree in PATH, and show, which prints a command and runs it.
set -eu
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
build=${B:-$root/build}
[ -x "$build/bin/ctrace" ] || { echo "build ctrace first: make -C $root" >&2; exit 1; }

# As after `make install`: programs, library and header are found by name.
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
