/* SPDX-License-Identifier: MIT */
/*
 * Reads heaptrack's data files, version 3, by replaying their events. An event names an *allocation*, which is a size
 * and a trace, not a block. So lifetimes are not known. The file is replayed twice: first to find the peak, then to
 * that moment, since only then it is known what was live at the peak.
 */
#include <stdlib.h>
#include <string.h>

#include "load/other/other.h"
#include "util/array.h"

#define POINTS_MAX 1000 /* of the timeline */
#define INLINED_MAX 64
#define DEPTH_MAX 65536
#define FRAMES_PER_BYTE 4 /* of the whole file; more are made up */

struct place { /* "i": code, with what is inlined there */
	size_t first;
	uint32_t count;
};

struct trace { /* "t" */
	uint32_t place; /* 1 = the first */
	uint32_t parent; /* 0 = none */
	uint64_t total_bytes, total_blocks, temporary_blocks;
	uint64_t live_bytes, live_blocks;
	uint64_t max_bytes, max_blocks;
	uint64_t peak_bytes, peak_blocks;
};

struct allocation { /* "a" */
	uint64_t size;
	uint32_t trace; /* 0 = none */
};

struct reader {
	struct ct_other *other;
	struct ct_text *strings;
	size_t string_count, string_room;
	uint32_t *ids; /* frames of the places */
	size_t id_count, id_room;
	struct place *places;
	size_t place_count, place_room;
	struct trace *traces;
	size_t trace_count, trace_room;
	struct allocation *allocations;
	size_t allocation_count, allocation_room;
	uint64_t live_bytes, live_blocks, peak_bytes;
	size_t event, peak_event; /* numbers of events */
	size_t last; /* the allocation of the last event if it was a "+", plus 1 */
	uint64_t time_ms, page_bytes, rss_bytes, peak_ms;
	struct ct_timeline_point point; /* of the current interval */
	size_t timeline_room;
	uint64_t interval_ms; /* the timeline's points are at least so far apart */
	size_t frames; /* of all sites */
};

static int bad(struct reader *reader, struct ct_text line)
{
	return ct_other_damaged(reader->other, line.at, "not a line of a heaptrack file");
}

static bool take(struct ct_text *line, uint64_t *number)
{
	ct_text_skip_blanks(line);
	return ct_text_take_number(line, 16, number);
}

static struct ct_text string_at(const struct reader *reader, uint64_t index)
{
	return index && index <= reader->string_count ? reader->strings[index - 1] : (struct ct_text){"", 0};
}

/* "s 5 hello"; before version 3: "s hello" */
static int read_string(struct reader *reader, struct ct_text line)
{
	struct ct_text start = line;
	uint64_t length;
	if (!take(&line, &length) || !ct_text_take(&line, " ") || length > line.bytes)
		return bad(reader, start);
	if (!ct_array_room(&reader->strings, &reader->string_room, reader->string_count + 1, sizeof(line)))
		return ct_other_no_memory(reader->other);
	reader->strings[reader->string_count++] = (struct ct_text){line.at, length};
	return 0;
}

static int add_frame(struct reader *reader, const struct ct_other_frame *frame)
{
	int64_t id = ct_other_frame(reader->other, frame);
	if (id < 0 || !ct_array_room(&reader->ids, &reader->id_room, reader->id_count + 1, sizeof(*reader->ids)))
		return ct_other_no_memory(reader->other);
	reader->ids[reader->id_count++] = (uint32_t)id;
	return 0;
}

/* "i 401136 1 2 3 5 ...": address, module, then function, file and line of each frame, the innermost first */
static int read_place(struct reader *reader, struct ct_text line)
{
	struct ct_text start = line;
	struct place place = {.first = reader->id_count};
	struct ct_other_frame frame = {0};
	uint64_t module, function, file, number;
	int code = 0;
	if (!take(&line, &frame.address) || !take(&line, &module))
		return bad(reader, start);
	frame.module = string_at(reader, module);
	while (!code && place.count < INLINED_MAX && take(&line, &function)) {
		file = number = 0;
		if (take(&line, &file) && !take(&line, &number))
			return bad(reader, start);
		ct_text_skip_blanks(&line);
		frame.function = string_at(reader, function);
		frame.file = string_at(reader, file);
		frame.line = number <= UINT32_MAX ? (uint32_t)number : 0;
		frame.inlined = line.bytes;
		code = add_frame(reader, &frame);
		place.count++;
	}
	if (!code && !place.count) {
		code = add_frame(reader, &frame);
		place.count = 1;
	}
	if (!code && !ct_array_room(&reader->places, &reader->place_room, reader->place_count + 1, sizeof(place)))
		code = ct_other_no_memory(reader->other);
	if (!code)
		reader->places[reader->place_count++] = place;
	return code;
}

