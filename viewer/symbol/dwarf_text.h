/* SPDX-License-Identifier: MIT */
/* Texts of DWARF in files that may be damaged: libdw does not look for their ends. */
#ifndef CT_SYMBOL_DWARF_TEXT_H
#define CT_SYMBOL_DWARF_TEXT_H

#include <elfutils/libdw.h>
#include <stdbool.h>

/* Do all sections of texts end with one? Before libdw joins names of files and folders. */
bool ct_dwarf_texts_end(Elf *elf);

/* An attribute's text; NULL: it has none, or one that does not end in its section. */
const char *ct_dwarf_text(Dwarf_Attribute *attribute);

#endif
