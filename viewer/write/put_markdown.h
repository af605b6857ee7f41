/* SPDX-License-Identifier: MIT */
/* Writes untrusted text into Markdown, and into its tables. */
#ifndef CT_WRITE_PUT_MARKDOWN_H
#define CT_WRITE_PUT_MARKDOWN_H

#include <stdio.h>

/* Write text as code. In a table, | would end even a cell of code; control characters could affect a terminal. */
void ct_put_code(const char *text, FILE *out);

/* Write a name or a unit outside code, escaped so that it cannot become a cell, a link, an image or HTML. */
void ct_put_plain(const char *text, FILE *out);

#endif
