/* SPDX-License-Identifier: MIT */
/* Writes a table as JSON Lines: an object for each row, with the same members in each, for databases and pandas. */
#include <errno.h>
#include <time.h>

#include "util/progress.h"
#include "write/put_json.h"
#include "write/sql_table.h"
#include "write/write.h"

static void put_time(FILE *out, int64_t us)
{
	struct tm utc;
	char text[32];
	time_t seconds = us / 1000000;
	if (!gmtime_r(&seconds, &utc) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc))
		fputs("null", out);
	else
		fprintf(out, "\"%s.%06" PRId64 "Z\"", text, us % 1000000);
}

static void put_stack(FILE *out, const struct ct_sql_table *table, const struct ct_cell *cell)
{
	for (uint32_t i = 0; i < cell->frame_count; i++) {
		putc_unlocked(i ? ',' : '[', out);
		ct_put_text(out, table->names[cell->frames[i]]);
	}
	putc_unlocked(']', out);
}

static void put_cell(FILE *out, const struct ct_sql_table *table, const struct ct_sql_column *column, size_t row)
{
	struct ct_cell cell;
	if (!column->read(table, column, row, &cell))
		fputs("null", out);
	else if (column->type == CT_CELL_TEXT)
		ct_put_text(out, cell.text);
	else if (column->type == CT_CELL_NUMBER)
		ct_put_signed(out, cell.number);
	else if (column->type == CT_CELL_TIME)
		put_time(out, cell.number);
	else if (column->type == CT_CELL_BOOL)
		fputs(cell.number ? "true" : "false", out);
	else
		put_stack(out, table, &cell);
}

int ct_sql_write_jsonl(const struct ct_sql_table *table, FILE *out, struct ct_error_text *error)
{
	errno = 0;
	for (size_t row = 0; row < table->row_count && !ferror(out); row++) {
		ct_progress_at(row, table->row_count);
		for (size_t i = 0; i < table->column_count; i++) {
			fprintf(out, "%c\"%s\":", i ? ',' : '{', table->columns[i].name);
			put_cell(out, table, &table->columns[i], row);
		}
		fputs("}\n", out);
	}
	return ct_put_end(out, error);
}
