/* SPDX-License-Identifier: MIT */
/* Reads the member "ctrace" of our own reports; viewer/write/dhat.c documents its contents. */
#include <stdlib.h>
#include <string.h>

#include "load/dhat/dhat.h"
#include "model/losses.h"
#include "util/array.h"

/* Find a member of "ctrace". False: it does not exist. */
static bool find(struct ct_dhat *dhat, const char *name, struct ct_json_piece *found)
{
	struct ct_json_cursor cursor;
	struct ct_json_piece key = {0}, value;
	if (!dhat->members[M_CTRACE].text || !ct_json_enter(&cursor, &dhat->file, dhat->members[M_CTRACE]) ||
	    !cursor.object)
		return false;
	while (ct_json_next(&cursor, &key, &value, dhat->error) > 0) {
		if (ct_json_is(key, name)) {
			*found = value;
			return true;
		}
	}
	return false;
}

/* Find a member that must be an array. 1; 0: it does not exist; or < 0. */
static int find_rows(struct ct_dhat *dhat, const char *name, struct ct_json_cursor *rows)
{
	struct ct_json_piece piece;
	if (!find(dhat, name, &piece))
		return 0;
	if (!ct_json_enter(rows, &dhat->file, piece) || rows->object)
		return ct_json_damaged(&dhat->file, piece.text, dhat->error, "\"%s\" is not an array", name);
	return 1;
}

/* Read a row of exactly count whole numbers. */
static int read_numbers(struct ct_dhat *dhat, struct ct_json_piece row, const char *name, uint64_t *numbers, int count)
{
	struct ct_json_cursor cursor;
	struct ct_json_piece key, value;
	int got = 0;
	if (ct_json_enter(&cursor, &dhat->file, row) && !cursor.object) {
		while (got <= count && ct_json_next(&cursor, &key, &value, dhat->error) > 0) {
			int code = got < count ? ct_dhat_number(dhat, value, name, &numbers[got]) : 0;

			if (code < 0)
				return code;
			got++;
		}
	}
	if (got != count)
		return ct_json_damaged(&dhat->file, row.text, dhat->error, "a row of \"%s\" is not %d numbers", name,
				       count);
	return 0;
}

static int read_losses(struct ct_dhat *dhat)
{
	struct ct_json_cursor cursor;
	struct ct_json_piece piece, key = {0}, value;
	if (!find(dhat, "losses", &piece))
		return 0;
	if (!ct_json_enter(&cursor, &dhat->file, piece) || !cursor.object)
		return ct_json_damaged(&dhat->file, piece.text, dhat->error, "\"losses\" is not an object");
	while (ct_json_next(&cursor, &key, &value, dhat->error) > 0) {
		for (size_t i = 0; i < CT_LOSS_ROWS; i++) {
			const char *name = ct_loss_rows[i].name;
			uint64_t *count = ct_loss_place(&dhat->profile->losses, i);
			int code = ct_json_is(key, name) ? ct_dhat_number(dhat, value, name, count) : 0;

			if (code < 0)
				return code;
		}
	}
	return 0;
}

static int read_member(struct ct_dhat *dhat, const char *name, uint64_t *number)
{
	struct ct_json_piece piece;
	return find(dhat, name, &piece) ? ct_dhat_number(dhat, piece, name, number) : 0;
}

static int read_timeline(struct ct_dhat *dhat)
{
	struct ct_profile *profile = dhat->profile;
	struct ct_json_cursor rows;
	struct ct_json_piece key, row;
	size_t room = 0;
	int code = find_rows(dhat, "timeline", &rows);
	while (code > 0 && (code = ct_json_next(&rows, &key, &row, dhat->error)) > 0) {
		uint64_t numbers[4];

		if (read_numbers(dhat, row, "timeline", numbers, 4) < 0)
			return CT_ERR_DAMAGED;
		if (!ct_array_room(&profile->timeline, &room, profile->timeline_count + 1, sizeof(*profile->timeline)))
			return ct_dhat_no_memory(dhat);
		profile->timeline[profile->timeline_count++] = (struct ct_timeline_point){.time = numbers[0],
											  .max_bytes = numbers[1],
											  .last_bytes = numbers[2],
											  .last_blocks = numbers[3]};
		if (profile->timeline_count > 1 && numbers[0] < profile->timeline[profile->timeline_count - 2].time)
			return ct_json_damaged(&dhat->file, row.text, dhat->error, "\"timeline\" goes back in time");
	}
	return code;
}

