/* SPDX-License-Identifier: MIT */
#include "export/export.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "load/store/store_last_look.h"
#include "memory/take.h"

int ct_export_last_look(const char *path, struct ct_error_text *error)
{
	struct ct_store_file store = {0};
	struct ct_taken taken = {0};
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", path, strerror(errno));
	int code = ct_store_file_read(fd, path, &store, error);
	if (!code) {
		code = ct_take_by_store(&store, &taken, error);
		if (!code)
			code = ct_store_last_look_keep(fd, &store, &taken, error);
		if (code)
			ct_store_last_look_fail(fd, error->line);
	}
	ct_taken_fini(&taken);
	ct_store_file_close(&store);
	close(fd);
	return code;
}
