/* SPDX-License-Identifier: MIT */
/* Reads the tables of a DHAT file: frames, then the program points that refer to them. */
#include <stdlib.h>
#include <string.h>

#include "load/dhat/dhat.h"
#include "load/dhat/dhat_frame.h"
#include "model/histogram.h"
#include "model/metric.h"
#include "util/array.h"
#include "util/progress.h"

/* A frame of the table. It has one id as a call of its own and another if inlined into its caller; 0 = not made yet. */
struct table_frame {
	struct ct_frame frame;
	uint32_t plain_id;
	uint32_t inlined_id;
};

struct tables {
	struct ct_dhat *dhat;
	struct ct_dhat_places places;
	struct table_frame *frames;
	size_t frame_count;
	size_t frame_room;
	uint32_t *stack; /* of the current row: indices into frames, later frame ids */
	size_t stack_room;
};

static int add_table_frame(struct tables *tables, struct ct_json_piece piece)
{
	struct table_frame *slot;
	cJSON *item;
	int code;
	if (!ct_array_room(&tables->frames, &tables->frame_room, tables->frame_count + 1, sizeof(*tables->frames)))
		return ct_dhat_no_memory(tables->dhat);
	item = ct_dhat_string(tables->dhat, piece, "a frame of \"ftbl\"");
	if (!item)
		return CT_ERR_DAMAGED;
	slot = &tables->frames[tables->frame_count++];
	slot->plain_id = slot->inlined_id = 0;
	code = ct_dhat_frame_parse(tables->dhat->profile, item->valuestring, strlen(item->valuestring), &slot->frame);
	cJSON_Delete(item);
	if (code < 0)
		return ct_dhat_no_memory(tables->dhat);
	return ct_dhat_places_next(tables->dhat, &tables->places, &slot->frame);
}

static int read_frames(struct tables *tables)
{
	struct ct_json_cursor cursor;
	struct ct_json_piece key, value;
	int more = ct_dhat_enter(tables->dhat, M_FTBL, &cursor);
	if (more < 0 || (more = ct_dhat_places_open(tables->dhat, &tables->places)) < 0)
		return more;
	while ((more = ct_json_next(&cursor, &key, &value, tables->dhat->error)) > 0) {
		more = add_table_frame(tables, value);
		if (more < 0)
			return more;
	}
	return more < 0 ? more : ct_dhat_places_end(tables->dhat, &tables->places);
}

/* A row's members: its counters by enum ct_metric, then these. */
enum row_member { R_SIZES = CT_COUNTER_COUNT, R_LIFETIMES, R_CUT, R_FS, R_COUNT };
_Static_assert(R_COUNT <= 64, "a bit of seen for each");

static const char *row_name(int member)
{
	static const char *const names[] = {"szh", "lth", "cut", "fs"};
	return member >= R_SIZES ? names[member - R_SIZES] : ct_metric_dhat((enum ct_metric)member);
}

struct row {
	struct ct_counters counters;
	size_t stack_count; /* of tables->stack */
	uint64_t seen; /* a bit for each member */
	struct ct_spread spreads[CT_HISTOGRAM_KINDS];
	bool truncated;
};

/* Read and check the row's frame indices into tables->stack. 1 or < 0. */
static int read_stack(struct tables *tables, struct row *row, struct ct_json_piece piece, struct ct_json_cursor *cursor)
{
	struct ct_json_piece key, value;
	int more;
	if (!cursor->file || cursor->object)
		return ct_json_damaged(&tables->dhat->file, piece.text, tables->dhat->error, "\"fs\" is not an array");
	while ((more = ct_json_next(cursor, &key, &value, tables->dhat->error)) > 0) {
		uint64_t index;
		enum ct_json_number problem = ct_json_number(value, &index);
		if (problem != CT_JSON_NUMBER_FINE)
			return ct_json_damaged(&tables->dhat->file, value.text, tables->dhat->error,
					       "an index in \"fs\" %s", ct_json_number_problem(problem));
		if (index == 0 || index >= tables->frame_count)
			return ct_json_damaged(&tables->dhat->file, value.text, tables->dhat->error,
					       "index %llu in \"fs\": \"ftbl\" has frames 1 to %zu",
					       (unsigned long long)index,
					       tables->frame_count ? tables->frame_count - 1 : 0);
		if (!ct_array_room(&tables->stack, &tables->stack_room, row->stack_count + 1, sizeof(*tables->stack)))
			return ct_dhat_no_memory(tables->dhat);
		tables->stack[row->stack_count++] = (uint32_t)index;
	}
	if (more < 0)
		return more;
	if (!row->stack_count)
		return ct_json_damaged(&tables->dhat->file, piece.text, tables->dhat->error, "\"fs\" is empty");
	return 1;
}

