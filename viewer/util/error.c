/* SPDX-License-Identifier: MIT */
#include "util/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int ct_error_set(struct ct_error_text *text, int code, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text->line, sizeof(text->line), format, arguments);
	va_end(arguments);
	return code;
}

int ct_error_context(struct ct_error_text *text, int code, const char *format, ...)
{
	char old[sizeof(text->line)];
	memcpy(old, text->line, sizeof(old));
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(text->line, sizeof(text->line), format, arguments);
	va_end(arguments);
	if (length >= 0 && (size_t)length < sizeof(text->line))
		snprintf(text->line + length, sizeof(text->line) - (size_t)length, ": %.*s", (int)(sizeof(old) - 1), old);
	return code;
}

int ct_error_exit_code(int code)
{
	if (code == CT_OK)
		return CT_EXIT_FINE;
	return code == CT_ERR_USAGE ? CT_EXIT_USAGE : CT_EXIT_UNREADABLE;
}
