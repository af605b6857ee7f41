/* SPDX-License-Identifier: MIT */
/*
 * charsets [ROUNDS]: the C library loads a module for each character set, which allocates, and unloads it without
 * dlclose. Another module is then loaded in its place.
 */
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>

#include "site.h"

SITE static int convert(const char *charset)
{
	char in[] = "text";
	char out[64];
	char *from = in, *to = out;
	size_t left = 4, room = sizeof(out);
	iconv_t conversion = iconv_open(charset, "UTF-8");
	if (conversion == (iconv_t)-1)
		return 0;
	iconv(conversion, &from, &left, &to, &room);
	iconv_close(conversion);
	KEEP(out);
	return 1;
}

int main(int argc, char **argv)
{
	static const char *const charsets[] = {"UTF-16",      "UTF-32",    "ISO-2022-KR", "UTF-7",
					       "ISO-2022-CN", "UNICODE",   "ISO-2022-JP", "ISO-2022-CN-EXT",
					       "IBM1364",     "BIG5HKSCS", "ISO646-DE",   "IBM930"};
	int done = 0;
	int rounds = argc > 1 ? atoi(argv[1]) : 5;
	for (int i = 0; i < rounds; i++)
		for (size_t c = 0; c < sizeof(charsets) / sizeof(charsets[0]); c++)
			done += convert(charsets[c]);
	printf("%d conversions\n", done);
	return done ? 0 : 1;
}
