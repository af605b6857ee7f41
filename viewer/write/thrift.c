/* SPDX-License-Identifier: MIT */
#include "write/thrift.h"

#include <string.h>

enum { TRUE_TYPE = 1, FALSE_TYPE = 2, I64_TYPE = 6, LIST_TYPE = 9 };

#define SHORT_LIST 15u /* shorter lists have their length in one byte with the type */

void ct_put_varint(FILE *out, uint64_t number)
{
	for (; number > 127; number >>= 7)
		putc_unlocked((int)(number & 127) | 128, out);
	putc_unlocked((int)number, out);
}

static void put_signed(FILE *out, int64_t number)
{
	ct_put_varint(out, (uint64_t)number << 1 ^ (uint64_t)(number >> 63));
}

/* All numbers of fields in Parquet are below 16 and rise, so the distance fits into four bits. */
static void begin_field(struct ct_thrift *thrift, unsigned field, unsigned type)
{
	unsigned *latest = &thrift->latest[thrift->depth];
	putc_unlocked((int)((field - *latest) << 4 | type), thrift->out);
	*latest = field;
}

void ct_thrift_i32(struct ct_thrift *thrift, unsigned field, int32_t number)
{
	begin_field(thrift, field, CT_THRIFT_I32);
	put_signed(thrift->out, number);
}

void ct_thrift_i64(struct ct_thrift *thrift, unsigned field, int64_t number)
{
	begin_field(thrift, field, I64_TYPE);
	put_signed(thrift->out, number);
}

void ct_thrift_bool(struct ct_thrift *thrift, unsigned field, bool value)
{
	begin_field(thrift, field, value ? TRUE_TYPE : FALSE_TYPE);
}

void ct_thrift_text(struct ct_thrift *thrift, unsigned field, const char *text)
{
	begin_field(thrift, field, CT_THRIFT_TEXT);
	ct_thrift_element_text(thrift, text);
}

void ct_thrift_struct(struct ct_thrift *thrift, unsigned field)
{
	begin_field(thrift, field, CT_THRIFT_STRUCT);
	ct_thrift_element_struct(thrift);
}

void ct_thrift_list(struct ct_thrift *thrift, unsigned field, enum ct_thrift_type type, size_t count)
{
	begin_field(thrift, field, LIST_TYPE);
	putc_unlocked((int)((count < SHORT_LIST ? (unsigned)count : SHORT_LIST) << 4 | type), thrift->out);
	if (count >= SHORT_LIST)
		ct_put_varint(thrift->out, count);
}

void ct_thrift_element_i32(struct ct_thrift *thrift, int32_t number)
{
	put_signed(thrift->out, number);
}

void ct_thrift_element_text(struct ct_thrift *thrift, const char *text)
{
	size_t length = strlen(text);
	ct_put_varint(thrift->out, length);
	fwrite(text, 1, length, thrift->out);
}

void ct_thrift_element_struct(struct ct_thrift *thrift)
{
	thrift->latest[++thrift->depth] = 0;
}

void ct_thrift_end(struct ct_thrift *thrift)
{
	putc_unlocked(0, thrift->out);
	if (thrift->depth)
		thrift->depth--;
}
