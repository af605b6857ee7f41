/* SPDX-License-Identifier: MIT */
#include "record/script.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/open.h"

static const char blanks[] = " \t";

int ct_script_read(const char *path, struct ct_script *script)
{
	char line[CT_SCRIPT_LINE], *at;
	struct stat status;
	int fd = ct_open_regular(AT_FDCWD, path, 0, &status);
	ssize_t got = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	size_t length;
	if (fd >= 0)
		close(fd);
	if (got < 2 || memcmp(line, "#!", 2) != 0)
		return -1;
	line[got] = '\0';
	line[strcspn(line, "\n")] = '\0';
	at = line + 2 + strspn(line + 2, blanks);
	length = strcspn(at, blanks);
	if (length == 0)
		return -1;
	memcpy(script->interpreter, at, length);
	script->interpreter[length] = '\0';
	at += length;
	at += strspn(at, blanks);
	strcpy(script->argument, at);
	for (length = strlen(script->argument); length > 0 && strchr(blanks, script->argument[length - 1]); length--)
		script->argument[length - 1] = '\0';
	return 0;
}

bool ct_script_env_program(const struct ct_script *script, char *program, size_t size)
{
	const char *base = strrchr(script->interpreter, '/');
	const char *at = script->argument;
	if (strcmp(base ? base + 1 : script->interpreter, "env") != 0)
		return false;
	/* `env -S VAR=1 python3 -u`: the first word that is neither an option nor an assignment */
	for (;;) {
		size_t length;

		at += strspn(at, blanks);
		length = strcspn(at, blanks);
		if (length == 0)
			return false;
		if (*at != '-' && !memchr(at, '=', length)) {
			snprintf(program, size, "%.*s", (int)length, at);
			return true;
		}
		at += length;
	}
}
