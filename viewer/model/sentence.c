/* SPDX-License-Identifier: MIT */
#include "model/sentence.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "names/number.h"
#include "util/whole.h"

void ct_sentence_add(char out[CT_ADVICE_ROOM], const char *format, ...)
{
	size_t used = strlen(out);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(out + used, CT_ADVICE_ROOM - used, format, arguments);
	va_end(arguments);
}

void ct_sentence_bytes(char out[CT_ADVICE_ROOM], double bytes)
{
	char number[CT_NUMBER_ROOM];
	ct_sentence_add(out, "%s", ct_number_bytes(number, ct_whole(bytes)));
}

void ct_sentence_count(char out[CT_ADVICE_ROOM], uint64_t count, const char *what)
{
	char number[CT_NUMBER_ROOM];
	/* what is "block"; a '*' in it marks where the plural's s goes */
	size_t stem = strcspn(what, "*");
	const char *rest = what[stem] ? what + stem + 1 : "";
	ct_sentence_add(out, "%s %.*s%s%s", ct_number_exact(number, count), (int)stem, what, count == 1 ? "" : "s",
			rest);
}

void ct_sentence_percent(char out[CT_ADVICE_ROOM], double part, double whole)
{
	char number[CT_NUMBER_ROOM];
	ct_sentence_add(out, "%s %%", ct_number_percent(number, part, whole));
}

void ct_sentence_time(char out[CT_ADVICE_ROOM], const struct ct_profile *profile, double time)
{
	char number[CT_NUMBER_ROOM];
	ct_sentence_add(out, "%s", ct_number_time(number, time, profile->time_unit));
}
