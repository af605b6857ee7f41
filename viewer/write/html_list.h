/* SPDX-License-Identifier: MIT */
/* Lists of numbers in the data of the page. */
#ifndef CT_WRITE_HTML_LIST_H
#define CT_WRITE_HTML_LIST_H

#include <stdbool.h>

#include "write/put_json.h"

static inline void ct_begin_list(FILE *out, const char *name, bool more)
{
	fprintf(out, "%s\"%s\":[", more ? ",\n" : "", name);
}

static inline void ct_put_item(FILE *out, size_t i, uint64_t number)
{
	if (i)
		putc_unlocked(',', out);
	ct_put_number(out, number);
}

/* Write a list of `count` numbers; `number` is an expression of the index `i`. */
#define CT_PUT_LIST(out, name, more, count, number)                                                                    \
	do {                                                                                                           \
		ct_begin_list(out, name, more);                                                                        \
		for (size_t i = 0; i < (count); i++)                                                                   \
			ct_put_item(out, i, number);                                                                   \
		putc_unlocked(']', out);                                                                               \
	} while (0)

#endif
