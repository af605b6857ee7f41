# SPDX-License-Identifier: MIT
# install_missing PACKAGE...: install the Debian packages that are missing, as root or with sudo, and print their names.
# PACKAGE may be 'a|b', for names that differ from release to release. Any one of them is enough.
is_installed() {
	dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q ' installed$'
}

is_known() {
	LC_ALL=C apt-cache policy "$1" | grep -q '^  Candidate: [^(]'
}

# any_of CHECK 'a|b': print the first name that passes CHECK; false if none does.
any_of() {
	for name in $(echo "$2" | tr '|' ' '); do
		if "$1" "$name"; then
			echo "$name"
			return
		fi
	done
	return 1
}

install_missing() {
	missing=
	for names in "$@"; do
		any_of is_installed "$names" > /dev/null || missing="$missing $names"
	done
	[ -n "$missing" ] || return 0
	as_root=
	if [ "$(id -u)" != 0 ]; then
		command -v sudo > /dev/null || { echo "not root, and there is no sudo: install these by hand" >&2; return 1; }
		as_root="sudo --preserve-env=DEBIAN_FRONTEND"
	fi
	export DEBIAN_FRONTEND=noninteractive
	$as_root apt-get -q update > /dev/null
	chosen=
	for names in $missing; do
		chosen="$chosen $(any_of is_known "$names" || echo "${names%%|*}")"
	done
	echo "installing:$chosen"
	# Keeps servers from starting: Debian's scripts ask policy-rc.d.
	policy=/usr/sbin/policy-rc.d
	if [ -e $policy ]; then
		policy=
	else
		printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy > /dev/null
		$as_root chmod 755 $policy
	fi
	installed=0
	$as_root apt-get -q -y --no-install-recommends install $chosen || installed=$?
	[ -z "$policy" ] || $as_root rm -f $policy
	return $installed
}
