# SPDX-License-Identifier: MIT
# The library and test programs for aarch64, by the cross compiler of Debian and the packages that tests/arm64/setup has
# unpacked. Included by tests/tests.mk.
#   make arm64  build both, and ctrace for aarch64, into build/arm64

ARM64 := $B/arm64
ARM64_ROOT := $(abspath $(ARM64)/root)
ARM64_CC := aarch64-linux-gnu-gcc
ARM64_CXX := aarch64-linux-gnu-g++
ARM64_MAKE = $(MAKE) B=$(ARM64)/build CC="$(ARM64_CC) --sysroot=$(ARM64_ROOT)" PKG_CONFIG=false
ARM64_FLAGS := -Itests/programs -g -O1 -fno-builtin -fno-inline -fno-optimize-sibling-calls -fno-ipa-icf -Wall -Wextra -pthread
ARM64_BARE := -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-exceptions -fno-omit-frame-pointer

# ctrace is not optimized: compiling that takes less time.
.PHONY: arm64
arm64: $(addprefix $(ARM64)/,kinds kinds_signed kinds_here)
	+$(ARM64_MAKE) $(ARM64)/build/lib/libctrace.so
	+$(ARM64_MAKE) OPT=-O0 $(ARM64)/build/bin/ctrace

# For aarch64, for aarch64 with signed return addresses, and for this machine.
$(ARM64)/kinds $(ARM64)/kinds_signed: ARM64_BUILD := $(ARM64_CXX)
$(ARM64)/kinds_here: ARM64_BUILD := $(CXX)
$(ARM64)/kinds_signed: ARM64_FLAGS += -mbranch-protection=standard
$(addprefix $(ARM64)/,kinds kinds_signed kinds_here): tests/arm64/kinds.cc tests/arm64/bare.c tests/programs/site.h
	@mkdir -p $(@D)
	$(ARM64_BUILD) -x c $(ARM64_FLAGS) $(ARM64_BARE) -c -o $@_bare.o tests/arm64/bare.c
	$(ARM64_BUILD) -std=c++17 $(ARM64_FLAGS) -o $@ tests/arm64/kinds.cc $@_bare.o

ifneq ($(and $(shell command -v $(ARM64_CXX)),$(wildcard $(ARM64)/packages)),)
e2e: arm64
endif
