# SPDX-License-Identifier: MIT
# make            build/lib/libctrace.so, build/bin/ctrace, build/bin/ctrace-top, build/share/ctrace/report.html
# make help       all targets
.DEFAULT_GOAL := all

# V=1 shows the commands.
ifneq ($(V),1)
MAKEFLAGS += --silent
endif

PREFIX ?= /usr/local
B := build
CC ?= gcc
CXX ?= g++
OPT ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wvla
PKG_CONFIG ?= pkg-config
PROTOC_C ?= protoc-c
# CPPFLAGS, CFLAGS and LDFLAGS are for the user, from the environment or the command line, so our flags are never put into
# them. Flags that the user may override come before them, flags that the code needs after them. No path of this folder
# gets into the output, so the bytes are the same in any folder.
SAME_ANYWHERE := -ffile-prefix-map=$(CURDIR)=. $(if $(filter /%,$B),-ffile-prefix-map=$B=build)
OUR_CPPFLAGS = -Iinclude $(CPPFLAGS) -D_GNU_SOURCE
OUR_CFLAGS = $(OPT) $(WARN) $(SAME_ANYWHERE) $(CFLAGS) -std=gnu11 -MMD -MP
LINK = $(CC) $(OPT) $(SAME_ANYWHERE) $(CFLAGS) $(LDFLAGS)

