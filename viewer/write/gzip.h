/* SPDX-License-Identifier: MIT */
/* One gzip stream into a file, compressed as it comes. Errors are kept until the end. */
#ifndef CT_WRITE_GZIP_H
#define CT_WRITE_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <zlib.h>

struct ct_gzip {
	FILE *out;
	z_stream stream;
	bool failed; /* the file says why; no memory otherwise */
	unsigned char waiting[65536]; /* small pieces are collected: each call of zlib costs */
	unsigned char compressed[65536];
};

/* False without memory. End with ct_gzip_end. */
bool ct_gzip_begin(struct ct_gzip *gzip, FILE *out);
void ct_gzip_put(struct ct_gzip *gzip, const void *bytes, size_t length);

/* False when anything went wrong since the beginning. */
bool ct_gzip_end(struct ct_gzip *gzip);

#endif
