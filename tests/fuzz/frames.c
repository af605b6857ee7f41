/* SPDX-License-Identifier: MIT */
/* Unwind tables as the preload reads them from files: .debug_frame, or .eh_frame if the first byte is odd. */
#include <stdlib.h>

#include "fuzz.h"
#include "unwind/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	/* A copy of its own, so that any access outside is noticed. */
	uint8_t *copy = malloc(size);
	memcpy(copy, data, size);
	struct ct_frames frames = {.start = copy + 1, .end = copy + size, .bias = 4096, .is_debug = !(copy[0] & 1)};
	struct ct_reader record;
	const uint8_t *at = frames.start;
	for (; ct_frames_next(&frames, &at, &record); at = record.end) {
		struct ct_frame_info info;
		struct ct_row row;
		uint64_t bytes;
		if (!ct_frames_read(&frames, at, &info, &bytes))
			continue;
		ct_row_find(&info, info.start, &row);
		ct_row_find(&info, info.start + bytes / 2, &row);
		ct_row_find(&info, info.start + bytes - 1, &row);
	}
	free(copy);
	return 0;
}
