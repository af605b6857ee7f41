/* SPDX-License-Identifier: MIT */
/*
 * Readable names of symbols: C++, Rust and D, by libiberty.
 *
 * A symbol comes from a file that anybody may have made, and libiberty has few limits: 200 letters can stand for
 * gigabytes of text, take hours, or nest until the stack ends. Here, a short symbol of C++ or Rust is demangled at
 * once, until its text exceeds the bound of util/cut.h. All others go to a child process, which has limits of processor
 * time, memory and stack, and leaves out what is nested deepest. A symbol that kills the child keeps its mangled name.
 */
#ifndef CT_SYMBOL_DEMANGLE_H
#define CT_SYMBOL_DEMANGLE_H

#include <stddef.h>
#include <sys/types.h>

struct ct_demangler {
	int socket; /* to the child */
	pid_t child; /* 0 = not running; it is started by the first symbol that needs it */
	unsigned deaths; /* children that a symbol has killed */
};

void ct_demangler_fini(struct ct_demangler *demangler);

/* The symbol's name, at most CT_CUT_NAME_MAX bytes, to be freed; NULL when out of memory. */
char *ct_demangle(struct ct_demangler *demangler, const char *symbol);

#endif
