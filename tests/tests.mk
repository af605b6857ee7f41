# SPDX-License-Identifier: MIT
# Tests. Included by the top-level Makefile.
#   make e2e           build everything and run all tests; TEST=PATTERN: only some
#   make unit          run the unit tests; unit-asan, unit-tsan: the same under sanitizers
#   make test-programs build the programs that the end-to-end tests trace
#   make fuzz, fuzz-replay: see tests/fuzz/fuzz.mk
#   make bench, bench-quick: see tests/bench/bench.mk

TESTS := $B/tests

# --- the small programs: each function has its own frame, and no call becomes a jump ---
# The sources are in sub-folders of tests/programs. All programs are built into one folder.
vpath %.c $(wildcard tests/programs/*/)
vpath %.cc $(wildcard tests/programs/*/)
PROGRAM_FLAGS := -Itests/programs -g -O1 -fno-builtin -fno-inline -fno-optimize-sibling-calls -fno-ipa-icf -Wall -Wextra -MMD -MP
# Sources with rules of their own. Each other one is a program, without an entry here.
OTHER_C := api as_nobody attached bump fail_alloc fibers fire_audit leaks_plugin log_maps noreturn observe one_byte plugin_a plugin_b plugin_shape reuse signals stepped tags
PROGRAM_C := $(filter-out $(OTHER_C),$(basename $(notdir $(wildcard tests/programs/*/*.c))))
PROGRAMS := $(addprefix $(TESTS)/programs/,$(PROGRAM_C) cxx leaks_cxx cxx_threads advise_vector new_delete cache_server frames_fp frames_bare frames_avx \
	says_static $(if $(shell command -v musl-gcc),says_musl) \
	plugin_a.so plugin_b.so plugin_small.so plugin_large.so libone_byte.so libbump.so libreuse.so libfail_alloc.so libobserve.so liblog_maps.so leaks_plugin.so static_hello as_nobody)
PROGRAMS += $(addprefix $(TESTS)/programs/,fire_audit.so $(addprefix fire_sanitize.,address thread leak undefined) \
	fire_unwinders fire_unwinders.8 $(if $(wildcard /usr/lib/*/libunwind.so.1),fire_unwinders.1))
PROGRAMS += $(addprefix $(TESTS)/programs/,attached $(foreach program,api tags,$(program) $(addprefix $(program)_,no_pie static lto cxx)))

.PHONY: test-programs
test-programs: $(PROGRAMS)

$(PROGRAM_C:%=$(TESTS)/programs/%): $(TESTS)/programs/%: %.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE $(PROGRAM_FLAGS) -o $@ $< -pthread -ldl

$(addprefix $(TESTS)/programs/,copies mappings scribble): PROGRAM_FLAGS += -Iinclude

# With frame pointers; with frame pointers but no unwind tables; with frames that the compiler aligns for vector registers.
$(TESTS)/programs/frames_fp: frames.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE $(PROGRAM_FLAGS) -fno-omit-frame-pointer -o $@ $<

$(TESTS)/programs/frames_bare: frames.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE $(PROGRAM_FLAGS) -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -o $@ $<

$(TESTS)/programs/frames_avx: frames.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE $(PROGRAM_FLAGS) -O2 -mstackrealign -mpreferred-stack-boundary=5 -o $@ $<

$(TESTS)/programs/cxx $(TESTS)/programs/leaks_cxx $(TESTS)/programs/advise_vector $(TESTS)/programs/new_delete: $(TESTS)/programs/%: %.cc
	@mkdir -p $(@D)
	$(CXX) $(PROGRAM_FLAGS) -std=c++17 -o $@ $<

# The public header, in programs that are built in different ways.
API_FLAGS := -Iinclude -D_GNU_SOURCE -g -O1 -fno-optimize-sibling-calls -Wall -Wextra -Werror -MMD -MP
API := api tags
$(API:%=$(TESTS)/programs/%_no_pie): API_FLAGS += -fno-pie -no-pie -O2
$(API:%=$(TESTS)/programs/%_static): API_FLAGS += -static
$(API:%=$(TESTS)/programs/%_lto): API_FLAGS += -flto -O2 -Wl,-z,now
$(addprefix $(TESTS)/programs/tags,_no_pie _static _lto _cxx) $(TESTS)/programs/tags: API_FLAGS += -Itests/programs -fno-builtin
define build_api
@mkdir -p $(@D)
$(CC) -std=c11 -pedantic $(API_FLAGS) -o $@ $< -pthread
endef
$(API:%=$(TESTS)/programs/%): $(TESTS)/programs/%: %.c
	$(build_api)
$(API:%=$(TESTS)/programs/%_no_pie): $(TESTS)/programs/%_no_pie: %.c
	$(build_api)
$(API:%=$(TESTS)/programs/%_static): $(TESTS)/programs/%_static: %.c
	$(build_api)
$(API:%=$(TESTS)/programs/%_lto): $(TESTS)/programs/%_lto: %.c
	$(build_api)
$(API:%=$(TESTS)/programs/%_cxx): $(TESTS)/programs/%_cxx: %.c
	@mkdir -p $(@D)
	$(CXX) -x c++ -std=c++17 -pedantic $(API_FLAGS) -o $@ $< -pthread

# Finds its plugins in its own folder.
$(TESTS)/programs/attached: attached.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE $(PROGRAM_FLAGS) -mavx -o $@ $< -pthread -ldl -Wl,--enable-new-dtags,-rpath,'$$ORIGIN'

# With inlined frames, and with threads.
$(TESTS)/programs/cxx_threads $(TESTS)/programs/cache_server: $(TESTS)/programs/%: %.cc
	@mkdir -p $(@D)
	$(CXX) -g -O2 -Wall -Wextra -MMD -MP -std=c++17 -o $@ $< -pthread

$(TESTS)/programs/%.so: %.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE $(PROGRAM_FLAGS) -shared -fPIC -o $@ $<

# --- frame shapes: the same functions from two compilers, at each optimisation level, with and without frame pointers ---
SHAPE_COMPILERS := gcc $(if $(shell command -v clang++),clang)
SHAPE_BUILDS := $(foreach c,$(SHAPE_COMPILERS),$(foreach o,O0 O1 O2 O3,$c-$o $c-$o-fp) $c-O2-lazy $c-O2-cet)
SHAPES := $(foreach b,$(SHAPE_BUILDS),$(addprefix $(TESTS)/shapes/$b/,\
	frames jumps moved coroutine fibers noreturn altstack signals stepped cxx))
SHAPE_-fp := -fno-omit-frame-pointer
SHAPE_-lazy := -fomit-frame-pointer -Wl,-z,lazy
SHAPE_-cet := -fomit-frame-pointer -fcf-protection=full -Wl,-z,ibtplt
SHAPE_ := -fomit-frame-pointer
SHAPE_FLAGS := -Itests/programs -D_GNU_SOURCE -g -fno-builtin -Wall -Wextra -MMD -MP -Wl,-z,now

test-programs: $(SHAPES)

# $(call shape_rules,BUILD,COMPILER,LEVEL,VARIANT)
define shape_rules
$(TESTS)/shapes/$1/%: %.c
	@mkdir -p $$(@D)
	$2 $(SHAPE_FLAGS) -$3 $(SHAPE_$4) -o $$@ $$<
$(TESTS)/shapes/$1/%: %.cc
	@mkdir -p $$(@D)
	$(2:gcc=g)++ $(SHAPE_FLAGS) -$3 $(SHAPE_$4) -std=c++17 -o $$@ $$<
endef
build_parts = $(subst -, ,$1)
$(foreach b,$(SHAPE_BUILDS),$(eval $(call shape_rules,$b,$(word 1,$(call build_parts,$b)),$(word 2,$(call build_parts,$b)),$(addprefix -,$(word 3,$(call build_parts,$b))))))

$(TESTS)/programs/plugin_small.so: ROOM := 1000
$(TESTS)/programs/plugin_large.so: ROOM := 3000
$(TESTS)/programs/plugin_small.so $(TESTS)/programs/plugin_large.so: plugin_shape.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE $(PROGRAM_FLAGS) -DROOM=$(ROOM) -shared -fPIC -o $@ $<

# Libraries to preload. The functions of one_byte must be compiled to jumps.
$(addprefix $(TESTS)/programs/,libone_byte.so libbump.so libreuse.so libfail_alloc.so libobserve.so liblog_maps.so): $(TESTS)/programs/lib%.so: %.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -O2 -g -fno-builtin -Wall -Wextra -MMD -MP -shared -fPIC -o $@ $< -ldl

# Statically linked: a preloaded library cannot trace these, and they are refused.
$(TESTS)/programs/as_nobody: as_nobody.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE $(PROGRAM_FLAGS) -static -o $@ $<

$(TESTS)/programs/says_static: says.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE $(PROGRAM_FLAGS) -static -o $@ $<

# Of another C library.
$(TESTS)/programs/says_musl: says.c
	@mkdir -p $(@D)
	musl-gcc -g -O1 -o $@ $<

ifneq ($(shell command -v musl-gcc),)
test-programs: musl
endif

$(TESTS)/programs/static_hello: deep.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE $(PROGRAM_FLAGS) -static -o $@ $<

# Exceptions through the compiler's unwinder; through libunwind (8) and LLVM's libunwind (1), if that is installed.
$(TESTS)/programs/fire_unwinders: fire_unwinders.cc
	@mkdir -p $(@D)
	$(CXX) $(PROGRAM_FLAGS) -o $@ $<
$(addprefix $(TESTS)/programs/fire_unwinders.,8 1): $(TESTS)/programs/fire_unwinders.%: fire_unwinders.cc
	@mkdir -p $(@D)
	$(CXX) $(PROGRAM_FLAGS) -o $@ $< -Wl,--no-as-needed -l:libunwind.so.$*

$(addprefix $(TESTS)/programs/fire_sanitize.,address thread leak undefined): $(TESTS)/programs/fire_sanitize.%: tiny.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE $(PROGRAM_FLAGS) -fsanitize=$* -o $@ $<

# --- unit tests: linked with everything except main() and the hooked names ---
UNIT_VIEWER := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/viewer_*.c))
UNIT_PRELOAD := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/preload_*.c))
UNIT_BOTH := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/both_*.c))
UNIT_BUILDER := $(patsubst tests/unit/%.c,$B/obj/tests/unit/%.o,$(wildcard tests/unit/store_builder.c))
UNIT_VIEWER_OBJ := $(filter-out $B/obj/viewer/ctrace.o,$(VIEWER_OBJ)) $(UNIT_BUILDER)
UNIT_PRELOAD_OBJ := $(filter-out $B/obj/preload/hooks/alloc.o $B/obj/preload/hooks/process.o,$(PRELOAD_OBJ))

