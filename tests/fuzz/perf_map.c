/* SPDX-License-Identifier: MIT */
/* The perf-PID.map of a JIT compiler. */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "symbol/symbol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_file(data, size);
	struct ct_perf_map *map = ct_perf_map_read(fopen(fuzz_path, "r"));
	for (uint64_t address = 1; address; address <<= 1) {
		const char *name = ct_perf_map_lookup(map, address + 1);
		if (name && strchr(name, '\n'))
			__builtin_trap();
	}
	ct_perf_map_free(map);
	return 0;
}
