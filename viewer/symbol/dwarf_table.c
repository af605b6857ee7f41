/* SPDX-License-Identifier: MIT */
#include "symbol/dwarf_table.h"

#include <dwarf.h>
#include <stdbool.h>
#include <stdlib.h>

#include "util/array.h"
#include "util/search.h"

#define NESTING_MAX 200 /* of DIEs inside DIEs; deeper ones are left out */

/* An inlined call: one row for each of its address ranges; parents come before children. */
struct inlined {
	Dwarf_Addr low, high;
	Dwarf_Off die;
};

/* A function: one row for each of its address ranges; its inlined calls are adjacent. */
struct function {
	Dwarf_Addr low, high;
	Dwarf_Off die;
	size_t first_inlined, inlined_count;
};

struct ct_unit {
	Dwarf_Die die; /* has the lines */
	Dwarf_Die tree; /* has the functions: the same DIE, or the one that -gsplit-dwarf put into a .dwo file */
	struct function *functions; /* by low */
	size_t function_count, function_room;
	struct inlined *inlined;
	size_t inlined_count, inlined_room;
	Dwarf_Off reached; /* by the walk. In a damaged file, a sibling may lead back, and the walk would never end */
};

static bool is_new(struct ct_unit *unit, Dwarf_Die *die)
{
	Dwarf_Off offset = dwarf_dieoffset(die);
	bool new = offset > unit->reached;
	if (new)
		unit->reached = offset;
	return new;
}

static bool add_inlined(struct ct_unit *unit, Dwarf_Die *die)
{
	Dwarf_Addr base, low, high;
	ptrdiff_t offset = 0;
	while ((offset = dwarf_ranges(die, offset, &base, &low, &high)) > 0) {
		if (!ct_array_room(&unit->inlined, &unit->inlined_room, unit->inlined_count + 1,
				   sizeof(*unit->inlined)))
			return false;
		unit->inlined[unit->inlined_count++] = (struct inlined){low, high, dwarf_dieoffset(die)};
	}
	return true;
}

static bool walk_function(struct ct_unit *unit, Dwarf_Die *parent, int nesting)
{
	Dwarf_Die child;
	if (nesting > NESTING_MAX || dwarf_child(parent, &child) != 0)
		return true;
	do {
		if (!is_new(unit, &child))
			return true;
		int tag = dwarf_tag(&child);
		if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block)
			continue;
		if (tag == DW_TAG_inlined_subroutine && !add_inlined(unit, &child))
			return false;
		if (!walk_function(unit, &child, nesting + 1))
			return false;
	} while (dwarf_siblingof(&child, &child) == 0);
	return true;
}

static bool add_function(struct ct_unit *unit, Dwarf_Die *die)
{
	size_t first = unit->function_count;
	Dwarf_Addr base, low, high;
	ptrdiff_t offset = 0;
	while ((offset = dwarf_ranges(die, offset, &base, &low, &high)) > 0) {
		if (!ct_array_room(&unit->functions, &unit->function_room, unit->function_count + 1,
				   sizeof(*unit->functions)))
			return false;
		unit->functions[unit->function_count++] =
			(struct function){.low = low, .high = high, .die = dwarf_dieoffset(die)};
	}
	if (unit->function_count == first) /* a declaration, or a function that is only inlined */
		return true;
	size_t first_inlined = unit->inlined_count;
	Dwarf_Off reached = unit->reached;
	if (!walk_function(unit, die, 0))
		return false;
	unit->reached = reached; /* another walk looks for functions inside it */
	for (size_t i = first; i < unit->function_count; i++) {
		unit->functions[i].first_inlined = first_inlined;
		unit->functions[i].inlined_count = unit->inlined_count - first_inlined;
	}
	return true;
}

/* Functions occur at the top, in namespaces, classes and modules, and (Ada, GNU C) in functions. */
static bool walk_scope(struct ct_unit *unit, Dwarf_Die *parent, int nesting)
{
	Dwarf_Die child;
	if (nesting > NESTING_MAX || dwarf_child(parent, &child) != 0)
		return true;
	do {
		if (!is_new(unit, &child))
			return true;
		bool ok = true;
		switch (dwarf_tag(&child)) {
		case DW_TAG_subprogram:
			ok = add_function(unit, &child) && walk_scope(unit, &child, nesting + 1);
			break;
		case DW_TAG_namespace:
		case DW_TAG_structure_type:
		case DW_TAG_class_type:
		case DW_TAG_union_type:
		case DW_TAG_module:
		case DW_TAG_enumeration_type:
			ok = walk_scope(unit, &child, nesting + 1);
			break;
		default:
			break;
		}
		if (!ok)
			return false;
	} while (dwarf_siblingof(&child, &child) == 0);
	return true;
}

static int by_low(const void *left, const void *right)
{
	const struct function *a = left, *b = right;
	return a->low < b->low ? -1 : a->low > b->low;
}

struct ct_unit *ct_unit_new(Dwarf_Die *unit_die)
{
	struct ct_unit *unit = calloc(1, sizeof(*unit));
	if (!unit)
		return NULL;
	Dwarf_Half version;
	uint8_t type;
	unit->die = unit->tree = *unit_die;
	if (dwarf_cu_info(unit_die->cu, &version, &type, NULL, &unit->tree, NULL, NULL, NULL) != 0 ||
	    type != DW_UT_skeleton || !unit->tree.addr)
		unit->tree = *unit_die;
	if (!walk_scope(unit, &unit->tree, 0)) {
		ct_unit_free(unit);
		return NULL;
	}
	if (unit->function_count)
		qsort(unit->functions, unit->function_count, sizeof(*unit->functions), by_low);
	return unit;
}

void ct_unit_free(struct ct_unit *unit)
{
	if (!unit)
		return;
	free(unit->functions);
	free(unit->inlined);
	free(unit);
}

Dwarf_Die *ct_unit_die(struct ct_unit *unit)
{
	return &unit->die;
}

static const struct function *find_function(const struct ct_unit *unit, Dwarf_Addr address)
{
	size_t found = ct_search_not_above(unit->functions, unit->function_count, sizeof(*unit->functions), address);
	return found && address < unit->functions[found - 1].high ? &unit->functions[found - 1] : NULL;
}

size_t ct_unit_scopes(const struct ct_unit *unit, Dwarf_Addr address, Dwarf_Die *scopes, size_t max)
{
	Dwarf *dwarf = dwarf_cu_getdwarf(unit->tree.cu);
	const struct function *function = find_function(unit, address);
	size_t count = 0;
	if (!function || !max || !dwarf_offdie(dwarf, function->die, &scopes[count]))
		return 0;
	count++;
	for (size_t i = 0; i < function->inlined_count && count < max; i++) {
		const struct inlined *inlined = &unit->inlined[function->first_inlined + i];
		if (address >= inlined->low && address < inlined->high &&
		    dwarf_offdie(dwarf, inlined->die, &scopes[count]))
			count++;
	}
	return count;
}
