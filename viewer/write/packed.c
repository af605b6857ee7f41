/* SPDX-License-Identifier: MIT */
#include "write/packed.h"

#include <stdint.h>
#include <stdlib.h>

#include "write/gzip.h"

struct base64 {
	FILE *out;
	uint32_t bits; /* the bytes that wait for a third one */
	unsigned waiting;
};

struct packed {
	struct ct_gzip gzip;
	FILE *text; /* base64 */
};

static void put_group(const struct base64 *base64)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = base64->bits << 8 * (3 - base64->waiting);
	for (unsigned i = 0; i < 4; i++)
		putc_unlocked(i <= base64->waiting ? digits[bits >> (18 - 6 * i) & 63] : '=', base64->out);
}

static ssize_t write_base64(void *cookie, const char *bytes, size_t length)
{
	struct base64 *base64 = cookie;
	for (size_t i = 0; i < length; i++) {
		base64->bits = base64->bits << 8 | (unsigned char)bytes[i];
		if (++base64->waiting < 3)
			continue;
		put_group(base64);
		base64->bits = base64->waiting = 0;
	}
	return ferror(base64->out) ? 0 : (ssize_t)length;
}

static int close_base64(void *cookie)
{
	struct base64 *base64 = cookie;
	if (base64->waiting)
		put_group(base64);
	int failed = ferror(base64->out);
	free(base64);
	return failed ? -1 : 0;
}

FILE *ct_base64_open(FILE *out)
{
	struct base64 *base64 = calloc(1, sizeof(*base64));
	if (!base64)
		return NULL;
	base64->out = out;
	FILE *stream = fopencookie(base64, "w", (cookie_io_functions_t){.write = write_base64, .close = close_base64});
	if (!stream)
		free(base64);
	return stream;
}

static ssize_t write_packed(void *cookie, const char *bytes, size_t length)
{
	struct packed *packed = cookie;
	ct_gzip_put(&packed->gzip, bytes, length);
	return packed->gzip.failed ? 0 : (ssize_t)length; /* fopencookie(3): 0 means failure */
}

static int close_packed(void *cookie)
{
	struct packed *packed = cookie;
	bool good = ct_gzip_end(&packed->gzip);
	good = fclose(packed->text) == 0 && good;
	free(packed);
	return good ? 0 : -1;
}

FILE *ct_packed_open(FILE *out)
{
	struct packed *packed = calloc(1, sizeof(*packed));
	FILE *stream = NULL;
	if (packed && (packed->text = ct_base64_open(out)) && ct_gzip_begin(&packed->gzip, packed->text))
		stream =
			fopencookie(packed, "w", (cookie_io_functions_t){.write = write_packed, .close = close_packed});
	if (stream)
		return stream;
	if (packed && packed->gzip.out)
		ct_gzip_end(&packed->gzip);
	if (packed && packed->text)
		fclose(packed->text);
	free(packed);
	return NULL;
}