/* Read resident memory: a number for each row of the timeline. */
static int read_rss(struct ct_dhat *dhat)
{
	struct ct_profile *profile = dhat->profile;
	struct ct_json_cursor numbers;
	struct ct_json_piece key, value;
	size_t i = 0;
	int code = find_rows(dhat, "rss", &numbers);
	while (code > 0 && (code = ct_json_next(&numbers, &key, &value, dhat->error)) > 0) {
		if (i == profile->timeline_count)
			return ct_json_damaged(&dhat->file, value.text, dhat->error,
					       "\"rss\" has more numbers than \"timeline\" rows");
		if (ct_dhat_number(dhat, value, "a number of \"rss\"", &profile->timeline[i++].rss_bytes) < 0)
			return CT_ERR_DAMAGED;
	}
	return code;
}

/* [time, live bytes, live blocks, total bytes, total blocks, name] */
static int read_mark(struct ct_dhat *dhat, struct ct_json_piece row, struct ct_profile_mark *mark, cJSON **name)
{
	uint64_t *const numbers[] = {&mark->time, &mark->live_bytes, &mark->live_blocks, &mark->total_bytes,
				     &mark->total_blocks};
	struct ct_json_cursor cursor;
	struct ct_json_piece key, value;
	int got = 0;
	*name = NULL;
	if (ct_json_enter(&cursor, &dhat->file, row) && !cursor.object) {
		for (; got <= 6 && ct_json_next(&cursor, &key, &value, dhat->error) > 0; got++) {
			if (got < 5 && ct_dhat_number(dhat, value, "marks", numbers[got]) < 0)
				return CT_ERR_DAMAGED;
			if (got == 5 && !(*name = ct_dhat_string(dhat, value, "a mark's name")))
				return CT_ERR_DAMAGED;
		}
	}
	return got == 6 ? 0
			: ct_json_damaged(&dhat->file, row.text, dhat->error,
					  "a row of \"marks\" is not five numbers and a name");
}

static int read_marks(struct ct_dhat *dhat)
{
	struct ct_profile *profile = dhat->profile;
	struct ct_json_cursor rows;
	struct ct_json_piece key, row;
	size_t room = 0;
	int code = find_rows(dhat, "marks", &rows);
	while (code > 0 && (code = ct_json_next(&rows, &key, &row, dhat->error)) > 0) {
		struct ct_profile_mark mark = {0};
		cJSON *name;

		code = read_mark(dhat, row, &mark, &name);
		if (!code && profile->mark_count && mark.time < profile->marks[profile->mark_count - 1].time)
			code = ct_json_damaged(&dhat->file, row.text, dhat->error, "\"marks\" go back in time");
		if (!code) {
			mark.name = name->valuestring;
			if (ct_profile_mark(profile, &room, &mark, strlen(mark.name)))
				code = ct_dhat_no_memory(dhat);
		}
		cJSON_Delete(name);
		if (code < 0)
			return code;
		code = 1;
	}
	return code;
}

/* Read a text, if there is one. */
static int read_text(struct ct_dhat *dhat, const char *name, char **member)
{
	struct ct_json_piece piece;
	if (!find(dhat, name, &piece))
		return 0;
	cJSON *item = ct_dhat_string(dhat, piece, name);
	if (!item)
		return CT_ERR_DAMAGED;
	int code = ct_profile_set_text(member, item->valuestring, strlen(item->valuestring));
	cJSON_Delete(item);
	return code < 0 ? ct_dhat_no_memory(dhat) : 0;
}

/* Read which program was recorded, where, and when. */
static int read_start(struct ct_dhat *dhat)
{
	struct ct_profile *profile = dhat->profile;
	struct ct_json_piece piece;
	int code = 0;
	if (find(dhat, "startTime", &piece))
		code = ct_dhat_number(dhat, piece, "startTime", &dhat->profile->start_unix_ns);
	if (code == 0 && find(dhat, "forkTime", &piece))
		code = ct_dhat_number(dhat, piece, "forkTime", &dhat->profile->fork_time);
	if (code == 0)
		code = read_text(dhat, "program", &profile->program);
	if (code == 0)
		code = read_text(dhat, "host", &profile->host);
	if (code == 0)
		code = read_text(dhat, "service", &profile->service);
	if (code == 0)
		code = read_text(dhat, "serviceVersion", &profile->service_version);
	return code;
}

