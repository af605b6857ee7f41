/* SPDX-License-Identifier: MIT */
#include "names/origin.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "names/allocators.h"
#include "names/names.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool starts_with_any(const char *text, const char *const *prefixes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strncmp(text, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static bool contains_any(const char *text, const char *const *parts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strstr(text, parts[i]))
			return true;
	return false;
}

/* Namespaces and crates; "std::" is both. */
static const char *const namespaces[] = {"std::",  "__gnu_cxx::", "__gnu_debug::", "__cxxabiv1::", "__pstl::",
					 "core::", "alloc::",     "hashbrown::",   "__rustc::"};

/* Names that are reserved for the language's runtime. */
static const char *const reserved[] = {"operator new",   "operator delete", "__cxa_",  "__gxx_",      "_Unwind_",
				       "__libc_start_",  "__libc_csu_",     "__rust_", "rust_begin_", "rust_panic",
				       "rust_eh_person", "(below main)",    "_dl_",    "__do_global_"};

static const char *const starts[] = {"_start",  "start_thread", "clone",          "clone3",
				     "__clone", "__clone3",     "__start_context"};

static bool is_namespace(const char *name)
{
	return starts_with_any(name, namespaces, COUNT(namespaces));
}

/* The end of the <...> that starts at name, or NULL. *as: the " as " in it that separates a type from its trait. */
static const char *end_of_type(const char *name, const char **as)
{
	int depth = 0;
	*as = NULL;
	for (const char *at = name; *at; at++) {
		if (*at == '<')
			depth++;
		else if (*at == '>' && at[-1] != '-' && --depth == 0)
			return at;
		else if (depth == 1 && !*as && !strncmp(at, " as ", 4))
			*as = at;
	}
	return NULL;
}

/*
 * Can only Rust's own library give methods to this type? Slices, tuples and pointers are its own, and so is a type
 * without a path: str, u8, or a T that stands for any.
 */
static bool is_library_type(const char *type, const char *end)
{
	while (type < end && (*type == '&' || !strncmp(type, "mut ", 4) || !strncmp(type, "dyn ", 4)))
		type += *type == '&' ? 1 : 4;
	if (is_namespace(type) || *type == '[' || *type == '(' || *type == '*')
		return true;
	for (const char *at = type; at + 1 < end; at++)
		if (at[0] == ':' && at[1] == ':')
			return false;
	return true;
}

/* Rust's <Type>::method and <Type as Trait>::method. What implements a foreign trait for the program's own type is the
 * program's, except for traits of alloc, which it implements for all types. */
static bool is_library_method(const char *name)
{
	const char *as, *end = end_of_type(name, &as);
	if (!end || strncmp(end, ">::", 3))
		return false;
	if (!as)
		return is_library_type(name + 1, end);
	const char *trait = as + 4;
	return !strncmp(trait, "alloc::", 7) || (is_namespace(trait) && is_library_type(name + 1, as));
}

unsigned ct_origin_of_function(const char *name)
{
	unsigned origin = ct_allocator_has_function(name) ? CT_FROM_ALLOCATOR : 0;
	const char *start = ct_name_start(name), *thunk = strstr(start, "thunk to ");
	/* A C++ function has parameters, and may be in a namespace that is called like a crate. */
	bool other = name[ct_name_length(name)] == '(' && strncmp(start, "std::", 5) && *start != '_';
	bool library = (is_namespace(start) && !other) || starts_with_any(start, reserved, COUNT(reserved)) ||
		       (thunk && is_namespace(thunk + 9)) || (*start == '<' && is_library_method(start));
	for (size_t i = 0; i < COUNT(starts) && !library; i++)
		library = !strcmp(name, starts[i]);
	return origin | (library ? CT_FROM_LIBRARY : 0);
}

