/* SPDX-License-Identifier: MIT */
#include "write/sql_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/chain.h"
#include "model/functions.h"
#include "model/losses.h"
#include "model/metric.h"
#include "model/threads.h"
#include "names/names.h"
#include "util/hash.h"
#include "write/write.h"

static bool is_in_us(const struct ct_profile *profile)
{
	return !strcmp(profile->time_unit, "µs");
}

/* Numbers in files have a sign. */
static bool put_number(struct ct_cell *cell, uint64_t number)
{
	cell->number = number > INT64_MAX ? INT64_MAX : (int64_t)number;
	return true;
}

static bool put_text(struct ct_cell *cell, const char *text)
{
	cell->text = text;
	return *text;
}

#define READ(name)                                                                                                     \
	static bool name(const struct ct_sql_table *table, const struct ct_sql_column *column, size_t row,             \
			 struct ct_cell *cell)

enum process_text { PROCESS, HOST, SERVICE, SERVICE_VERSION, EXE, BUILD_ID, COMMAND, PRODUCER, MODE, TIME_UNIT };

READ(read_process_text)
{
	const struct ct_profile *profile = table->profile;
	const char *const texts[] = {
		[PROCESS] = table->process,
		[HOST] = profile->host,
		[SERVICE] = *profile->service ? profile->service : ct_name_base(profile->program),
		[SERVICE_VERSION] = profile->service_version,
		[EXE] = profile->program,
		[BUILD_ID] = table->build_id,
		[COMMAND] = profile->command,
		[PRODUCER] = profile->producer,
		[MODE] = ct_mode_text(profile->mode),
		[TIME_UNIT] = profile->time_unit,
	};
	(void)row;
	return put_text(cell, texts[column->index]);
}

READ(read_pid)
{
	(void)column, (void)row;
	return put_number(cell, table->profile->pid) && table->profile->pid;
}

READ(read_start)
{
	(void)column, (void)row;
	return put_number(cell, table->profile->start_unix_ns / 1000) && table->profile->start_unix_ns;
}

READ(read_end_cause)
{
	const struct ct_profile *profile = table->profile;
	(void)column, (void)row;
	return put_text(cell, profile->foreign                         ? ""
			      : profile->ended                         ? "exit"
			      : profile->running || profile->recent_us ? "running"
								       : "killed");
}

READ(read_torn)
{
	(void)column, (void)row;
	cell->number = table->profile->torn;
	return true;
}

enum process_number { RUN_TIME, PEAK_TIME, SAMPLE_BYTES, OWN_BYTES, SITES };

READ(read_process_number)
{
	const struct ct_profile *profile = table->profile;
	(void)row;
	const struct {
		uint64_t number;
		bool known;
	} numbers[] = {
		[RUN_TIME] = {profile->end_time, profile->end_time},
		[PEAK_TIME] = {profile->peak_time, ct_metric_exists(profile, CT_METRIC_PEAK_BYTES)},
		[SAMPLE_BYTES] = {profile->sample_bytes, true},
		[OWN_BYTES] = {profile->own_bytes, profile->own_bytes},
		[SITES] = {profile->site_count, true},
	};
	return put_number(cell, numbers[column->index].number) && numbers[column->index].known;
}

READ(read_total)
{
	(void)row;
	enum ct_metric metric = (enum ct_metric)column->index;
	return put_number(cell, ct_metric_value(&table->profile->totals, metric)) &&
	       ct_metric_exists(table->profile, metric);
}

READ(read_loss)
{
	(void)row;
	return put_number(cell, ct_loss_value(&table->profile->losses, column->index));
}

READ(read_number)
{
	(void)column;
	snprintf(cell->room, sizeof(cell->room), "%016" PRIx64, table->numbers[row]);
	return put_text(cell, cell->room);
}

