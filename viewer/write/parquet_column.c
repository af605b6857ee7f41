/* SPDX-License-Identifier: MIT */
#include "write/parquet_column.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/hash.h"
#include "util/memory_stream.h"
#include "write/gzip.h"
#include "write/thrift.h"

enum { DATA_PAGE = 0, DICTIONARY_PAGE = 2 };

#define RUN_MIN 8u /* equal values that are worth a run; others are packed in groups of as many */

/* Distinct texts, in the order in which they came. */
struct dictionary {
	const char **texts;
	size_t count, room;
	uint32_t *slots; /* index of a text, from 1 */
	size_t slot_count; /* a power of two */
};

/* What is collected for a chunk. */
struct column_values {
	uint32_t *definitions; /* 1: there is a value, 0: null */
	uint32_t *repetitions; /* of stacks: 0 begins a row */
	uint32_t *indices; /* into the dictionary */
	size_t definition_count, definition_room, repetition_room, index_count, index_room;
	FILE *plain; /* numbers and booleans */
	unsigned bits, bit_count; /* booleans that are not a byte yet */
	struct dictionary dictionary;
	uint32_t *of_frame; /* index of a frame's name, from 1 */
};

int ct_parquet_type(enum ct_cell_type type)
{
	return type == CT_CELL_NUMBER || type == CT_CELL_TIME ? CT_PARQUET_INT64
	       : type == CT_CELL_BOOL                         ? CT_PARQUET_BOOLEAN
							      : CT_PARQUET_BYTE_ARRAY;
}

static uint64_t hash_text(const char *text)
{
	uint64_t hash = ct_hash_text(CT_HASH_START, text);
	return hash ^ hash >> 32;
}

static bool grow(struct dictionary *dictionary)
{
	size_t count = dictionary->slot_count ? 2 * dictionary->slot_count : 64;
	uint32_t *slots = calloc(count, sizeof(*slots));
	if (!slots)
		return false;
	for (size_t i = 0; i < dictionary->count; i++) {
		size_t at = hash_text(dictionary->texts[i]) & (count - 1);
		while (slots[at])
			at = (at + 1) & (count - 1);
		slots[at] = (uint32_t)i + 1;
	}
	free(dictionary->slots);
	dictionary->slots = slots;
	dictionary->slot_count = count;
	return true;
}

/* The text's index; < 0 when out of memory. The text must outlive the dictionary. */
static int64_t intern(struct dictionary *dictionary, const char *text)
{
	if (2 * dictionary->count >= dictionary->slot_count && !grow(dictionary))
		return -1;
	size_t mask = dictionary->slot_count - 1, at = hash_text(text) & mask;
	for (; dictionary->slots[at]; at = (at + 1) & mask)
		if (!strcmp(dictionary->texts[dictionary->slots[at] - 1], text))
			return dictionary->slots[at] - 1;
	if (!ct_array_room(&dictionary->texts, &dictionary->room, dictionary->count + 1, sizeof(*dictionary->texts)))
		return -1;
	dictionary->texts[dictionary->count++] = text;
	dictionary->slots[at] = (uint32_t)dictionary->count;
	return (int64_t)dictionary->count - 1;
}

static bool push(uint32_t **rows, size_t count, size_t *room, uint32_t value)
{
	if (!ct_array_room(rows, room, count + 1, sizeof(**rows)))
		return false;
	(*rows)[count] = value;
	return true;
}

static bool push_index(struct column_values *values, int64_t index)
{
	return index >= 0 && push(&values->indices, values->index_count++, &values->index_room, (uint32_t)index);
}

static void put_u32(FILE *out, uint32_t number)
{
	for (int i = 0; i < 4; i++)
		putc_unlocked((int)(number >> 8 * i & 255), out);
}

static void put_bool(struct column_values *values, bool value)
{
	values->bits |= (unsigned)value << values->bit_count++;
	if (values->bit_count == 8) {
		putc_unlocked((int)values->bits, values->plain);
		values->bits = values->bit_count = 0;
	}
}

static bool add_stack(const struct ct_sql_table *table, const struct ct_cell *cell, struct column_values *values)
{
	for (uint32_t i = 0; i < cell->frame_count; i++) {
		uint32_t *index = &values->of_frame[cell->frames[i]];
		if (!*index)
			*index = (uint32_t)(intern(&values->dictionary, table->names[cell->frames[i]]) + 1);
		if (!*index || !push_index(values, *index - 1) ||
		    !push(&values->repetitions, values->definition_count, &values->repetition_room, i > 0) ||
		    !push(&values->definitions, values->definition_count++, &values->definition_room, 1))
			return false;
	}
	return true;
}

