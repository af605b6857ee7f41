/* SPDX-License-Identifier: MIT */
#include "view/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Template arguments longer than this are folded. */
#define ARGUMENTS_LONGEST 12

static const char *const allocator_names[] = {
	"malloc",
	"calloc",
	"realloc",
	"reallocarray",
	"memalign",
	"aligned_alloc",
	"posix_memalign",
	"valloc",
	"pvalloc",
	"strdup",
	"strndup",
	"__strdup",
	"__GI___strdup",
	"__GI___strndup",
	"__libc_malloc",
	"__libc_calloc",
	"__libc_realloc",
	"__rust_alloc",
	"__rust_alloc_zeroed",
	"__rust_realloc",
	"g_malloc",
	"g_malloc0",
	"g_malloc_n",
	"g_realloc",
	"xmalloc",
	"xcalloc",
	"xrealloc",
	"xstrdup",
	"xzalloc",
	"operator new",
	"operator new[]",
};

static const char *const allocator_prefixes[] = {
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
	"<std::alloc::",
};

/* Valgrind names inlined C++ functions without their class: `allocate (new_allocator.h:137)`. */
static const char *const allocator_files[] = {
	"new_allocator.h", "alloc_traits.h", "allocator.h", "allocated_ptr.h", "vg_replace_malloc.c",
};

const char *ct_name_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Where the name of the function itself starts: behind return type and scopes. */
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

static bool is_allocator_function(const char *function)
{
	for (size_t i = 0; i < sizeof(allocator_names) / sizeof(allocator_names[0]); i++) {
		if (strcmp(function, allocator_names[i]) == 0)
			return true;
	}
	/* private parts of libstdc++'s containers: the caller has the name that people know */
	if (strncmp(last_part(function), "_M_", 3) == 0 || strncmp(last_part(function), "_S_", 3) == 0)
		return true;
	for (size_t i = 0; i < sizeof(allocator_prefixes) / sizeof(allocator_prefixes[0]); i++) {
		if (strncmp(function, allocator_prefixes[i], strlen(allocator_prefixes[i])) == 0)
			return true;
	}
	return false;
}

bool ct_name_is_allocator(const struct ct_profile *profile, const struct ct_frame *frame)
{
	const char *file = ct_name_base(profile->strings[frame->file]);

	/* Valgrind's replacements: malloc, and memcpy in a copy profile */
	if (strncmp(ct_name_base(profile->strings[frame->module]), "vgpreload_", 10) == 0)
		return true;
	if (is_allocator_function(profile->strings[frame->function]))
		return true;
	for (size_t i = 0; *file && i < sizeof(allocator_files) / sizeof(allocator_files[0]); i++) {
		if (strcmp(file, allocator_files[i]) == 0)
			return true;
	}
	return false;
}

bool *ct_names_find_allocators(const struct ct_profile *profile)
{
	bool *flags = calloc(profile->frame_count + 1, sizeof(*flags));

	for (size_t i = 1; flags && i < profile->frame_count; i++)
		flags[i] = ct_name_is_allocator(profile, &profile->frames[i]);
	return flags;
}

uint32_t ct_name_leaf(const struct ct_profile *profile, const bool *allocators, const struct ct_site_row *site)
{
	uint32_t leaf = 0;

	while (leaf + 1 < site->frame_count && allocators[profile->frame_ids[site->first_frame + leaf]])
		leaf++;
	return leaf;
}

/* Where the parameter list starts: at the parenthesis that the name's last one closes. */
static size_t find_parameters(const char *name, size_t length)
{
	size_t depth = 0, at = length;

	if (length > 6 && strcmp(name + length - 6, " const") == 0)
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
	/* `(anonymous namespace)`, `operator()` and a name that is all parentheses have none */
	if (at == 0 || name[at - 1] == ':' || (at >= 8 && memcmp(name + at - 8, "operator", 8) == 0))
		return length;
	return at;
}

uint32_t ct_name_key(const struct ct_profile *profile, const struct ct_frame *frame)
{
	return frame->function ? frame->function : (uint32_t)profile->string_count + frame->module;
}

/* Bytes of a return type in front: demanglers put one before template functions. */
static size_t return_type(const char *name, size_t length)
{
	size_t depth = 0, start = 0;

	if (*name == '<')
		return 0;
	for (size_t i = 0; i < length; i++) {
		if (strncmp(name + i, "operator", 8) == 0)
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

/* The end of the <...> that starts at open, or open when it does not close. */
static size_t arguments_end(const char *name, size_t open, size_t length)
{
	size_t depth = 0;

	for (size_t i = open; i < length; i++) {
		if (name[i] == '<')
			depth++;
		else if (name[i] == '>' && i > 0 && name[i - 1] != '-' && --depth == 0)
			return i;
	}
	return open;
}

/* Is the '<' at this place one of template arguments, not of an operator or a Rust `<T as Trait>`? */
static bool opens_arguments(const char *name, size_t at)
{
	if (at == 0 || name[at - 1] == ':' || name[at - 1] == ' ' || name[at - 1] == '&' || name[at - 1] == '<')
		return false;
	return at < 8 || memcmp(name + at - 8, "operator", 8) != 0;
}

char *ct_name_short(const struct ct_profile *profile, const struct ct_frame *frame, char out[CT_NAME_ROOM])
{
	const char *name = profile->strings[frame->function];
	size_t length, used = 0;

	if (!*name) {
		const char *module = ct_name_base(profile->strings[frame->module]);

		snprintf(out, CT_NAME_ROOM, *module ? "[%s]" : "???", module);
		return out;
	}
	length = find_parameters(name, strlen(name));
	for (size_t i = return_type(name, length); i < length && used + 8 < CT_NAME_ROOM; i++) {
		size_t end = name[i] == '<' && opens_arguments(name, i) ? arguments_end(name, i, length) : i;

		if (end > i + ARGUMENTS_LONGEST) {
			memcpy(out + used, "<…>", strlen("<…>"));
			used += strlen("<…>");
			i = end;
		} else {
			out[used++] = name[i];
		}
	}
	out[used] = '\0';
	return out;
}

char *ct_name_place(const struct ct_profile *profile, const struct ct_frame *frame, char out[CT_NAME_ROOM])
{
	const char *file = ct_name_base(profile->strings[frame->file]);
	const char *module = ct_name_base(profile->strings[frame->module]);

	out[0] = '\0';
	if (*file && frame->line)
		snprintf(out, CT_NAME_ROOM, "%s:%u", file, frame->line);
	else if (*file)
		snprintf(out, CT_NAME_ROOM, "%s", file);
	else if (*module && frame->function) /* else it is the name already */
		snprintf(out, CT_NAME_ROOM, "[%s]", module);
	return out;
}
