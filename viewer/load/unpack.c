/* SPDX-License-Identifier: MIT */
#include "load/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "load/unzstd.h"

#define GZIP_WINDOW (15 + 16) /* zlib's largest window, with a gzip header */
#define FIRST_ROOM 65536u

struct packed {
	z_stream stream;
	int fd;
	uint64_t read; /* bytes of the file */
	bool at_end; /* of the file */
	unsigned char waiting[32768];
};

bool ct_unpack_is_gzip(const void *start, size_t bytes)
{
	return bytes >= 3 && !memcmp(start, "\x1f\x8b\x08", 3);
}

/* Have bytes of the file waiting, unless it has ended. False with errno: it cannot be read. */
static bool fill(struct packed *packed)
{
	ssize_t got;
	if (packed->stream.avail_in || packed->at_end)
		return true;
	do
		got = pread(packed->fd, packed->waiting, sizeof(packed->waiting), (off_t)packed->read);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return false;
	packed->at_end = got == 0;
	packed->read += (uint64_t)got;
	packed->stream.next_in = packed->waiting;
	packed->stream.avail_in = (uInt)got;
	return true;
}

/* Skip zeros, with which tapes and some tools fill the last block. False: cannot be read. */
static bool skip_zeros(struct packed *packed)
{
	while (fill(packed) && packed->stream.avail_in) {
		if (*packed->stream.next_in)
			return true;
		packed->stream.next_in++;
		packed->stream.avail_in--;
	}
	return packed->at_end;
}

static int damaged(const struct packed *packed, struct ct_error_text *error, const char *what)
{
	return ct_error_set(error, CT_ERR_DAMAGED, "damaged gzip file at byte %llu: %s",
			    (unsigned long long)(packed->read - packed->stream.avail_in), what);
}

/* Unpack until the output is full. 1; 0 at the end of the file; or < 0. */
static int step(struct packed *packed, struct ct_error_text *error)
{
	while (packed->stream.avail_out) {
		if (!fill(packed))
			return ct_error_set(error, CT_ERR_IO, "cannot read: %s", strerror(errno));
		if (packed->at_end)
			return damaged(packed, error, "the file ends too early (cut off?)");
		int code = inflate(&packed->stream, Z_NO_FLUSH);
		if (code == Z_MEM_ERROR)
			return ct_error_no_memory(error);
		if (code != Z_OK && code != Z_STREAM_END)
			return damaged(packed, error, packed->stream.msg ? packed->stream.msg : "not compressed data");
		if (code == Z_OK)
			continue;
		if (!skip_zeros(packed))
			return ct_error_set(error, CT_ERR_IO, "cannot read: %s", strerror(errno));
		if (packed->at_end)
			return 0;
		if (inflateReset(&packed->stream) != Z_OK) /* another member follows */
			return ct_error_no_memory(error);
	}
	return 1;
}

static bool begin(struct packed *packed, int fd)
{
	memset(packed, 0, sizeof(*packed));
	packed->fd = fd;
	return inflateInit2(&packed->stream, GZIP_WINDOW) == Z_OK;
}

size_t ct_unpack_start(int fd, void *start, size_t room)
{
	struct packed packed;
	struct ct_error_text error;
	if (!begin(&packed, fd))
		return 0;
	packed.stream.next_out = start;
	packed.stream.avail_out = (uInt)room;
	step(&packed, &error);
	inflateEnd(&packed.stream);
	return room - packed.stream.avail_out;
}

/* Refuse what unpacks to far more than a report would. */
static int check_length(const struct packed *packed, size_t length, struct ct_error_text *error)
{
	uint64_t read = packed->read - packed->stream.avail_in;
	if (length <= CT_UNPACK_FREE || (length <= CT_UNPACK_MAX && length / CT_UNPACK_RATIO <= read))
		return CT_OK;
	return ct_error_set(error, CT_ERR_DAMAGED,
			    "unpacks to more than %s, unlike any report; if it is one, unpack it first (gunzip)",
			    length > CT_UNPACK_MAX ? "4 GiB" : "150 times its size");
}

static int unpack(struct packed *packed, char **text, size_t *length, struct ct_error_text *error)
{
	size_t room = FIRST_ROOM;
	int code = 1;
	*text = malloc(room + 1);
	*length = 0;
	while (*text) {
		packed->stream.next_out = (unsigned char *)*text + *length;
		packed->stream.avail_out = (uInt)(room - *length < UINT32_MAX ? room - *length : UINT32_MAX);
		const unsigned char *from = packed->stream.next_out;
		code = step(packed, error);
		*length += (size_t)(packed->stream.next_out - from);
		if (code <= 0)
			break;
		code = check_length(packed, *length, error);
		if (code < 0)
			break;
		if (*length == room) {
			char *more = realloc(*text, (room += room < CT_UNPACK_FREE ? room : room / 4) + 1);
			if (!more)
				free(*text);
			*text = more;
		}
	}
	if (!*text)
		return ct_error_no_memory(error);
	if (code == 0)
		(*text)[*length] = '\0';
	return code;
}

int ct_unpack(int fd, char **text, size_t *length, struct ct_error_text *error)
{
	struct packed packed;
	char start[4];
	*text = NULL;
	if (pread(fd, start, sizeof(start), 0) == sizeof(start) && ct_unzstd_is(start, sizeof(start)))
		return ct_unzstd(fd, text, length, error);
	if (!begin(&packed, fd))
		return ct_error_no_memory(error);
	int code = unpack(&packed, text, length, error);
	inflateEnd(&packed.stream);
	if (code) {
		free(*text);
		*text = NULL;
	}
	return code;
}
