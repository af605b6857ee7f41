/* SPDX-License-Identifier: MIT */
#include "life/fleet.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "sys/environment.h"
#include "sys/options.h"
#include "sys/sys.h"
#include "sys/text.h"

#define FILE_BYTES (16u << 10)
#define SETTINGS_MAX 64u
#define BLANKS " \t\r"

extern const char ct_stub[] __attribute__((weak)); /* preload/stub.c */

/* Read the file. Returns its length, 0 if there is none, or -1 if it is too long, or others than root can write it. */
static long read_file(char text[FILE_BYTES])
{
	struct stat file;
	long length = 0, got = -1;
	int fd = ct_sys_open(CT_FLEET_FILE, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return fd == -ENOENT ? 0 : -1;
	if (ct_syscall3(SYS_fstat, fd, &file, 0) == 0 && S_ISREG(file.st_mode) && !file.st_uid &&
	    !(file.st_mode & (S_IWGRP | S_IWOTH)))
		while ((got = ct_sys_read(fd, text + length, (size_t)(FILE_BYTES - length))) > 0)
			length += got;
	ct_sys_close(fd);
	return got < 0 || length == FILE_BYTES ? -1 : length;
}

static bool is_blank(char c)
{
	return c && strchr(BLANKS, c);
}

void ct_fleet_split(char *text, char **settings, size_t most)
{
	size_t count = 0;
	while (*text && count < most) {
		char *end = text + strcspn(text, "\n"), *next = end + (*end != '\0');
		while (is_blank(*text))
			text++;
		while (end > text && is_blank(end[-1]))
			end--;
		*end = '\0';
		if (!strncmp(text, "CTRACE_", 7) && end[-1] != '=')
			settings[count++] = text;
		text = next;
	}
	settings[count] = NULL;
}

bool ct_fleet_settings(char **variables, char ***settings)
{
	static char text[FILE_BYTES], asleep[] = "CTRACE_MODE=off";
	static char *found[SETTINGS_MAX + 2];
	*settings = NULL;
	if (!ct_stub || ct_environment_preloads(variables))
		return true;
	if (read_file(text) < 0)
		return false;
	ct_fleet_split(text, found, SETTINGS_MAX);
	size_t count = 0;
	while (found[count])
		count++;
	found[count] = asleep; /* the first one of a name counts */
	*settings = found;
	return true;
}

/* Does the pattern, in which * stands for any text, match the name? */
static bool matches(const char *pattern, size_t length, const char *name)
{
	const char *end = pattern + length, *star = NULL, *again = NULL;
	while (*name) {
		if (pattern < end && *pattern == '*') {
			star = ++pattern;
			again = name;
		} else if (pattern < end && *pattern == *name) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star;
			name = ++again;
		} else {
			return false;
		}
	}
	while (pattern < end && *pattern == '*')
		pattern++;
	return pattern == end;
}

/* Is the program in the list? A pattern without a slash is compared with the last part of its path. */
static bool has_program(const char *list, const char *exe)
{
	while (*list) {
		size_t length = strcspn(list, ", ");
		if (length && matches(list, length, memchr(list, '/', length) ? exe : ct_base_name(exe)))
			return true;
		list += length + (list[length] != '\0');
	}
	return false;
}

bool ct_fleet_admits(const char *exe)
{
	return !has_program(ct_options.deny, exe) && (!*ct_options.allow || has_program(ct_options.allow, exe));
}