# --- preload: runs in the traced program ---
PRELOAD_SRC := $(wildcard preload/*/*.c)
# Code that few programs run, at the end: the kernel maps code in pieces of 64 KiB, and most processes do without the last.
PRELOAD_RARE := $(filter preload/reach/% $(addprefix preload/,hooks/api.c hooks/api_stack.c hooks/entries.c \
	hooks/memory_lock.c hooks/operators.c hooks/side_blocks.c hooks/tags.c store/event_log.c store/marks.c sys/sandbox.c \
	tree/tags.c tree/thread_name.c unwind/go.c unwind/libunwind.c),$(PRELOAD_SRC))
PRELOAD_OBJ := $(patsubst %.c,$B/obj/%.o,$(filter-out $(PRELOAD_RARE),$(PRELOAD_SRC)) $(PRELOAD_RARE))
PRELOAD_CFLAGS := -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-builtin-malloc -fno-builtin-calloc \
	-fno-builtin-realloc -fno-stack-protector -U_FORTIFY_SOURCE -Wp,-U_FORTIFY_SOURCE -mgeneral-regs-only \
	-D__NO_INLINE__ -Ipreload # older headers have inline functions with floating point
# Assembler code and functions call each other, which -flto does not see. The hot path was measured without -flto.
PRELOAD_CFLAGS += -fno-lto
# The linker puts functions that are cold in an object before all others.
# clang does not know the options against that.
NO_REORDER := -fno-reorder-functions -fno-reorder-blocks-and-partition
$(PRELOAD_RARE:%.c=$B/obj/%.o): PRELOAD_CFLAGS += $(shell $(CC) $(NO_REORDER) -E -x c /dev/null > /dev/null 2>&1 && echo $(NO_REORDER))
# Small variables together: a sleeping process then touches 9 pages less.
PRELOAD_CFLAGS += -fdata-sections
PRELOAD_LDFLAGS := -Wl,--sort-section=alignment
ifneq ($(shell $(CC) -E -dM -include features.h -x c /dev/null | grep -w __GLIBC__),)
# No _fini. It does nothing, but lies behind all other code, so each exit would map that code.
PRELOAD_LDFLAGS += -Wl,-fini=ct_no_fini
# libdl has dlsym before glibc 2.34 and is empty since then. It is needed in both cases (sys/loader.h).
PRELOAD_LIBS := -Wl,-z,defs -Wl,--push-state,--no-as-needed -l:libdl.so.2 -Wl,--pop-state
else # musl: no C library is named (sys/loader.h)
PRELOAD_LIBS := -nodefaultlibs -lgcc
endif

# --- viewer: our own program ---
# `ctrace attach` writes registers and code of x86-64.
ATTACH_SRC := $(wildcard viewer/attach/$(if $(filter x86_64%,$(shell $(CC) -dumpmachine)),,other/)*.c)
VIEWER_SRC := $(filter-out viewer/attach/%,$(wildcard viewer/*.c viewer/*/*.c viewer/*/*/*.c)) $(ATTACH_SRC)
MESSAGES := $(patsubst %.proto,$B/obj/%.pb-c,$(wildcard viewer/*/*.proto))
VIEWER_OBJ := $(VIEWER_SRC:%.c=$B/obj/%.o) $(MESSAGES:%=%.o)
VIEWER_CFLAGS := -Iviewer -I$B/obj/viewer
VIEWER_LIBS := -l:libiberty.a $(or $(shell $(PKG_CONFIG) --libs ncursesw libcjson libdw libelf libprotobuf-c zlib 2>/dev/null), \
	-lncursesw -ltinfo -lcjson -ldw -lelf -lprotobuf-c -lz) -lm -ldl

.PHONY: all
all: $B/lib/libctrace.so $B/lib/libctrace-copy.so $B/lib/libctrace-mmap.so $B/lib/libctrace-stub.so $B/bin/ctrace $B/bin/ctrace-top

$B/obj/exports.map: preload/exports.map.in preload/hooks/hooks.def
	@mkdir -p $(@D)
	$(CC) -E -P -x c -Ipreload -o $@ $<

$B/lib/libctrace.so: $(PRELOAD_OBJ) $B/obj/exports.map
	@mkdir -p $(@D)
	$(LINK) -shared -o $@ $(PRELOAD_OBJ) -Wl,--version-script=$B/obj/exports.map -Wl,-soname,libctrace.so \
		$(PRELOAD_LDFLAGS) -Wl,-Bsymbolic-functions -Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro -Wl,--as-needed $(PRELOAD_LIBS)

# memcpy and its kin, see preload/copy.c; mmap and its kin, see preload/mmap.c.
$B/lib/libctrace-copy.so $B/lib/libctrace-mmap.so: $B/lib/libctrace-%.so: $B/obj/preload/%.o
	@mkdir -p $(@D)
	$(LINK) -shared -o $@ $< -Wl,-soname,$(@F) -Wl,-Bsymbolic -Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro \
		-Wl,--as-needed $(PRELOAD_LIBS)

$B/obj/preload/copy.o: PRELOAD_CFLAGS += -ffreestanding

# It needs no library and has no code: see preload/stub.c.
$B/lib/libctrace-stub.so: preload/stub.c
	@mkdir -p $(@D)
	$(LINK) -fPIC -fno-lto -fcf-protection=none -shared -nostdlib -o $@ $< -Wl,-soname,libctrace-stub.so \
		-Wl,--auxiliary,libctrace.so -Wl,--enable-new-dtags -Wl,-rpath,'$$ORIGIN' -Wl,-z,now

$B/bin/ctrace: $(VIEWER_OBJ)
	@mkdir -p $(@D)
	$(LINK) -o $@ $(VIEWER_OBJ) $(VIEWER_LIBS)

$B/bin/ctrace-top: $B/bin/ctrace
	ln -sf ctrace $@

$B/obj/preload/%.o: preload/%.c
	@mkdir -p $(@D)
	$(CC) $(OUR_CPPFLAGS) $(OUR_CFLAGS) $(PRELOAD_CFLAGS) -c -o $@ $<

$B/obj/viewer/%.o: viewer/%.c
	@mkdir -p $(@D)
	$(CC) $(OUR_CPPFLAGS) $(OUR_CFLAGS) $(VIEWER_CFLAGS) -c -o $@ $<

# C code for messages of protobuf, generated from their descriptions.
$B/obj/viewer/%.pb-c.c: viewer/%.proto
	@mkdir -p $(@D)
	$(PROTOC_C) --proto_path=viewer --c_out=$B/obj/viewer $<

$B/obj/viewer/%.pb-c.o: $B/obj/viewer/%.pb-c.c
	$(CC) $(OUR_CPPFLAGS) $(OUR_CFLAGS) $(VIEWER_CFLAGS) -c -o $@ $<

$(MESSAGES:%=%.h): %.h: %.c ;

$B/obj/viewer/write/pprof.o $B/obj/viewer/wire/otlp.o: $(MESSAGES:%=%.h)

-include $(PRELOAD_OBJ:.o=.d) $B/obj/preload/copy.d $B/obj/preload/mmap.d $(VIEWER_OBJ:.o=.d)

# --- the library for musl, beside glibc's ---
# ctrace-either has a name for what $LIB is with each loader (viewer/util/library.c): Debian's glibc, other glibcs with 64 bits,
# musl. Debian has no kernel's headers for musl, so glibc's folders are looked into last.
MULTIARCH := $(shell $(CC) -print-multiarch)
define link_glibc
install -d $1/ctrace-either/lib
$(if $(MULTIARCH),ln -sfn ../.. $1/ctrace-either/lib/$(MULTIARCH))
ln -sfn .. $1/ctrace-either/lib64
endef

.PHONY: musl install-musl
musl:
	$(call link_glibc,$B/lib)
	ln -sfn ../../musl/lib '$B/lib/ctrace-either/$$LIB'
	+$(MAKE) B=$B/musl CC=musl-gcc CPPFLAGS='$(addprefix -idirafter ,/usr/include $(wildcard /usr/include/*-linux-gnu))' \
		$B/musl/lib/libctrace.so $B/musl/lib/libctrace-copy.so

# `make install` does this too if the library for musl is built.
install-musl:
	$(call link_glibc,$(DESTDIR)$(LIBDIR))
	install -d '$(DESTDIR)$(LIBDIR)/ctrace-either/$$LIB'
	install -m 755 $(wildcard $B/musl/lib/*.so) '$(DESTDIR)$(LIBDIR)/ctrace-either/$$LIB/'

# --- the page of `ctrace html`, without data; made by sh and awk ---
PAGE := $B/share/ctrace/report.html

.PHONY: html
html: $(PAGE)

all: $(PAGE)

$(PAGE): $(wildcard viewer/html/* viewer/html/src/*.js)
	viewer/html/build $@

# --- install: library and programs must be in the same places relative to each other as in build/ ---
LIBDIR ?= $(PREFIX)/lib
BINDIR ?= $(PREFIX)/bin
SHAREDIR ?= $(PREFIX)/share
MANDIR ?= $(SHAREDIR)/man/man1
MAN3DIR ?= $(patsubst %man1,%man3,$(MANDIR))
DATADIR ?= $(SHAREDIR)/ctrace
ZSHDIR ?= $(SHAREDIR)/zsh/site-functions
VERSION := $(shell sed -n 's/.*CTRACE_VERSION "\(.*\)"/\1/p' include/ctrace/version.h)

.PHONY: install
install: all $(if $(wildcard $B/musl/lib/*.so),install-musl)
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR) $(DESTDIR)$(MAN3DIR) \
		$(DESTDIR)$(PREFIX)/include/ctrace
	install -m 755 $B/lib/libctrace.so $B/lib/libctrace-copy.so $B/lib/libctrace-mmap.so $B/lib/libctrace-stub.so \
		$(DESTDIR)$(LIBDIR)/
	install -m 755 $B/bin/ctrace $(DESTDIR)$(BINDIR)/
	ln -sf ctrace $(DESTDIR)$(BINDIR)/ctrace-top
	install -D -m 644 $(PAGE) $(DESTDIR)$(DATADIR)/report.html
	install -m 644 include/ctrace/ctrace.h include/ctrace/version.h include/ctrace/store.h include/ctrace/pseudo.h include/ctrace/fold.h \
		include/ctrace/control.h include/ctrace/last_look.h include/ctrace/ring.h include/ctrace/rules.h include/ctrace/merge.h \
		$(DESTDIR)$(PREFIX)/include/ctrace/
	install -m 644 $(wildcard docs/man/*.1) $(DESTDIR)$(MANDIR)/
	install -m 644 docs/man/ctrace.3 $(DESTDIR)$(MAN3DIR)/
	install -D -m 644 completions/ctrace.bash $(DESTDIR)$(SHAREDIR)/bash-completion/completions/ctrace
	ln -sf ctrace $(DESTDIR)$(SHAREDIR)/bash-completion/completions/ctrace-top
	install -D -m 644 completions/_ctrace $(DESTDIR)$(ZSHDIR)/_ctrace
	install -D -m 644 completions/ctrace.fish $(DESTDIR)$(SHAREDIR)/fish/vendor_completions.d/ctrace.fish
	ln -sf ctrace.fish $(DESTDIR)$(SHAREDIR)/fish/vendor_completions.d/ctrace-top.fish
	sed 's|@PREFIX@|$(shell realpath -m --relative-to=$(LIBDIR)/pkgconfig $(PREFIX))|; s|@VERSION@|$(VERSION)|' ctrace.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/ctrace.pc

# --- the two commands of the README ---
.PHONY: demo test check mutants
demo:
	examples/demo

test:
	tests/all

check: all
	tests/check/seeded $B/lib/libctrace.so $B/bin/ctrace

mutants: all unit-build test-programs
	tests/check/mutants $(NAME)

.PHONY: help
help:
	@echo 'make            build the library and the programs'
	@echo 'make html       build only the page that ctrace html fills in'
	@echo 'make install    PREFIX= DESTDIR= LIBDIR= BINDIR= SHAREDIR= MANDIR= ZSHDIR='
	@echo '                CC= CXX= CFLAGS= CPPFLAGS= LDFLAGS= PKG_CONFIG= are respected'
	@echo 'make dist       build a release tarball, the same bytes each time'
	@echo 'make deb        build Debian packages from that tarball; make rpm: Fedora packages'
	@echo 'make package-test   build, install, use and remove the Debian packages in a chroot'
	@echo 'make debian     run demo and all tests in a fresh Debian 13, in a chroot; SUITE=bookworm: 12; TEST='"'PATTERN...'"': some'
	@echo 'make demo       install what is needed, build, trace python3 and show the result'
	@echo 'make test       install servers, compilers, Valgrind and a browser, build, run all tests'
	@echo 'make e2e        run the unit and end-to-end tests; TEST=PATTERN: only some of them'
	@echo 'make stress     run the tests of fire*, kill and black_box ten times longer'
	@echo 'make fleet      build Parca (needs Go 1.25 and its module proxy); run the tests of serve and push, and those with Parca'
	@echo 'make soak       run servers, compilers and test suites for minutes (tests/e2e/fire/soak.py)'
	@echo 'make fuzz       run libFuzzer on everything that reads untrusted files; TIME= seconds (60)'
	@echo 'make fuzz-replay    run its inputs with ASan and UBSan, without a fuzzer'
	@echo 'make bench      compare with other tracers, some hours; make bench-quick: some minutes'
	@echo 'make check      check the rules of the tree, each with a violation that it must catch'
	@echo 'make mutants    make mistakes in copies of the tree, which tests must catch; NAME="A B": only these'
	@echo 'make clean      remove build/'

.PHONY: clean
clean:
	rm -rf $B

include packaging/packaging.mk
-include tests/tests.mk
