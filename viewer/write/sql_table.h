/* SPDX-License-Identifier: MIT */
/*
 * A profile as tables for databases: `sites` has a row for each call stack, `timeline` one for each point of it,
 * `processes` a single one. Files of many processes are one table to a database that is given all of them, so each row
 * says which process it is from. What is not known is null.
 */
#ifndef CT_WRITE_SQL_TABLE_H
#define CT_WRITE_SQL_TABLE_H

#include <stdio.h>

#include "model/origin.h"
#include "model/threads.h"
#include "model/profile.h"
#include "util/error.h"

enum ct_cell_type {
	CT_CELL_TEXT,
	CT_CELL_NUMBER,
	CT_CELL_TIME, /* microseconds since 1970 */
	CT_CELL_BOOL,
	CT_CELL_STACK, /* a list of functions, leaf first */
};

/* A value; which member counts depends on the column's type. */
struct ct_cell {
	const char *text; /* valid as long as the table and the cell */
	int64_t number;
	const uint32_t *frames; /* ids, for ct_sql_table.names */
	uint32_t frame_count;
	char room[CT_TAG_ROOM];
};

struct ct_sql_table;

struct ct_sql_column {
	const char *name;
	enum ct_cell_type type;
	/* Read the cell of a row. False: null */
	bool (*read)(const struct ct_sql_table *table, const struct ct_sql_column *column, size_t row,
		     struct ct_cell *cell);
	size_t index; /* for read: which of several numbers */
};

#define CT_SQL_COLUMNS 64

enum ct_sql_kind { CT_SQL_SITES, CT_SQL_PROCESSES, CT_SQL_TIMELINE };

struct ct_sql_table {
	const struct ct_profile *profile;
	const char *name;
	struct ct_sql_column columns[CT_SQL_COLUMNS];
	size_t column_count, row_count;
	/* Of sites: */
	struct ct_origins origins;
	uint64_t *numbers; /* by site: the same for the same stack on another host and in another version */
	const char **names; /* by frame id: its function, or "[libc.so.6]" */
	char **module_names; /* by string id, for code without names */
	/* Of all: */
	const char *build_id; /* of the program, "" = not known */
	char process[17]; /* a number for the process, in hexadecimal */
};

/* 0 or < 0; call ct_sql_table_fini in both cases. The profile must outlive the table. */
int ct_sql_table_init(struct ct_sql_table *table, enum ct_sql_kind kind, const struct ct_profile *profile,
		      struct ct_error_text *error);
void ct_sql_table_fini(struct ct_sql_table *table);

/* Write the table in a format. */
int ct_sql_write_jsonl(const struct ct_sql_table *table, FILE *out, struct ct_error_text *error);
int ct_sql_write_parquet(const struct ct_sql_table *table, FILE *out, struct ct_error_text *error);

#endif
