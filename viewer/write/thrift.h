/* SPDX-License-Identifier: MIT */
/*
 * Writes Thrift's compact protocol, in which Parquet's heads are: a struct is a row of fields, each with the distance
 * of its number to the one before, and ends with a zero byte.
 */
#ifndef CT_WRITE_THRIFT_H
#define CT_WRITE_THRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CT_THRIFT_DEPTH 8

struct ct_thrift {
	FILE *out;
	unsigned latest[CT_THRIFT_DEPTH]; /* numbers of the latest fields of the structs that are open */
	unsigned depth;
};

enum ct_thrift_type { CT_THRIFT_I32 = 5, CT_THRIFT_TEXT = 8, CT_THRIFT_STRUCT = 12 };

/* Write fields of the struct that is open. */
void ct_thrift_i32(struct ct_thrift *thrift, unsigned field, int32_t number);
void ct_thrift_i64(struct ct_thrift *thrift, unsigned field, int64_t number);
void ct_thrift_bool(struct ct_thrift *thrift, unsigned field, bool value);
void ct_thrift_text(struct ct_thrift *thrift, unsigned field, const char *text);
void ct_thrift_struct(struct ct_thrift *thrift, unsigned field);
/* Begin a list; then follow its elements. */
void ct_thrift_list(struct ct_thrift *thrift, unsigned field, enum ct_thrift_type type, size_t count);

/* Write elements of a list. */
void ct_thrift_element_i32(struct ct_thrift *thrift, int32_t number);
void ct_thrift_element_text(struct ct_thrift *thrift, const char *text);
void ct_thrift_element_struct(struct ct_thrift *thrift);

/* End a struct: a field, an element, or the outermost one. */
void ct_thrift_end(struct ct_thrift *thrift);

/* Write a number in groups of 7 bits. */
void ct_put_varint(FILE *out, uint64_t number);

#endif
