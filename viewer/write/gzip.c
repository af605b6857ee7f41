/* SPDX-License-Identifier: MIT */
#include "write/gzip.h"

#include <string.h>

#define WINDOW_BITS 15
#define GZIP_HEADER 16 /* added to WINDOW_BITS, it asks zlib for a gzip header, without a time */
#define LEVEL 5 /* measured: half the time of zlib's default 6, and no larger output */

bool ct_gzip_begin(struct ct_gzip *gzip, FILE *out)
{
	gzip->out = out;
	gzip->failed = false;
	memset(&gzip->stream, 0, sizeof(gzip->stream));
	gzip->stream.next_in = gzip->waiting;
	return deflateInit2(&gzip->stream, LEVEL, Z_DEFLATED, WINDOW_BITS + GZIP_HEADER, 8, Z_DEFAULT_STRATEGY) == Z_OK;
}

/* Compress the waiting bytes. */
static void drain(struct ct_gzip *gzip, int flush)
{
	int code;
	do {
		gzip->stream.next_out = gzip->compressed;
		gzip->stream.avail_out = sizeof(gzip->compressed);
		code = deflate(&gzip->stream, flush);
		size_t length = sizeof(gzip->compressed) - gzip->stream.avail_out;
		if (code == Z_STREAM_ERROR || fwrite(gzip->compressed, 1, length, gzip->out) != length)
			gzip->failed = true;
	} while (!gzip->failed && gzip->stream.avail_out == 0);
	gzip->failed = gzip->failed || (flush == Z_FINISH && code != Z_STREAM_END);
	gzip->stream.next_in = gzip->waiting;
	gzip->stream.avail_in = 0;
}

void ct_gzip_put(struct ct_gzip *gzip, const void *bytes, size_t length)
{
	const unsigned char *from = bytes;
	while (length && !gzip->failed) {
		size_t room = sizeof(gzip->waiting) - gzip->stream.avail_in;
		size_t part = length < room ? length : room;
		memcpy(gzip->waiting + gzip->stream.avail_in, from, part);
		gzip->stream.avail_in += (unsigned)part;
		from += part;
		length -= part;
		if (part == room)
			drain(gzip, Z_NO_FLUSH);
	}
}

bool ct_gzip_end(struct ct_gzip *gzip)
{
	if (!gzip->failed)
		drain(gzip, Z_FINISH);
	deflateEnd(&gzip->stream);
	return !gzip->failed;
}