static int read_trace(struct reader *reader, struct ct_text line)
{
	struct ct_text start = line;
	uint64_t place, parent;
	if (!take(&line, &place) || !take(&line, &parent) || place > reader->place_count ||
	    parent > reader->trace_count)
		return bad(reader, start);
	if (!ct_array_room(&reader->traces, &reader->trace_room, reader->trace_count + 1, sizeof(*reader->traces)))
		return ct_other_no_memory(reader->other);
	reader->traces[reader->trace_count++] = (struct trace){.place = (uint32_t)place, .parent = (uint32_t)parent};
	return 0;
}

static int read_allocation(struct reader *reader, struct ct_text line)
{
	struct ct_text start = line;
	uint64_t size, trace;
	if (!take(&line, &size) || !take(&line, &trace) || trace > reader->trace_count)
		return bad(reader, start);
	if (!ct_array_room(&reader->allocations, &reader->allocation_room, reader->allocation_count + 1,
			   sizeof(*reader->allocations)))
		return ct_other_no_memory(reader->other);
	reader->allocations[reader->allocation_count++] = (struct allocation){size, (uint32_t)trace};
	return 0;
}

/* The trace of an allocation; those without one have a trace of their own, the last. */
static struct trace *trace_of(struct reader *reader, const struct allocation *allocation)
{
	return &reader->traces[allocation->trace ? allocation->trace - 1 : reader->trace_count - 1];
}

static int read_event(struct reader *reader, struct ct_text line, bool adds)
{
	struct ct_text start = line;
	uint64_t index;
	if (!take(&line, &index) || index >= reader->allocation_count)
		return bad(reader, start);
	const struct allocation *allocation = &reader->allocations[index];
	struct trace *trace = trace_of(reader, allocation);
	reader->event++;
	if (!adds) {
		/* A block from before heaptrack was attached may be freed. */
		if (!trace->live_blocks || trace->live_bytes < allocation->size)
			return 0;
		trace->live_bytes -= allocation->size;
		trace->live_blocks--;
		reader->live_bytes -= allocation->size;
		reader->live_blocks--;
		trace->temporary_blocks += reader->last == index + 1;
		reader->last = 0;
		return 0;
	}
	reader->last = index + 1;
	if (__builtin_add_overflow(trace->total_bytes, allocation->size, &trace->total_bytes) ||
	    __builtin_add_overflow(reader->live_bytes, allocation->size, &reader->live_bytes))
		return ct_other_damaged(reader->other, start.at, "more than 2^64 bytes");
	trace->total_blocks++;
	trace->live_bytes += allocation->size;
	trace->live_blocks++;
	reader->live_blocks++;
	if (trace->live_bytes >= trace->max_bytes) {
		trace->max_bytes = trace->live_bytes;
		trace->max_blocks = trace->live_blocks;
	}
	if (reader->live_bytes >= reader->peak_bytes) {
		reader->peak_bytes = reader->live_bytes;
		reader->peak_event = reader->event;
		reader->peak_ms = reader->time_ms;
	}
	if (reader->live_bytes > reader->point.max_bytes)
		reader->point.max_bytes = reader->live_bytes;
	return 0;
}

/* Join pairs of points, so that half of the room is free again. */
static void halve_timeline(struct ct_profile *profile)
{
	struct ct_timeline_point *points = profile->timeline;
	size_t count = profile->timeline_count / 2;
	for (size_t i = 0; i < count; i++) {
		uint64_t most = points[2 * i].max_bytes;
		points[i] = points[2 * i + 1];
		if (most > points[i].max_bytes)
			points[i].max_bytes = most;
	}
	profile->timeline_count = count;
}

