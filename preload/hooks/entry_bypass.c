/* SPDX-License-Identifier: MIT */
/*
 * Functions of an allocator that is linked into the program: their calls go through no slot. Only the symbol table of
 * the program's file shows that they are there; it is not loaded, and read at start. (If such an allocator provides
 * malloc too, heap/real.c notices.)
 */
#include <elf.h>
#include <link.h>
#include <string.h>

#include "hooks/entries.h"
#include "hot/state.h"
#include "sys/lock.h"
#include "sys/page.h"
#include "sys/region.h"
#include "sys/say.h"
#include "sys/sys.h"
#include "unwind/file_tables.h"
#include "unwind/objects.h"

#define SECTION_BYTES_MAX (128ull << 20)
#define SYMBOLS_READ 256u

static char first_name[64]; /* of the functions that were found */

static bool ends_with(const char *name, size_t length, const char *ending)
{
	size_t bytes = strlen(ending);
	return length >= bytes && !memcmp(name + length - bytes, ending, bytes);
}

/* Each such allocator has a function with one of these endings, whatever its prefix. */
static bool hints_at_allocator(const char *name, size_t length)
{
	return ends_with(name, length, "mallocx") ||
	       (ends_with(name, length, "_malloc") &&
		(ends_with(name, length, "je_malloc") || ends_with(name, length, "jem_malloc") ||
		 ends_with(name, length, "tc_malloc") || ends_with(name, length, "mi_malloc")));
}

static bool any_hint(const char *strings, size_t bytes)
{
	for (const char *at = strings, *end = strings + bytes, *stop; at < end; at = stop + 1) {
		stop = memchr(at, '\0', (size_t)(end - at));
		if (!stop)
			break;
		if (hints_at_allocator(at, (size_t)(stop - at)))
			return true;
	}
	return false;
}

static bool is_entry(const char *name, size_t length)
{
	if (ends_with(name, length, "mallocx") || ends_with(name, length, "dallocx") ||
	    ends_with(name, length, "rallocx"))
		return true;
	for (uint32_t i = 0; i < CT_ENTRIES; i++)
		if (!strcmp(ct_entries[i].name, name))
			return true;
	return false;
}

/* Count the functions of an allocator that the object defines. strings ends in a NUL. */
static uint32_t count_entries(int fd, const ElfW(Shdr) * table, const char *strings, size_t bytes)
{
	static ElfW(Sym) symbols[SYMBOLS_READ];
	uint32_t found = 0;
	for (uint64_t at = 0; at < table->sh_size; at += sizeof(symbols)) {
		size_t left = table->sh_size - at < sizeof(symbols) ? table->sh_size - at : sizeof(symbols);
		if (!ct_sys_read_at(fd, symbols, left, table->sh_offset + at))
			break;
		for (size_t i = 0; i < left / sizeof(*symbols); i++) {
			const char *name = strings + symbols[i].st_name;
			if (symbols[i].st_shndx == SHN_UNDEF || ELF64_ST_TYPE(symbols[i].st_info) != STT_FUNC ||
			    symbols[i].st_name >= bytes || !is_entry(name, strlen(name)))
				continue;
			/* The name to print: the shortest one with "malloc" in it. */
			size_t length = strlen(name);
			if (length < sizeof(first_name) && hints_at_allocator(name, length) &&
			    (!*first_name || length < strlen(first_name)))
				memcpy(first_name, name, length + 1);
			found++;
		}
	}
	return found;
}

static uint32_t look_at_symbols(int fd, const ElfW(Shdr) * table, const ElfW(Shdr) * strings)
{
	size_t pages = ct_page_round_up(strings->sh_size + 1); /* and a NUL */
	char *copy = strings->sh_size && strings->sh_size <= SECTION_BYTES_MAX ? ct_region_map(pages) : NULL;
	uint32_t found = 0;
	if (copy && ct_sys_read_at(fd, copy, strings->sh_size, strings->sh_offset) && any_hint(copy, strings->sh_size))
		found = count_entries(fd, table, copy, strings->sh_size);
	if (copy)
		ct_sys_munmap(copy, pages);
	return found;
}

static uint32_t look_at_file(int fd, const ElfW(Ehdr) * header)
{
	ElfW(Shdr) section, strings;
	for (uint32_t i = 0; i < header->e_shnum; i++)
		if (ct_sys_read_at(fd, &section, sizeof(section), header->e_shoff + i * sizeof(section)) &&
		    section.sh_type == SHT_SYMTAB && section.sh_link < header->e_shnum &&
		    ct_sys_read_at(fd, &strings, sizeof(strings), header->e_shoff + section.sh_link * sizeof(strings)))
			return look_at_symbols(fd, &section, &strings);
	return 0;
}

void ct_entries_count_bypassed(void)
{
	struct ct_object object;
	ElfW(Ehdr) header;
	uint32_t found = 0;
	if (!ct_entries_program || !ct_object_find(ct_entries_program, &object))
		return;
	ct_lock_get(&ct_lock_objects);
	int fd = ct_object_open(&object, &header);
	if (fd >= 0) {
		found = look_at_file(fd, &header);
		ct_sys_close(fd);
	}
	ct_lock_put(&ct_lock_objects);
	found = found < CT_STORE_BYPASSED_MAX ? found : CT_STORE_BYPASSED_MAX;
	ct_tracer.header->flags |= found << CT_STORE_BYPASSED_SHIFT;
}

void ct_entries_say(void)
{
	if (*first_name)
		ct_say("an allocator is linked into the program; what its ", first_name, " allocates is not recorded");
}
