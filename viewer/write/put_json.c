/* SPDX-License-Identifier: MIT */
#include "write/put_json.h"

#include <errno.h>
#include <string.h>

void ct_put_text(FILE *out, const char *text)
{
	putc_unlocked('"', out);
	for (;;) {
		size_t plain = strcspn(text, "\"\\");
		fwrite_unlocked(text, 1, plain, out);
		text += plain;
		if (!*text)
			break;
		putc_unlocked('\\', out);
		putc_unlocked(*text++, out);
	}
	putc_unlocked('"', out);
}

void ct_put_number(FILE *out, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);
	do
		digits[--at] = (char)('0' + number % 10);
	while (number /= 10);
	fwrite_unlocked(digits + at, 1, sizeof(digits) - at, out);
}

void ct_put_signed(FILE *out, int64_t number)
{
	if (number < 0)
		putc_unlocked('-', out);
	ct_put_number(out, number < 0 ? -(uint64_t)number : (uint64_t)number);
}

void ct_put_numbers(FILE *out, const uint64_t *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i)
			putc_unlocked(',', out);
		ct_put_number(out, numbers[i]);
	}
}

void ct_put_row(FILE *out, const char *before, const uint64_t *numbers, size_t count)
{
	fputs_unlocked(before, out);
	putc_unlocked('[', out);
	ct_put_numbers(out, numbers, count);
	putc_unlocked(']', out);
}

static void put_name(FILE *out, const char *name)
{
	fputs(",\"", out);
	fputs(name, out);
	fputs("\":", out);
}

void ct_put_text_member(FILE *out, const char *name, const char *text)
{
	put_name(out, name);
	ct_put_text(out, text);
}

void ct_put_number_member(FILE *out, const char *name, uint64_t number)
{
	put_name(out, name);
	ct_put_number(out, number);
}

int ct_put_end(FILE *out, struct ct_error_text *error)
{
	return ferror(out) ? ct_error_set(error, CT_ERR_IO, "cannot write: %s", strerror(errno)) : CT_OK;
}
