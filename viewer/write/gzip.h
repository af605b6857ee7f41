/* SPDX-License-Identifier: MIT */
/* Writes a gzip stream to a file and compresses as it goes. Errors are remembered until the end. */
#ifndef CT_WRITE_GZIP_H
#define CT_WRITE_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <zlib.h>

struct ct_gzip {
	FILE *out;
	z_stream stream;
	bool failed; /* ferror(out): writing failed; otherwise out of memory */
	unsigned char waiting[65536]; /* collects small pieces, since each call of zlib is costly */
	unsigned char compressed[65536];
};

/* False when out of memory. End with ct_gzip_end. */
bool ct_gzip_begin(struct ct_gzip *gzip, FILE *out);
void ct_gzip_put(struct ct_gzip *gzip, const void *bytes, size_t length);

/* False if anything has failed since ct_gzip_begin. */
bool ct_gzip_end(struct ct_gzip *gzip);

#endif
