/* SPDX-License-Identifier: MIT */
/* An auditor of the loader: allocates in its callbacks, and makes every call between objects go through the loader. */
#include <link.h>
#include <stdint.h>
#include <stdlib.h>

#include "site.h"

static void allocate(void)
{
	void *block = malloc(100);
	KEEP(block);
	free(block);
}

unsigned la_version(unsigned version)
{
	allocate();
	return version;
}

unsigned la_objopen(struct link_map *map, Lmid_t space, uintptr_t *cookie)
{
	(void)map, (void)space, (void)cookie;
	allocate();
	return LA_FLG_BINDTO | LA_FLG_BINDFROM;
}

uintptr_t la_symbind64(Elf64_Sym *symbol, unsigned index, uintptr_t *from, uintptr_t *to, unsigned *flags,
		       const char *name)
{
	(void)index, (void)from, (void)to, (void)flags, (void)name;
	allocate();
	return symbol->st_value;
}

Elf64_Addr la_x86_64_gnu_pltenter(Elf64_Sym *symbol, unsigned index, uintptr_t *from, uintptr_t *to,
				  La_x86_64_regs *registers, unsigned *flags, const char *name, long *frame_bytes)
{
	(void)index, (void)from, (void)to, (void)registers, (void)flags, (void)name, (void)frame_bytes;
	return symbol->st_value;
}
