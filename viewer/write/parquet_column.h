/* SPDX-License-Identifier: MIT */
/*
 * A column's values in one row group of a Parquet file: a page of distinct texts (the dictionary), if it has texts,
 * and a page of values, each compressed by gzip. See https://parquet.apache.org/docs/file-format/.
 */
#ifndef CT_WRITE_PARQUET_COLUMN_H
#define CT_WRITE_PARQUET_COLUMN_H

#include <stdio.h>

#include "util/error.h"
#include "write/sql_table.h"

/* Parquet's types, encodings and its codec, by the numbers of its description. */
enum { CT_PARQUET_BOOLEAN = 0, CT_PARQUET_INT64 = 2, CT_PARQUET_BYTE_ARRAY = 6 };
enum { CT_PARQUET_PLAIN = 0, CT_PARQUET_RLE = 3, CT_PARQUET_RLE_DICTIONARY = 8 };
enum { CT_PARQUET_GZIP = 2 };

struct ct_parquet_chunk {
	uint64_t at; /* where it begins in the file */
	uint64_t values_at; /* where the page of values begins */
	uint64_t bytes; /* in the file */
	uint64_t plain_bytes; /* before compression */
	uint64_t values;
	bool dictionary;
};

int ct_parquet_type(enum ct_cell_type type);

/* Write the rows from `first` on to out, which is at *at. 0 or < 0. */
int ct_parquet_column(const struct ct_sql_table *table, const struct ct_sql_column *column, size_t first, size_t count,
		      FILE *out, uint64_t *at, struct ct_parquet_chunk *chunk, struct ct_error_text *error);

#endif
