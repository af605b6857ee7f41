/* SPDX-License-Identifier: MIT */
/*
 * Finds the function at an address and the calls inlined into it. Each compilation unit has a table, built by one walk
 * over its DIEs at the first look-up of an address in it. libdw's dwarf_getscopes would walk the unit for each
 * address.
 */
#ifndef CT_SYMBOL_DWARF_TABLE_H
#define CT_SYMBOL_DWARF_TABLE_H

#include <elfutils/libdw.h>
#include <stddef.h>
#include <stdint.h>

struct ct_unit; /* a compilation unit's table */

/* Build a unit's table; its addresses are the Dwarf's own. NULL when out of memory. */
struct ct_unit *ct_unit_new(Dwarf_Die *unit_die);
void ct_unit_free(struct ct_unit *unit);

Dwarf_Die *ct_unit_die(struct ct_unit *unit);

/*
 * Find the DIEs of the function at the address and of the inlined calls that contain the address, outermost first.
 * Returns their number, at most max.
 */
size_t ct_unit_scopes(const struct ct_unit *unit, Dwarf_Addr address, Dwarf_Die *scopes, size_t max);

#endif
