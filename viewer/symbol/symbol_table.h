/* SPDX-License-Identifier: MIT */
/*
 * An object's function symbols, by address. If an address has several names, the one that people use is kept:
 * asprintf, not __asprintf or __GI___asprintf.
 */
#ifndef CT_SYMBOL_SYMBOL_TABLE_H
#define CT_SYMBOL_SYMBOL_TABLE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ct_symbol_entry {
	uint64_t start;
	uint64_t end; /* first address after it; for a label: the end of its section */
	const char *name;
	bool is_label; /* without a size, as in assembler code */
};

struct ct_symbol_table {
	struct ct_symbol_entry *entries; /* sorted by start, one for each start */
	size_t count, room;
};

/* Fill the table from .symtab, or else from .dynsym. Symbols that do not fit in memory are left out. */
void ct_symbol_table_read(struct ct_symbol_table *table, Dwfl_Module *module);
void ct_symbol_table_free(struct ct_symbol_table *table);

/* The symbol that contains the address; NULL = none. */
const struct ct_symbol_entry *ct_symbol_table_find(const struct ct_symbol_table *table, uint64_t address);

#endif
