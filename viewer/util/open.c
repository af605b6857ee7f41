/* SPDX-License-Identifier: MIT */
#include "util/open.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOT_REGULAR EINVAL /* the errno for it */
#define READ (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
#define TRIES 64

static int only_regular(int fd, struct stat *status)
{
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

int ct_open_regular(int folder, const char *path, int flags, struct stat *status)
{
	return only_regular(openat(folder, path, READ | flags), status);
}

static int open_in(int root, const char *path, int flags)
{
	const struct open_how how = {
		.flags = (unsigned)flags,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd, tries = 0;
	do /* EAGAIN: something was renamed meanwhile, so the kernel cannot say whether ".." left the root */
		fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	while (fd < 0 && errno == EAGAIN && ++tries < TRIES);
	return fd;
}

int ct_open_regular_in(int root, const char *path, int flags, struct stat *status)
{
	return only_regular(open_in(root, path, READ | flags), status);
}

bool ct_open_has_roots(int root)
{
	int fd = open_in(root, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

const char *ct_open_problem(void)
{
	return errno == NOT_REGULAR ? "not a regular file" : strerror(errno);
}
