/* SPDX-License-Identifier: MIT */
#include "write/put_xml.h"

#include <string.h>

static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void ct_put_xml_part(FILE *out, const char *text, size_t bytes)
{
	const char *end = text + bytes;
	while (text < end) {
		size_t plain = strcspn(text, "&<>\"'\xef");
		if (plain > (size_t)(end - text))
			plain = (size_t)(end - text);
		fwrite(text, 1, plain, out);
		text += plain;
		if (text == end)
			return;
		if (!strncmp(text, "\xef\xbf\xbe", 3) || !strncmp(text, "\xef\xbf\xbf", 3)) {
			fputs("\xef\xbf\xbd", out);
			text += 3;
			continue;
		}
		const char *escaped = entity(*text);
		if (escaped)
			fputs(escaped, out);
		else
			putc(*text, out);
		text++;
	}
}

void ct_put_xml(FILE *out, const char *text)
{
	ct_put_xml_part(out, text, strlen(text));
}
