/* SPDX-License-Identifier: MIT */
#include "util/library.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctrace/machine.h"

#define NAME "libctrace.so"

/* By the bits of CT_LIBRARY_*. */
static const char others[][24] = {"libctrace-copy.so", "libctrace-mmap.so"};
#define OTHERS (sizeof(others) / sizeof(others[0]))

/*
 * Beside the library, if it was built for musl too. glibc's loader expands $LIB, and finds its own library there;
 * musl's takes it for the name of a folder, which holds the other one.
 */
#define EITHER "ctrace-either/$LIB/"

/* Relative to the program's folder. */
static const char *const places[] = {
	"../lib/" NAME,
	"../lib/" CT_MACHINE_TRIPLET "/" NAME,
	"../lib64/" NAME,
	NAME,
};

/* The loader splits LD_PRELOAD at spaces and colons, and expands $ORIGIN and the like. */
static int check_name(const char *path, struct ct_error_text *error)
{
	const char *bad = strpbrk(path, " \t\n:;$");
	if (!bad)
		return 0;
	return ct_error_set(error, CT_ERR_USAGE,
			    "%s: LD_PRELOAD cannot hold a path with '%c'; move ctrace to a folder without", path, *bad);
}

/*
 * The library runs in the programs that we start, so do not take one that another user has put next to a copy of
 * ctrace in /tmp.
 */
static bool is_trusted(const char *library, const struct stat *program)
{
	struct stat file;
	return stat(library, &file) == 0 &&
	       (!file.st_uid || file.st_uid == geteuid() || file.st_uid == program->st_uid);
}

int ct_library_find(const char *exe, char path[PATH_MAX], struct ct_error_text *error)
{
	char folder[PATH_MAX], place[PATH_MAX + 64];
	struct stat program;
	char *slash;
	bool found = realpath(exe ? exe : "/proc/self/exe", folder);
	if (!found && !exe) /* /proc is not mounted */
		found = getauxval(AT_EXECFN) && realpath((const char *)getauxval(AT_EXECFN), folder);
	if (!found || stat(folder, &program) != 0)
		return ct_error_set(error, CT_ERR_IO, "cannot find the ctrace program itself: %s", strerror(errno));
	slash = strrchr(folder, '/');
	*(slash == folder ? slash + 1 : slash) = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(place, sizeof(place), "%s/%s", folder, places[i]);
		if (realpath(place, path) && access(path, R_OK) == 0 && is_trusted(path, &program))
			return check_name(path, error);
	}
	return ct_error_set(error, CT_ERR_IO, "%s/../lib/libctrace.so is missing: build or install ctrace completely",
			    folder);
}

static int folder_length(const char *library)
{
	const char *slash = strrchr(library, '/');
	return slash ? (int)(slash + 1 - library) : 0;
}

bool ct_library_is_for_musl(const char *library)
{
	char path[PATH_MAX + sizeof(EITHER NAME)];
	struct stat first;
	snprintf(path, sizeof(path), "%.*s" EITHER NAME, folder_length(library), library);
	return stat(library, &first) == 0 && access(path, R_OK) == 0 && is_trusted(path, &first);
}

int ct_library_check(const char *library, unsigned more, struct ct_error_text *error)
{
	char path[PATH_MAX + sizeof(others[0])];
	struct stat first;
	bool known = stat(library, &first) == 0;
	for (size_t i = 0; i < OTHERS; i++) {
		snprintf(path, sizeof(path), "%.*s%s", folder_length(library), library, others[i]);
		if (more >> i & 1 && (!known || access(path, R_OK) != 0 || !is_trusted(path, &first)))
			return ct_error_set(error, CT_ERR_IO, "%s is missing: build or install ctrace completely",
					    path);
	}
	return CT_OK;
}

char *ct_library_preload(const char *library, unsigned more, const char *present)
{
	const char *either = ct_library_is_for_musl(library) ? EITHER : "";
	int folder = folder_length(library);
	size_t bytes = (OTHERS + 1) * (strlen(library) + sizeof(EITHER) + sizeof(others[0])) +
		       (present ? strlen(present) : 0) + 2;
	char *value = malloc(bytes);
	if (!value)
		return NULL;
	size_t length = (size_t)sprintf(value, "%.*s%s%s", folder, library, either, library + folder);
	for (size_t i = 0; i < OTHERS; i++)
		if (more >> i & 1)
			length += (size_t)sprintf(value + length, ":%.*s%s%s", folder, library, either, others[i]);
	if (present && *present)
		sprintf(value + length, ":%s", present);
	return value;
}

static bool is_library(const char *entry, size_t length)
{
	const char *slash = memrchr(entry, '/', length);
	const char *base = slash ? slash + 1 : entry;
	bool found = !strncmp(base, NAME, sizeof(NAME) - 1);
	for (size_t i = 0; i < OTHERS; i++)
		found = found || !strncmp(base, others[i], strlen(others[i]));
	return found;
}

void ct_library_unload(void)
{
	const char *present = getenv("LD_PRELOAD");
	char *kept = present ? calloc(1, strlen(present) + 1) : NULL;
	while (kept && *present) {
		size_t length = strcspn(present, ": ");

		if (length && !is_library(present, length))
			sprintf(kept + strlen(kept), "%s%.*s", *kept ? ":" : "", (int)length, present);
		present += length + (present[length] != '\0');
	}
	if (kept)
		setenv("LD_PRELOAD", kept, 1);
	free(kept);
}
