/* SPDX-License-Identifier: MIT */
#include "util/message.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/progress.h"
#include "util/utf8.h"

static bool collects;
static char *collected;

static void collect(const char *line)
{
	char *longer;
	if (asprintf(&longer, "%s%s%s", collected ? collected : "", collected ? "; " : "", line) < 0)
		return;
	free(collected);
	collected = longer;
}

void ct_message_collect(void)
{
	collects = true;
}

char *ct_message_collected(void)
{
	char *lines = collected;
	collects = false;
	collected = NULL;
	return lines;
}

/* start: what a printed line begins with. */
static void say(const char *start, const char *format, va_list arguments)
{
	char *line = NULL, *clean = NULL;
	int length = vasprintf(&line, format, arguments);
	if (length >= 0)
		clean = ct_utf8_clean(line, (size_t)length, NULL);
	const char *text = clean ? clean : "not enough memory";
	ct_progress_erase();
	if (collects)
		collect(text);
	else
		fprintf(stderr, "%s%s\n", start, text);
	if (length >= 0)
		free(line);
	free(clean);
}

void ct_message(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	say("ctrace: ", format, arguments);
	va_end(arguments);
}

void ct_message_list(const char *command, const char *format, va_list arguments)
{
	char start[64];
	snprintf(start, sizeof(start), "ctrace %s: ", command);
	say(start, format, arguments);
}

void ct_message_for(const char *command, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	ct_message_list(command, format, arguments);
	va_end(arguments);
}
