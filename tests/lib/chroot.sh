# SPDX-License-Identifier: MIT
# For scripts that work in a fresh Debian of their own. The script defines skip and fail, each with a text.
# All mounts are in namespaces of the children and end with them, so only files are left.

# chroot_make SUITE ROOT LOG: needs root, debootstrap and a network.
chroot_make() {
	command -v debootstrap > /dev/null || skip "missing debootstrap"
	[ "$(id -u)" = 0 ] || skip "not root"
	unshare -m --propagation private true 2> /dev/null || skip "no mount namespace"
	unshare -m --propagation private timeout 1200 debootstrap --variant=minbase "$1" "$2" > "$3" 2>&1 || {
		grep -q 'Failed getting release file\|Couldn.t download' "$3" && skip "no network"
		fail "debootstrap: $(tail -3 "$3")"
	}
	# apt finds its packages in the same place as on this machine.
	[ ! -e /etc/apt/apt.conf.d/proxy ] || cp /etc/apt/apt.conf.d/proxy "$2/etc/apt/apt.conf.d/"
}

# chroot_run SECONDS ROOT COMMAND...
chroot_run() {
	seconds=$1
	shift
	timeout "$seconds" unshare -m -p -f --kill-child --propagation private sh -euc '
		root=$1
		shift
		mount --bind "$root" "$root" # tests that make mount namespaces need / to be a mount
		mount -t proc proc "$root/proc"
		mount -t sysfs -o ro sysfs "$root/sys"
		mkdir -p "$root/dev/pts" "$root/dev/shm"
		mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
		ln -sf pts/ptmx "$root/dev/ptmx"
		mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
		exec env -i HOME=/root TERM=dumb LC_ALL=C DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin \
			chroot "$root" "$@"' sh "$@"
}