int ct_dhat_read_ctrace(struct ct_dhat *dhat)
{
	struct ct_json_piece flag, piece = dhat->members[M_CTRACE];
	int code;
	if (!piece.text)
		return 0;
	if (piece.text[0] != '{')
		return ct_json_damaged(&dhat->file, piece.text, dhat->error, "\"ctrace\" is not an object");
	if (find(dhat, "ended", &flag))
		dhat->profile->ended = !ct_json_is(flag, "false");
	if (find(dhat, "running", &flag))
		dhat->profile->running = ct_json_is(flag, "true");
	if (find(dhat, "torn", &flag))
		dhat->profile->torn = ct_json_is(flag, "true");
	code = read_member(dhat, "sampleBytes", &dhat->profile->sample_bytes);
	if (!code)
		code = read_member(dhat, "ownBytes", &dhat->profile->own_bytes);
	if (!code)
		code = read_member(dhat, "tickFs", &dhat->profile->tick_fs);
	dhat->profile->has_histograms = dhat->profile->tick_fs > 0;
	if (!code && find(dhat, "memory", &flag))
		code = ct_dhat_read_memory(dhat, flag);
	if (!code)
		code = read_losses(dhat);
	if (!code)
		code = read_start(dhat);
	if (code >= 0)
		code = read_timeline(dhat);
	if (code >= 0)
		code = read_rss(dhat);
	return code < 0 ? code : read_marks(dhat);
}

static int add_snapshot_row(struct ct_dhat *dhat, const char *name, struct ct_snapshot *snapshot, size_t *room,
			    struct ct_json_piece row, struct ct_snapshot_site *sum)
{
	uint64_t numbers[3]; /* row of "pps", bytes, blocks */
	if (read_numbers(dhat, row, name, numbers, 3) < 0)
		return CT_ERR_DAMAGED;
	if (numbers[0] >= dhat->row_count)
		return ct_json_damaged(&dhat->file, row.text, dhat->error,
				       "\"%s\" have row %llu of \"pps\", which has %zu", name,
				       (unsigned long long)numbers[0], dhat->row_count);
	/* Subtract, since adding up could overflow. */
	if (numbers[1] > snapshot->bytes - sum->bytes || numbers[2] > snapshot->blocks - sum->blocks)
		return ct_json_damaged(&dhat->file, row.text, dhat->error,
				       "a snapshot's sites have more than the snapshot");
	sum->bytes += numbers[1];
	sum->blocks += numbers[2];
	if (!ct_array_room(&snapshot->rows, room, snapshot->row_count + 1, sizeof(*snapshot->rows)))
		return ct_dhat_no_memory(dhat);
	snapshot->rows[snapshot->row_count++] = (struct ct_snapshot_site){
		.site = dhat->site_of_row[numbers[0]], .bytes = numbers[1], .blocks = numbers[2]};
	return 0;
}

/* [time, bytes, blocks, [rows]] */
static int read_snapshot(struct ct_dhat *dhat, const char *name, struct ct_json_piece piece,
			 struct ct_snapshot *snapshot)
{
	uint64_t *const numbers[] = {&snapshot->time, &snapshot->bytes, &snapshot->blocks};
	struct ct_snapshot_site sum = {0};
	struct ct_json_cursor cursor, rows = {0};
	struct ct_json_piece key, value;
	size_t room = 0, got = 0;
	int code = 0;
	if (ct_json_enter(&cursor, &dhat->file, piece) && !cursor.object) {
		for (; got <= 4 && ct_json_next(&cursor, &key, &value, dhat->error) > 0; got++) {
			if (got < 3 && ct_dhat_number(dhat, value, name, numbers[got]) < 0)
				return CT_ERR_DAMAGED;
			if (got == 3 && (!ct_json_enter(&rows, &dhat->file, value) || rows.object))
				got = 4;
		}
	}
	if (got != 4)
		return ct_json_damaged(&dhat->file, piece.text, dhat->error,
				       "a row of \"%s\" is not three numbers and an array", name);
	while (code >= 0 && (code = ct_json_next(&rows, &key, &value, dhat->error)) > 0)
		code = add_snapshot_row(dhat, name, snapshot, &room, value, &sum);
	return code;
}

static int read_list(struct ct_dhat *dhat, const char *name, bool partial, size_t *room)
{
	struct ct_profile *profile = dhat->profile;
	struct ct_json_cursor rows;
	struct ct_json_piece key, row;
	size_t first = profile->snapshot_count;
	int code = find_rows(dhat, name, &rows);
	while (code > 0 && (code = ct_json_next(&rows, &key, &row, dhat->error)) > 0) {
		struct ct_snapshot *snapshot;

		if (!ct_array_room(&profile->snapshots, room, profile->snapshot_count + 1, sizeof(*profile->snapshots)))
			return ct_dhat_no_memory(dhat);
		snapshot = &profile->snapshots[profile->snapshot_count++];
		*snapshot = (struct ct_snapshot){.partial = partial};
		code = read_snapshot(dhat, name, row, snapshot);
		if (code < 0)
			return code;
		if (profile->snapshot_count > first + 1 && snapshot->time < snapshot[-1].time)
			return ct_json_damaged(&dhat->file, row.text, dhat->error, "\"%s\" go back in time", name);
		code = 1;
	}
	return code;
}

/* In order of time. At the same time, the whole one comes first. */
static int compare_snapshots(const void *left, const void *right)
{
	const struct ct_snapshot *a = left, *b = right;
	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	return a->partial - b->partial;
}