.PHONY: unit-build unit unit-asan unit-tsan
# A page for `ctrace html` that needs no npm, for unit tests and fuzz targets.
$(TESTS)/share/ctrace/report.html:
	@mkdir -p $(@D)
	echo '<@DATA@>' > $@

unit-build: $(TESTS)/share/ctrace/report.html $(UNIT_VIEWER:%=$(TESTS)/unit/%) $(UNIT_PRELOAD:%=$(TESTS)/unit/%) \
	$(UNIT_BOTH:%=$(TESTS)/unit/%)

$B/obj/tests/unit/%.o: tests/unit/%.c
	@mkdir -p $(@D)
	$(CC) $(OUR_CPPFLAGS) $(OUR_CFLAGS) $(VIEWER_CFLAGS) -Ipreload -Itests/unit -c -o $@ $<

$B/obj/tests/unit/viewer_formats.o: $(MESSAGES:%=%.h)

$(UNIT_VIEWER:%=$(TESTS)/unit/%): $(TESTS)/unit/%: $B/obj/tests/unit/%.o $(UNIT_VIEWER_OBJ)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ -lcmocka $(VIEWER_LIBS) -pthread

$(UNIT_PRELOAD:%=$(TESTS)/unit/%): $(TESTS)/unit/%: $B/obj/tests/unit/%.o $(UNIT_PRELOAD_OBJ)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ -lcmocka -pthread -ldl -lm

