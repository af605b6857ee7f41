/* SPDX-License-Identifier: MIT */
#include "load/unzstd.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load/unpack.h"

#define FIRST_ROOM 65536u

/* As in zstd.h, which need not be installed. */
struct in {
	const void *bytes;
	size_t size, at;
};

struct out {
	void *bytes;
	size_t size, at;
};

static struct {
	bool tried, there;
	void *(*new)(void);
	size_t (*free)(void *stream);
	size_t (*step)(void *stream, struct out *out, struct in *in);
	unsigned (*failed)(size_t code);
	const char *(*reason)(size_t code);
} zstd;

static bool find(void *library, const char *name, void *function)
{
	void *found = dlsym(library, name);
	memcpy(function, &found, sizeof(found));
	return found;
}

bool ct_unzstd_possible(void)
{
	void *library;
	if (zstd.tried)
		return zstd.there;
	zstd.tried = true;
	library = dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL);
	zstd.there = library && find(library, "ZSTD_createDStream", &zstd.new) &&
		     find(library, "ZSTD_freeDStream", &zstd.free) &&
		     find(library, "ZSTD_decompressStream", &zstd.step) &&
		     find(library, "ZSTD_isError", &zstd.failed) && find(library, "ZSTD_getErrorName", &zstd.reason);
	return zstd.there;
}

bool ct_unzstd_is(const void *start, size_t bytes)
{
	return bytes >= 4 && !memcmp(start, "\x28\xb5\x2f\xfd", 4);
}

struct packed {
	void *stream;
	int fd;
	uint64_t read; /* bytes of the file */
	bool at_end; /* of the file */
	size_t wanted; /* 0 = the last frame is complete */
	struct in in;
	unsigned char waiting[32768];
};

/* Have bytes of the file waiting, unless it has ended. False with errno: it cannot be read. */
static bool fill(struct packed *packed)
{
	ssize_t got;
	if (packed->in.at < packed->in.size || packed->at_end)
		return true;
	do
		got = pread(packed->fd, packed->waiting, sizeof(packed->waiting), (off_t)packed->read);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return false;
	packed->at_end = got == 0;
	packed->read += (uint64_t)got;
	packed->in = (struct in){packed->waiting, (size_t)got, 0};
	return true;
}

/* Unpack until the output is full. 1; 0 at the end of the file; or < 0. */
static int step(struct packed *packed, struct out *out, struct ct_error_text *error)
{
	while (out->at < out->size) {
		if (!fill(packed))
			return ct_error_set(error, CT_ERR_IO, "cannot read: %s", strerror(errno));
		if (packed->at_end && !packed->wanted)
			return 0;
		size_t before = out->at;
		packed->wanted = zstd.step(packed->stream, out, &packed->in);
		if (zstd.failed(packed->wanted))
			return ct_error_set(error, CT_ERR_DAMAGED, "damaged zstd file: %s",
					    zstd.reason(packed->wanted));
		if (packed->at_end && packed->wanted && out->at == before)
			return ct_error_set(error, CT_ERR_DAMAGED,
					    "damaged zstd file: the file ends too early (cut off?)");
	}
	return 1;
}

static struct packed *begin(int fd)
{
	struct packed *packed = ct_unzstd_possible() ? calloc(1, sizeof(*packed)) : NULL;
	if (!packed)
		return NULL;
	packed->fd = fd;
	packed->wanted = 1;
	packed->stream = zstd.new();
	if (packed->stream)
		return packed;
	free(packed);
	return NULL;
}

static void end(struct packed *packed)
{
	zstd.free(packed->stream);
	free(packed);
}

size_t ct_unzstd_start(int fd, void *start, size_t room)
{
	struct packed *packed = begin(fd);
	struct out out = {start, room, 0};
	struct ct_error_text error;
	if (!packed)
		return 0;
	step(packed, &out, &error);
	end(packed);
	return out.at;
}

/* Refuse what unpacks to far more than a report would. */
static int check_length(const struct packed *packed, size_t length, struct ct_error_text *error)
{
	if (length <= CT_UNPACK_FREE || (length <= CT_UNPACK_MAX && length / CT_UNPACK_RATIO <= packed->read))
		return 1;
	return ct_error_set(error, CT_ERR_DAMAGED,
			    "unpacks to more than %s, unlike any report; if it is one, unpack it first (unzstd)",
			    length > CT_UNPACK_MAX ? "4 GiB" : "150 times its size");
}

int ct_unzstd(int fd, char **text, size_t *length, struct ct_error_text *error)
{
	struct packed *packed = begin(fd);
	struct out out = {.size = FIRST_ROOM};
	char *room = packed ? malloc(out.size + 1) : NULL;
	int code = room ? 1 : ct_error_no_memory(error);
	while (code > 0) {
		out.bytes = room;
		code = step(packed, &out, error);
		if (code > 0)
			code = check_length(packed, out.at, error);
		if (code <= 0)
			break;
		out.size += out.size < CT_UNPACK_FREE ? out.size : out.size / 4;
		char *more = realloc(room, out.size + 1);
		if (!more)
			code = ct_error_no_memory(error);
		else
			room = more;
	}
	if (packed)
		end(packed);
	if (code) {
		free(room);
		return code;
	}
	room[out.at] = '\0';
	*text = room;
	*length = out.at;
	return CT_OK;
}
