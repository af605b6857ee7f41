# SPDX-License-Identifier: MIT
# Releases and packages, see packaging/README.md. Included by the top-level Makefile.
#   make dist          build/dist/ctrace-VERSION.tar.gz
#   make deb           build/deb/*.deb, from that tarball
#   make rpm           build/rpm/RPMS/*/*.rpm, from that tarball; DEPS=--nodeps if its dependencies are not rpm packages
#   make package-test  test the Debian packages in a chroot of Debian 12, made by debootstrap, as root

RELEASE := ctrace-$(VERSION)
TARBALL := $B/dist/$(RELEASE).tar.gz
DEPS ?=

.PHONY: dist deb rpm package-test
dist:
	packaging/dist $(VERSION) $(TARBALL)

deb: dist
	rm -rf $B/deb
	mkdir -p $B/deb
	cp $(TARBALL) $B/deb/ctrace_$(VERSION).orig.tar.gz
	tar -xzf $(TARBALL) -C $B/deb
	cp -r packaging/debian $B/deb/$(RELEASE)/
	cd $B/deb/$(RELEASE) && env -u MAKEFLAGS -u MAKELEVEL dpkg-buildpackage -us -uc -b

rpm: dist
	mkdir -p $B/rpm
	rpmbuild -bb $(DEPS) --define '_topdir $(abspath $B)/rpm' --define '_sourcedir $(abspath $(dir $(TARBALL)))' \
		--define 'upstream_version $(VERSION)' packaging/ctrace.spec

package-test: deb
	lintian --fail-on error $B/deb/*.changes
	packaging/test-in-chroot $B/deb $(or $(SUITE),bookworm)
