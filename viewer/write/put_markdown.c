/* SPDX-License-Identifier: MIT */
#include "write/put_markdown.h"

#include <string.h>

void ct_put_code(const char *text, FILE *out)
{
	putc('`', out);
	for (; *text; text++) {
		if (*text == '|')
			putc('\\', out);
		putc(*text == '`' ? '\'' : (unsigned char)*text < ' ' || *text == 127 ? ' ' : *text, out);
	}
	putc('`', out);
}

void ct_put_plain(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (strchr("\\`*[]<>|&", *text))
			putc('\\', out);
		putc((unsigned char)*text < ' ' || *text == 127 ? ' ' : *text, out);
	}
}
