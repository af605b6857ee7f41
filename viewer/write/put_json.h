/* SPDX-License-Identifier: MIT */
/* Pieces of JSON for writers that stream. A stream that has failed stays so; the writer asks at the end. */
#ifndef CT_WRITE_PUT_JSON_H
#define CT_WRITE_PUT_JSON_H

#include <stdint.h>
#include <stdio.h>

#include "util/error.h"

/* A string in quotes. The profile's strings are valid UTF-8 without control characters. */
void ct_put_text(FILE *out, const char *text);

/* Digits, without printf's price. */
void ct_put_number(FILE *out, uint64_t number);

/* The same with a sign where it is below 0. */
void ct_put_signed(FILE *out, int64_t number);

/* "NAME": with a comma in front, and the value. */
void ct_put_text_member(FILE *out, const char *name, const char *text);
void ct_put_number_member(FILE *out, const char *name, uint64_t number);

/* The writer's result: CT_OK, or what errno says when the stream has failed. */
int ct_put_end(FILE *out, struct ct_error_text *error);

#endif
