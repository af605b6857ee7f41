/* SPDX-License-Identifier: MIT */
#include "symbol/dwarf_text.h"

#include <string.h>

bool ct_dwarf_texts_end(Elf *elf)
{
	size_t names;
	if (elf_getshdrstrndx(elf, &names) != 0)
		return false;
	for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
		GElf_Shdr header;
		const char *name = gelf_getshdr(section, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;
		if (!name || (strcmp(name, ".debug_str") != 0 && strcmp(name, ".debug_line_str") != 0))
			continue;
		const Elf_Data *data = elf_getdata(section, NULL);
		if (!data || !data->d_size || ((const char *)data->d_buf)[data->d_size - 1])
			return false;
	}
	return true;
}

/* Is the text, including its NUL, inside one of the file's sections? */
static bool ends_in(Elf *elf, const char *text)
{
	for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
		const Elf_Data *data = elf_getdata(section, NULL);
		const char *start = data ? data->d_buf : NULL;
		if (start && text >= start && text < start + data->d_size)
			return memchr(text, '\0', (size_t)(start + data->d_size - text)) != NULL;
	}
	return false;
}

const char *ct_dwarf_text(Dwarf_Attribute *attribute)
{
	const char *text = dwarf_formstring(attribute);
	if (!text)
		return NULL;
	Dwarf *dwarf = dwarf_cu_getdwarf(attribute->cu);
	Dwarf *other = dwarf_getalt(dwarf); /* where dwz has moved shared parts */
	return ends_in(dwarf_getelf(dwarf), text) || (other && ends_in(dwarf_getelf(other), text)) ? text : NULL;
}
