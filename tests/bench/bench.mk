# SPDX-License-Identifier: MIT
# Measurements. Included by tests/tests.mk.
#   make bench         measure everything, some hours; options in BENCH='--only python3 --minutes 9'
#   make bench-quick   the same in some minutes, with less work and without emulators
# Both write build/bench.md and build/bench.json.

BENCH_DIR := $(TESTS)/bench
BENCH_PROGRAMS := $(addprefix $(BENCH_DIR)/,measure pairs containers libshim.so libshim_unwind.so)

.PHONY: bench-programs bench bench-quick
bench-programs: $(BENCH_PROGRAMS)

$(BENCH_DIR)/measure $(BENCH_DIR)/pairs: $(BENCH_DIR)/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) $(OUR_CPPFLAGS) $(OUR_CFLAGS) -fno-optimize-sibling-calls -o $@ $< -pthread

$(BENCH_DIR)/containers: tests/bench/containers.cc
	@mkdir -p $(@D)
	$(CXX) -std=c++17 -O2 -g -Wall -Wextra -MMD -MP -o $@ $<

$(BENCH_DIR)/libshim.so: tests/bench/shim.c
	@mkdir -p $(@D)
	$(CC) $(OUR_CPPFLAGS) $(OUR_CFLAGS) -fno-builtin -shared -fPIC -o $@ $< -ldl

$(BENCH_DIR)/libshim_unwind.so: tests/bench/shim.c
	@mkdir -p $(@D)
	$(CC) $(OUR_CPPFLAGS) $(OUR_CFLAGS) -fno-builtin -DUNWIND -shared -fPIC -o $@ $< -ldl

# With the library's own code, so it is built like a unit test: make build/tests/bench/slices
$(BENCH_DIR)/slices: tests/bench/slices.c $(UNIT_PRELOAD_OBJ)
	@mkdir -p $(@D)
	$(CC) $(OUR_CPPFLAGS) $(OUR_CFLAGS) -Ipreload $(LDFLAGS) -o $@ $^ -lcmocka -pthread -ldl -lm

BENCH_OUTPUT := --output $B/bench.md --json $B/bench.json

bench: all bench-programs
	tests/bench/bench $(BENCH_OUTPUT) $(BENCH)

bench-quick: all bench-programs
	tests/bench/bench $(BENCH_OUTPUT) --quick $(BENCH)

-include $(wildcard $(BENCH_DIR)/*.d)
