/* SPDX-License-Identifier: MIT */
#include "cmd/cmd.h"

#include <stdarg.h>

#include "util/message.h"

int ct_cmd_fail(const char *command, int exit_code, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	ct_message_list(command, format, arguments);
	va_end(arguments);
	return exit_code;
}

int ct_cmd_fail_files(const char *command, int count)
{
	return ct_cmd_fail(command, CT_EXIT_USAGE, "%s; see ctrace %s --help",
			   count ? "one file at a time" : "no input file", command);
}
