/* SPDX-License-Identifier: MIT */
#include "util/library.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MULTIARCH "x86_64-linux-gnu"
#elif defined(__aarch64__)
#define MULTIARCH "aarch64-linux-gnu"
#else
#define MULTIARCH "."
#endif

/* From the folder of the program. */
static const char *const places[] = {
	"../lib/libctrace.so",
	"../lib/" MULTIARCH "/libctrace.so",
	"../lib64/libctrace.so",
	"libctrace.so",
};

/* The loader splits LD_PRELOAD at blanks and colons, and expands $ORIGIN and the like. */
static int check_name(const char *path, struct ct_error_text *error)
{
	const char *bad = strpbrk(path, " \t\n:;$");

	if (!bad)
		return 0;
	return ct_error_set(error, CT_ERR_USAGE,
			    "%s: LD_PRELOAD cannot hold a path with '%c'; move ctrace to a folder without", path, *bad);
}

int ct_library_find(const char *exe, char path[PATH_MAX], struct ct_error_text *error)
{
	char folder[PATH_MAX], place[PATH_MAX + 64];
	char *slash;

	if (!realpath(exe ? exe : "/proc/self/exe", folder))
		return ct_error_set(error, CT_ERR_IO, "cannot find the ctrace program itself: %s", strerror(errno));
	slash = strrchr(folder, '/');
	*(slash == folder ? slash + 1 : slash) = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(place, sizeof(place), "%s/%s", folder, places[i]);
		if (realpath(place, path) && access(path, R_OK) == 0)
			return check_name(path, error);
	}
	return ct_error_set(error, CT_ERR_IO, "%s/../lib/libctrace.so is missing: build or install ctrace completely",
			    folder);
}

char *ct_library_preload(const char *library, const char *present)
{
	char *value;

	if (asprintf(&value, "%s%s%s", library, present && *present ? ":" : "", present ? present : "") < 0)
		return NULL;
	return value;
}
