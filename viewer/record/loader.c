/* SPDX-License-Identifier: MIT */
#include "record/loader.h"

#include <string.h>

enum ct_loader ct_loader_kind(const char *bytes, size_t length)
{
	/* Names that they export, with the NUL that ends the name before. */
	static const char glibc[] = "\0_rtld_global", musl[] = "\0__libc_start_main";
	if (memmem(bytes, length, glibc, sizeof(glibc)))
		return CT_LOADER_GLIBC;
	return memmem(bytes, length, musl, sizeof(musl)) ? CT_LOADER_MUSL : CT_LOADER_NONE;
}

/* What the loader does instead of starting a program. */
static bool only_shows(const char *option)
{
	static const char *const options[] = {"--list", "--verify", "--list-tunables", "--list-diagnostics",
					      "--help", "--version"};
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (!strcmp(option, options[i]))
			return true;
	return false;
}

static bool has_value(const char *option)
{
	static const char *const options[] = {
		"--library-path",         "--inhibit-rpath",     "--audit", "--preload", "--argv0",
		"--glibc-hwcaps-prepend", "--glibc-hwcaps-mask",
	};
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (!strcmp(option, options[i]))
			return true;
	return false;
}

size_t ct_loader_program(char *const *arguments)
{
	size_t at = 1;
	while (arguments[at] && !strncmp(arguments[at], "--", 2)) {
		if (only_shows(arguments[at]))
			return 0;
		at += has_value(arguments[at]) && arguments[at + 1] ? 2 : 1;
	}
	return arguments[at] ? at : 0;
}