/* False when out of memory. The texts of a column whose cells have rooms of their own are written at once. */
static bool add_cell(const struct ct_sql_table *table, const struct ct_sql_column *column, size_t row,
		     struct column_values *values)
{
	struct ct_cell cell;
	bool known = column->read(table, column, row, &cell);
	if (column->type == CT_CELL_STACK)
		return add_stack(table, &cell, values);
	if (!push(&values->definitions, values->definition_count++, &values->definition_room, known))
		return false;
	if (!known)
		return true;
	if (column->type == CT_CELL_BOOL) {
		put_bool(values, cell.number);
	} else if (column->type != CT_CELL_TEXT) {
		put_u32(values->plain, (uint32_t)cell.number);
		put_u32(values->plain, (uint32_t)((uint64_t)cell.number >> 32));
	} else if (cell.text == cell.room) {
		put_u32(values->plain, (uint32_t)strlen(cell.text));
		fputs_unlocked(cell.text, values->plain);
	} else {
		return push_index(values, intern(&values->dictionary, cell.text));
	}
	return true;
}

static size_t run_length(const uint32_t *numbers, size_t count)
{
	size_t length = 1;
	while (length < count && numbers[length] == *numbers)
		length++;
	return length;
}

/* Groups of 8 values, the lowest bit first. */
static void put_packed(FILE *out, const uint32_t *numbers, size_t count, unsigned width)
{
	size_t groups = (count + 7) / 8;
	uint64_t bits = 0;
	unsigned used = 0;
	ct_put_varint(out, groups << 1 | 1);
	for (size_t i = 0; i < groups * 8; i++) {
		bits |= (uint64_t)(i < count ? numbers[i] : 0) << used;
		for (used += width; used >= 8; used -= 8, bits >>= 8)
			putc_unlocked((int)(bits & 255), out);
	}
}

/* Parquet's mixture of runs and packed groups. Only the last group may have fewer than 8 values. */
static void put_hybrid(FILE *out, const uint32_t *numbers, size_t count, unsigned width)
{
	for (size_t at = 0; at < count;) {
		size_t run = run_length(numbers + at, count - at), from = at;
		if (run >= RUN_MIN) {
			ct_put_varint(out, run << 1);
			for (unsigned i = 0; i < (width + 7) / 8; i++)
				putc_unlocked((int)(numbers[at] >> 8 * i & 255), out);
			at += run;
			continue;
		}
		do
			at += 8;
		while (at < count && run_length(numbers + at, count - at < RUN_MIN ? count - at : RUN_MIN) < RUN_MIN);
		at = at < count ? at : count;
		put_packed(out, numbers + from, at - from, width);
	}
}

/* The same, behind its length. */
static bool put_levels(FILE *out, const uint32_t *levels, size_t count)
{
	char *text = NULL;
	size_t length;
	FILE *levels_out = open_memstream(&text, &length);
	if (!levels_out)
		return false;
	put_hybrid(levels_out, levels, count, 1);
	bool good = ct_memory_close(levels_out, &text);
	if (good) {
		put_u32(out, (uint32_t)length);
		fwrite(text, 1, length, out);
	}
	free(text);
	return good;
}

static void put_page_head(FILE *out, int type, size_t plain, size_t packed, size_t values, int encoding)
{
	struct ct_thrift thrift = {.out = out};
	ct_thrift_i32(&thrift, 1, type);
	ct_thrift_i32(&thrift, 2, (int32_t)plain);
	ct_thrift_i32(&thrift, 3, (int32_t)packed);
	ct_thrift_struct(&thrift, type == DATA_PAGE ? 5 : 7);
	ct_thrift_i32(&thrift, 1, (int32_t)values);
	ct_thrift_i32(&thrift, 2, encoding);
	if (type == DATA_PAGE) {
		ct_thrift_i32(&thrift, 3, CT_PARQUET_RLE);
		ct_thrift_i32(&thrift, 4, CT_PARQUET_RLE);
	}
	ct_thrift_end(&thrift);
	ct_thrift_end(&thrift);
}

/* Compress the bytes of a page; *packed is to be freed. */
static bool pack(const char *bytes, size_t length, char **packed, size_t *packed_length)
{
	struct ct_gzip *gzip = malloc(sizeof(*gzip));
	FILE *out = gzip ? open_memstream(packed, packed_length) : NULL;
	bool good = out && ct_gzip_begin(gzip, out);
	if (good) {
		ct_gzip_put(gzip, bytes, length);
		good = ct_gzip_end(gzip);
	}
	free(gzip);
	return ct_memory_close(out, packed) && good;
}