# Writes with the library and reads with the program.
$(UNIT_BOTH:%=$(TESTS)/unit/%): $(TESTS)/unit/%: $B/obj/tests/unit/%.o $(UNIT_PRELOAD_OBJ) $(UNIT_VIEWER_OBJ)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ -lcmocka $(VIEWER_LIBS) -pthread

unit: unit-build
	tests/run --units $(TESTS)/unit

# Of the unit tests, and of the fuzz targets.
SANITIZERS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined,float-cast-overflow \
	-fno-sanitize-recover=undefined,float-cast-overflow

# Each has its own objects. Leak checks stay on, since the viewer frees everything that it allocates.
# Without the programs that stop a single thread at each instruction, of which there are many more here.
unit-asan:
	$(MAKE) unit B=$B/asan UNIT_BOTH= LDFLAGS='-fsanitize=address,undefined' OPT='$(SANITIZERS)'
unit-tsan:
	$(MAKE) unit B=$B/tsan UNIT_BOTH= OPT='-O1 -g -fsanitize=thread' LDFLAGS='-fsanitize=thread'

.PHONY: e2e
e2e: all unit-build test-programs bench-programs
	tests/run $(TEST)

# The tests of fire*, *kill and black_box, ten times longer; 1,000 kills, and 50 by the kernel for lack of memory.
.PHONY: stress
stress: all test-programs
	CTRACE_STRESS=10 CTRACE_MOST_SECONDS=14400 tests/run -j 1 fire. fire_ kill. black_box.

# With Parca, and a week of profiles at five minutes.
.PHONY: fleet
fleet: all test-programs
	tests/fleet/setup
	CTRACE_FLEET=1 tests/run parca_store. push. otlp. questions. serve

# Real programs, each for some minutes.
.PHONY: soak
soak: all
	CTRACE_SOAK=20 CTRACE_MOST_SECONDS=14400 tests/run -j 1 soak.

# The commands of the README in a fresh Debian, as root, for an hour; TEST='PATTERN...': only some tests.
.PHONY: debian
debian:
	tests/in-debian $(or $(SUITE),trixie) $(TEST)

include tests/bench/bench.mk
include tests/fuzz/fuzz.mk
include tests/arm64/arm64.mk

-include $(wildcard $(TESTS)/programs/*.d) $(wildcard $(TESTS)/shapes/*/*.d) $(wildcard $B/obj/tests/unit/*.d)
