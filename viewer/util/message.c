/* SPDX-License-Identifier: MIT */
#include "util/message.h"

#include <stdio.h>
#include <stdlib.h>

#include "util/utf8.h"

static void say(const char *format, va_list arguments)
{
	char *line = NULL, *clean = NULL;
	int length = vasprintf(&line, format, arguments);
	if (length >= 0)
		clean = ct_utf8_clean(line, (size_t)length, NULL);
	fprintf(stderr, "%s\n", clean ? clean : "not enough memory");
	if (length >= 0)
		free(line);
	free(clean);
}

void ct_message(const char *format, ...)
{
	va_list arguments;
	fputs("ctrace: ", stderr);
	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
}

void ct_message_list(const char *command, const char *format, va_list arguments)
{
	fprintf(stderr, "ctrace %s: ", command);
	say(format, arguments);
}

void ct_message_for(const char *command, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	ct_message_list(command, format, arguments);
	va_end(arguments);
}
