/* SPDX-License-Identifier: MIT */
/*
 * Writes a table as a Parquet file. Rows are written in groups, a column at a time, so that memory is bounded by the
 * largest column of a group, however many rows there are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctrace/version.h"
#include "util/array.h"
#include "util/memory_stream.h"
#include "util/progress.h"
#include "write/parquet_column.h"
#include "write/put_json.h"
#include "write/thrift.h"
#include "write/write.h"

#define MAGIC "PAR1"
#define GROUP_ROWS 16384u
#define GROUP_FRAMES (4u << 20) /* of stacks */

enum { REQUIRED = 0, OPTIONAL = 1, REPEATED = 2 };
enum { CONVERTED_UTF8 = 0, CONVERTED_LIST = 3, CONVERTED_TIMESTAMP_MICROS = 10 };
enum { LOGICAL_STRING = 1, LOGICAL_LIST = 3, LOGICAL_TIMESTAMP = 8 };

struct group {
	size_t rows;
	struct ct_parquet_chunk chunks[CT_SQL_COLUMNS];
};

struct writer {
	const struct ct_sql_table *table;
	FILE *out;
	uint64_t at; /* position in the file */
	struct group *groups;
	size_t group_count, group_room;
};

/* The rows of the next group. */
static size_t rows_from(const struct writer *writer, size_t first)
{
	const struct ct_profile *profile = writer->table->profile;
	size_t rows = 0, frames = 0, most = writer->table->row_count - first;
	bool stacks = writer->table->names != NULL;
	for (; rows < most && rows < GROUP_ROWS; rows++) {
		frames += stacks ? profile->sites[first + rows].frame_count : 0;
		if (rows && frames > GROUP_FRAMES)
			break;
	}
	return rows;
}

static int put_groups(struct writer *writer, struct ct_error_text *error)
{
	const struct ct_sql_table *table = writer->table;
	int code = CT_OK;
	for (size_t first = 0; first < table->row_count && !code && !ferror(writer->out);) {
		size_t rows = rows_from(writer, first);
		if (!ct_array_room(&writer->groups, &writer->group_room, writer->group_count + 1, sizeof(struct group)))
			return ct_error_no_memory(error);
		struct group *group = &writer->groups[writer->group_count++];
		group->rows = rows;
		for (size_t i = 0; i < table->column_count && !code; i++)
			code = ct_parquet_column(table, &table->columns[i], first, rows, writer->out, &writer->at,
						 &group->chunks[i], error);
		first += rows;
		ct_progress_at(first, table->row_count);
	}
	return code;
}

/* A type that says what the bytes mean: first as older readers know it, then as newer ones do. */
static void put_meaning(struct ct_thrift *thrift, int converted, unsigned logical)
{
	ct_thrift_i32(thrift, 6, converted);
	ct_thrift_struct(thrift, 10);
	ct_thrift_struct(thrift, logical);
	if (logical == LOGICAL_TIMESTAMP) {
		ct_thrift_bool(thrift, 1, true); /* UTC */
		ct_thrift_struct(thrift, 2);
		ct_thrift_struct(thrift, 2); /* microseconds */
		ct_thrift_end(thrift);
		ct_thrift_end(thrift);
	}
	ct_thrift_end(thrift);
	ct_thrift_end(thrift);
}

static void put_text_type(struct ct_thrift *thrift, int repetition, const char *name)
{
	ct_thrift_element_struct(thrift);
	ct_thrift_i32(thrift, 1, CT_PARQUET_BYTE_ARRAY);
	ct_thrift_i32(thrift, 3, repetition);
	ct_thrift_text(thrift, 4, name);
	put_meaning(thrift, CONVERTED_UTF8, LOGICAL_STRING);
	ct_thrift_end(thrift);
}

/* A stack is a group of three: list, element. Its elements are never null. */
static void put_stack_type(struct ct_thrift *thrift, const char *name)
{
	ct_thrift_element_struct(thrift);
	ct_thrift_i32(thrift, 3, REQUIRED);
	ct_thrift_text(thrift, 4, name);
	ct_thrift_i32(thrift, 5, 1);
	put_meaning(thrift, CONVERTED_LIST, LOGICAL_LIST);
	ct_thrift_end(thrift);
	ct_thrift_element_struct(thrift);
	ct_thrift_i32(thrift, 3, REPEATED);
	ct_thrift_text(thrift, 4, "list");
	ct_thrift_i32(thrift, 5, 1);
	ct_thrift_end(thrift);
	put_text_type(thrift, REQUIRED, "element");
}

static void put_type(struct ct_thrift *thrift, const struct ct_sql_column *column)
{
	if (column->type == CT_CELL_STACK) {
		put_stack_type(thrift, column->name);
		return;
	}
	if (column->type == CT_CELL_TEXT) {
		put_text_type(thrift, OPTIONAL, column->name);
		return;
	}
	ct_thrift_element_struct(thrift);
	ct_thrift_i32(thrift, 1, ct_parquet_type(column->type));
	ct_thrift_i32(thrift, 3, OPTIONAL);
	ct_thrift_text(thrift, 4, column->name);
	if (column->type == CT_CELL_TIME)
		put_meaning(thrift, CONVERTED_TIMESTAMP_MICROS, LOGICAL_TIMESTAMP);
	ct_thrift_end(thrift);
}

