/* SPDX-License-Identifier: MIT */
#include "write/put_xml.h"

#include <string.h>

void ct_put_xml(FILE *out, const char *text)
{
	for (;;) {
		size_t plain = strcspn(text, "&<>\"'\xef");
		fwrite(text, 1, plain, out);
		text += plain;
		switch (*text) {
		case '\0':
			return;
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			if (!strncmp(text, "\xef\xbf\xbe", 3) || !strncmp(text, "\xef\xbf\xbf", 3)) {
				fputs("\xef\xbf\xbd", out);
				text += 2;
			} else {
				putc(*text, out);
			}
		}
		text++;
	}
}
