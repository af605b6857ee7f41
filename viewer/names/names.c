/* SPDX-License-Identifier: MIT */
#include "names/names.h"

#include <stdio.h>
#include <string.h>

#include "util/cut.h"
#include "util/utf8.h"

/* Long names, shown by their usual alias. */
static const struct alias {
	const char *name;
	const char *alias;
} aliases[] = {
	{"std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string"},
	{"std::__cxx11::", "std::"},
};

/* Template arguments longer than this are folded. */
#define ARGUMENTS_LONGEST 12

/* The search for the end of template arguments stops here, since a hostile name may open them everywhere. */
#define ARGUMENTS_SEARCHED 16384

const char *ct_name_base(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

uint32_t ct_name_key(const struct ct_frame *frame)
{
	return frame->function ? frame->function * 2 : frame->module * 2 + 1;
}

size_t ct_name_without_clones(const char *name, size_t length)
{
	static const char mark[] = " [clone ";
	while (length && name[length - 1] == ']') {
		size_t at = length - 1;
		while (at && name[at] != '[')
			at--;
		if (!at || strncmp(name + at - 1, mark, sizeof(mark) - 1))
			break;
		length = at - 1;
	}
	return length;
}

/* The start of the parameter list: the parenthesis that matches the last closing one. */
static size_t find_parameters(const char *name, size_t length)
{
	length = ct_name_without_clones(name, ct_cut_length(name, length));
	size_t depth = 0, at = length;
	if (length > 6 && !memcmp(name + length - 6, " const", 6))
		at -= 6;
	if (at == 0 || name[at - 1] != ')')
		return length;
	while (at > 0) {
		at--;
		if (name[at] == ')')
			depth++;
		else if (name[at] == '(' && --depth == 0)
			break;
	}
	/* `(anonymous namespace)`, `operator()` and a name in parentheses have no parameters */
	if (at == 0 || name[at - 1] == ':' || (at >= 8 && !memcmp(name + at - 8, "operator", 8)))
		return length;
	return at;
}

/*
 * The length of a leading return type, which demanglers put before template functions. Only a name with parameters has
 * one; "[callers unknown]" and "(below main)" are not C++.
 */
static size_t return_type(const char *name, size_t length)
{
	size_t depth = 0, start = 0;
	if (name[length] != '(' || *name == '<')
		return 0;
	for (size_t i = 0; i < length; i++) {
		if (!strncmp(name + i, "operator", 8))
			break;
		if (name[i] == '<' || name[i] == '(' || name[i] == '{')
			depth++;
		else if ((name[i] == '>' || name[i] == ')' || name[i] == '}') && depth > 0)
			depth--;
		else if (name[i] == ' ' && depth == 0)
			start = i + 1;
	}
	return start < length ? start : 0;
}

/* The end of the <...> that starts at open, or open if it is never closed. */
static size_t arguments_end(const char *name, size_t open, size_t length)
{
	size_t depth = 0;
	for (size_t i = open; i < length && i < open + ARGUMENTS_SEARCHED; i++) {
		if (name[i] == '<')
			depth++;
		else if (name[i] == '>' && i > 0 && name[i - 1] != '-' && --depth == 0)
			return i;
	}
	return open;
}

/* Does this '<' open template arguments, rather than belong to an operator or to Rust's `<T as Trait>`? */
static bool opens_arguments(const char *name, size_t at)
{
	if (at == 0 || name[at - 1] == ':' || name[at - 1] == ' ' || name[at - 1] == '&' || name[at - 1] == '<')
		return false;
	return at < 8 || memcmp(name + at - 8, "operator", 8) != 0;
}

/* The alias for the name that starts here, or NULL; *length is the length of the name that it replaces. */
static const char *find_alias(const char *name, size_t *length)
{
	for (size_t i = 0; *name == 's' && i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		*length = strlen(aliases[i].name);
		if (!strncmp(name, aliases[i].name, *length))
			return aliases[i].alias;
	}
	return NULL;
}

/* Shorten the part of the name from start to end. */
static void shorten(const char *name, size_t start, size_t end, char out[CT_NAME_ROOM])
{
	size_t used = 0, i;
	for (i = start; i < end && used + 16 < CT_NAME_ROOM; i++) {
		size_t close = name[i] == '<' && opens_arguments(name, i) ? arguments_end(name, i, end) : i;
		size_t length;
		const char *put = find_alias(name + i, &length);

		if (close > i + ARGUMENTS_LONGEST) {
			put = "<…>";
			length = close - i + 1;
		}
		if (put) {
			strcpy(out + used, put);
			used += strlen(put);
			i += length - 1;
		} else {
			out[used++] = name[i];
		}
	}
	for (; i < end && used && ((unsigned char)name[i] & 0xc0) == 0x80; i--) /* a character must not be cut */
		used--;
	out[used] = '\0';
}

/* The length of a file's name that leaves room for its line or its brackets, without cutting a character. */
static int base_fits(const char *base)
{
	return (int)ct_utf8_fit(base, CT_NAME_ROOM - 16);
}

char *ct_name_short(const struct ct_profile *profile, const struct ct_frame *frame, char out[CT_NAME_ROOM])
{
	const char *name = profile->strings[frame->function];
	size_t length = find_parameters(name, strlen(name));
	if (*name) {
		shorten(name, return_type(name, length), length, out);
	} else {
		const char *module = ct_name_base(profile->strings[frame->module]);

		snprintf(out, CT_NAME_ROOM, *module ? "[%.*s]" : "???", base_fits(module), module);
	}
	return out;
}

char *ct_name_place(const struct ct_profile *profile, const struct ct_frame *frame, char out[CT_NAME_ROOM])
{
	const char *file = ct_name_base(profile->strings[frame->file]);
	const char *module = ct_name_base(profile->strings[frame->module]);
	out[0] = '\0';
	if (*file && frame->line)
		snprintf(out, CT_NAME_ROOM, "%.*s:%u", base_fits(file), file, frame->line);
	else if (*file)
		snprintf(out, CT_NAME_ROOM, "%.*s", base_fits(file), file);
	else if (*module && frame->function) /* without a function, the module is already the name */
		snprintf(out, CT_NAME_ROOM, "[%.*s]", base_fits(module), module);
	return out;
}

const char *ct_name_start(const char *name)
{
	return name + return_type(name, find_parameters(name, strlen(name)));
}

size_t ct_name_length(const char *name)
{
	return find_parameters(name, strlen(name));
}
