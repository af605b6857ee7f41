/* SPDX-License-Identifier: MIT */
#include "load/input.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctrace/store.h"
#include "load/foreign.h"
#include "load/unpack.h"
#include "load/unzstd.h"
#include "util/open.h"
#include "util/write.h"

/* Copy what comes from a pipe, so that it can be read more than once. */
static int copy_pipe(int from, int to)
{
	char bytes[1 << 16];
	ssize_t got;
	while ((got = read(from, bytes, sizeof(bytes))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || !ct_write_all(to, bytes, (size_t)got))
			return -1;
	}
	return 0;
}

/* "-" is stdin: a file as it is, whose owner matters, or a copy of what comes. */
static int open_stdin(int *fd, struct ct_error_text *error)
{
	struct stat status;
	if (isatty(STDIN_FILENO))
		return ct_error_set(error, CT_ERR_USAGE,
				    "-: stdin is a terminal; name a file, or send one through a pipe");
	if (fstat(STDIN_FILENO, &status) < 0)
		return ct_error_set(error, CT_ERR_IO, "-: %s", strerror(errno));
	bool file = S_ISREG(status.st_mode) && lseek(STDIN_FILENO, 0, SEEK_CUR) == 0;
	*fd = file ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : memfd_create("ctrace-stdin", MFD_CLOEXEC);
	if (*fd >= 0 && (file || copy_pipe(STDIN_FILENO, *fd) == 0))
		return CT_OK;
	return ct_error_set(error, CT_ERR_IO, "-: cannot read stdin: %s", strerror(errno));
}

static int open_regular(const char *path, int *fd, struct ct_error_text *error)
{
	struct stat status;
	if (ct_input_is_stdin(path))
		return open_stdin(fd, error);
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

ssize_t ct_input_start(int fd, char *start, size_t room, bool *packed)
{
	ssize_t got = pread(fd, start, room, 0);
	*packed = got > 0 && ct_unpack_is_gzip(start, (size_t)got);
	if (got > 0 && ct_unzstd_is(start, (size_t)got)) {
		size_t unpacked = ct_unzstd_start(fd, start, room);
		*packed = unpacked;
		return unpacked ? (ssize_t)unpacked : pread(fd, start, room, 0);
	}
	return *packed ? (ssize_t)ct_unpack_start(fd, start, room) : got;
}

bool ct_input_is_store(const char *start, size_t bytes)
{
	return bytes >= sizeof(CT_STORE_MAGIC) - 1 && !memcmp(start, CT_STORE_MAGIC, sizeof(CT_STORE_MAGIC) - 1);
}

const char *ct_input_json(const char *start, size_t bytes)
{
	size_t at = bytes >= 3 && !memcmp(start, "\xef\xbb\xbf", 3) ? 3 : 0;
	while (at < bytes && isspace((unsigned char)start[at]))
		at++;
	return at < bytes && start[at] == '{' ? start + at : NULL;
}

static int sniff(struct ct_input *input, struct ct_error_text *error)
{
	static const char nothing[CT_FOREIGN_BYTES];
	char start[CT_FOREIGN_BYTES];
	ssize_t got = ct_input_start(input->fd, start, sizeof(start), &input->packed);
	if (got < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", input->path, strerror(errno));
	size_t bytes = (size_t)got;
	input->is_store = ct_input_is_store(start, bytes);
	if (input->is_store && input->packed)
		return ct_error_set(error, CT_ERR_DAMAGED, "%s: this is a compressed store; unpack it first (gunzip)",
				    input->path);
	if (input->is_store || ct_input_json(start, bytes))
		return CT_OK;
	input->foreign = bytes ? ct_foreign_kind(start, bytes) : CT_FOREIGN_NONE;
	if (input->foreign)
		return CT_OK;
	const char *what = bytes ? ct_foreign_file(start, bytes) : NULL;
	if (what && ct_unzstd_is(start, bytes) && !ct_unzstd_possible())
		return ct_error_set(
			error, CT_ERR_DAMAGED,
			"%s: compressed by zstd, and libzstd.so.1 is not installed; unpack it first (unzstd)",
			input->path);
	if (what)
		return ct_error_set(error, CT_ERR_DAMAGED, "%s: this is %s", input->path, what);
	const char *why = !bytes && input->packed         ? "a damaged gzip file, or one of nothing"
			  : !bytes                        ? "is empty"
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