/* The id of the frame of the site's leaf, or of the program's own code. */
static uint32_t frame_of(const struct ct_sql_table *table, size_t row, bool own)
{
	const struct ct_profile *profile = table->profile;
	const struct ct_site_row *site = &profile->sites[row];
	uint32_t index =
		own ? ct_origin_own(profile, &table->origins, site) : ct_origin_leaf(profile, &table->origins, site);
	return profile->frame_ids[site->first_frame + index];
}

enum frame_text { LEAF, FUNCTION, MODULE, FILE_PATH };

READ(read_frame_text)
{
	const struct ct_profile *profile = table->profile;
	uint32_t id = frame_of(table, row, column->index != LEAF);
	const struct ct_frame *frame = &profile->frames[id];
	const char *const texts[] = {
		[LEAF] = table->names[id],
		[FUNCTION] = table->names[id],
		[MODULE] = profile->strings[frame->module],
		[FILE_PATH] = profile->strings[frame->file],
	};
	return put_text(cell, texts[column->index]);
}

READ(read_line)
{
	uint32_t line = table->profile->frames[frame_of(table, row, true)].line;
	(void)column;
	return put_number(cell, line) && line;
}

READ(read_stack)
{
	const struct ct_site_row *site = &table->profile->sites[row];
	(void)column;
	cell->frames = table->profile->frame_ids + site->first_frame;
	cell->frame_count = site->frame_count;
	return true;
}

READ(read_tag)
{
	const struct ct_profile *profile = table->profile;
	uint32_t thread, tag;
	(void)column;
	ct_labels_of_site(profile, &profile->sites[row], &thread, &tag);
	return tag && put_text(cell, ct_tag_text(profile->strings[tag], cell->room));
}

READ(read_truncated)
{
	(void)column;
	cell->number = table->profile->sites[row].truncated;
	return true;
}

READ(read_counter)
{
	enum ct_metric metric = (enum ct_metric)column->index;
	return put_number(cell, ct_metric_value(&table->profile->sites[row].counters, metric)) &&
	       ct_metric_exists(table->profile, metric);
}

READ(read_point_time)
{
	const struct ct_profile *profile = table->profile;
	(void)column;
	return put_number(cell, profile->start_unix_ns / 1000 + profile->timeline[row].time) &&
	       profile->start_unix_ns && is_in_us(profile);
}

enum point_number { SINCE_START, MOST_BYTES, LIVE_BYTES, LIVE_BLOCKS, RESIDENT_BYTES };

READ(read_point_number)
{
	const struct ct_timeline_point *point = &table->profile->timeline[row];
	const uint64_t numbers[] = {
		[SINCE_START] = point->time,         [MOST_BYTES] = point->max_bytes,
		[LIVE_BYTES] = point->last_bytes,    [LIVE_BLOCKS] = point->last_blocks,
		[RESIDENT_BYTES] = point->rss_bytes,
	};
	return put_number(cell, numbers[column->index]) &&
	       (column->index != LIVE_BLOCKS || ct_profile_has_live_blocks(table->profile)) &&
	       (column->index != RESIDENT_BYTES || point->rss_bytes);
}

static void add(struct ct_sql_table *table, struct ct_sql_column column)
{
	table->columns[table->column_count++] = column;
}

/* Which process a row is from. */
static void add_process(struct ct_sql_table *table)
{
	static const struct ct_sql_column columns[] = {
		{"process", CT_CELL_TEXT, read_process_text, PROCESS},
		{"host", CT_CELL_TEXT, read_process_text, HOST},
		{"service", CT_CELL_TEXT, read_process_text, SERVICE},
		{"service_version", CT_CELL_TEXT, read_process_text, SERVICE_VERSION},
		{"pid", CT_CELL_NUMBER, read_pid, 0},
		{"exe", CT_CELL_TEXT, read_process_text, EXE},
		{"build_id", CT_CELL_TEXT, read_process_text, BUILD_ID},
		{"start_time", CT_CELL_TIME, read_start, 0},
		{"end_cause", CT_CELL_TEXT, read_end_cause, 0},
	};
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		add(table, columns[i]);
}

