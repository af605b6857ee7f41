/* SPDX-License-Identifier: MIT */
/* Bytes in gzip and base64, as they come: what is inside a page is small, and none of it can be taken for markup. */
#ifndef CT_WRITE_PACKED_H
#define CT_WRITE_PACKED_H

#include <stdio.h>

/* What is written to the stream goes to out, packed; complete after fclose, whose result says if it worked. NULL
 * without memory. */
FILE *ct_packed_open(FILE *out);

#endif
