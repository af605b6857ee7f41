/* SPDX-License-Identifier: MIT */
/* A stream that compresses to gzip and encodes as base64: data in a page is small and cannot be taken for markup. */
#ifndef CT_WRITE_PACKED_H
#define CT_WRITE_PACKED_H

#include <stdio.h>

/*
 * Open a stream that writes to out, packed. The output is complete after fclose, whose result shows success or
 * failure. NULL when out of memory.
 */
FILE *ct_packed_open(FILE *out);

/* The same without compression. */
FILE *ct_base64_open(FILE *out);

#endif
