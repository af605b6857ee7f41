#!/bin/sh
# SPDX-License-Identifier: MIT
# Options of a recording, from include/ctrace/options.def into the man pages, so that their text stands once.
#   options.sh           write them between the marks `.\" options` or `.\" variables` and `.\" end`
#   options.sh --check   exit 1 when a page is behind
set -eu
cd "$(dirname "$0")"
def=../../include/ctrace/options.def

# CT_OPTION(field, "VARIABLE", letter, "flag", TYPE, "default", "ARGUMENT" or NULL, "help") -> one line each
rows() {
	{ tr '\n' ' ' < $def; echo; } | sed 's/CT_OPTION(/\n&/g' | sed -n \
		's/^CT_OPTION([a-z_]*,[[:space:]]*"\([^"]*\)",[[:space:]]*[^,]*,[[:space:]]*"\([^"]*\)",[[:space:]]*[A-Z]*,[[:space:]]*"\([^"]*\)",[[:space:]]*"\{0,1\}\([^",]*\)"\{0,1\},[[:space:]]*"\([^"]*\)").*/\1#\2#\3#\4#\5/p'
}

roff() { printf %s "$1" | sed 's/\\/\\e/g; s/-/\\-/g; s/'"'"'/\\(aq/g; s/^\./\\\&./'; }

table() {
	rows | while IFS='#' read -r variable flag standard argument help; do
		[ "$argument" != NULL ] || argument=
		if [ "$1" = options ]; then
			[ -n "$flag" ] || continue
			short=
			case $flag in output | quiet) short="\\fB\\-$(printf %.1s "$flag")\\fR, " ;; esac
			printf '.TP\n%s\\fB\\-\\-%s\\fR%s\n' "$short" "$(roff "$flag")" "${argument:+ \\fI$argument\\fR}"
		else
			printf '.TP\n\\fB%s\\fR%s\n' "$variable" "${flag:+ (\\fB\\-\\-$(roff "$flag")\\fR)}"
		fi
		printf '%s.\n' "$(roff "$help")"
		[ -z "$standard" ] || [ -z "$argument" ] || printf 'Default: %s.\n' "$(roff "$standard")"
	done
}

page() {
	skip=
	while IFS= read -r line; do
		[ "$line" != '.\" end' ] || skip=
		[ -n "$skip" ] || printf '%s\n' "$line"
		case $line in
		'.\" options' | '.\" variables')
			table "${line#????}"
			skip=1
			;;
		esac
	done < "$1"
}

code=0
new=$(mktemp) # not beside the page: several checks of one tree may run at a time
trap 'rm -f "$new"' EXIT
for file in *.1; do
	page "$file" > "$new"
	if cmp -s "$file" "$new"; then
		continue
	elif [ "${1-}" = --check ]; then
		echo "docs/man/$file is behind include/ctrace/options.def: run docs/man/options.sh"
		code=1
	else
		cat "$new" > "$file"
	fi
done
exit $code
