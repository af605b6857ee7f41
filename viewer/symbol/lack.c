/* SPDX-License-Identifier: MIT */
#include "symbol/lack.h"

#include <dwarf.h>
#include <gelf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "symbol/sysroot.h"

#ifndef ELFCOMPRESS_ZSTD /* elf.h of C libraries before 2.37 */
#define ELFCOMPRESS_ZSTD 2
#endif

static bool has_zstd(const char *path)
{
	struct stat status;
	int fd = path ? ct_sysroot_open(path, 0, &status) : -1;
	Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ_MMAP, NULL);
	Elf_Scn *section = NULL;
	bool found = false;
	while (elf && !found && (section = elf_nextscn(elf, section))) {
		GElf_Chdr header;
		found = gelf_getchdr(section, &header) && header.ch_type == ELFCOMPRESS_ZSTD;
	}
	elf_end(elf);
	if (fd >= 0)
		close(fd);
	return found;
}

/* Is there a unit whose functions are in a .dwo file that was not found? */
static bool lacks_split(Dwfl_Module *module)
{
	Dwarf_Die *die = NULL;
	Dwarf_Addr bias;
	while ((die = dwfl_module_nextcu(module, die, &bias))) {
		Dwarf_Die split = {0};
		Dwarf_Half version;
		uint8_t type;
		if (dwarf_cu_info(die->cu, &version, &type, NULL, &split, NULL, NULL, NULL) == 0 &&
		    type == DW_UT_skeleton && !split.addr)
			return true;
	}
	return false;
}

static bool has_package(const char *path)
{
	char package[4096];
	return path && snprintf(package, sizeof(package), "%s.dwp", path) < (int)sizeof(package) &&
	       access(package, F_OK) == 0;
}

enum ct_symbol_lack ct_symbol_lack(Dwfl_Module *module, const char **file)
{
	const char *main_file, *debug_file;
	Dwarf_Addr bias;
	Dwarf *dwarf = dwfl_module_getdwarf(module, &bias);
	dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, &main_file, &debug_file);
	*file = debug_file ? debug_file : main_file;
	if (!dwarf) {
		if (has_zstd(*file))
			return CT_LACK_ZSTD;
		*file = main_file;
		return has_zstd(main_file) ? CT_LACK_ZSTD : CT_LACK_NONE;
	}
	if (!lacks_split(module))
		return CT_LACK_NONE;
	if (has_package(*file))
		return CT_LACK_PACKAGE;
	*file = main_file;
	return has_package(main_file) ? CT_LACK_PACKAGE : CT_LACK_SPLIT;
}
