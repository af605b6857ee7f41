/* SPDX-License-Identifier: MIT */
#include "symbol/demangle_text.h"

#include <libiberty/demangle.h>
#include <stdlib.h>
#include <string.h>

#include "util/cut.h"

#define TEXT_MAX (1 << 20) /* a longer text is not worth its time */
#define WHOLE_MAX 8192 /* letters; libiberty's printer takes stack with the square of the length, 22 MB here */

/* The mildest cut whose text fits is used. */
static const struct ct_demangle_cut cuts[] = {{6, 24}, {5, 8}, {4, 8}, {3, 8}, {3, 4}, {2, 4}, {1, 3}, {0, 0}};

/*
 * libiberty cannot be stopped, so leave it with longjmp. Its C++ printer holds no memory of malloc, nor does that of
 * Rust outside of punycode.
 */
static void take(const char *bytes, size_t length, void *opaque)
{
	struct ct_demangle_text *text = opaque;
	size_t room = text->room - text->used, fits = length < room ? length : room;
	if (fits) /* libiberty gives NULL for an empty name */
		memcpy(text->bytes + text->used, bytes, fits);
	text->used += fits;
	if (length > fits) {
		text->is_full = true;
		longjmp(text->full, 1);
	}
}

static void start(struct ct_demangle_text *text)
{
	text->used = 0;
	text->is_full = false;
}

bool ct_demangle_cpp(struct ct_demangle_text *text, const char *symbol, int options)
{
	start(text);
	if (setjmp(text->full))
		return false;
	return cplus_demangle_v3_callback(symbol, CT_DEMANGLE_OPTIONS | options, take, text);
}

bool ct_demangle_rust(struct ct_demangle_text *text, const char *symbol)
{
	start(text);
	if (setjmp(text->full))
		return false;
	return rust_demangle_callback(symbol, CT_DEMANGLE_OPTIONS, take, text);
}

static bool print_tree(struct ct_demangle_text *text, struct demangle_component *tree)
{
	start(text);
	if (setjmp(text->full))
		return false;
	return cplus_demangle_print_callback(CT_DEMANGLE_OPTIONS, tree, take, text);
}

static char *cut(const struct ct_demangle_text *text, const char *symbol, bool is_marked)
{
	return (is_marked ? ct_cut_marked : ct_cut_name)(text->bytes, text->used, symbol, strlen(symbol));
}

/* NULL: this cut is not enough, or the symbol is not mangled. */
static char *try_cut(struct ct_demangle_text *text, const char *symbol, struct ct_demangle_cut with)
{
	void *memory = NULL;
	/* Parsed each time, since printing leaves marks in what the copy shares with the tree. */
	struct demangle_component *tree =
		cplus_demangle_v3_components(symbol, CT_DEMANGLE_OPTIONS | DMGL_NO_RECURSE_LIMIT, &memory);
	struct demangle_component *copy = tree ? ct_demangle_cut_tree(tree, with) : NULL;
	char *name = copy && print_tree(text, copy) ? cut(text, symbol, true) : NULL;
	free(copy);
	free(memory);
	return name;
}

static char *cut_cpp(struct ct_demangle_text *text, const char *symbol)
{
	size_t count = sizeof(cuts) / sizeof(cuts[0]);
	char *name = NULL;
	for (size_t i = 0; !name && i < count; i++) {
		text->room = i + 1 < count ? CT_CUT_NAME_MAX - CT_CUT_HASH_LENGTH : TEXT_MAX;
		name = try_cut(text, symbol, cuts[i]);
	}
	return name;
}

static char *demangle_d(const char *symbol)
{
	char *text = dlang_demangle(symbol, CT_DEMANGLE_OPTIONS);
	char *name = text ? ct_cut_name(text, strlen(text), symbol, strlen(symbol)) : NULL;
	free(text);
	return name;
}

char *ct_demangle_long(const char *symbol)
{
	struct ct_demangle_text text = {.bytes = malloc(TEXT_MAX), .room = TEXT_MAX};
	char *name = NULL;
	if (!text.bytes)
		return NULL;
	if (!strncmp(symbol, "_D", 2)) {
		name = demangle_d(symbol);
	} else if (ct_demangle_rust(&text, symbol) || text.is_full) {
		name = cut(&text, symbol, text.is_full);
	} else {
		bool is_whole = strlen(symbol) <= WHOLE_MAX && ct_demangle_cpp(&text, symbol, DMGL_NO_RECURSE_LIMIT);
		name = is_whole && text.used <= CT_CUT_NAME_MAX ? cut(&text, symbol, false) : cut_cpp(&text, symbol);
		if (!name && is_whole && ct_demangle_cpp(&text, symbol, DMGL_NO_RECURSE_LIMIT))
			name = cut(&text, symbol, false);
	}
	free(text.bytes);
	return name;
}
