/* SPDX-License-Identifier: MIT */
/*
 * Records of unwind tables: a frame description (FDE) says how to unwind one piece of code, and a common entry (CIE)
 * has what several of them share. .eh_frame is loaded with its object. .debug_frame is debug information: its addresses
 * are link-time ones, and its records refer to each other by offsets. Pure; never reads outside the section.
 */
#ifndef CT_UNWIND_FRAMES_H
#define CT_UNWIND_FRAMES_H

#include "unwind/cfi_row.h"

struct ct_frames {
	const uint8_t *start;
	const uint8_t *end;
	uintptr_t bias; /* to add to addresses; 0 in .eh_frame, whose addresses are relative to their place */
	bool is_debug;
};

/* Read a pointer in one of the encodings that linkers write into .eh_frame. */
CT_COLD uint64_t ct_frames_pointer(struct ct_reader *reader, uint8_t encoding);

/* Find the end of the record at `at` from its length. False: there is none. */
CT_COLD bool ct_frames_record(const struct ct_frames *frames, const uint8_t *at, struct ct_reader *record);

/*
 * Go through all records: *at is where to look for one, and is moved to it, past the end marks of the object files that
 * were linked. record->end is where to look for the next one. False: there are no more.
 */
CT_COLD bool ct_frames_next(const struct ct_frames *frames, const uint8_t **at, struct ct_reader *record);

/* Read the FDE at `at`. *bytes: the size of its code, which begins at info->start. False: not an FDE, or not readable.
 */
CT_COLD bool ct_frames_read(const struct ct_frames *frames, const uint8_t *at, struct ct_frame_info *info,
			    uint64_t *bytes);

#endif
