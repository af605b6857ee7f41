/* SPDX-License-Identifier: MIT */
/*
 * The store reader with replay, snapshots and marks, everything that is made from its result, a copy of the store,
 * which must give the same result, and the reader of left stores. Inputs are packed; see fuzz_unpack.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz.h"
#include "load/load.h"
#include "load/store/store_file.h"
#include "load/store/store_last_look.h"
#include "load/store/store_process.h"
#include "record/left_store.h"

#define LOOK_MAX 65536

/* Give the look the hash of what the input has made of it; a fuzzer would not find it. */
static void seal_look(int fd)
{
	struct ct_store_header *header = calloc(1, sizeof(*header));
	if (!header || pread(fd, header, sizeof(*header), 0) < 0)
		abort();
	uint64_t bytes = header->look.bytes, at = 0;
	if (header->extent_count <= CT_EXTENTS_MAX)
		at = ct_store_last_look_at(header);
	char *look = at && bytes >= sizeof(uint64_t) && bytes <= LOOK_MAX ? malloc(bytes) : NULL;
	if (look && pread(fd, look, bytes, (off_t)at) == (ssize_t)bytes) {
		ct_store_last_look_seal(look, bytes);
		if (pwrite(fd, look, sizeof(uint64_t), (off_t)at) < 0)
			abort();
	}
	free(look);
	free(header);
}

/* A copy of a whole store is whole. */
static void read_copy(struct ct_store_file *store)
{
	struct ct_store_file copy;
	struct ct_error_text error;
	char *text;
	size_t bytes;
	if (store->failed)
		return;
	FILE *out = open_memstream(&text, &bytes);
	int code = out ? ct_store_file_write(store, out, &error) : -1;
	if (out)
		fclose(out);
	if (!code) {
		fuzz_file(text, bytes);
		if (ct_store_file_open(fuzz_path, &copy, &error) || copy.failed || !copy.look != !store->look)
			abort();
		ct_store_file_close(&copy);
	}
	free(text);
}

static void read_as_left(void)
{
	struct ct_left_store left;
	ct_left_store_read(AT_FDCWD, fuzz_named(), &left);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ct_store_file store;
	struct ct_profile *profile = NULL;
	struct ct_error_text error;
	seal_look(fuzz_unpack(data, size));
	read_as_left();
	if (!ct_store_file_open(fuzz_path, &store, &error)) {
		if (!ct_store_profile(&store, &profile, &error)) {
			if (!ct_store_facts(&store, profile))
				fuzz_profile_use(profile);
			ct_profile_free(profile);
		}
		for (enum ct_profile_mode mode = CT_MODE_COPY; mode <= CT_MODE_MAPPINGS; mode++)
			if (ct_store_has_events(&store, mode) && !ct_store_events(&store, mode, &profile, &error)) {
				fuzz_profile_use(profile);
				ct_profile_free(profile);
			}
		read_copy(&store);
	}
	ct_store_file_close(&store);
	return 0;
}
