/* SPDX-License-Identifier: MIT */
/* What a demangler writes, up to a limit. Only for demangle*.c. */
#ifndef CT_SYMBOL_DEMANGLE_TEXT_H
#define CT_SYMBOL_DEMANGLE_TEXT_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

struct demangle_component;

#define CT_DEMANGLE_OPTIONS (DMGL_PARAMS | DMGL_ANSI)

struct ct_demangle_text {
	char *bytes; /* the caller's; not terminated */
	size_t used, room;
	bool is_full; /* the demangler has been left in the middle */
	jmp_buf full;
};

/* How far a tree is cut. */
struct ct_demangle_cut {
	unsigned depth; /* nested lists of arguments */
	unsigned width; /* arguments of a list */
};

/* These return false if the demangler failed or the text is full. */
bool ct_demangle_cpp(struct ct_demangle_text *text, const char *symbol, int options);
bool ct_demangle_rust(struct ct_demangle_text *text, const char *symbol);

/*
 * Copy a symbol's tree with "..." for what is nested deeper and for arguments above the width; free the copy with free.
 * NULL when out of memory. Without the cut, subtrees that the symbol shares would be written out again and again.
 */
struct demangle_component *ct_demangle_cut_tree(const struct demangle_component *tree, struct ct_demangle_cut cut);

/* In the child: the symbol's name; NULL = not demangled. */
char *ct_demangle_long(const char *symbol);

#endif
