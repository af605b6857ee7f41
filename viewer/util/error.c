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

int ct_error_no_memory(struct ct_error_text *text)
{
	return ct_error_set(text, CT_ERR_MEMORY, "not enough memory");
}

int ct_error_context(struct ct_error_text *text, int code, const char *format, ...)
{
	char old[sizeof(text->line)];
	char context[sizeof(text->line) / 2];
	memcpy(old, text->line, sizeof(old));
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(context, sizeof(context), format, arguments);
	va_end(arguments);
	snprintf(text->line, sizeof(text->line), "%s: %.*s", context, (int)(sizeof(old) / 2 - 4), old);
	return code;
}

int ct_error_exit_code(int code)
{
	if (code == CT_OK)
		return CT_EXIT_FINE;
	return code == CT_ERR_USAGE ? CT_EXIT_USAGE : CT_EXIT_UNREADABLE;
}