static void put_schema(struct ct_thrift *thrift, const struct ct_sql_table *table)
{
	size_t elements = 1;
	for (size_t i = 0; i < table->column_count; i++)
		elements += table->columns[i].type == CT_CELL_STACK ? 3 : 1;
	ct_thrift_list(thrift, 2, CT_THRIFT_STRUCT, elements);
	ct_thrift_element_struct(thrift);
	ct_thrift_text(thrift, 4, table->name);
	ct_thrift_i32(thrift, 5, (int32_t)table->column_count);
	ct_thrift_end(thrift);
	for (size_t i = 0; i < table->column_count; i++)
		put_type(thrift, &table->columns[i]);
}

static void put_chunk(struct ct_thrift *thrift, const struct ct_sql_column *column,
		      const struct ct_parquet_chunk *chunk)
{
	bool stack = column->type == CT_CELL_STACK;
	ct_thrift_element_struct(thrift);
	ct_thrift_i64(thrift, 2, (int64_t)chunk->at);
	ct_thrift_struct(thrift, 3);
	ct_thrift_i32(thrift, 1, ct_parquet_type(column->type));
	ct_thrift_list(thrift, 2, CT_THRIFT_I32, chunk->dictionary ? 3 : 2);
	ct_thrift_element_i32(thrift, CT_PARQUET_PLAIN);
	ct_thrift_element_i32(thrift, CT_PARQUET_RLE);
	if (chunk->dictionary)
		ct_thrift_element_i32(thrift, CT_PARQUET_RLE_DICTIONARY);
	ct_thrift_list(thrift, 3, CT_THRIFT_TEXT, stack ? 3 : 1);
	ct_thrift_element_text(thrift, column->name);
	if (stack) {
		ct_thrift_element_text(thrift, "list");
		ct_thrift_element_text(thrift, "element");
	}
	ct_thrift_i32(thrift, 4, CT_PARQUET_GZIP);
	ct_thrift_i64(thrift, 5, (int64_t)chunk->values);
	ct_thrift_i64(thrift, 6, (int64_t)chunk->plain_bytes);
	ct_thrift_i64(thrift, 7, (int64_t)chunk->bytes);
	ct_thrift_i64(thrift, 9, (int64_t)chunk->values_at);
	if (chunk->dictionary)
		ct_thrift_i64(thrift, 11, (int64_t)chunk->at);
	ct_thrift_end(thrift);
	ct_thrift_end(thrift);
}

static void put_group(struct ct_thrift *thrift, const struct ct_sql_table *table, const struct group *group)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < table->column_count; i++)
		bytes += group->chunks[i].plain_bytes;
	ct_thrift_element_struct(thrift);
	ct_thrift_list(thrift, 1, CT_THRIFT_STRUCT, table->column_count);
	for (size_t i = 0; i < table->column_count; i++)
		put_chunk(thrift, &table->columns[i], &group->chunks[i]);
	ct_thrift_i64(thrift, 2, (int64_t)bytes);
	ct_thrift_i64(thrift, 3, (int64_t)group->rows);
	ct_thrift_end(thrift);
}

/* The description of the file, at its end. */
static int put_foot(struct writer *writer, struct ct_error_text *error)
{
	char *foot = NULL;
	size_t length;
	struct ct_thrift thrift = {.out = open_memstream(&foot, &length)};
	if (!thrift.out)
		return ct_error_no_memory(error);
	ct_thrift_i32(&thrift, 1, 1);
	put_schema(&thrift, writer->table);
	ct_thrift_i64(&thrift, 3, (int64_t)writer->table->row_count);
	ct_thrift_list(&thrift, 4, CT_THRIFT_STRUCT, writer->group_count);
	for (size_t i = 0; i < writer->group_count; i++)
		put_group(&thrift, writer->table, &writer->groups[i]);
	ct_thrift_text(&thrift, 6, "ctrace " CTRACE_VERSION);
	ct_thrift_end(&thrift);
	bool good = ct_memory_close(thrift.out, &foot) && length <= UINT32_MAX;
	if (good) {
		fwrite(foot, 1, length, writer->out);
		for (int i = 0; i < 4; i++)
			putc((int)(length >> 8 * i & 255), writer->out);
		fputs(MAGIC, writer->out);
	}
	free(foot);
	return good ? CT_OK : ct_error_no_memory(error);
}

int ct_sql_write_parquet(const struct ct_sql_table *table, FILE *out, struct ct_error_text *error)
{
	struct writer writer = {.table = table, .out = out, .at = strlen(MAGIC)};
	errno = 0;
	fputs(MAGIC, out);
	int code = put_groups(&writer, error);
	if (!code)
		code = put_foot(&writer, error);
	free(writer.groups);
	return code ? code : ct_put_end(out, error);
}