static int end_point(struct reader *reader)
{
	struct ct_profile *profile = reader->other->profile;
	if (profile->timeline_count == POINTS_MAX) {
		halve_timeline(profile);
		reader->interval_ms =
			reader->interval_ms ? reader->interval_ms * 2 : 1 + reader->time_ms / (POINTS_MAX / 2);
	}
	if (!ct_array_room(&profile->timeline, &reader->timeline_room, profile->timeline_count + 1,
			   sizeof(*profile->timeline)))
		return ct_other_no_memory(reader->other);
	reader->point.time = reader->time_ms * 1000;
	reader->point.last_bytes = reader->live_bytes;
	reader->point.last_blocks = reader->live_blocks;
	reader->point.rss_bytes = reader->rss_bytes;
	profile->timeline[profile->timeline_count++] = reader->point;
	reader->point.max_bytes = reader->live_bytes;
	return 0;
}

static int read_time(struct reader *reader, struct ct_text line)
{
	const struct ct_profile *profile = reader->other->profile;
	struct ct_text start = line;
	uint64_t time;
	if (!take(&line, &time) || time < reader->time_ms || time > UINT64_MAX / 1000)
		return bad(reader, start);
	bool first = !profile->timeline_count;
	uint64_t before = first ? 0 : profile->timeline[profile->timeline_count - 1].time / 1000;
	reader->time_ms = time;
	return time > before && time - before >= reader->interval_ms ? end_point(reader) : 0;
}

static int read_line(struct reader *reader, struct ct_text line)
{
	struct ct_other *other = reader->other;
	struct ct_text rest = line;
	uint64_t number;
	if (!line.bytes)
		return 0;
	rest.at++;
	rest.bytes--;
	switch (*line.at) {
	case 's':
		return read_string(reader, rest);
	case 'i':
		return read_place(reader, rest);
	case 't':
		return read_trace(reader, rest);
	case 'a':
		return read_allocation(reader, rest);
	case 'c':
		return read_time(reader, rest);
	case 'I':
		if (take(&rest, &number))
			reader->page_bytes = number;
		return 0;
	case 'R':
		if (!take(&rest, &number) || __builtin_mul_overflow(number, reader->page_bytes, &reader->rss_bytes))
			return bad(reader, line);
		return 0;
	case 'X':
		ct_text_skip_blanks(&rest);
		return ct_profile_set_text(&other->profile->command, rest.at, rest.bytes) ? ct_other_no_memory(other)
											  : 0;
	case 'x':
	case 'm':
		return ct_error_set(other->error, CT_ERR_DAMAGED, "raw; heaptrack_interpret makes a data file of it");
	default:
		return 0;
	}
}

/* "v 10400 3" */
static int check_version(struct reader *reader, struct ct_text line)
{
	struct ct_text start = line;
	uint64_t version, file = 0;
	if (!ct_text_take(&line, "v") || !take(&line, &version))
		return bad(reader, start);
	take(&line, &file);
	return file == 3 ? 0
			 : ct_error_set(reader->other->error, CT_ERR_DAMAGED,
					"of version %llu; only version 3, of heaptrack 1.4 and newer, is known",
					(unsigned long long)file);
}

/* Events need their definitions, and the trace of allocations without a stack; so those are read first. */
static int replay(struct reader *reader, size_t last_event)
{
	struct ct_text rest = reader->other->file, line;
	int code = 0;
	while (!code && reader->event < last_event && ct_other_line(&rest, &line)) {
		bool event = line.bytes > 1 && (*line.at == '+' || *line.at == '-');
		struct ct_text numbers = {line.at + 1, line.bytes - event};
		if (event)
			code = read_event(reader, numbers, *line.at == '+');
		else if (line.bytes && (*line.at == 'c' || *line.at == 'R' || *line.at == 'I') &&
			 last_event == SIZE_MAX)
			code = read_line(reader, line);
	}
	return code;
}

static int read_definitions(struct reader *reader)
{
	struct ct_text rest = reader->other->file, line;
	int code = ct_other_line(&rest, &line) ? check_version(reader, line) : bad(reader, rest);
	while (!code && ct_other_line(&rest, &line))
		if (line.bytes && !strchr("cR+-", *line.at))
			code = read_line(reader, line);
	if (!code &&
	    !ct_array_room(&reader->traces, &reader->trace_room, reader->trace_count + 1, sizeof(*reader->traces)))
		code = ct_other_no_memory(reader->other);
	if (!code)
		reader->traces[reader->trace_count++] = (struct trace){.place = 0};
	return code;
}

