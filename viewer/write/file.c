/* SPDX-License-Identifier: MIT */
#include "write/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/interrupt.h"
#include "util/progress.h"

static int fail(struct ct_out_file *file, const char *doing, struct ct_error_text *error)
{
	return ct_error_set(error, CT_ERR_IO, "%s: cannot %s: %s", file->path, doing, strerror(errno));
}

static bool is_trusted(const struct stat *status)
{
	return status->st_uid == geteuid() || status->st_uid == 0;
}

/* Does the path name a file that a process has open? It may be a regular file. */
static bool is_descriptor(const char *path)
{
	return !strncmp(path, "/dev/std", 8) || !strncmp(path, "/dev/fd/", 8) || !strncmp(path, "/proc/", 6);
}

/* Is it a pipe or a device, or a link to one, so that nothing is renamed? Those of other users are refused. */
static bool is_direct(const char *path)
{
	struct stat link, status;
	return lstat(path, &link) == 0 && stat(path, &status) == 0 && !S_ISREG(status.st_mode) &&
	       !S_ISDIR(status.st_mode) && is_trusted(&link) && is_trusted(&status);
}

static int open_direct(struct ct_out_file *file, struct ct_error_text *error)
{
	struct stat status;
	int fd = open(file->path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0 || (!is_descriptor(file->path) && S_ISREG(status.st_mode)))
		errno = fd < 0 ? errno : EEXIST; /* a regular file has appeared there meanwhile */
	else
		file->stream = fdopen(fd, "w");
	if (file->stream)
		return CT_OK;
	int code = fail(file, "open for writing", error);
	if (fd >= 0)
		close(fd);
	return code;
}

bool ct_out_replaces(const char *path)
{
	struct stat status;
	return strcmp(path, "-") && !is_descriptor(path) && lstat(path, &status) == 0 && !is_direct(path);
}

int ct_out_open(const char *path, struct ct_out_file *file, struct ct_error_text *error)
{
	memset(file, 0, sizeof(*file));
	file->path = strdup(path);
	if (!file->path)
		return ct_error_no_memory(error);
	if (!strcmp(path, "-")) {
		file->stream = stdout;
		if (isatty(STDOUT_FILENO))
			ct_progress_give_way();
		return CT_OK;
	}
	if (is_descriptor(path) || is_direct(path))
		return open_direct(file, error);
	if (asprintf(&file->temporary, "%s.%d.tmp", path, (int)getpid()) < 0) {
		file->temporary = NULL;
		return ct_error_no_memory(error);
	}
	unlink(file->temporary);
	file->slot = ct_interrupt_remove(file->temporary);
	int fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return fail(file, "create", error);
	file->stream = fdopen(fd, "w");
	return file->stream ? CT_OK : fail(file, "open", error);
}

int ct_out_close(struct ct_out_file *file, int code, struct ct_error_text *error)
{
	if (file->stream) {
		/* Callers may have ignored an earlier error, but the stream remembers it. */
		int failed = fflush(file->stream) | ferror(file->stream);
		int saved = errno;
		if (file->stream != stdout && fclose(file->stream) && !failed) {
			failed = 1;
			saved = errno;
		}
		errno = saved;
		if (failed && !code)
			code = fail(file, "write", error);
	}
	if (file->temporary) {
		if (!code && rename(file->temporary, file->path) < 0)
			code = fail(file, "rename into place", error);
		if (code)
			unlink(file->temporary);
		ct_interrupt_keep(file->slot);
	}
	free(file->temporary);
	free(file->path);
	memset(file, 0, sizeof(*file));
	return code;
}
