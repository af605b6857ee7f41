# SPDX-License-Identifier: MIT
# install_missing PACKAGE...: install from Debian what is not there. As root, else with sudo. Says what it does.
install_missing() {
	missing=
	for package in "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	echo "installing:$missing"
	as_root=
	if [ "$(id -u)" != 0 ]; then
		command -v sudo > /dev/null || { echo "not root, and there is no sudo: install these by hand" >&2; return 1; }
		as_root="sudo --preserve-env=DEBIAN_FRONTEND"
	fi
	export DEBIAN_FRONTEND=noninteractive
	$as_root apt-get -q update > /dev/null
	# Servers are not to be started: Debian's scripts ask policy-rc.d.
	policy=/usr/sbin/policy-rc.d
	if [ -e $policy ]; then
		policy=
	else
		printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy > /dev/null
		$as_root chmod 755 $policy
	fi
	installed=0
	$as_root apt-get -q -y --no-install-recommends install $missing || installed=$?
	[ -z "$policy" ] || $as_root rm -f $policy
	return $installed
}
