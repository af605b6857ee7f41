/* SPDX-License-Identifier: MIT */
/*
 * Evaluates expressions in unwind tables without knowing the registers. A value is a constant, or one of sp, bp, the
 * CFA, and the word at bp + offset, plus a constant. Compilers write "bp + n" and "*(bp + n)" for functions that
 * realign their stack. For the PLT, linkers write "sp + 8 + ((pc & 15) >= 11) * 8".
 */
#include "sys/machine.h"
#include "unwind/cfi_row.h"

#define VALUES_MAX 8

struct value {
	enum { CONSTANT, FROM_SP, FROM_BP, FROM_CFA, LOADED, OPEN } base;
	int64_t offset; /* for LOADED: the word at bp + offset */
};

struct stack {
	struct value values[VALUES_MAX];
	unsigned depth;
	bool bad;
};

static void push(struct stack *stack, struct value value)
{
	if (stack->depth == VALUES_MAX)
		stack->bad = true;
	else
		stack->values[stack->depth++] = value;
}

static struct value pop(struct stack *stack)
{
	if (stack->depth)
		return stack->values[--stack->depth];
	stack->bad = true;
	return (struct value){OPEN, 0};
}

/*
 * The program counter is known, since the rule is for one address. That address is the pc itself, not a return address
 * less 1: code with such an expression (the PLT) calls nothing, so it was interrupted.
 */
static struct value of_register(unsigned reg, int64_t offset, uint64_t address)
{
	switch (reg) {
	case CT_REG_SP:
		return (struct value){FROM_SP, offset};
	case CT_REG_BP:
		return (struct value){FROM_BP, offset};
	case CT_REG_PC:
		return (struct value){CONSTANT, (int64_t)(address + (uint64_t)offset)};
	default:
		return (struct value){OPEN, 0};
	}
}

static struct value combine(uint8_t op, struct value left, struct value right)
{
	const struct value open = {OPEN, 0};
	if (op == DW_OP_plus && left.base == CONSTANT) {
		struct value swapped = left;
		left = right;
		right = swapped;
	}
	if (right.base != CONSTANT || left.base == LOADED || left.base == OPEN)
		return open;
	uint64_t a = (uint64_t)left.offset;
	uint64_t b = (uint64_t)right.offset;
	if (op == DW_OP_plus)
		return (struct value){left.base, (int64_t)(a + b)};
	if (op == DW_OP_minus)
		return (struct value){left.base, (int64_t)(a - b)};
	if (left.base != CONSTANT)
		return open;
	switch (op) {
	case DW_OP_and:
		return (struct value){CONSTANT, (int64_t)(a & b)};
	case DW_OP_shl:
		return (struct value){CONSTANT, (int64_t)(b < 64 ? a << b : 0)};
	default:
		return (struct value){CONSTANT, left.offset >= right.offset};
	}
}

/* DW_OP_const1u to DW_OP_const8s: 1, 2, 4 or 8 bytes, alternately unsigned and signed. */
static int64_t read_constant(struct ct_reader *expression, uint8_t op)
{
	unsigned bits = 8u << ((op - DW_OP_const1u) / 2);
	uint64_t value = ct_read_fixed(expression, bits / 8);
	bool is_signed = (op - DW_OP_const1u) % 2;
	return is_signed ? (int64_t)(value << (64 - bits)) >> (64 - bits) : (int64_t)value;
}

static struct value evaluate(struct ct_reader expression, uint64_t address, struct stack *stack)
{
	while (expression.at < expression.end && !expression.bad && !stack->bad) {
		uint8_t op = (uint8_t)ct_read_fixed(&expression, 1);
		if (op >= DW_OP_lit0 && op <= DW_OP_lit31) {
			push(stack, (struct value){CONSTANT, op - DW_OP_lit0});
		} else if (op >= DW_OP_breg0 && op <= DW_OP_breg31) {
			push(stack, of_register(op - DW_OP_breg0, ct_read_sleb(&expression), address));
		} else if (op >= DW_OP_const1u && op < DW_OP_constu) {
			push(stack, (struct value){CONSTANT, read_constant(&expression, op)});
		} else if (op == DW_OP_constu) {
			push(stack, (struct value){CONSTANT, (int64_t)ct_read_uleb(&expression)});
		} else if (op == DW_OP_consts) {
			push(stack, (struct value){CONSTANT, ct_read_sleb(&expression)});
		} else if (op == DW_OP_plus_uconst) {
			struct value right = {CONSTANT, (int64_t)ct_read_uleb(&expression)};
			push(stack, combine(DW_OP_plus, pop(stack), right));
		} else if (op == DW_OP_and || op == DW_OP_minus || op == DW_OP_plus || op == DW_OP_shl ||
			   op == DW_OP_ge) {
			struct value right = pop(stack);
			push(stack, combine(op, pop(stack), right));
		} else if (op == DW_OP_deref) {
			struct value place = pop(stack);
			push(stack, (struct value){place.base == FROM_BP ? LOADED : OPEN, place.offset});
		} else {
			stack->bad = true;
		}
	}
	struct value result = pop(stack);
	return expression.bad || stack->bad ? (struct value){OPEN, 0} : result;
}

void ct_expression_cfa(struct ct_reader expression, uint64_t address, struct ct_row *row)
{
	struct stack stack = {.depth = 0};
	struct value value = evaluate(expression, address, &stack);
	row->base = value.base == FROM_SP   ? CT_BASE_SP
		    : value.base == FROM_BP ? CT_BASE_BP
		    : value.base == LOADED  ? CT_BASE_BP_LOAD
					    : CT_BASE_UNKNOWN;
	row->offset = value.offset;
}

struct ct_saved ct_expression_saved(struct ct_reader expression, uint64_t address)
{
	struct stack stack = {.values = {{FROM_CFA, 0}}, .depth = 1};
	struct value value = evaluate(expression, address, &stack);
	if (value.base == FROM_CFA)
		return (struct ct_saved){CT_SAVED_AT_CFA, value.offset};
	if (value.base == FROM_BP)
		return (struct ct_saved){CT_SAVED_AT_BP, value.offset};
	return (struct ct_saved){CT_SAVED_UNKNOWN, 0};
}
