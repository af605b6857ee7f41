/* SPDX-License-Identifier: MIT */
/* DWARF texts in files that may be damaged: libdw does not check that they are terminated. */
#ifndef CT_SYMBOL_DWARF_TEXT_H
#define CT_SYMBOL_DWARF_TEXT_H

#include <elfutils/libdw.h>
#include <stdbool.h>

/* Do all string sections end with a NUL? Check this before libdw joins names of files and folders. */
bool ct_dwarf_texts_end(Elf *elf);

/* An attribute's text; NULL: it has none, or the text does not end within its section. */
const char *ct_dwarf_text(Dwarf_Attribute *attribute);

#endif