static int add_site(struct reader *reader, const struct trace *from, uint32_t **stack, size_t *room)
{
	struct ct_other *other = reader->other;
	size_t count = 0;
	const struct trace *at = from;
	bool cut = false;
	for (; at; at = at->parent ? &reader->traces[at->parent - 1] : NULL) {
		if (!at->place)
			continue;
		const struct place *place = &reader->places[at->place - 1];
		cut = count >= DEPTH_MAX;
		if (cut)
			break;
		if (!ct_array_room(stack, room, count + place->count, sizeof(**stack)))
			return ct_other_no_memory(other);
		memcpy(*stack + count, reader->ids + place->first, place->count * sizeof(**stack));
		count += place->count;
	}
	reader->frames += count;
	if (reader->frames / FRAMES_PER_BYTE > other->file.bytes)
		return ct_other_damaged(other, other->file.at, "far more frames than a file of this size has");
	int64_t mark = count ? 0 : ct_other_mark(other, "[no stack]");
	if (mark < 0 || !ct_array_room(stack, room, 1, sizeof(**stack)))
		return ct_other_no_memory(other);
	if (!count)
		(*stack)[count++] = (uint32_t)mark;
	const struct ct_counters counters = {.total_bytes = from->total_bytes,
					     .total_blocks = from->total_blocks,
					     .temporary_blocks = from->temporary_blocks,
					     .max_bytes = from->max_bytes,
					     .max_blocks = from->max_blocks,
					     .peak_bytes = from->peak_bytes,
					     .peak_blocks = from->peak_blocks,
					     .end_bytes = from->live_bytes,
					     .end_blocks = from->live_blocks};
	return ct_profile_site(other->profile, *stack, (uint32_t)count, &counters, cut) ? ct_other_no_memory(other) : 0;
}

/* Replay up to the peak once more, with what is live counted as the peak's. */
static int find_peak(struct reader *reader)
{
	struct reader again = {.other = reader->other,
			       .allocations = reader->allocations,
			       .allocation_count = reader->allocation_count,
			       .trace_count = reader->trace_count};
	again.traces = calloc(reader->trace_count, sizeof(*again.traces));
	int code = again.traces ? replay(&again, reader->peak_event) : ct_other_no_memory(reader->other);
	for (size_t i = 0; i < reader->trace_count && !code; i++) {
		reader->traces[i].peak_bytes = again.traces[i].live_bytes;
		reader->traces[i].peak_blocks = again.traces[i].live_blocks;
	}
	free(again.traces);
	return code;
}

static int read_all(struct reader *reader)
{
	struct ct_profile *profile = reader->other->profile;
	uint32_t *stack = NULL;
	size_t room = 0;
	int code = read_definitions(reader);
	if (!code)
		code = replay(reader, SIZE_MAX);
	if (!code)
		code = find_peak(reader);
	for (size_t i = 0; i < reader->trace_count && !code; i++)
		if (reader->traces[i].total_blocks)
			code = add_site(reader, &reader->traces[i], &stack, &room);
	free(stack);
	if (code)
		return code;
	profile->totals.max_bytes = profile->totals.peak_bytes;
	profile->totals.max_blocks = profile->totals.peak_blocks;
	profile->peak_time = reader->peak_ms * 1000;
	profile->end_time = reader->time_ms * 1000;
	return profile->timeline_count ? end_point(reader) : 0;
}

int ct_other_heaptrack(struct ct_other *other)
{
	static const enum ct_metric known[] = {
		CT_METRIC_TOTAL_BYTES, CT_METRIC_TOTAL_BLOCKS, CT_METRIC_MAX_BYTES,
		CT_METRIC_MAX_BLOCKS,  CT_METRIC_PEAK_BYTES,   CT_METRIC_PEAK_BLOCKS,
		CT_METRIC_END_BYTES,   CT_METRIC_END_BLOCKS,   CT_METRIC_TEMPORARY_BLOCKS};
	struct reader reader = {.other = other, .page_bytes = 4096};
	int code = read_all(&reader);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		other->known |= CT_METRIC_BIT(known[i]);
	free(reader.strings);
	free(reader.ids);
	free(reader.places);
	free(reader.traces);
	free(reader.allocations);
	return code;
}
