/* SPDX-License-Identifier: MIT */
/*
 * Where the debug information of an object file is, if it has a file of its own: below /usr/lib/debug by build-id or by
 * path, or beside the object by the name in its .gnu_debuglink. Without a sysroot libdwfl finds it.
 */
#ifndef CT_SYMBOL_DEBUG_FILES_H
#define CT_SYMBOL_DEBUG_FILES_H

#include <elfutils/libdwfl.h>

/* Call visit() with each place for the object at this path, whether there is a file or not. */
void ct_debug_files_visit(Dwfl_Module *module, const char *path, void (*visit)(void *argument, const char *path),
			  void *argument);

/* For Dwfl_Callbacks. Below a sysroot a file counts if its build-id is the object's, or, without one, its checksum. */
int ct_debug_files_find(Dwfl_Module *module, void **unused, const char *name, Dwarf_Addr base, const char *path,
			const char *link, GElf_Word crc, char **found);

#endif