unsigned ct_origin_of_file(const char *path)
{
	static const char *const folders[] = {"/include/c++/",
					      "/c++/v1/",
					      "/libstdc++-v3/",
					      "/libcxx/",
					      "/libcxxabi/",
					      "/rustc/",
					      "/rustlib/src/",
					      "/library/alloc/src/",
					      "/library/core/src/",
					      "/library/std/src/",
					      "/rust/deps/",
					      "/hashbrown-",
					      "/include/bits/",
					      "/include/x86_64-linux-gnu/bits/",
					      "/include/x86_64-linux-gnu/c++/"};
	static const char *const roots[] = {"library/alloc/src/", "library/core/src/", "library/std/src/"};
	unsigned origin = ct_allocator_has_file(path) ? CT_FROM_ALLOCATOR : 0;
	/* gcc's own headers, as for vector instructions: /usr/lib/gcc/x86_64-linux-gnu/12/include/emmintrin.h */
	const char *compiler = strstr(path, "/lib/gcc/");
	if (contains_any(path, folders, COUNT(folders)) || starts_with_any(path, roots, COUNT(roots)) ||
	    (compiler && strstr(compiler, "/include/")))
		origin |= CT_FROM_LIBRARY;
	return origin;
}

unsigned ct_origin_of_file_name(const char *path)
{
	static const char *const headers[] = {"basic_string.h",
					      "char_traits.h",
					      "shared_ptr.h",
					      "shared_ptr_base.h",
					      "unique_ptr.h",
					      "hashtable.h",
					      "hashtable_policy.h",
					      "unordered_map.h",
					      "unordered_set.h",
					      "std_function.h",
					      "std_thread.h",
					      "invoke.h",
					      "new_allocator.h",
					      "alloc_traits.h",
					      "allocator.h",
					      "allocated_ptr.h",
					      "forward_list.h",
					      "ostream_insert.h",
					      "locale_facets.h",
					      "functional_hash.h",
					      "vector",
					      "string",
					      "map",
					      "set",
					      "list",
					      "deque",
					      "functional",
					      "memory",
					      "thread",
					      "future",
					      "sstream",
					      "fstream",
					      "iostream",
					      "istream",
					      "ostream",
					      "optional",
					      "variant",
					      "any",
					      "tuple",
					      "regex",
					      "algorithm",
					      "utility",
					      "new",
					      "array",
					      "mutex"};
	const char *file = ct_name_base(path), *dot = strrchr(file, '.');
	unsigned origin = ct_allocator_has_file(path) ? CT_FROM_ALLOCATOR : 0;
	bool library = dot && (!strcmp(dot, ".tcc") || (!strncmp(file, "stl_", 4) && !strcmp(dot, ".h")));
	for (size_t i = 0; i < COUNT(headers) && !library; i++)
		library = !strcmp(file, headers[i]);
	/* libc++ has headers such as __tree */
	return origin | (library || (!strncmp(file, "__", 2) && !dot) ? CT_FROM_LIBRARY : 0);
}

/* The length of "libc" in "libc.so.6", "libc-2.31.so" and "libc.musl-x86_64.so.1". */
static size_t stem(const char *base)
{
	size_t length = 0;
	while (base[length] && base[length] != '.' &&
	       !(base[length] == '-' && isdigit((unsigned char)base[length + 1])))
		length++;
	return length;
}

unsigned ct_origin_of_module(const char *path)
{
	static const char *const libraries[] = {
		"libc",    "libm",    "libmvec",   "libpthread", "libdl",  "librt",       "libutil",   "libresolv",
		"libanl",  "libnsl",  "libstdc++", "libsupc++",  "libc++", "libc++abi",   "libunwind", "libgcc_s",
		"libgomp", "libomp",  "libiomp5",  "libatomic",  "libitm", "libquadmath", "libasan",   "libubsan",
		"libtsan", "liblsan", "ld",        "linux-vdso", "[vdso]", "libctrace"};
	static const char *const families[] = {"ld-linux", "ld-musl", "ld64", "libstd-", "libcore-", "liballoc-"};
	static const char *const allocators[] = {"libjemalloc", "libtcmalloc", "libmimalloc", "libsnmalloc",
						 "librpmalloc", "libhoard",    "libscudo",    "libmesh"};
	const char *base = ct_name_base(path);
	size_t length = stem(base);
	/* Valgrind's replacement functions: malloc, or memcpy in a copy profile */
	if (!strncmp(base, "vgpreload_", 10))
		return CT_FROM_ALLOCATOR;
	if (starts_with_any(base, allocators, COUNT(allocators)))
		return CT_FROM_ALLOCATOR | CT_FROM_LIBRARY;
	if (starts_with_any(base, families, COUNT(families)))
		return CT_FROM_LIBRARY;
	for (size_t i = 0; i < COUNT(libraries); i++)
		if (strlen(libraries[i]) == length && !strncmp(base, libraries[i], length))
			return CT_FROM_LIBRARY;
	return 0;
}