static const char *const counter_names[] = {
	"",
#define CT_METRIC(metric, member, ...) #member,
#include "model/metrics.def"
#undef CT_METRIC
};

static void make_sites(struct ct_sql_table *table)
{
	static const struct ct_sql_column columns[] = {
		{"site", CT_CELL_TEXT, read_number, 0},
		{"leaf", CT_CELL_TEXT, read_frame_text, LEAF},
		{"function", CT_CELL_TEXT, read_frame_text, FUNCTION},
		{"module", CT_CELL_TEXT, read_frame_text, MODULE},
		{"file", CT_CELL_TEXT, read_frame_text, FILE_PATH},
		{"line", CT_CELL_NUMBER, read_line, 0},
		{"stack", CT_CELL_STACK, read_stack, 0},
		{"tag", CT_CELL_TEXT, read_tag, 0},
		{"truncated", CT_CELL_BOOL, read_truncated, 0},
	};
	table->name = "sites";
	table->row_count = table->profile->site_count;
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		add(table, columns[i]);
	for (size_t i = 1; i < CT_COUNTER_COUNT; i++)
		add(table, (struct ct_sql_column){counter_names[i], CT_CELL_NUMBER, read_counter, i});
}

static void make_processes(struct ct_sql_table *table)
{
	static const struct ct_sql_column columns[] = {
		{"command", CT_CELL_TEXT, read_process_text, COMMAND},
		{"producer", CT_CELL_TEXT, read_process_text, PRODUCER},
		{"mode", CT_CELL_TEXT, read_process_text, MODE},
		{"time_unit", CT_CELL_TEXT, read_process_text, TIME_UNIT},
		{"run_time", CT_CELL_NUMBER, read_process_number, RUN_TIME},
		{"peak_time", CT_CELL_NUMBER, read_process_number, PEAK_TIME},
		{"sample_bytes", CT_CELL_NUMBER, read_process_number, SAMPLE_BYTES},
		{"own_bytes", CT_CELL_NUMBER, read_process_number, OWN_BYTES},
		{"sites", CT_CELL_NUMBER, read_process_number, SITES},
		{"torn", CT_CELL_BOOL, read_torn, 0},
	};
	static const char *const losses[] = {
#define CT_LOSS(member, ...) "lost_" #member,
#include "model/losses.def"
#undef CT_LOSS
	};
	table->name = "processes";
	table->row_count = 1;
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		add(table, columns[i]);
	/* Smallest, largest and times are not summed up for a process. */
	for (size_t i = 1; i < CT_METRIC_COUNT; i++)
		add(table, (struct ct_sql_column){counter_names[i], CT_CELL_NUMBER, read_total, i});
	for (size_t i = 0; i < CT_LOSS_ROWS; i++)
		add(table, (struct ct_sql_column){losses[i], CT_CELL_NUMBER, read_loss, i});
}

static void make_timeline(struct ct_sql_table *table)
{
	static const struct ct_sql_column columns[] = {
		{"time", CT_CELL_TIME, read_point_time, 0},
		{"since_start", CT_CELL_NUMBER, read_point_number, SINCE_START},
		{"most_bytes", CT_CELL_NUMBER, read_point_number, MOST_BYTES},
		{"live_bytes", CT_CELL_NUMBER, read_point_number, LIVE_BYTES},
		{"live_blocks", CT_CELL_NUMBER, read_point_number, LIVE_BLOCKS},
		{"resident_bytes", CT_CELL_NUMBER, read_point_number, RESIDENT_BYTES},
	};
	table->name = "timeline";
	table->row_count = table->profile->timeline_count;
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		add(table, columns[i]);
}

