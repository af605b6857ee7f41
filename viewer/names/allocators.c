/* SPDX-License-Identifier: MIT */
/* Recognises the functions and files of allocators. */
#include "names/allocators.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "names/names.h"

/*
 * Words that end a name, as in malloc, g_malloc0, _PyObject_Malloc, sqlite3MallocZero and CRYPTO_strdup, but not in
 * reallocate_table.
 */
static const char *const words[] = {"malloc", "calloc", "realloc", "zalloc", "strdup", "strndup", "memdup"};

static const char *const names[] = {
	"reallocarray",   "memalign",
	"aligned_alloc",  "posix_memalign",
	"valloc",         "pvalloc",
	"strdup",         "strndup",
	"__strdup",       "__strndup",
	"__GI___strdup",  "__GI___strndup",
	"__rust_alloc",   "__rust_alloc_zeroed",
	"__rust_realloc", "xstrdup",
	"xzalloc",        "operator new",
	"operator new[]",
};

static const char *const prefixes[] = {
	"operator new(",
	"operator new[](",
	"std::allocator<",
	"std::allocator_traits<",
	"std::__new_allocator<",
	"__gnu_cxx::new_allocator<",
	"__gnu_cxx::__alloc_traits<",
	"std::__allocate_guarded<",
	"alloc::alloc::",
	"<alloc::alloc::",
	"<dhat::",
	"dhat::",
	"__rg_",
	"__rdl_",
	"alloc::raw_vec::",
	"<alloc::raw_vec::", /* how rustc names methods since v0 mangling */
	"<std::alloc::",
	"je_", /* jemalloc, tcmalloc and mimalloc, linked statically */
	"_rjem_",
	"tcmalloc::",
	"_mi_",
};

/* Valgrind names inlined C++ functions without their class: `allocate (new_allocator.h:137)`. */
static const char *const files[] = {
	"new_allocator.h", "alloc_traits.h", "allocator.h", "allocated_ptr.h", "vg_replace_malloc.c",
};

/* The start of the function's own name, after its return type and scopes. */
static const char *last_part(const char *name)
{
	const char *part = name;
	size_t depth = 0;
	for (; *name; name++) {
		if (*name == '<')
			depth++;
		else if (*name == '>' && depth > 0)
			depth--;
		else if (*name == '(' && depth == 0)
			break;
		else if (depth == 0 && (*name == ':' || *name == ' '))
			part = name + 1;
	}
	return part;
}

/* If the word is capitalized, a capital may follow: MallocZero is an allocator, mallocate is not. */
static bool is_suffix(const char *rest, bool capital)
{
	if (capital && isupper((unsigned char)*rest))
		return true;
	while (*rest == '_' || isdigit((unsigned char)*rest))
		rest++;
	return *rest == '\0' || !strcmp(rest, "n");
}

static bool has_word(const char *function)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *found = strcasestr(function, words[i]);

		if (found && is_suffix(found + strlen(words[i]), isupper((unsigned char)*found)))
			return true;
	}
	return false;
}

bool ct_allocator_has_function(const char *function)
{
	const char *last;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(function, names[i]))
			return true;
	}
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (!strncmp(function, prefixes[i], strlen(prefixes[i])))
			return true;
	}
	/* private parts of libstdc++'s containers; their callers have the familiar names */
	last = last_part(function);
	return has_word(function) || !strncmp(last, "_M_", 3) || !strncmp(last, "_S_", 3);
}

bool ct_allocator_has_file(const char *path)
{
	const char *file = ct_name_base(path);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (!strcmp(file, files[i]))
			return true;
	return false;
}
