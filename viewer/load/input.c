/* SPDX-License-Identifier: MIT */
#include "load/input.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctrace/store.h"
#include "util/open.h"

#define SNIFF_BYTES 64

static int open_regular(const char *path, int *fd, struct ct_error_text *error)
{
	struct stat status;
	/* Before it is opened: opening a device may have an effect. */
	if (stat(path, &status) < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", path, strerror(errno));
	if (S_ISDIR(status.st_mode))
		return ct_error_set(error, CT_ERR_IO, "%s: is a folder; name a report or a store in it", path);
	if (!S_ISREG(status.st_mode))
		return ct_error_set(error, CT_ERR_IO, "%s: is not a regular file; save its contents to one first",
				    path);
	*fd = ct_open_regular(AT_FDCWD, path, 0, &status);
	return *fd < 0 ? ct_error_set(error, CT_ERR_IO, "%s: %s", path, ct_open_problem()) : CT_OK;
}

static int sniff(struct ct_input *input, struct ct_error_text *error)
{
	static const char nothing[SNIFF_BYTES];
	char start[SNIFF_BYTES];
	ssize_t got = pread(input->fd, start, sizeof(start), 0);
	if (got < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", input->path, strerror(errno));
	size_t bytes = (size_t)got, at = bytes >= 3 && !memcmp(start, "\xef\xbb\xbf", 3) ? 3 : 0;
	input->is_store =
		bytes >= sizeof(CT_STORE_MAGIC) - 1 && !memcmp(start, CT_STORE_MAGIC, sizeof(CT_STORE_MAGIC) - 1);
	while (at < bytes && isspace((unsigned char)start[at]))
		at++;
	if (input->is_store || (at < bytes && start[at] == '{'))
		return CT_OK;
	const char *why = !bytes                          ? "is empty"
			  : memcmp(start, nothing, bytes) ? "neither a ctrace store nor DHAT JSON"
							  : "empty: the process died before recording started";
	return ct_error_set(error, CT_ERR_DAMAGED, "%s: %s", input->path, why);
}

int ct_input_open(const char *path, struct ct_input *input, struct ct_error_text *error)
{
	*input = (struct ct_input){.path = path, .fd = -1};
	int code = open_regular(path, &input->fd, error);
	if (!code)
		code = sniff(input, error);
	if (code)
		ct_input_close(input);
	return code;
}

void ct_input_close(struct ct_input *input)
{
	if (input->fd >= 0)
		close(input->fd);
	input->fd = -1;
}
