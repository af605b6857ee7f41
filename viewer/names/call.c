/* SPDX-License-Identifier: MIT */
/* Names a function of a library in two words at most, such as "vector::emplace_back". */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "names/names.h"

#define PART_MAX 240 /* bytes; two parts fit into CT_NAME_ROOM */

/* A part of a name, between two "::". */
struct part {
	const char *at;
	size_t length;
};

static bool is(struct part part, const char *word)
{
	return part.length == strlen(word) && !memcmp(part.at, word, part.length);
}

/* The length of "operator" with its symbol, without template arguments. */
static size_t operator_length(const char *text, size_t length)
{
	static const char word[] = "operator";
	size_t at = sizeof(word) - 1;
	if (length < at || memcmp(text, word, at) ||
	    (length > at && (isalnum((unsigned char)text[at]) || text[at] == '_')))
		return 0;
	if (length >= at + 2 && (!memcmp(text + at, "()", 2) || !memcmp(text + at, "[]", 2)))
		return at + 2;
	if (at < length && text[at] == '<') {
		while (at < length && strchr("<=>", text[at]))
			at++;
		return at;
	}
	while (at < length && text[at] != '<' && text[at] != '(')
		at++;
	return at;
}

/* The name without template arguments, generics and tags such as [abi:cxx11]. */
static struct part without_arguments(struct part part)
{
	size_t named = operator_length(part.at, part.length);
	if (named)
		return (struct part){part.at, named};
	for (size_t i = 1; i < part.length; i++)
		if (part.at[i] == '<' || part.at[i] == '(' || part.at[i] == '[')
			return (struct part){part.at, i};
	return part;
}

/* Names of C++'s library that hold versions of it, and the library's own. */
static bool is_silent(struct part part)
{
	static const char *const words[] = {"std",      "__cxx11", "__1",   "__ndk1",
					    "__detail", "core",    "alloc", "__gnu_cxx"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (is(part, words[i]))
			return true;
	return !part.length || *part.at == '<';
}

/* Find the last two parts of a path; scope is empty if there is one only. */
static void split(struct part path, struct part *scope, struct part *last)
{
	size_t start = 0;
	int depth = 0;
	*scope = (struct part){path.at, 0};
	for (size_t i = 0; i < path.length; i++) {
		size_t operator= i == start && !depth ? operator_length(path.at + i, path.length - i) : 0;
		if (operator) {
			path.length = i + operator;
			break;
		}
		if (strchr("<({[", path.at[i])) {
			depth++;
		} else if (strchr(">)}]", path.at[i]) && depth && !(i && path.at[i - 1] == '-')) {
			depth--;
		} else if (!depth && path.at[i] == ':' && i + 1 < path.length && path.at[i + 1] == ':') {
			struct part part = {path.at + start, i - start};
			if (!is_silent(part))
				*scope = without_arguments(part);
			else if (*part.at != '<')
				scope->length = 0;
			start = ++i + 1;
		}
	}
	*last = without_arguments((struct part){path.at + start, path.length - start});
}

/* The type in Rust's "<Type as Trait>" or, if that stands for any type, the trait. */
static struct part implementer(struct part inner)
{
	struct part type = inner, trait = inner, scope, last;
	int depth = 0;
	for (size_t i = 0; i + 4 < inner.length; i++) {
		depth += (inner.at[i] == '<') - (inner.at[i] == '>' && i && inner.at[i - 1] != '-');
		if (!depth && !memcmp(inner.at + i, " as ", 4)) {
			type.length = i;
			trait = (struct part){inner.at + i + 4, inner.length - i - 4};
			break;
		}
	}
	while (type.length && *type.at == '&')
		type = (struct part){type.at + 1, type.length - 1};
	split(type, &scope, &last);
	if (last.length > 1 && isalnum((unsigned char)*last.at))
		return last;
	split(trait, &scope, &last);
	return last;
}

static size_t closing(const char *name, size_t length)
{
	int depth = 0;
	for (size_t i = 0; i < length; i++) {
		if (name[i] == '<')
			depth++;
		else if (name[i] == '>' && name[i - 1] != '-' && --depth == 0)
			return i;
	}
	return 0;
}

/* What is written for a part, and as much of it as fits without cutting a character. */
static const char *written(struct part part, int *length)
{
	static const char string[] = "string";
	if (part.length > PART_MAX)
		for (part.length = PART_MAX; part.length && ((unsigned char)part.at[part.length] & 0xc0) == 0x80;)
			part.length--;
	*length = (int)part.length;
	if (!is(part, "basic_string"))
		return part.at;
	*length = (int)strlen(string);
	return string;
}

char *ct_name_call(const struct ct_profile *profile, const struct ct_frame *frame, char out[CT_NAME_ROOM])
{
	const char *name = profile->strings[frame->function];
	if (!*name) {
		ct_name_short(profile, frame, out);
		size_t length = strlen(out);
		if (*out == '[' && out[length - 1] == ']') {
			memmove(out, out + 1, length - 2);
			out[length - 2] = '\0';
		}
		return out;
	}
	struct part path = {ct_name_start(name), 0}, scope, last;
	path.length = ct_name_length(name) - (size_t)(path.at - name);
	size_t close = *path.at == '<' ? closing(path.at, path.length) : 0;
	split(path, &scope, &last);
	if (close)
		scope = implementer((struct part){path.at + 1, close - 1});
	int scope_length, last_length;
	const char *first = written(scope, &scope_length), *second = written(last, &last_length);
	snprintf(out, CT_NAME_ROOM, "%.*s%s%.*s", scope_length, first, scope_length ? "::" : "", last_length, second);
	return out;
}
