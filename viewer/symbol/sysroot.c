/* SPDX-License-Identifier: MIT */
#include "symbol/sysroot.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/open.h"

static const char *name;
static int root = AT_FDCWD;

int ct_sysroot_set(const char *folder, struct ct_error_text *error)
{
	int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ct_error_set(error, CT_ERR_USAGE, "--sysroot %s: %s", folder, ct_open_problem());
	if (!ct_open_has_roots(fd)) {
		close(fd);
		return ct_error_set(error, CT_ERR_USAGE,
				    "--sysroot %s: %s; it needs openat2, which came with Linux 5.6", folder,
				    ct_open_problem());
	}
	if (name)
		close(root);
	name = folder;
	root = fd;
	return CT_OK;
}

const char *ct_sysroot(void)
{
	return name;
}

int ct_sysroot_open(const char *path, int flags, struct stat *status)
{
	return name ? ct_open_regular_in(root, path, flags, status) : ct_open_regular(AT_FDCWD, path, flags, status);
}
