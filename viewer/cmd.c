/* SPDX-License-Identifier: MIT */
#include "cmd.h"

#include <stdarg.h>
#include <stdio.h>

int ct_cmd_fail(const char *command, int exit_code, const char *format, ...)
{
	va_list arguments;
	fprintf(stderr, "ctrace %s: ", command);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return exit_code;
}
