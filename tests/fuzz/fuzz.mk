# SPDX-License-Identifier: MIT
# Fuzz targets (see tests/fuzz/fuzz.h). Included by tests/tests.mk.
#   make fuzz          run libFuzzer on each target for TIME= seconds, four at a time; failing inputs: build/fuzz/TARGET/
#   make fuzz-replay   run the inputs of tests/fuzz/corpus, with gcc, ASan and UBSan
#   make fuzz-corpus   write the seeds of tests/fuzz/corpus again

FUZZ_TARGETS := answer brief budget config demangle dhat frames options other packages perf_map program request source store suppressions symbols
FUZZ_BINARIES := $(FUZZ_TARGETS:%=$(TESTS)/fuzz/%)
FUZZ_MAIN = $B/obj/tests/fuzz/replay.o
FUZZ_VIEWER := $(filter-out $B/obj/viewer/ctrace.o,$(VIEWER_OBJ)) $B/obj/tests/fuzz/fuzz.o
FUZZ_PRELOAD := $(patsubst %,$B/obj/preload/%.o,sys/environment sys/say sys/options life/output sys/page sys/region sys/sandbox sys/text)
FUZZ_UNWIND := $(patsubst %,$B/obj/preload/unwind/%.o,frames cfi_row cfi_expression)

$B/obj/tests/fuzz/%.o: tests/fuzz/%.c
	@mkdir -p $(@D)
	$(CC) $(OUR_CPPFLAGS) $(OUR_CFLAGS) $(VIEWER_CFLAGS) -Ipreload -Itests/fuzz -Itests/unit -c -o $@ $<

# What a target is linked with, besides its own object.
FUZZ_WITH := $(FUZZ_VIEWER)
$(TESTS)/fuzz/store: FUZZ_WITH = $(filter-out $B/obj/viewer/symbol/%,$(FUZZ_VIEWER)) $B/obj/tests/fuzz/no_symbols.o
$(TESTS)/fuzz/request: FUZZ_WITH = $(FUZZ_VIEWER) $B/obj/tests/unit/store_builder.o
$(TESTS)/fuzz/options: FUZZ_WITH = $(FUZZ_VIEWER) $(FUZZ_PRELOAD)

$(TESTS)/fuzz/frames: FUZZ_WITH = $(FUZZ_UNWIND)

$(FUZZ_BINARIES): $(TESTS)/fuzz/%: $B/obj/tests/fuzz/%.o $(FUZZ_VIEWER) $(FUZZ_MAIN) $(FUZZ_PRELOAD) $(FUZZ_UNWIND) \
		$B/obj/tests/fuzz/no_symbols.o $B/obj/tests/unit/store_builder.o
	@mkdir -p $(@D)
	$(LINK) -o $@ $< $(FUZZ_WITH) $(FUZZ_MAIN) $(VIEWER_LIBS)

.PHONY: fuzz-targets fuzz-build fuzz-replay-build fuzz-replay fuzz fuzz-corpus
fuzz-targets: $(FUZZ_BINARIES) $(TESTS)/share/ctrace/report.html

# Uses the objects of make unit-asan.
fuzz-replay-build:
	$(MAKE) fuzz-targets B=$B/asan OPT='$(SANITIZERS)' LDFLAGS='-fsanitize=address,undefined'

fuzz-replay: fuzz-replay-build
	for target in $(FUZZ_TARGETS); do \
		printf '%s: ' $$target; $B/asan/tests/fuzz/$$target tests/fuzz/corpus/$$target || exit 1; done

fuzz-build:
	$(MAKE) fuzz-targets B=$B/fuzz CC=clang OPT='$(SANITIZERS) -fsanitize=fuzzer-no-link' CFLAGS=-w FUZZ_MAIN= \
		LDFLAGS='-fsanitize=address,undefined,fuzzer'

fuzz: fuzz-build
	tests/fuzz/run $B/fuzz $(or $(TIME),60) $(FUZZ_TARGETS)

fuzz-corpus: all
	tests/fuzz/make-corpus

-include $(wildcard $B/obj/tests/fuzz/*.d)