/* [lowest bucket, blocks, blocks, ...]. 1 or < 0. */
static int read_histogram(struct tables *tables, struct row *row, int member, struct ct_json_piece piece,
			  struct ct_json_cursor *cursor)
{
	struct ct_dhat *dhat = tables->dhat;
	struct ct_spread *spread = &row->spreads[member - R_SIZES];
	struct ct_json_piece key, value;
	uint64_t bucket = 0, number, sum = 0;
	int more = 1;
	bool fits = cursor->file && !cursor->object;
	for (bool first = true; fits && (more = ct_json_next(cursor, &key, &value, dhat->error)) > 0; first = false) {
		if (ct_dhat_number(dhat, value, row_name(member), &number) < 0)
			return CT_ERR_DAMAGED;
		fits = first ? number < CT_BUCKETS : bucket < CT_BUCKETS && number <= UINT64_MAX - sum;
		if (first || !fits) {
			bucket = number;
			continue;
		}
		spread->blocks[bucket++] = number;
		sum += number;
	}
	if (!fits)
		return ct_json_damaged(&dhat->file, piece.text, dhat->error,
				       "\"%s\" is not a bucket below %u and blocks", row_name(member), CT_BUCKETS);
	return more < 0 ? more : 1;
}

static int set_row_member(struct tables *tables, struct row *row, int member, struct ct_json_piece value,
			  struct ct_json_cursor *inner)
{
	struct ct_dhat *dhat = tables->dhat;
	if (row->seen & UINT64_C(1) << member)
		return ct_json_damaged(&dhat->file, value.text, dhat->error, "\"%s\" appears twice in a row",
				       row_name(member));
	row->seen |= UINT64_C(1) << member;
	if (member == R_FS)
		return read_stack(tables, row, value, inner);
	if (member == R_SIZES || member == R_LIFETIMES)
		return read_histogram(tables, row, member, value, inner);
	if (member != R_CUT)
		return ct_dhat_number(dhat, value, row_name(member),
				      ct_metric_place(&row->counters, (enum ct_metric)member)) < 0
			       ? CT_ERR_DAMAGED
			       : 1;
	row->truncated = ct_json_is(value, "true");
	return 1;
}

/* DHAT's own members must be present; if one of ours is missing, the profile lacks its numbers. */
static int check_row(struct tables *tables, struct ct_json_piece piece, const struct row *row)
{
	struct ct_profile *profile = tables->dhat->profile;
	for (int i = 1; i < R_COUNT; i++) {
		bool is_metric = i < CT_COUNTER_COUNT;
		if (row->seen & UINT64_C(1) << i || (is_metric && ct_metric_lacks(profile, (enum ct_metric)i)))
			continue;
		if (i == R_FS || (is_metric && ct_metric_exists(profile, (enum ct_metric)i)))
			return ct_json_damaged(&tables->dhat->file, piece.text, tables->dhat->error,
					       "a row of \"pps\" has no \"%s\"", row_name(i));
	}
	return 0;
}

static int read_row(struct tables *tables, struct ct_json_piece piece, struct ct_json_cursor *cursor, struct row *row)
{
	struct ct_json_cursor inner;
	struct ct_json_piece key = {0}, value;
	int more, member = 1;
	*row = (struct row){0};
	if (!cursor->file || !cursor->object)
		return ct_json_damaged(&tables->dhat->file, piece.text, tables->dhat->error,
				       "a row of \"pps\" is not an object");
	while ((more = ct_json_next_entered(cursor, &key, &value, &inner, tables->dhat->error)) > 0) {
		/* Start at the previous match: all rows have the same order, nearly that of our table. */
		for (int i = 1; i < R_COUNT && !ct_json_is(key, row_name(member)); i++)
			member = member + 1 < R_COUNT ? member + 1 : 1;
		if (ct_json_is(key, row_name(member))) {
			more = set_row_member(tables, row, member, value, &inner);
			member = member + 1 < R_COUNT ? member + 1 : 1;
		}
		if (more > 0 && inner.file)
			more = ct_json_leave(cursor, &inner, tables->dhat->error);
		if (more < 0)
			return more;
	}
	return more < 0 ? more : check_row(tables, piece, row);
}

