/* SPDX-License-Identifier: MIT */
#include "sys/text.h"

#include <string.h>

#include "sys/arena.h"

struct ct_text ct_text_scratch;

const char *ct_text_keep(const struct ct_text *text)
{
	char *copy = ct_arena_alloc(text->length + 1);
	return copy ? memcpy(copy, text->bytes, text->length + 1) : "";
}

void ct_text_clear(struct ct_text *text)
{
	text->length = 0;
	text->cut = false;
	text->bytes[0] = '\0';
}

void ct_text_add_bytes(struct ct_text *text, const char *bytes, size_t length)
{
	size_t room = sizeof(text->bytes) - 1 - text->length;
	if (length > room) {
		length = room;
		text->cut = true;
	}
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
	text->bytes[text->length] = '\0';
}

void ct_text_add(struct ct_text *text, const char *string)
{
	if (string)
		ct_text_add_bytes(text, string, strlen(string));
}

void ct_text_add_number(struct ct_text *text, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	ct_text_add_bytes(text, digits + at, sizeof(digits) - at);
}

const char *ct_base_name(const char *path)
{
	const char *base = path;
	for (; *path; path++)
		if (*path == '/' && path[1])
			base = path + 1;
	return base;
}

/* Parse the digits at the start of a string. Returns their end; NULL: there are none, or too many. */
static const char *parse_digits(const char *string, uint64_t *number)
{
	const char *first = string;
	uint64_t value = 0;
	for (; *string >= '0' && *string <= '9'; string++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*string - '0'), &value))
			return NULL;
	*number = value;
	return string > first ? string : NULL;
}

bool ct_parse_number(const char *string, uint64_t *number)
{
	const char *end = parse_digits(string, number);
	return end && !*end;
}

bool ct_parse_bytes(const char *string, uint64_t *bytes)
{
	static const char suffixes[] = "kmg";
	const char *end = parse_digits(string, bytes);
	if (!end || !*end)
		return end != NULL;
	const char *suffix = strchr(suffixes, *end | 0x20);
	return suffix && !end[1] && !__builtin_mul_overflow(*bytes, 1024ull << 10 * (suffix - suffixes), bytes);
}
