/* SPDX-License-Identifier: MIT */
#include "load/dhat/dhat_frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cut.h"

/* Limits the search, so that a hostile string of parentheses does not cost the square of its length. */
#define PLACE_CANDIDATES 32

struct part {
	const char *text;
	size_t length;
};

struct parts {
	uint64_t address;
	uint32_t line;
	struct part function;
	struct part file;
	struct part module;
};

static bool is_unknown(struct part part)
{
	return part.length == 0 || (part.length == 3 && !memcmp(part.text, "???", 3));
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Remove "0x1F: " from the start of rest. */
static void take_address(struct part *rest, uint64_t *address)
{
	uint64_t value = 0;
	size_t i = 2;
	if (rest->length < 5 || memcmp(rest->text, "0x", 2) != 0)
		return;
	while (i < rest->length && i < 18 && hex_digit(rest->text[i]) >= 0)
		value = value << 4 | (unsigned)hex_digit(rest->text[i++]);
	if (i == 2 || i + 2 > rest->length || memcmp(rest->text + i, ": ", 2) != 0)
		return;
	*address = value;
	rest->text += i + 2;
	rest->length -= i + 2;
}

/* Remove ":123" from the end of part. */
static bool take_number(struct part *part, uint32_t *number)
{
	size_t start = part->length;
	uint64_t value = 0;
	while (start > 0 && part->length - start <= 10 && part->text[start - 1] >= '0' && part->text[start - 1] <= '9')
		start--;
	if (start == part->length || start == 0 || part->text[start - 1] != ':')
		return false;
	for (size_t i = start; i < part->length; i++)
		value = value * 10 + (unsigned)(part->text[i] - '0');
	if (value > UINT32_MAX)
		return false;
	*number = (uint32_t)value;
	part->length = start - 1;
	return true;
}

/* Are all parentheses paired? */
static bool is_balanced(struct part part)
{
	size_t depth = 0;
	for (size_t i = 0; i < part.length; i++) {
		if (part.text[i] == '(')
			depth++;
		else if (part.text[i] == ')' && depth-- == 0)
			return false;
	}
	return depth == 0;
}

/* Parse the text in the last parentheses: "in MODULE", "FILE:LINE" or "FILE:LINE:COLUMN". */
static bool read_place(struct part place, struct parts *parts)
{
	uint32_t line;
	if (!is_balanced(place))
		return false;
	if (place.length > 3 && !memcmp(place.text, "in ", 3)) {
		parts->module = (struct part){place.text + 3, place.length - 3};
		return true;
	}
	if (!take_number(&place, &line) || place.length == 0)
		return false;
	take_number(&place, &line);
	parts->line = line;
	parts->file = place;
	return true;
}

/*
 * Remove " (PLACE)" from the end. Names and paths may contain parentheses. The place starts at the last "(" that
 * leaves a valid one, so `operator() (a.cc:6)` and `f (in /a (b)/c.so)` are both parsed correctly.
 */
static bool take_place(struct part *rest, struct parts *parts)
{
	int candidates = 0;
	if (rest->length < 4 || rest->text[rest->length - 1] != ')')
		return false;
	for (size_t i = rest->length - 2; i > 0 && candidates < PLACE_CANDIDATES; i--) {
		struct part place = {rest->text + i + 1, rest->length - i - 2};

		if (rest->text[i] != '(' || rest->text[i - 1] != ' ')
			continue;
		if (read_place(place, parts)) {
			rest->length = i - 1;
			return true;
		}
		candidates++;
	}
	return false;
}

/* The part, cut if it is too long; to be freed. NULL when out of memory. */
static char *cut_part(struct part part)
{
	return ct_cut_name(part.text, part.length, part.text, part.length);
}

static int64_t intern_part(struct ct_profile *profile, struct part part)
{
	if (part.length <= CT_CUT_NEVER)
		return ct_profile_string(profile, part.text, part.length);
	char *name = cut_part(part);
	int64_t id = name ? ct_profile_string(profile, name, strlen(name)) : -1;
	free(name);
	return id;
}

/* 0, or < 0 when out of memory. */
static int intern(struct ct_profile *profile, struct part part, uint32_t *id)
{
	int64_t found = is_unknown(part) ? 0 : intern_part(profile, part);
	*id = found < 0 ? 0 : (uint32_t)found;
	return found < 0 ? -1 : 0;
}

/* The frame's text with its names as they are interned. */
static int64_t intern_text(struct ct_profile *profile, struct part whole, const struct parts *parts)
{
	if (!whole.length)
		return ct_profile_string(profile, "???", 3);
	if (whole.length <= CT_CUT_NEVER)
		return ct_profile_string(profile, whole.text, whole.length);
	struct part place = parts->module.text ? parts->module : parts->file;
	const char *after = parts->function.text + parts->function.length, *end = whole.text + whole.length;
	if (!place.text)
		place = (struct part){end, 0};
	char *function = cut_part(parts->function), *cut_place = cut_part(place), *text = NULL;
	int length = -1;
	if (function && cut_place)
		length = asprintf(&text, "%.*s%s%.*s%s%.*s", (int)(parts->function.text - whole.text), whole.text,
				  function, (int)(place.text - after), after, cut_place,
				  (int)(end - place.text - (ptrdiff_t)place.length), place.text + place.length);
	int64_t id = length < 0 ? -1 : ct_profile_string(profile, text, (size_t)length);
	if (length >= 0)
		free(text);
	free(function);
	free(cut_place);
	return id;
}

int ct_dhat_frame_parse(struct ct_profile *profile, const char *text, size_t length, struct ct_frame *frame)
{
	struct part whole = {text, length};
	struct parts parts = {0};
	parts.function = whole;
	take_address(&parts.function, &parts.address);
	take_place(&parts.function, &parts);
	*frame = (struct ct_frame){.address = parts.address, .line = parts.line};
	int64_t id = intern_text(profile, whole, &parts);
	if (id < 0)
		return (int)id;
	frame->text = (uint32_t)id;
	if (intern(profile, parts.function, &frame->function) < 0 || intern(profile, parts.file, &frame->file) < 0 ||
	    intern(profile, parts.module, &frame->module) < 0)
		return -1;
	return 0;
}
