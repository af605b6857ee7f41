/* SPDX-License-Identifier: MIT */
/*
 * Reads one unwind rule from an object's .eh_frame: find the FDE by the sorted table of .eh_frame_hdr,
 * run its call frame instructions up to the address, and express the row as a struct ct_rule. What is
 * not expressible becomes CT_CFA_UNKNOWN. Reads loaded objects only; takes no lock (_dl_find_object).
 *
 * Sources: DWARF 5 section 6.4, LSB "Exception Frames".
 */
#include <dlfcn.h>
#include <string.h>

#include "cold/cold.h"
#include "cold/registers_x86_64.h"

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
	DW_CFA_advance_loc = 0x40, /* with 6 bits of operand, as the next two */
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
	DW_CFA_GNU_args_size = 0x2e,
	DW_CFA_GNU_negative_offset_extended = 0x2f,
};

enum {
	DW_OP_deref = 0x06,
	DW_OP_breg0 = 0x70,
};

#define RED_ZONE_BYTES 128
#define STATES_MAX 8 /* nested remember_state; compilers use 1 */

struct reader {
	const uint8_t *at;
	const uint8_t *end;
	bool bad;
};

static uint64_t read_fixed(struct reader *reader, size_t bytes)
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

static uint64_t read_uleb(struct reader *reader)
{
	uint64_t value = 0;
	for (unsigned shift = 0;; shift += 7) {
		uint64_t byte = read_fixed(reader, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
}

static int64_t read_sleb(struct reader *reader)
{
	uint64_t value = 0;
	unsigned shift = 0;
	uint64_t byte;
	do {
		byte = read_fixed(reader, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (shift < 64 && (byte & 0x40))
		value |= ~0ull << shift;
	return (int64_t)value;
}

/* A pointer in one of the encodings that linkers write into .eh_frame. */
static uint64_t read_pointer(struct reader *reader, uint8_t encoding)
{
	const uint8_t *place = reader->at;
	uint64_t value;
	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		value = read_fixed(reader, 8);
		break;
	case DW_EH_PE_udata4:
		value = read_fixed(reader, 4);
		break;
	case DW_EH_PE_sdata4:
		value = (uint64_t)(int64_t)(int32_t)read_fixed(reader, 4);
		break;
	default:
		reader->bad = true;
		return 0;
	}
	switch (encoding & 0x70) {
	case 0:
		return value;
	case DW_EH_PE_pcrel:
		return value + (uintptr_t)place;
	default:
		reader->bad = true;
		return 0;
	}
}

/* Where a register of the caller is saved. */
struct saved {
	enum { SAVED_SAME, SAVED_AT_CFA, SAVED_AT_BP, SAVED_UNDEFINED, SAVED_UNKNOWN } how;
	int64_t offset;
};

/* One row of the table that call frame instructions describe, as far as it interests us. */
struct row {
	enum { BASE_SP, BASE_BP, BASE_BP_LOAD, BASE_UNKNOWN } base;
	int64_t offset;
	struct saved bp;
	struct saved pc;
};

struct frame_info {
	struct reader cie_program;
	struct reader fde_program;
	uint64_t start; /* first address that the FDE covers */
	uint64_t code_align;
	int64_t data_align;
	bool signal;
};

static struct saved *saved_of(struct row *row, uint64_t reg)
{
	if (reg == CT_REG_BP)
		return &row->bp;
	return reg == CT_REG_PC ? &row->pc : NULL;
}

static void set_saved(struct row *row, uint64_t reg, int how, int64_t offset)
{
	struct saved *saved = saved_of(row, reg);
	if (saved) {
		saved->how = how;
		saved->offset = offset;
	}
}

static void set_base(struct row *row, uint64_t reg)
{
	row->base = reg == CT_REG_SP ? BASE_SP : reg == CT_REG_BP ? BASE_BP : BASE_UNKNOWN;
}

/* The two expressions that compilers write for functions that realign their stack. */
static bool bp_plus_offset(struct reader *expression, int64_t *offset, bool *deref)
{
	if (read_fixed(expression, 1) != DW_OP_breg0 + CT_REG_BP)
		return false;
	*offset = read_sleb(expression);
	*deref = expression->at < expression->end && read_fixed(expression, 1) == DW_OP_deref;
	return expression->at == expression->end && !expression->bad;
}

static struct reader read_block(struct reader *reader)
{
	uint64_t bytes = read_uleb(reader);
	if (bytes > (uint64_t)(reader->end - reader->at)) {
		reader->bad = true;
		bytes = 0;
	}
	struct reader block = {reader->at, reader->at + bytes, false};
	reader->at += bytes;
	return block;
}

static void read_expression(struct row *row, struct reader *program, uint8_t op)
{
	uint64_t reg = op == DW_CFA_def_cfa_expression ? 0 : read_uleb(program);
	struct reader expression = read_block(program);
	int64_t offset = 0;
	bool deref = false;
	bool known = bp_plus_offset(&expression, &offset, &deref);
	if (op == DW_CFA_def_cfa_expression) {
		row->base = known && deref ? BASE_BP_LOAD : BASE_UNKNOWN;
		row->offset = offset;
	} else if (op == DW_CFA_expression && known && !deref) {
		set_saved(row, reg, SAVED_AT_BP, offset);
	} else {
		set_saved(row, reg, SAVED_UNKNOWN, 0);
	}
}

/* Run a program up to `address`. False: it holds something that we do not know. */
static bool run(struct reader program, const struct frame_info *info, uint64_t address, const struct row *initial,
		struct row *row)
{
	struct row states[STATES_MAX];
	unsigned depth = 0;
	uint64_t location = info->start;

	while (program.at < program.end && !program.bad) {
		uint8_t op = (uint8_t)read_fixed(&program, 1);
		uint8_t operand = op & 0x3f;
		uint64_t reg;
		uint64_t advance = 0;
		switch (op & 0xc0 ? op & 0xc0 : op) {
		case DW_CFA_advance_loc:
			advance = operand;
			break;
		case DW_CFA_advance_loc1:
			advance = read_fixed(&program, 1);
			break;
		case DW_CFA_advance_loc2:
			advance = read_fixed(&program, 2);
			break;
		case DW_CFA_advance_loc4:
			advance = read_fixed(&program, 4);
			break;
		case DW_CFA_offset:
			set_saved(row, operand, SAVED_AT_CFA, (int64_t)read_uleb(&program) * info->data_align);
			break;
		case DW_CFA_offset_extended:
			reg = read_uleb(&program);
			set_saved(row, reg, SAVED_AT_CFA, (int64_t)read_uleb(&program) * info->data_align);
			break;
		case DW_CFA_offset_extended_sf:
			reg = read_uleb(&program);
			set_saved(row, reg, SAVED_AT_CFA, read_sleb(&program) * info->data_align);
			break;
		case DW_CFA_GNU_negative_offset_extended:
			reg = read_uleb(&program);
			set_saved(row, reg, SAVED_AT_CFA, -(int64_t)read_uleb(&program) * info->data_align);
			break;
		case DW_CFA_restore:
		case DW_CFA_restore_extended:
			reg = op & 0xc0 ? operand : read_uleb(&program);
			if (reg == CT_REG_BP)
				row->bp = initial->bp;
			else if (reg == CT_REG_PC)
				row->pc = initial->pc;
			break;
		case DW_CFA_undefined:
			set_saved(row, read_uleb(&program), SAVED_UNDEFINED, 0);
			break;
		case DW_CFA_same_value:
			set_saved(row, read_uleb(&program), SAVED_SAME, 0);
			break;
		case DW_CFA_register:
		case DW_CFA_val_offset:
			reg = read_uleb(&program);
			read_uleb(&program);
			set_saved(row, reg, SAVED_UNKNOWN, 0);
			break;
		case DW_CFA_val_offset_sf:
			reg = read_uleb(&program);
			read_sleb(&program);
			set_saved(row, reg, SAVED_UNKNOWN, 0);
			break;
		case DW_CFA_remember_state:
			if (depth == STATES_MAX)
				return false;
			states[depth++] = *row;
			break;
		case DW_CFA_restore_state:
			if (!depth)
				return false;
			*row = states[--depth];
			break;
		case DW_CFA_def_cfa:
			set_base(row, read_uleb(&program));
			row->offset = (int64_t)read_uleb(&program);
			break;
		case DW_CFA_def_cfa_sf:
			set_base(row, read_uleb(&program));
			row->offset = read_sleb(&program) * info->data_align;
			break;
		case DW_CFA_def_cfa_register:
			set_base(row, read_uleb(&program));
			break;
		case DW_CFA_def_cfa_offset:
			row->offset = (int64_t)read_uleb(&program);
			break;
		case DW_CFA_def_cfa_offset_sf:
			row->offset = read_sleb(&program) * info->data_align;
			break;
		case DW_CFA_def_cfa_expression:
		case DW_CFA_expression:
		case DW_CFA_val_expression:
			read_expression(row, &program, op);
			break;
		case DW_CFA_GNU_args_size:
			read_uleb(&program);
			break;
		case DW_CFA_nop:
			break;
		default:
			return false;
		}
		location += advance * info->code_align;
		if (advance && location > address)
			return true;
	}
	return !program.bad;
}

static bool read_record(const uint8_t *at, struct reader *record)
{
	uint32_t length;
	memcpy(&length, at, sizeof(length));
	if (length == 0 || length == UINT32_MAX) /* end mark; the 64-bit form is not written by anybody */
		return false;
	*record = (struct reader){at + sizeof(length), at + sizeof(length) + length, false};
	return true;
}

/* CIE: how its FDEs are to be read. */
static bool read_cie(const uint8_t *at, struct frame_info *info, uint8_t *pointer_encoding, bool *augmented)
{
	struct reader cie;
	if (!read_record(at, &cie) || read_fixed(&cie, 4) != 0)
		return false;
	uint8_t version = (uint8_t)read_fixed(&cie, 1);
	const char *augmentation = (const char *)cie.at;
	cie.at += strlen(augmentation) + 1;
	info->code_align = read_uleb(&cie);
	info->data_align = read_sleb(&cie);
	uint64_t return_register = version == 1 ? read_fixed(&cie, 1) : read_uleb(&cie);
	info->signal = false;
	*pointer_encoding = DW_EH_PE_absptr;
	*augmented = augmentation[0] == 'z';
	if (*augmented) {
		struct reader data = read_block(&cie);
		for (const char *letter = augmentation + 1; *letter; letter++) {
			if (*letter == 'R')
				*pointer_encoding = (uint8_t)read_fixed(&data, 1);
			else if (*letter == 'P')
				read_pointer(&data, (uint8_t)(read_fixed(&data, 1) & 0x0f));
			else if (*letter == 'L')
				read_fixed(&data, 1);
			else if (*letter == 'S')
				info->signal = true;
			else
				return false;
		}
		if (data.bad)
			return false;
	} else if (augmentation[0]) {
		return false;
	}
	info->cie_program = cie;
	return !cie.bad && return_register == CT_REG_PC;
}

/* FDE at `at`, if it covers the address. */
static bool read_fde(const uint8_t *at, uint64_t address, struct frame_info *info, bool *covers)
{
	struct reader fde;
	uint8_t encoding;
	bool augmented;
	if (!read_record(at, &fde))
		return false;
	const uint8_t *cie_pointer = fde.at;
	uint64_t distance = read_fixed(&fde, 4);
	if (!distance || !read_cie(cie_pointer - distance, info, &encoding, &augmented))
		return false;
	info->start = read_pointer(&fde, encoding);
	uint64_t length = read_pointer(&fde, encoding & 0x0f);
	if (augmented)
		read_block(&fde);
	info->fde_program = fde;
	*covers = address >= info->start && address - info->start < length;
	return !fde.bad;
}

/* The FDE whose start is the last one not beyond the address, by the header's sorted table; NULL = none. */
static const uint8_t *find_fde(const uint8_t *header, uint64_t address)
{
	struct reader reader = {header, header + 4, false};
	uint8_t version = (uint8_t)read_fixed(&reader, 1);
	uint8_t frame_encoding = (uint8_t)read_fixed(&reader, 1);
	uint8_t count_encoding = (uint8_t)read_fixed(&reader, 1);
	uint8_t table_encoding = (uint8_t)read_fixed(&reader, 1);
	if (version != 1 || table_encoding != (DW_EH_PE_datarel | DW_EH_PE_sdata4) || count_encoding == DW_EH_PE_omit)
		return NULL;
	reader.end = header + 24;
	read_pointer(&reader, frame_encoding);
	uint64_t count = read_pointer(&reader, count_encoding);
	if (reader.bad || !count)
		return NULL;

	const struct {
		int32_t start;
		int32_t fde;
	} *table = (const void *)reader.at;
	int64_t wanted = (int64_t)(address - (uintptr_t)header);
	if (wanted < table[0].start)
		return NULL;
	uint64_t low = 0;
	uint64_t high = count; /* table[low].start <= wanted < table[high].start */
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		if (table[middle].start <= wanted)
			low = middle;
		else
			high = middle;
	}
	return header + table[low].fde;
}

/* No call returns to a function's first byte: somebody has put the address there to begin a stack with. */
static bool starts_function(const uint8_t *header, uint64_t address)
{
	struct frame_info info;
	bool covers;
	const uint8_t *fde = find_fde(header, address);
	return fde && read_fde(fde, address, &info, &covers) && info.start == address;
}

static bool fits(int64_t offset, int64_t most)
{
	return offset >= -most && offset <= most && offset % 8 == 0;
}

/* No compiler does that; the walk relies on it. */
static bool saves_below_sp(const struct row *row)
{
	int64_t room = row->base == BASE_SP ? row->offset : RED_ZONE_BYTES;
	return row->bp.how == SAVED_AT_CFA && (row->bp.offset > -8 || -row->bp.offset > room);
}

static struct ct_rule rule_of_row(const struct row *row)
{
	static const uint8_t bases[] = {[BASE_SP] = CT_CFA_SP,
					[BASE_BP] = CT_CFA_BP,
					[BASE_BP_LOAD] = CT_CFA_BP_LOAD,
					[BASE_UNKNOWN] = CT_CFA_UNKNOWN};
	struct ct_rule rule = {.cfa = CT_CFA_UNKNOWN};
	if (row->pc.how == SAVED_UNDEFINED)
		return (struct ct_rule){.cfa = CT_CFA_END};
	if (row->pc.how != SAVED_AT_CFA || row->pc.offset != -8 || row->bp.how == SAVED_UNKNOWN ||
	    !fits(row->offset, CT_CFA_OFFSET_MAX) || !fits(row->bp.offset, CT_BP_OFFSET_MAX) || saves_below_sp(row))
		return rule;
	rule.cfa = bases[row->base];
	rule.cfa_offset = (int32_t)row->offset;
	rule.bp = row->bp.how == SAVED_AT_CFA ? CT_BP_AT_CFA : row->bp.how == SAVED_AT_BP ? CT_BP_AT_BP : CT_BP_SAME;
	rule.bp_offset = rule.bp == CT_BP_SAME ? -8 : (int32_t)row->bp.offset;
	return rule;
}

struct ct_rule ct_cfi_rule(uintptr_t address)
{
	/* push bp; mov sp, bp */
	static const struct ct_rule no_table = {.cfa = CT_CFA_NO_TABLE, .bp = CT_BP_AT_CFA, .bp_offset = -16};
	static const struct ct_rule unknown = {.cfa = CT_CFA_UNKNOWN};
	static const struct ct_rule start = {.cfa = CT_CFA_START};
	struct dl_find_object object;
	struct frame_info info;
	bool covers;

	if (_dl_find_object((void *)address, &object) != 0 || !object.dlfo_eh_frame)
		return no_table;
	const uint8_t *fde = find_fde(object.dlfo_eh_frame, address);
	if (!fde)
		return no_table;
	if (!read_fde(fde, address, &info, &covers))
		return unknown;
	if (!covers)
		return starts_function(object.dlfo_eh_frame, address + 1) ? start : no_table;
	if (info.signal)
		return (struct ct_rule){.cfa = CT_CFA_SIGNAL};

	struct row row = {.base = BASE_UNKNOWN};
	if (!run(info.cie_program, &info, UINT64_MAX, &row, &row))
		return unknown;
	struct row initial = row;
	if (!run(info.fde_program, &info, address, &initial, &row))
		return unknown;
	return rule_of_row(&row);
}