static bool name_frames(struct ct_sql_table *table)
{
	const struct ct_profile *profile = table->profile;
	for (size_t i = 1; i < profile->frame_count; i++) {
		const struct ct_frame *frame = &profile->frames[i];
		const struct ct_function function = {.name = frame->function, .module = frame->module};
		char room[CT_FUNCTION_NAME_ROOM], **kept = &table->module_names[frame->module];
		table->names[i] = ct_function_name(profile, &function, room);
		if (table->names[i] != room)
			continue;
		if (!*kept && !(*kept = strdup(room)))
			return false;
		table->names[i] = *kept;
	}
	return true;
}

static void find_process(struct ct_sql_table *table)
{
	const struct ct_profile *profile = table->profile;
	char number[64];
	snprintf(number, sizeof(number), "%" PRIu64 " %" PRIu64, profile->pid, profile->start_unix_ns);
	uint64_t hash =
		ct_hash_text(ct_hash_text(ct_hash_text(CT_HASH_START, profile->host), profile->program), number);
	snprintf(table->process, sizeof(table->process), "%016" PRIx64, hash);
	table->build_id = "";
	for (size_t i = 0; i < profile->module_count; i++)
		if (*profile->program && !strcmp(profile->strings[profile->modules[i].path], profile->program))
			table->build_id = profile->strings[profile->modules[i].build_id];
}

int ct_sql_table_init(struct ct_sql_table *table, enum ct_sql_kind kind, const struct ct_profile *profile,
		      struct ct_error_text *error)
{
	bool memory = true;
	*table = (struct ct_sql_table){.profile = profile};
	find_process(table);
	add_process(table);
	if (kind == CT_SQL_PROCESSES) {
		make_processes(table);
	} else if (kind == CT_SQL_TIMELINE) {
		make_timeline(table);
	} else {
		make_sites(table);
		table->numbers = ct_chain_numbers(profile);
		table->names = calloc(profile->frame_count + 1, sizeof(*table->names));
		table->module_names = calloc(profile->string_count + 1, sizeof(*table->module_names));
		memory = !ct_origins_init(&table->origins, profile, CT_ORIGIN_RULE) && table->numbers && table->names &&
			 table->module_names && name_frames(table);
	}
	return memory ? CT_OK : ct_error_no_memory(error);
}

void ct_sql_table_fini(struct ct_sql_table *table)
{
	for (size_t i = 0; table->module_names && i < table->profile->string_count; i++)
		free(table->module_names[i]);
	ct_origins_fini(&table->origins);
	free(table->numbers);
	free(table->names);
	free(table->module_names);
}

static int write_table(const struct ct_profile *profile, enum ct_sql_kind kind,
		       int (*write)(const struct ct_sql_table *, FILE *, struct ct_error_text *), FILE *out,
		       struct ct_error_text *error)
{
	struct ct_sql_table *table = malloc(sizeof(*table));
	if (!table)
		return ct_error_no_memory(error);
	int code = ct_sql_table_init(table, kind, profile, error);
	if (!code)
		code = write(table, out, error);
	ct_sql_table_fini(table);
	free(table);
	return code;
}

/* The tables have all metrics. */
#define TABLE_WRITER(name, kind, write)                                                                                \
	CT_WRITER(name)                                                                                                \
	{                                                                                                              \
		(void)metric;                                                                                          \
		return write_table(profile, kind, write, out, error);                                                  \
	}

TABLE_WRITER(jsonl, CT_SQL_SITES, ct_sql_write_jsonl)
TABLE_WRITER(jsonl_processes, CT_SQL_PROCESSES, ct_sql_write_jsonl)
TABLE_WRITER(jsonl_timeline, CT_SQL_TIMELINE, ct_sql_write_jsonl)
TABLE_WRITER(parquet, CT_SQL_SITES, ct_sql_write_parquet)
TABLE_WRITER(parquet_processes, CT_SQL_PROCESSES, ct_sql_write_parquet)
TABLE_WRITER(parquet_timeline, CT_SQL_TIMELINE, ct_sql_write_parquet)
