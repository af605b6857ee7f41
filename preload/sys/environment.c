/* SPDX-License-Identifier: MIT */
#include "sys/environment.h"

#include <string.h>
#include <unistd.h>

#include "sys/arena.h"
#include "sys/loader.h"
#include "sys/text.h"

#define LIBRARY "libctrace.so" /* start of its file name */
#define STUB "libctrace-stub.so" /* which loads it */
#define COPY "libctrace-copy.so" /* which goes with it */
#define MMAP "libctrace-mmap.so" /* the same */
#define PRELOAD "LD_PRELOAD"
#define OURS "CTRACE_"

static char **given; /* used in place of the environment */

void ct_environment_use(char **variables)
{
	given = variables;
}

/*
 * While DT_PREINIT_ARRAY runs, the C library has not set environ yet. The variables are then on the initial stack:
 * argc, argv, NULL, environment, NULL.
 */
char **ct_environment(void)
{
	if (given)
		return given;
	if (environ || !ct_loader_is_ours())
		return environ;
	const uintptr_t *start = ct_loader_stack();
	return (char **)(uintptr_t)(start + 1 + start[0] + 1);
}

static char **find(char **variables, const char *name)
{
	size_t length = strlen(name);
	for (; variables && *variables; variables++)
		if (!strncmp(*variables, name, length) && (*variables)[length] == '=')
			return variables;
	return NULL;
}

const char *ct_environment_get(char **variables, const char *name)
{
	char **found = find(variables, name);
	return found ? *found + strlen(name) + 1 : NULL;
}

char *ct_environment_copy(char **variables, const char *name)
{
	char **found = find(variables, name);
	size_t bytes = found ? strlen(*found) + 1 : 0;
	char *copy = found ? ct_arena_alloc(bytes) : NULL;
	return copy ? memcpy(copy, *found, bytes) : NULL;
}

static size_t entry_length(const char *entry)
{
	return strcspn(entry, ": ");
}

static bool is_named(const char *entry, const char *name)
{
	const char *base = entry + entry_length(entry);
	while (base > entry && base[-1] != '/')
		base--;
	return !strncmp(base, name, strlen(name));
}

bool ct_environment_preloads(char **variables)
{
	const char *entry = ct_environment_get(variables, PRELOAD);
	while (entry && *entry && !is_named(entry, LIBRARY)) {
		entry += entry_length(entry);
		entry += *entry != '\0';
	}
	return entry && *entry;
}

/* Remove one entry from the vector. The entries after it move up. */
static void remove_at(char **variable)
{
	do
		variable[0] = variable[1];
	while (*variable++);
}

/* The kernel's vector has no room, so it is copied. Its strings stay where programs that overwrite them expect them. */
void ct_environment_add(const char *variable)
{
	char **before = environ;
	size_t count = 0, bytes = strlen(variable) + 1;
	while (before && before[count])
		count++;
	char **vector = before ? ct_arena_alloc((count + 2) * sizeof(*vector)) : NULL;
	char *copy = vector ? ct_arena_alloc(bytes) : NULL;
	if (!copy)
		return;
	memcpy(vector, before, count * sizeof(*vector));
	vector[count] = memcpy(copy, variable, bytes);
	vector[count + 1] = NULL;
	environ = vector;
}

void ct_environment_leave(char **variables)
{
	char **preload = find(variables, PRELOAD);
	if (!preload)
		return;
	struct ct_text kept;
	ct_text_clear(&kept);
	ct_text_add(&kept, PRELOAD "=");
	const size_t empty = kept.length;
	const char *entry = *preload + empty;
	while (*entry) {
		size_t length = entry_length(entry);
		if (length && !is_named(entry, LIBRARY) && !is_named(entry, STUB) && !is_named(entry, COPY) &&
		    !is_named(entry, MMAP)) {
			if (kept.length > empty)
				ct_text_add(&kept, ":");
			ct_text_add_bytes(&kept, entry, length);
		}
		entry += length + (entry[length] != '\0');
	}
	if (kept.length == empty) {
		remove_at(preload);
		return;
	}
	char *copy = ct_arena_alloc(kept.length + 1);
	if (copy)
		*preload = memcpy(copy, kept.bytes, kept.length + 1);
}

void ct_environment_clear(char **variables)
{
	while (variables && *variables) {
		if (strncmp(*variables, OURS, sizeof(OURS) - 1) != 0)
			variables++;
		else
			remove_at(variables);
	}
}
