/* SPDX-License-Identifier: MIT */
/* Why an object that has debug information gives no lines or inlined calls. */
#ifndef CT_SYMBOL_LACK_H
#define CT_SYMBOL_LACK_H

#include "symbol/symbol.h"
#include "symbol/symbol_table.h"

/* *file: the file that it is about, valid as long as the module; not set with CT_LACK_NONE. */
enum ct_symbol_lack ct_symbol_lack(Dwfl_Module *module, const char **file);

#endif
