/* SPDX-License-Identifier: MIT */
/*
 * Reads the unwind rule for one address from an object's .eh_frame. The sorted table of .eh_frame_hdr leads to the FDE.
 * cfi_row.c runs its instructions up to the address. The resulting row is expressed as a struct ct_rule, or becomes
 * CT_CFA_UNKNOWN if that is not possible. Reads loaded objects only; has no lock of its own.
 */
#include "hot/slow.h"
#include "sys/machine.h"
#include "unwind/cfi.h"
#include "unwind/cfi_row.h"
#include "unwind/objects.h"

/* Read a pointer in one of the encodings that linkers write into .eh_frame. */
static uint64_t read_pointer(struct ct_reader *reader, uint8_t encoding)
{
	const uint8_t *place = reader->at;
	uint64_t value;
	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		value = ct_read_fixed(reader, 8);
		break;
	case DW_EH_PE_udata4:
		value = ct_read_fixed(reader, 4);
		break;
	case DW_EH_PE_sdata4:
		value = (uint64_t)(int64_t)(int32_t)ct_read_fixed(reader, 4);
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

/* Find the end of a CIE or FDE from its length. */
static bool read_record(const uint8_t *at, struct ct_reader *record)
{
	uint32_t length;
	memcpy(&length, at, sizeof(length));
	if (length == 0 || length == UINT32_MAX) /* end mark; no tool writes the 64-bit form */
		return false;
	*record = (struct ct_reader){at + sizeof(length), at + sizeof(length) + length, false};
	return true;
}

/* Read a CIE, which says how its FDEs are to be read. */
static bool read_cie(const uint8_t *at, struct ct_frame_info *info, uint8_t *pointer_encoding, bool *augmented)
{
	struct ct_reader cie;
	if (!read_record(at, &cie) || ct_read_fixed(&cie, 4) != 0)
		return false;
	uint8_t version = (uint8_t)ct_read_fixed(&cie, 1);
	const char *augmentation = (const char *)cie.at;
	cie.at += strlen(augmentation) + 1;
	info->code_align = ct_read_uleb(&cie);
	info->data_align = ct_read_sleb(&cie);
	uint64_t return_register = version == 1 ? ct_read_fixed(&cie, 1) : ct_read_uleb(&cie);
	info->signal = false;
	*pointer_encoding = DW_EH_PE_absptr;
	*augmented = augmentation[0] == 'z';
	if (*augmented) {
		struct ct_reader data = ct_read_block(&cie);
		for (const char *letter = augmentation + 1; *letter; letter++) {
			if (*letter == 'R')
				*pointer_encoding = (uint8_t)ct_read_fixed(&data, 1);
			else if (*letter == 'P')
				read_pointer(&data, (uint8_t)(ct_read_fixed(&data, 1) & 0x0f));
			else if (*letter == 'L')
				ct_read_fixed(&data, 1);
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

/* Read the FDE at `at`. *covers: its code contains the address. */
static bool read_fde(const uint8_t *at, uint64_t address, struct ct_frame_info *info, bool *covers)
{
	struct ct_reader fde;
	uint8_t encoding;
	bool augmented;
	if (!read_record(at, &fde))
		return false;
	const uint8_t *cie_pointer = fde.at;
	uint64_t distance = ct_read_fixed(&fde, 4);
	if (!distance || !read_cie(cie_pointer - distance, info, &encoding, &augmented))
		return false;
	info->start = read_pointer(&fde, encoding);
	uint64_t length = read_pointer(&fde, encoding & 0x0f);
	if (augmented)
		ct_read_block(&fde);
	info->fde_program = fde;
	*covers = address >= info->start && address - info->start < length;
	return !fde.bad;
}

/* Find the last FDE that does not start after the address, in the header's sorted table; NULL: none. */
static const uint8_t *find_fde(const uint8_t *header, uint64_t address)
{
	struct ct_reader reader = {header, header + 4, false};
	uint8_t version = (uint8_t)ct_read_fixed(&reader, 1);
	uint8_t frame_encoding = (uint8_t)ct_read_fixed(&reader, 1);
	uint8_t count_encoding = (uint8_t)ct_read_fixed(&reader, 1);
	uint8_t table_encoding = (uint8_t)ct_read_fixed(&reader, 1);
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

/*
 * Is the address the first byte of a function? No call returns there: such a "return address" was put at the start of a
 * hand-made stack.
 */
static bool starts_function(const uint8_t *header, uint64_t address)
{
	struct ct_frame_info info;
	bool covers;
	const uint8_t *fde = find_fde(header, address);
	return fde && read_fde(fde, address, &info, &covers) && info.start == address;
}

static bool fits(int64_t offset, int64_t most)
{
	return offset >= -most && offset <= most && offset % 8 == 0;
}

/* Is bp saved where our own frames may overwrite it? No compiler does that, and the walk relies on it. */
static bool saves_below_sp(const struct ct_row *row)
{
	return row->bp.how == CT_SAVED_AT_CFA &&
	       (row->bp.offset > CT_RETURN_OFFSET || (row->base == CT_BASE_BP && -row->bp.offset > CT_RED_ZONE_BYTES));
}

/*
 * Has bp been popped already? Then it is the caller's. Tables still say where it was saved, for the one instruction
 * that is left.
 */
static bool is_popped(const struct ct_row *row)
{
	return row->base == CT_BASE_SP && row->bp.how == CT_SAVED_AT_CFA && -row->bp.offset > row->offset;
}

static struct ct_rule rule_of_row(const struct ct_row *row)
{
	static const uint8_t bases[] = {[CT_BASE_SP] = CT_CFA_SP,
					[CT_BASE_BP] = CT_CFA_BP,
					[CT_BASE_BP_LOAD] = CT_CFA_BP_LOAD,
					[CT_BASE_UNKNOWN] = CT_CFA_UNKNOWN};
	struct ct_rule rule = {.cfa = CT_CFA_UNKNOWN};
	if (row->pc.how == CT_SAVED_UNDEFINED)
		return (struct ct_rule){.cfa = CT_CFA_END};
	if (row->pc.how != CT_SAVED_AT_CFA || row->pc.offset != CT_RETURN_OFFSET || row->sp.how != CT_SAVED_SAME ||
	    row->bp.how == CT_SAVED_UNKNOWN || !fits(row->offset, CT_CFA_OFFSET_MAX) ||
	    !fits(row->bp.offset, CT_BP_OFFSET_MAX) || saves_below_sp(row))
		return rule;
	rule.cfa = bases[row->base];
	rule.cfa_offset = (int32_t)row->offset;
	rule.bp = row->bp.how == CT_SAVED_AT_CFA && !is_popped(row) ? CT_BP_AT_CFA
		  : row->bp.how == CT_SAVED_AT_BP                   ? CT_BP_AT_BP
								    : CT_BP_SAME;
	rule.bp_offset = rule.bp == CT_BP_SAME ? CT_RETURN_OFFSET : (int32_t)row->bp.offset;
	return rule;
}

struct ct_rule ct_cfi_rule(uintptr_t address)
{
	const struct ct_rule no_table = CT_RULE_NO_TABLE;
	static const struct ct_rule unknown = {.cfa = CT_CFA_UNKNOWN};
	static const struct ct_rule start = {.cfa = CT_CFA_START};
	struct ct_object object;
	struct ct_frame_info info;
	bool covers;
	if (!ct_object_find(address, &object) || !object.eh_frame_header)
		return no_table;
	const uint8_t *fde = find_fde(object.eh_frame_header, address);
	if (!fde)
		return no_table;
	if (!read_fde(fde, address, &info, &covers))
		return unknown;
	if (!covers)
		return starts_function(object.eh_frame_header, address + 1) ? start : no_table;
	if (info.signal)
		return (struct ct_rule){.cfa = CT_CFA_SIGNAL};

	struct ct_row row;
	return ct_row_find(&info, address, &row) ? rule_of_row(&row) : unknown;
}
