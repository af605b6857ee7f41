/* SPDX-License-Identifier: MIT */
/* Writes to a descriptor until all is written. */
#ifndef CT_UTIL_WRITE_H
#define CT_UTIL_WRITE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

/* False: it failed, and a part may have been written. */
static inline bool ct_write_all(int fd, const char *content, size_t bytes)
{
	while (bytes) {
		ssize_t done = write(fd, content, bytes);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		content += done;
		bytes -= (size_t)done;
	}
	return true;
}

#endif
