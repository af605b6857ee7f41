/* SPDX-License-Identifier: MIT */
/* DWARF numbers of the registers that unwinding needs. System V ABI, AMD64 supplement, figure 3.36. */
#ifndef CT_COLD_REGISTERS_X86_64_H
#define CT_COLD_REGISTERS_X86_64_H

#define CT_REG_BP 6
#define CT_REG_SP 7
#define CT_REG_PC 16

#endif
