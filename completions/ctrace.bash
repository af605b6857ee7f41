# SPDX-License-Identifier: MIT
# Completion of ctrace and ctrace-top in bash: `ctrace complete` prints the candidates.
_ctrace() {
	local ctrace=${1%-top} current=${COMP_WORDS[COMP_CWORD]} line kind
	local -a before=()
	[[ $1 == *-top ]] && before=(top)
	[[ $current == = ]] && current= # bash splits --sort=peak
	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
		:names) compopt -o filenames 2> /dev/null ;;
		:files | :commands)
			kind=-c
			[[ $line == :files || $current == */* ]] && kind=-f
			compopt -o filenames 2> /dev/null
			while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen $kind -- "$current")
			;;
		*) COMPREPLY+=("${line%%$'\t'*}") ;;
		esac
	done < <("$ctrace" complete "${before[@]}" "${COMP_WORDS[@]:1:COMP_CWORD}" 2> /dev/null)
}
complete -F _ctrace ctrace ctrace-top
