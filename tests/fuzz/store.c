/* SPDX-License-Identifier: MIT */
/*
 * The store reader with replay and snapshots, and all that is made of what it reads. A store is mostly zeros, so
 * an input is one without them: a number of zeros to put in and a number of bytes to copy, both as two bytes in
 * units of eight, then the bytes; and so on. make-corpus packs them.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "load/load.h"
#include "load/store/store_file.h"
#include "load/store/store_process.h"

#define STORE_MAX (512u << 10)

static size_t unpack(const uint8_t *data, size_t size, uint8_t *store)
{
	size_t used = 0;
	while (size >= 4) {
		size_t zeros = (size_t)(data[0] | data[1] << 8) * 8, bytes = (size_t)(data[2] | data[3] << 8) * 8;
		data += 4;
		size -= 4;
		if (bytes > size)
			bytes = size;
		if (zeros + bytes > STORE_MAX - used)
			break;
		memset(store + used, 0, zeros);
		memcpy(store + used + zeros, data, bytes);
		used += zeros + bytes;
		data += bytes;
		size -= bytes;
	}
	return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[STORE_MAX];
	struct ct_store_file store;
	struct ct_profile *profile = NULL;
	struct ct_error_text error;
	fuzz_file(bytes, unpack(data, size, bytes));
	if (!ct_store_file_open(fuzz_path, &store, &error)) {
		if (!ct_store_profile(&store, &profile, &error)) {
			if (!ct_store_facts(&store, profile))
				fuzz_profile_use(profile);
			ct_profile_free(profile);
		}
		if (ct_store_has_events(&store) && !ct_store_events(&store, &profile, &error)) {
			fuzz_profile_use(profile);
			ct_profile_free(profile);
		}
	}
	ct_store_file_close(&store);
	return 0;
}
