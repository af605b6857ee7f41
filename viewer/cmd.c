/* SPDX-License-Identifier: MIT */
#include "cmd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/profile.h"
#include "util/error.h"
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

void ct_cmd_say(const char *format, ...)
{
	va_list arguments;
	fputs("ctrace: ", stderr);
	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
}

int ct_cmd_fail(const char *command, int exit_code, const char *format, ...)
{
	va_list arguments;
	fprintf(stderr, "ctrace %s: ", command);
	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
	return exit_code;
}

void ct_cmd_warn_torn(const struct ct_profile *profile, const char *path)
{
	if (profile->torn)
		ct_cmd_say("%s: copied while it was written, so its numbers do not add up; copy the store with "
			   "ctrace export --live, or when its program has ended",
			   path);
}

int ct_cmd_rows(const char *command, const char *text, size_t *rows)
{
	char *end;
	errno = 0;
	*rows = strtoul(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0)
		return 0;
	ct_cmd_fail(command, CT_EXIT_USAGE, "-n %s: not a number of rows (0 = all)", text);
	return -1;
}

int ct_cmd_percent(const char *command, const char *text, double *percent)
{
	char *end;
	*percent = strtod(text, &end);
	if (end != text && *end == '\0' && *percent >= 0 && *percent <= 100)
		return 0;
	ct_cmd_fail(command, CT_EXIT_USAGE, "--min %s: not a percentage from 0 to 100", text);
	return -1;
}

int ct_cmd_color(const char *command, const char *text, enum ct_color_mode *mode)
{
	static const char *const names[] = {"auto", "always", "never"};
	for (int i = 0; i < 3; i++) {
		if (strcmp(text, names[i]) == 0) {
			*mode = (enum ct_color_mode)i;
			return 0;
		}
	}
	ct_cmd_fail(command, CT_EXIT_USAGE, "--color %s: it is auto, always or never", text);
	return -1;
}
