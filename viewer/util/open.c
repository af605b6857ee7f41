/* SPDX-License-Identifier: MIT */
#include "util/open.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define NOT_REGULAR EINVAL /* the errno for it */

int ct_open_regular(int folder, const char *path, int flags, struct stat *status)
{
	int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
	if (fd < 0)
		return -1;
	int problem = NOT_REGULAR;
	if (fstat(fd, status) < 0)
		problem = errno;
	else if (S_ISREG(status->st_mode))
		return fd;
	else if (S_ISDIR(status->st_mode))
		problem = EISDIR;
	close(fd);
	errno = problem;
	return -1;
}

const char *ct_open_problem(void)
{
	return errno == NOT_REGULAR ? "not a regular file" : strerror(errno);
}
