/* SPDX-License-Identifier: MIT */
/* Writes pieces of JSON for streaming writers. A failed stream stays failed, so writers check only once, at the end. */
#ifndef CT_WRITE_PUT_JSON_H
#define CT_WRITE_PUT_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "util/error.h"

/* Write a quoted string. The profile's strings are valid UTF-8 without control characters. */
void ct_put_text(FILE *out, const char *text);

/* Write digits, faster than printf. */
void ct_put_number(FILE *out, uint64_t number);

/* The same for a number that may be negative. */
void ct_put_signed(FILE *out, int64_t number);

/* Write numbers, separated by commas; and the same in brackets, after a text. */
void ct_put_numbers(FILE *out, const uint64_t *numbers, size_t count);
void ct_put_row(FILE *out, const char *before, const uint64_t *numbers, size_t count);

/* Write a comma, "NAME": and the value. */
void ct_put_text_member(FILE *out, const char *name, const char *text);
void ct_put_number_member(FILE *out, const char *name, uint64_t number);

/* The writer's result: CT_OK, or CT_ERR_IO with errno's text if the stream has failed. */
int ct_put_end(FILE *out, struct ct_error_text *error);

#endif
