/* SPDX-License-Identifier: MIT */
/* Reads from a file until all is read. */
#ifndef CT_UTIL_READ_H
#define CT_UTIL_READ_H

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

/* Read these many bytes of a file from `at` on. Returns how many there were, fewer only at its end; -1: see errno. */
static inline ssize_t ct_read_at(int fd, void *to, size_t bytes, off_t at)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t got = pread(fd, (char *)to + done, bytes - done, at + (off_t)done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -1 : (ssize_t)done;
		done += (size_t)got;
	}
	return (ssize_t)bytes;
}

#endif
