/* SPDX-License-Identifier: MIT */
#include "symbol/symbol_table.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/search.h"

#define LOOK_BACK 16 /* entries; a function's own labels may lie between its start and the address */

static bool is_code(const GElf_Sym *symbol)
{
	int type = GELF_ST_TYPE(symbol->st_info);
	return type == STT_FUNC || type == STT_GNU_IFUNC || (type == STT_NOTYPE && symbol->st_shndx != SHN_ABS);
}

/* The length without the version: fgets@@GLIBC_2.2.5. */
static size_t name_length(const char *name)
{
	return strcspn(name, "@");
}

/* Is it an internal name of the C library: __GI_fgets, __libc_start_main_impl, foo.localalias? */
static bool is_internal(const char *name)
{
	size_t length = name_length(name);
	return !strncmp(name, "__GI_", 5) || memchr(name, '.', length) ||
	       (length > 5 && !strncmp(name + length - 5, "_impl", 5));
}

static size_t oddity(const char *name)
{
	return strspn(name, "_") + (is_internal(name) ? 100 : 0);
}

/* Is one a better name than other for the same address? */
static bool is_better(const struct ct_symbol_entry *one, const struct ct_symbol_entry *other)
{
	if (one->is_label != other->is_label)
		return !one->is_label;
	size_t a = oddity(one->name), b = oddity(other->name);
	if (a != b)
		return a < b;
	a = name_length(one->name);
	b = name_length(other->name);
	return a != b ? a < b : strcmp(one->name, other->name) < 0;
}

static int by_start(const void *left, const void *right)
{
	const struct ct_symbol_entry *a = left, *b = right;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return is_better(a, b) ? -1 : 1;
}

/* The distance from a label to the end of its section; 0 if the section is not code. */
static uint64_t bytes_to_section_end(Elf *elf, GElf_Word section, uint64_t value)
{
	GElf_Shdr header;
	if (!gelf_getshdr(elf_getscn(elf, section), &header) || !(header.sh_flags & SHF_EXECINSTR))
		return 0;
	return value - header.sh_addr < header.sh_size ? header.sh_addr + header.sh_size - value : 0;
}

void ct_symbol_table_read(struct ct_symbol_table *table, Dwfl_Module *module)
{
	int count = dwfl_module_getsymtab(module);
	for (int i = 1; i < count; i++) {
		GElf_Sym symbol;
		GElf_Addr address;
		GElf_Word section;
		Elf *elf;
		const char *name = dwfl_module_getsym_info(module, i, &symbol, &address, &section, &elf, NULL);
		if (!name || !*name || *name == '$' || section == SHN_UNDEF || !is_code(&symbol))
			continue;
		if (!ct_array_room(&table->entries, &table->room, table->count + 1, sizeof(*table->entries)))
			break;
		bool is_label = symbol.st_size == 0;
		uint64_t bytes = is_label ? bytes_to_section_end(elf, section, symbol.st_value) : symbol.st_size;
		table->entries[table->count++] = (struct ct_symbol_entry){address, address + bytes, name, is_label};
	}
	if (!table->count)
		return;
	qsort(table->entries, table->count, sizeof(*table->entries), by_start);
	size_t kept = 1;
	for (size_t i = 1; i < table->count; i++)
		if (table->entries[i].start != table->entries[kept - 1].start)
			table->entries[kept++] = table->entries[i];
	table->count = kept;
}

void ct_symbol_table_free(struct ct_symbol_table *table)
{
	free(table->entries);
}

const struct ct_symbol_entry *ct_symbol_table_find(const struct ct_symbol_table *table, uint64_t address)
{
	size_t found = ct_search_not_above(table->entries, table->count, sizeof(*table->entries), address);
	for (size_t i = found; i > 0 && found - i < LOOK_BACK; i--)
		if (address < table->entries[i - 1].end && !table->entries[i - 1].is_label)
			return &table->entries[i - 1];
	/* A label reaches to the next symbol. */
	return found && address < table->entries[found - 1].end ? &table->entries[found - 1] : NULL;
}
