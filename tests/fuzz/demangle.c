/* SPDX-License-Identifier: MIT */
/* Mangled names, one in each line, and the input as a text that is cut. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "symbol/demangle.h"
#include "util/cut.h"
#include "util/utf8.h"

static void check(char *name)
{
	size_t length = name ? strlen(name) : 0;
	if (length > CT_CUT_NAME_MAX || !ct_utf8_is_clean(name ? name : "", length))
		__builtin_trap();
	free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ct_demangler demangler;
	static char symbol[1 << 15], many[1 << 15];
	size_t used = 0;
	for (size_t i = 0; i <= size; i++) {
		if (i < size && data[i] && data[i] != '\n' && used + 1 < sizeof(symbol)) {
			symbol[used++] = (char)data[i];
			continue;
		}
		symbol[used] = '\0';
		used = 0;
		check(ct_demangle(&demangler, symbol));
		demangler.deaths = 0; /* try the next one too */
	}
	for (used = 0; size && used + size <= sizeof(many); used += size)
		memcpy(many + used, data, size);
	check(ct_cut_name(many, used, many, used));
	check(ct_cut_marked(many, used, many, used));
	return 0;
}
