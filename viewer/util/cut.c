/* SPDX-License-Identifier: MIT */
#include "util/cut.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"
#include "util/utf8.h"

#define ROOM (CT_CUT_NAME_MAX - CT_CUT_HASH_LENGTH)
#define DOTS "..."
#define DOTS_LENGTH 3
#define DEEPEST 16 /* nested brackets that are tried first */
#define TAIL 1024 /* bytes kept behind a cut middle: names of functions are often at the end */

static uint64_t hash_of(const char *bytes, size_t length)
{
	uint64_t hash = CT_HASH_START;
	for (size_t i = 0; i < length; i++)
		hash = ct_hash_add(hash, (uint8_t)bytes[i]);
	return hash;
}

/* Is the < or > at this place part of an operator or of an arrow, rather than a bracket? */
static bool is_operator(const char *name, size_t at)
{
	size_t start = at;
	while (start > 0 && at - start < 2 && strchr("<>=-", name[start - 1]))
		start--;
	return (start >= 8 && !memcmp(name + start - 8, "operator", 8)) || (at > 0 && name[at - 1] == '-') ||
	       (at > 0 && name[at - 1] == '=' && name[at] == '>');
}

/* Copy the name without what is nested in more than `deepest` brackets. Returns the length, or ROOM + 1: too long. */
static size_t fold(const char *name, size_t length, size_t deepest, char out[ROOM])
{
	size_t used = 0, depth = 0;
	for (size_t i = 0; i < length; i++) {
		bool angle = (name[i] == '<' || name[i] == '>') && !is_operator(name, i);
		bool opens = name[i] == '(' || (angle && name[i] == '<');
		bool closes = name[i] == ')' || (angle && name[i] == '>');
		if (closes && depth)
			depth--;
		if (depth <= deepest) {
			if (used == ROOM)
				return ROOM + 1;
			out[used++] = name[i];
		}
		if (opens && depth++ == deepest && i + 1 < length && name[i + 1] != ')' && name[i + 1] != '>') {
			if (used + DOTS_LENGTH > ROOM)
				return ROOM + 1;
			memcpy(out + used, DOTS, DOTS_LENGTH);
			used += DOTS_LENGTH;
		}
	}
	return used;
}

/* Copy the head and the tail. */
static size_t cut_middle(const char *name, size_t length, char out[ROOM])
{
	size_t head = ct_utf8_fit(name, ROOM - DOTS_LENGTH - TAIL);
	size_t tail = length - TAIL;
	while (((uint8_t)name[tail] & 0xc0) == 0x80)
		tail++;
	memcpy(out, name, head);
	memcpy(out + head, DOTS, DOTS_LENGTH);
	memcpy(out + head + DOTS_LENGTH, name + tail, length - tail);
	return head + DOTS_LENGTH + length - tail;
}

char *ct_cut_marked(const char *name, size_t length, const char *original, size_t original_length)
{
	char *clean = ct_utf8_clean(name, length, &length);
	char *cut = malloc(CT_CUT_NAME_MAX + 1);
	if (!clean || !cut) {
		free(clean);
		free(cut);
		return NULL;
	}
	size_t used = ROOM + 1;
	for (size_t deepest = DEEPEST; used > ROOM && deepest; deepest /= 2)
		used = fold(clean, length, deepest, cut);
	if (used > ROOM)
		used = fold(clean, length, 0, cut);
	if (used > ROOM)
		used = cut_middle(clean, length, cut);
	snprintf(cut + used, CT_CUT_HASH_LENGTH + 1, " [%016" PRIx64 "]", hash_of(original, original_length));
	free(clean);
	return cut;
}

char *ct_cut_name(const char *name, size_t length, const char *original, size_t original_length)
{
	size_t clean_length;
	char *clean = ct_utf8_clean(name, length, &clean_length);
	if (!clean || clean_length <= CT_CUT_NAME_MAX)
		return clean;
	char *cut = ct_cut_marked(clean, clean_length, original, original_length);
	free(clean);
	return cut;
}

bool ct_cut_if_long(const char **name, char **made)
{
	size_t length = *name ? strlen(*name) : 0;
	if (length <= CT_CUT_NEVER)
		return true;
	*made = ct_cut_name(*name, length, *name, length);
	*name = *made;
	return *made;
}

size_t ct_cut_length(const char *name, size_t length)
{
	if (length < CT_CUT_HASH_LENGTH || memcmp(name + length - CT_CUT_HASH_LENGTH, " [", 2) != 0 ||
	    name[length - 1] != ']' ||
	    strspn(name + length - CT_CUT_HASH_LENGTH + 2, "0123456789abcdef") != CT_CUT_HASH_LENGTH - 3)
		return length;
	return length - CT_CUT_HASH_LENGTH;
}
