/* SPDX-License-Identifier: MIT */
/*
 * Which function, and which calls inlined into it, stand at an address: one table for each compilation
 * unit, made from one walk over its DIEs when its first address is asked for. Asking libdw's
 * dwarf_getscopes instead would walk the unit again for each address.
 */
#ifndef CT_SYMBOL_DWARF_TABLE_H
#define CT_SYMBOL_DWARF_TABLE_H

#include <elfutils/libdw.h>
#include <stddef.h>
#include <stdint.h>

struct ct_unit; /* a compilation unit's table */

/* NULL without memory. Addresses are the Dwarf's own. */
struct ct_unit *ct_unit_new(Dwarf_Die *unit_die);
void ct_unit_free(struct ct_unit *unit);

Dwarf_Die *ct_unit_die(struct ct_unit *unit);

/*
 * The DIEs of the function at the address and of the calls inlined around it, outermost first. Returns
 * how many, at most max.
 */
size_t ct_unit_scopes(const struct ct_unit *unit, Dwarf_Addr address, Dwarf_Die *scopes, size_t max);

#endif
