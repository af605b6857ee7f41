/* SPDX-License-Identifier: MIT */
/* Object files: symbol tables and DWARF, through elfutils. */
#include <stdlib.h>

#include "fuzz.h"
#include "symbol/symbol.h"

#define FRAMES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ct_symbol_frame frames[FRAMES];
	struct ct_symbols *symbols = ct_symbols_new();
	fuzz_file(data, size);
	int handle = symbols ? ct_symbols_open(symbols, fuzz_path, NULL, 0) : -1;
	for (uint64_t address = 0; handle >= 0 && address < 0x1000; address += 8)
		ct_symbols_lookup(symbols, handle, address, frames, FRAMES);
	for (uint64_t address = 0x1000; handle >= 0 && address < 0x8000; address += 64)
		ct_symbols_lookup(symbols, handle, address, frames, FRAMES);
	if (handle >= 0)
		ct_symbols_lookup(symbols, handle, UINT64_MAX, frames, FRAMES);
	ct_symbols_free(symbols);
	return 0;
}