int ct_dhat_read_snapshots(struct ct_dhat *dhat)
{
	struct ct_profile *profile = dhat->profile;
	size_t room = 0;
	int code = read_list(dhat, "snapshots", false, &room);
	if (code >= 0)
		code = read_list(dhat, "moments", true, &room);
	if (profile->snapshot_count)
		qsort(profile->snapshots, profile->snapshot_count, sizeof(*profile->snapshots), compare_snapshots);
	return code;
}

static int read_paths(struct ct_dhat *dhat, struct ct_dhat_places *places)
{
	struct ct_json_cursor rows;
	struct ct_json_piece key, value;
	size_t room = 0;
	int code = find_rows(dhat, "paths", &rows);
	while (code > 0 && (code = ct_json_next(&rows, &key, &value, dhat->error)) > 0) {
		cJSON *item = ct_dhat_string(dhat, value, "a path");
		int64_t id;

		if (!item)
			return CT_ERR_DAMAGED;
		id = ct_profile_string(dhat->profile, item->valuestring, strlen(item->valuestring));
		cJSON_Delete(item);
		if (id < 0 || !ct_array_room(&places->paths, &room, places->path_count + 1, sizeof(*places->paths)))
			return ct_dhat_no_memory(dhat);
		places->paths[places->path_count++] = (uint32_t)id;
	}
	return code;
}

static int read_modules(struct ct_dhat *dhat, const struct ct_dhat_places *places)
{
	struct ct_profile *profile = dhat->profile;
	struct ct_json_cursor rows;
	struct ct_json_piece key, row;
	size_t room = 0;
	int code = find_rows(dhat, "modules", &rows);
	while (code > 0 && (code = ct_json_next(&rows, &key, &row, dhat->error)) > 0) {
		uint64_t numbers[5]; /* path, build-id, start, limit, bias */

		if (read_numbers(dhat, row, "modules", numbers, 5) < 0)
			return CT_ERR_DAMAGED;
		for (int i = 0; i < 2; i++) {
			if (numbers[i] && numbers[i] >= places->path_count)
				return ct_json_damaged(&dhat->file, row.text, dhat->error,
						       "a row of \"modules\" has an index outside \"paths\"");
			numbers[i] = numbers[i] ? places->paths[numbers[i]] : 0;
		}
		if (!ct_array_room(&profile->modules, &room, profile->module_count + 1, sizeof(*profile->modules)))
			return ct_dhat_no_memory(dhat);
		profile->modules[profile->module_count++] = (struct ct_module_row){.path = (uint32_t)numbers[0],
										   .build_id = (uint32_t)numbers[1],
										   .start = numbers[2],
										   .limit = numbers[3],
										   .bias = numbers[4]};
	}
	return code;
}

int ct_dhat_places_open(struct ct_dhat *dhat, struct ct_dhat_places *places)
{
	int code;
	*places = (struct ct_dhat_places){0};
	code = find_rows(dhat, "frames", &places->rows);
	places->told = code > 0;
	if (code > 0)
		code = read_paths(dhat, places);
	return code < 0 || !places->told ? code : read_modules(dhat, places);
}

int ct_dhat_places_next(struct ct_dhat *dhat, struct ct_dhat_places *places, struct ct_frame *frame)
{
	struct ct_json_piece key, row;
	uint64_t numbers[3]; /* module, file, inlined */
	int code;
	if (!places->told)
		return 0;
	code = ct_json_next(&places->rows, &key, &row, dhat->error);
	if (code == 0)
		return ct_json_damaged(&dhat->file, places->rows.at, dhat->error,
				       "\"frames\" has fewer rows than \"ftbl\"");
	if (code < 0 || (code = read_numbers(dhat, row, "frames", numbers, 3)) < 0)
		return code;
	if ((numbers[0] && numbers[0] >= places->path_count) || (numbers[1] && numbers[1] >= places->path_count))
		return ct_json_damaged(&dhat->file, row.text, dhat->error,
				       "a row of \"frames\" has an index outside \"paths\"");
	if (numbers[0])
		frame->module = places->paths[numbers[0]];
	if (numbers[1])
		frame->file = places->paths[numbers[1]];
	frame->inlined = numbers[2] != 0;
	return 0;
}

int ct_dhat_places_end(struct ct_dhat *dhat, struct ct_dhat_places *places)
{
	struct ct_json_piece key, row;
	if (!places->told || ct_json_next(&places->rows, &key, &row, dhat->error) == 0)
		return 0;
	return ct_json_damaged(&dhat->file, row.text, dhat->error, "\"frames\" has more rows than \"ftbl\"");
}

void ct_dhat_places_close(struct ct_dhat_places *places)
{
	free(places->paths);
}
