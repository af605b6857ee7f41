/* SPDX-License-Identifier: MIT */
/*
 * A row of the table that call frame instructions describe: how to find the caller's registers at one address. cfi.c
 * finds the instructions, cfi_row.c runs them, and cfi_expression.c evaluates the expressions in them. No lock, no
 * memory; any thread.
 */
#ifndef CT_UNWIND_CFI_ROW_H
#define CT_UNWIND_CFI_ROW_H

#include "unwind/dwarf.h"

/*
 * Where a register of the caller is saved: at the CFA or bp + offset, or nowhere (it is the same, undefined, or
 * unknown).
 */
struct ct_saved {
	enum { CT_SAVED_SAME, CT_SAVED_AT_CFA, CT_SAVED_AT_BP, CT_SAVED_UNDEFINED, CT_SAVED_UNKNOWN } how;
	int64_t offset;
};

struct ct_row {
	enum { CT_BASE_SP, CT_BASE_BP, CT_BASE_BP_LOAD, CT_BASE_UNKNOWN } base; /* what the CFA is found from */
	int64_t offset;
	struct ct_saved bp;
	struct ct_saved sp; /* usually not saved: it is the CFA */
	struct ct_saved pc;
};

struct ct_frame_info {
	struct ct_reader cie_program;
	struct ct_reader fde_program;
	uint64_t start; /* first address that the FDE covers */
	uint64_t code_align;
	int64_t data_align;
	bool signal;
};

/* The row for `address`. False: the instructions contain something that we do not know. */
CT_COLD bool ct_row_find(const struct ct_frame_info *info, uint64_t address, struct ct_row *row);

/*
 * Evaluate an expression: the CFA into *row, or the place where a register is saved. The result is CT_BASE_UNKNOWN or
 * CT_SAVED_UNKNOWN for any form that linkers and compilers do not write.
 */
CT_COLD void ct_expression_cfa(struct ct_reader expression, uint64_t address, struct ct_row *row);
CT_COLD struct ct_saved ct_expression_saved(struct ct_reader expression, uint64_t address);

#endif