static int64_t frame_id(struct tables *tables, struct table_frame *slot, bool inlined)
{
	uint32_t *id = inlined ? &slot->inlined_id : &slot->plain_id;
	int64_t made;
	if (*id)
		return *id;
	slot->frame.inlined = inlined;
	made = ct_profile_frame(tables->dhat->profile, &slot->frame);
	if (made > 0)
		*id = (uint32_t)made;
	return made;
}

/*
 * Turn frame indices into frame ids. A run of frames with the same address is a call and the functions inlined into
 * it; the last frame is the real function. If that frame occurs in the run again, it is recursion and not inlined.
 */
static int intern_stack(struct tables *tables, size_t count)
{
	size_t start = 0;
	while (start < count) {
		struct table_frame *first = &tables->frames[tables->stack[start]];
		size_t end = start + 1;
		uint32_t real;

		while (first->frame.address && end < count &&
		       tables->frames[tables->stack[end]].frame.address == first->frame.address)
			end++;
		real = tables->frames[tables->stack[end - 1]].frame.text;
		for (; start < end; start++) {
			struct table_frame *slot = &tables->frames[tables->stack[start]];
			bool inlined = tables->places.told ? slot->frame.inlined : slot->frame.text != real;
			int64_t id = frame_id(tables, slot, inlined);

			if (id <= 0)
				return ct_dhat_no_memory(tables->dhat);
			tables->stack[start] = (uint32_t)id;
		}
	}
	return 0;
}

static int add_row(struct tables *tables, struct ct_json_piece piece, struct ct_json_cursor *cursor)
{
	struct row row;
	int code = read_row(tables, piece, cursor, &row);
	if (code < 0)
		return code;
	code = intern_stack(tables, row.stack_count);
	if (code < 0)
		return code;
	struct ct_dhat *dhat = tables->dhat;
	if (ct_profile_site(dhat->profile, tables->stack, (uint32_t)row.stack_count, &row.counters, row.truncated) <
		    0 ||
	    !ct_array_room(&dhat->site_of_row, &dhat->row_room, dhat->row_count + 1, sizeof(*dhat->site_of_row)))
		return ct_dhat_no_memory(dhat);
	for (int i = 0; i < CT_HISTOGRAM_KINDS; i++)
		if (ct_histogram_add(dhat->profile, dhat->profile->latest_site, (enum ct_histogram_kind)i, 0,
				     row.spreads[i].blocks, CT_BUCKETS))
			return ct_dhat_no_memory(dhat);
	dhat->site_of_row[dhat->row_count++] = (uint32_t)dhat->profile->latest_site;
	return 0;
}

static int read_rows(struct tables *tables)
{
	struct ct_json_cursor cursor, row;
	struct ct_json_piece key, value;
	int more = ct_dhat_enter(tables->dhat, M_PPS, &cursor);
	while (more >= 0 && (more = ct_json_next_entered(&cursor, &key, &value, &row, tables->dhat->error)) > 0) {
		ct_progress_at((uint64_t)(cursor.at - cursor.file->text), cursor.file->length);
		more = add_row(tables, value, &row);
		if (more >= 0)
			more = ct_json_leave(&cursor, &row, tables->dhat->error);
	}
	return more;
}

int ct_dhat_read_tables(struct ct_dhat *dhat)
{
	struct tables tables = {.dhat = dhat};
	int code = read_frames(&tables);
	/* assumed until a row lacks them; a sample may have no row, and never has the last three */
	dhat->profile->has_temporaries = dhat->profile->has_memory = tables.places.told;
	dhat->profile->has_details = dhat->profile->has_slack = dhat->profile->has_reach =
		tables.places.told && !dhat->profile->sample_bytes;
	if (code == 0)
		code = read_rows(&tables);
	ct_dhat_places_close(&tables.places);
	free(tables.frames);
	free(tables.stack);
	return code;
}
