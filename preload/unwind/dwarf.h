/* SPDX-License-Identifier: MIT */
/*
 * The part of DWARF that unwind tables of loaded objects use: constants, and a reader that never goes past its end.
 * Pure. Sources: DWARF 5 sections 6.4 and 7.7.1, LSB "Exception Frames".
 */
#ifndef CT_UNWIND_DWARF_H
#define CT_UNWIND_DWARF_H

#include <string.h>

#include "sys/compiler.h"

enum {
	DW_EH_PE_absptr = 0x00,
	DW_EH_PE_udata4 = 0x03,
	DW_EH_PE_sdata4 = 0x0b,
	DW_EH_PE_sdata8 = 0x0c,
	DW_EH_PE_udata8 = 0x04,
	DW_EH_PE_pcrel = 0x10,
	DW_EH_PE_datarel = 0x30,
	DW_EH_PE_omit = 0xff,
};

enum {
	DW_CFA_advance_loc = 0x40, /* with an operand of 6 bits, like the next two */
	DW_CFA_offset = 0x80,
	DW_CFA_restore = 0xc0,
	DW_CFA_nop = 0x00,
	DW_CFA_set_loc = 0x01,
	DW_CFA_advance_loc1 = 0x02,
	DW_CFA_advance_loc2 = 0x03,
	DW_CFA_advance_loc4 = 0x04,
	DW_CFA_offset_extended = 0x05,
	DW_CFA_restore_extended = 0x06,
	DW_CFA_undefined = 0x07,
	DW_CFA_same_value = 0x08,
	DW_CFA_register = 0x09,
	DW_CFA_remember_state = 0x0a,
	DW_CFA_restore_state = 0x0b,
	DW_CFA_def_cfa = 0x0c,
	DW_CFA_def_cfa_register = 0x0d,
	DW_CFA_def_cfa_offset = 0x0e,
	DW_CFA_def_cfa_expression = 0x0f,
	DW_CFA_expression = 0x10,
	DW_CFA_offset_extended_sf = 0x11,
	DW_CFA_def_cfa_sf = 0x12,
	DW_CFA_def_cfa_offset_sf = 0x13,
	DW_CFA_val_offset = 0x14,
	DW_CFA_val_offset_sf = 0x15,
	DW_CFA_val_expression = 0x16,
	DW_CFA_AARCH64_negate_ra_state = 0x2d,
	DW_CFA_GNU_args_size = 0x2e,
	DW_CFA_GNU_negative_offset_extended = 0x2f,
};

enum {
	DW_OP_deref = 0x06,
	DW_OP_const1u = 0x08,
	DW_OP_const1s = 0x09,
	DW_OP_constu = 0x10,
	DW_OP_consts = 0x11,
	DW_OP_and = 0x1a,
	DW_OP_minus = 0x1c,
	DW_OP_plus = 0x22,
	DW_OP_plus_uconst = 0x23,
	DW_OP_shl = 0x24,
	DW_OP_ge = 0x2a,
	DW_OP_lit0 = 0x30,
	DW_OP_lit31 = 0x4f,
	DW_OP_breg0 = 0x70,
	DW_OP_breg31 = 0x8f,
};

struct ct_reader {
	const uint8_t *at;
	const uint8_t *end;
	bool bad; /* something did not fit; everything read after that is 0 */
};

static inline uint64_t ct_read_fixed(struct ct_reader *reader, size_t bytes)
{
	uint64_t value = 0;
	if ((size_t)(reader->end - reader->at) < bytes) {
		reader->bad = true;
		return 0;
	}
	memcpy(&value, reader->at, bytes);
	reader->at += bytes;
	return value;
}

static inline uint64_t ct_read_uleb(struct ct_reader *reader)
{
	uint64_t value = 0;
	for (unsigned shift = 0;; shift += 7) {
		uint64_t byte = ct_read_fixed(reader, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
}

static inline int64_t ct_read_sleb(struct ct_reader *reader)
{
	uint64_t value = 0;
	unsigned shift = 0;
	uint64_t byte;
	do {
		byte = ct_read_fixed(reader, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (shift < 64 && (byte & 0x40))
		value |= ~0ull << shift;
	return (int64_t)value;
}

/* A length, and a reader for that many bytes. */
static inline struct ct_reader ct_read_block(struct ct_reader *reader)
{
	uint64_t bytes = ct_read_uleb(reader);
	if (bytes > (uint64_t)(reader->end - reader->at)) {
		reader->bad = true;
		bytes = 0;
	}
	struct ct_reader block = {reader->at, reader->at + bytes, false};
	reader->at += bytes;
	return block;
}

#endif
