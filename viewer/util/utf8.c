/* SPDX-License-Identifier: MIT */
#include "util/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

/* The length of the valid, printable sequence at text, or 0. See Unicode table 3-7; C1 controls are refused. */
static size_t sequence(const uint8_t *text, size_t left)
{
	uint8_t first = text[0];
	if (first < 0x80)
		return first >= 0x20 && first != 0x7f;
	size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	if (first < 0xc2 || first > 0xf4 || left < length)
		return 0;
	uint8_t low = 0x80, high = 0xbf;
	if (first == 0xe0)
		low = 0xa0;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f;
	else if (first == 0xc2)
		low = 0xa0;
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

bool ct_utf8_is_clean(const char *bytes, size_t length)
{
	for (size_t at = 0; at < length;) {
		size_t step = sequence((const uint8_t *)bytes + at, length - at);
		if (!step)
			return false;
		at += step;
	}
	return true;
}

char *ct_utf8_clean(const char *bytes, size_t length, size_t *clean_length)
{
	if (length > SIZE_MAX / 4)
		return NULL;
	char *clean = malloc(length * (sizeof(REPLACEMENT) - 1) + 1);
	if (!clean)
		return NULL;
	size_t out = 0;
	for (size_t at = 0; at < length;) {
		size_t step = sequence((const uint8_t *)bytes + at, length - at);
		if (step) {
			memcpy(clean + out, bytes + at, step);
			out += step;
			at += step;
		} else {
			memcpy(clean + out, REPLACEMENT, sizeof(REPLACEMENT) - 1);
			out += sizeof(REPLACEMENT) - 1;
			at++;
		}
	}
	clean[out] = '\0';
	if (clean_length)
		*clean_length = out;
	return clean;
}

size_t ct_utf8_fit(const char *text, size_t max)
{
	size_t length = strnlen(text, max + 1);
	if (length <= max)
		return length;
	while (max && ((uint8_t)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}