/* Write a page from its closed stream. */
static int put_page(FILE *out, int type, const char *bytes, size_t length, size_t values, int encoding,
		    struct ct_parquet_chunk *chunk, struct ct_error_text *error)
{
	char *head = NULL, *packed = NULL;
	size_t head_length = 0, packed_length = 0;
	if (length > INT_MAX)
		return ct_error_set(error, CT_ERR_USAGE, "names of %zu bytes in one part of a Parquet file", length);
	bool good = pack(bytes, length, &packed, &packed_length);
	FILE *head_out = good ? open_memstream(&head, &head_length) : NULL;
	if (head_out)
		put_page_head(head_out, type, length, packed_length, values, encoding);
	good = ct_memory_close(head_out, &head);
	if (good) {
		fwrite(head, 1, head_length, out);
		fwrite(packed, 1, packed_length, out);
		chunk->bytes += head_length + packed_length;
		chunk->plain_bytes += head_length + length;
	}
	free(head);
	free(packed);
	return good ? CT_OK : ct_error_no_memory(error);
}

static int put_dictionary(FILE *out, const struct dictionary *dictionary, struct ct_parquet_chunk *chunk,
			  struct ct_error_text *error)
{
	char *text = NULL;
	size_t length;
	FILE *page = open_memstream(&text, &length);
	for (size_t i = 0; page && i < dictionary->count; i++) {
		put_u32(page, (uint32_t)strlen(dictionary->texts[i]));
		fputs_unlocked(dictionary->texts[i], page);
	}
	int code = ct_memory_close(page, &text) ? put_page(out, DICTIONARY_PAGE, text, length, dictionary->count,
							   CT_PARQUET_PLAIN, chunk, error)
						: ct_error_no_memory(error);
	free(text);
	return code;
}

static unsigned width_of(size_t count)
{
	unsigned width = 1;
	while (width < 32 && count > (size_t)1 << width)
		width++;
	return width;
}

/* Levels, then values. */
static int put_values(FILE *out, struct column_values *values, const char *plain, size_t plain_length,
		      struct ct_parquet_chunk *chunk, struct ct_error_text *error)
{
	char *text = NULL;
	size_t length;
	FILE *page = open_memstream(&text, &length);
	bool good = page != NULL;
	if (good && values->repetitions)
		good = put_levels(page, values->repetitions, values->definition_count);
	good = good && put_levels(page, values->definitions, values->definition_count);
	if (good && chunk->dictionary) {
		unsigned width = width_of(values->dictionary.count);
		putc_unlocked((int)width, page);
		put_hybrid(page, values->indices, values->index_count, width);
	} else if (good) {
		fwrite(plain, 1, plain_length, page);
	}
	good = ct_memory_close(page, &text) && good;
	int code = good ? put_page(out, DATA_PAGE, text, length, values->definition_count,
				   chunk->dictionary ? CT_PARQUET_RLE_DICTIONARY : CT_PARQUET_PLAIN, chunk, error)
			: ct_error_no_memory(error);
	free(text);
	return code;
}

int ct_parquet_column(const struct ct_sql_table *table, const struct ct_sql_column *column, size_t first, size_t count,
		      FILE *out, uint64_t *at, struct ct_parquet_chunk *chunk, struct ct_error_text *error)
{
	char *plain = NULL;
	size_t plain_length;
	struct column_values values = {.plain = open_memstream(&plain, &plain_length)};
	bool good = values.plain != NULL;
	*chunk = (struct ct_parquet_chunk){.at = *at};
	if (column->type == CT_CELL_STACK)
		values.of_frame = calloc(table->profile->frame_count + 1, sizeof(*values.of_frame));
	good = good && (column->type != CT_CELL_STACK || values.of_frame);
	for (size_t i = 0; i < count && good; i++)
		good = add_cell(table, column, first + i, &values);
	if (good && values.bit_count)
		putc_unlocked((int)values.bits, values.plain);
	good = ct_memory_close(values.plain, &plain) && good;
	int code = good ? CT_OK : ct_error_no_memory(error);
	chunk->values = values.definition_count;
	chunk->dictionary = values.dictionary.count > 0;
	if (!code && chunk->dictionary)
		code = put_dictionary(out, &values.dictionary, chunk, error);
	chunk->values_at = *at + chunk->bytes;
	if (!code)
		code = put_values(out, &values, plain, plain_length, chunk, error);
	*at += chunk->bytes;
	free(plain);
	free(values.definitions);
	free(values.repetitions);
	free(values.indices);
	free(values.of_frame);
	free(values.dictionary.texts);
	free(values.dictionary.slots);
	return code;
}
