/* SPDX-License-Identifier: MIT */
#include "load/load.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctrace/store.h"
#include "util/open.h"

#define SNIFF_BYTES 64

/* Read the file's first bytes; 0 or < 0. */
static int sniff(const char *path, char *start, size_t *got, struct ct_error_text *error)
{
	struct stat status;
	*got = 0;
	/* Check the type before opening: opening a device may have side effects. */
	if (stat(path, &status) < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", path, strerror(errno));
	if (S_ISDIR(status.st_mode))
		return ct_error_set(error, CT_ERR_IO, "%s: is a folder; name a report or a store in it", path);
	if (!S_ISREG(status.st_mode))
		return ct_error_set(error, CT_ERR_IO, "%s: is not a regular file; save its contents to one first",
				    path);
	int fd = ct_open_regular(AT_FDCWD, path, 0, &status);
	if (fd < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", path, ct_open_problem());
	ssize_t bytes = read(fd, start, SNIFF_BYTES);
	close(fd);
	if (bytes < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", path, strerror(errno));
	*got = (size_t)bytes;
	return CT_OK;
}

static int has_magic(const char *start, size_t got)
{
	return got >= sizeof(CT_STORE_MAGIC) - 1 && !memcmp(start, CT_STORE_MAGIC, sizeof(CT_STORE_MAGIC) - 1);
}

int ct_is_store(const char *path, struct ct_error_text *error)
{
	char start[SNIFF_BYTES];
	size_t got;
	int code = sniff(path, start, &got, error);
	return code ? code : has_magic(start, got);
}

int ct_load(const char *path, struct ct_profile **profile, struct ct_error_text *error)
{
	char start[SNIFF_BYTES];
	size_t got;
	int code = sniff(path, start, &got, error);
	if (code)
		return code;
	if (has_magic(start, got))
		return ct_load_store(path, profile, error);
	size_t at = got >= 3 && !memcmp(start, "\xef\xbb\xbf", 3) ? 3 : 0;
	while (at < got && isspace((unsigned char)start[at]))
		at++;
	if (at < got && start[at] == '{')
		return ct_load_dhat(path, profile, error);
	static const char nothing[SNIFF_BYTES];
	const char *why = !got                          ? "is empty"
			  : memcmp(start, nothing, got) ? "neither a ctrace store nor DHAT JSON"
							: "empty: the process died before recording started";
	return ct_error_set(error, CT_ERR_DAMAGED, "%s: %s", path, why);
}
