/* SPDX-License-Identifier: MIT */
#include "unwind/cfi_row.h"

#include "sys/machine.h"

#define STATES_MAX 8 /* of nested DW_CFA_remember_state; compilers use 1 */

static struct ct_saved *saved_of(struct ct_row *row, uint64_t reg)
{
	switch (reg) {
	case CT_REG_BP:
		return &row->bp;
	case CT_REG_SP:
		return &row->sp;
	case CT_REG_PC:
		return &row->pc;
	default:
		return NULL;
	}
}

static void set_saved(struct ct_row *row, uint64_t reg, int how, int64_t offset)
{
	struct ct_saved *saved = saved_of(row, reg);
	if (saved) {
		saved->how = how;
		saved->offset = offset;
	}
}

static void set_base(struct ct_row *row, uint64_t reg)
{
	row->base = reg == CT_REG_SP ? CT_BASE_SP : reg == CT_REG_BP ? CT_BASE_BP : CT_BASE_UNKNOWN;
}

static void restore(struct ct_row *row, const struct ct_row *initial, uint64_t reg)
{
	struct ct_row copy = *initial;
	struct ct_saved *saved = saved_of(row, reg);
	if (saved)
		*saved = *saved_of(&copy, reg);
}

/* An offset in units of the CIE. In a damaged table the product wraps. */
static int64_t scaled(uint64_t units, const struct ct_frame_info *info)
{
	return (int64_t)(units * (uint64_t)info->data_align);
}

/*
 * Run a program, either to its end or until the row for the address is complete. False: it contains something that we
 * do not know.
 */
static bool run(struct ct_reader program, const struct ct_frame_info *info, uint64_t address, bool to_its_end,
		const struct ct_row *initial, struct ct_row *row)
{
	struct ct_row states[STATES_MAX];
	unsigned depth = 0;
	uint64_t location = info->start;
	while (program.at < program.end && !program.bad) {
		uint8_t op = (uint8_t)ct_read_fixed(&program, 1);
		uint8_t operand = op & 0x3f;
		uint64_t reg;
		uint64_t advance = 0;
		switch (op & 0xc0 ? op & 0xc0 : op) {
		case DW_CFA_advance_loc:
			advance = operand;
			break;
		case DW_CFA_advance_loc1:
			advance = ct_read_fixed(&program, 1);
			break;
		case DW_CFA_advance_loc2:
			advance = ct_read_fixed(&program, 2);
			break;
		case DW_CFA_advance_loc4:
			advance = ct_read_fixed(&program, 4);
			break;
		case DW_CFA_offset:
			set_saved(row, operand, CT_SAVED_AT_CFA, scaled(ct_read_uleb(&program), info));
			break;
		case DW_CFA_offset_extended:
			reg = ct_read_uleb(&program);
			set_saved(row, reg, CT_SAVED_AT_CFA, scaled(ct_read_uleb(&program), info));
			break;
		case DW_CFA_offset_extended_sf:
			reg = ct_read_uleb(&program);
			set_saved(row, reg, CT_SAVED_AT_CFA, scaled((uint64_t)ct_read_sleb(&program), info));
			break;
		case DW_CFA_GNU_negative_offset_extended:
			reg = ct_read_uleb(&program);
			set_saved(row, reg, CT_SAVED_AT_CFA, scaled(0 - ct_read_uleb(&program), info));
			break;
		case DW_CFA_restore:
		case DW_CFA_restore_extended:
			restore(row, initial, op & 0xc0 ? operand : ct_read_uleb(&program));
			break;
		case DW_CFA_undefined:
			set_saved(row, ct_read_uleb(&program), CT_SAVED_UNDEFINED, 0);
			break;
		case DW_CFA_same_value:
			set_saved(row, ct_read_uleb(&program), CT_SAVED_SAME, 0);
			break;
		case DW_CFA_register:
		case DW_CFA_val_offset:
			reg = ct_read_uleb(&program);
			ct_read_uleb(&program);
			set_saved(row, reg, CT_SAVED_UNKNOWN, 0);
			break;
		case DW_CFA_val_offset_sf:
			reg = ct_read_uleb(&program);
			ct_read_sleb(&program);
			set_saved(row, reg, CT_SAVED_UNKNOWN, 0);
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
			set_base(row, ct_read_uleb(&program));
			row->offset = (int64_t)ct_read_uleb(&program);
			break;
		case DW_CFA_def_cfa_sf:
			set_base(row, ct_read_uleb(&program));
			row->offset = scaled((uint64_t)ct_read_sleb(&program), info);
			break;
		case DW_CFA_def_cfa_register:
			set_base(row, ct_read_uleb(&program));
			break;
		case DW_CFA_def_cfa_offset:
			row->offset = (int64_t)ct_read_uleb(&program);
			break;
		case DW_CFA_def_cfa_offset_sf:
			row->offset = scaled((uint64_t)ct_read_sleb(&program), info);
			break;
		case DW_CFA_def_cfa_expression:
			ct_expression_cfa(ct_read_block(&program), address, row);
			break;
		case DW_CFA_expression: {
			reg = ct_read_uleb(&program);
			struct ct_saved saved = ct_expression_saved(ct_read_block(&program), address);
			set_saved(row, reg, saved.how, saved.offset);
			break;
		}
		case DW_CFA_val_expression:
			reg = ct_read_uleb(&program);
			ct_read_block(&program);
			set_saved(row, reg, CT_SAVED_UNKNOWN, 0);
			break;
		case DW_CFA_GNU_args_size:
			ct_read_uleb(&program);
			break;
		case DW_CFA_AARCH64_negate_ra_state: /* the walk takes no interest in whether it is signed */
		case DW_CFA_nop:
			break;
		default:
			return false;
		}
		location += advance * info->code_align;
		if (!to_its_end && advance && location > address)
			return true;
	}
	return !program.bad;
}

bool ct_row_find(const struct ct_frame_info *info, uint64_t address, struct ct_row *row)
{
	*row = (struct ct_row){.base = CT_BASE_UNKNOWN};
	if (!run(info->cie_program, info, address, true, row, row))
		return false;
	struct ct_row initial = *row;
	return run(info->fde_program, info, address, false, &initial, row);
}
