/* SPDX-License-Identifier: MIT */
/*
 * Reads massif's files. They have what was live at some moments, by stack at a few of them: at the peak, sometimes at
 * the last one, and at others, which become snapshots. Bytes only: neither blocks nor totals are known. The trees are
 * bottom-up, so a path from the root of a tree is a stack, leaf first; what a node has beyond its children belongs to
 * stacks that end in it.
 */
#include <stdlib.h>
#include <string.h>

#include "load/dhat/dhat_frame.h"
#include "load/other/other.h"
#include "util/array.h"

/* A node that is open: the rest of its bytes and children has not been read yet. */
struct node {
	uint64_t left, children;
};

struct reader {
	struct ct_other *other;
	struct ct_text rest;
	uint64_t time_factor; /* from the file's unit to the profile's */
	uint64_t time, bytes; /* of the current snapshot */
	bool has_peak;
	size_t timeline_room, snapshot_room, row_room;
	struct node *nodes;
	size_t node_count, node_room;
	uint32_t *stack; /* frame of each open node below the root */
	size_t stack_room;
};

/* The last one in the file is also the end. */
static bool is_last(struct ct_text rest)
{
	return !memmem(rest.at, rest.bytes, "\nsnapshot=", 10);
}

/* Note the site that was added last as live at this moment. */
static int add_row(struct reader *reader, uint64_t bytes)
{
	struct ct_profile *profile = reader->other->profile;
	struct ct_snapshot *snapshot = &profile->snapshots[profile->snapshot_count - 1];
	if (!ct_array_room(&snapshot->rows, &reader->row_room, snapshot->row_count + 1, sizeof(*snapshot->rows)))
		return ct_other_no_memory(reader->other);
	snapshot->rows[snapshot->row_count++] =
		(struct ct_snapshot_site){.site = (uint32_t)profile->latest_site, .bytes = bytes};
	return 0;
}

static int add_site(struct reader *reader, uint64_t bytes, bool peak, bool end)
{
	struct ct_other *other = reader->other;
	const struct ct_counters counters = {.peak_bytes = peak ? bytes : 0, .end_bytes = end ? bytes : 0};
	uint32_t mark;
	const uint32_t *stack = reader->stack;
	size_t depth = reader->node_count - 1;
	if (!bytes)
		return 0;
	if (!depth) {
		int64_t id = ct_other_mark(other, "[no stack]");
		if (id < 0)
			return ct_other_no_memory(other);
		mark = (uint32_t)id;
		stack = &mark;
	}
	if (ct_profile_site(other->profile, stack, (uint32_t)(depth ? depth : 1), &counters, !depth))
		return ct_other_no_memory(other);
	return peak || end ? 0 : add_row(reader, bytes);
}

/* Close the nodes that have all of their children. */
static int close_nodes(struct reader *reader, bool peak, bool end)
{
	int code = 0;
	while (reader->node_count && !reader->nodes[reader->node_count - 1].children && !code) {
		code = add_site(reader, reader->nodes[reader->node_count - 1].left, peak, end);
		reader->node_count--;
	}
	return code;
}

/* "in 12 places, all below massif's threshold (1.00%)" is a sum of stacks. */
static int64_t frame_of(struct reader *reader, struct ct_text label)
{
	struct ct_profile *profile = reader->other->profile;
	struct ct_frame frame;
	struct ct_text below = label;
	if (ct_text_take(&below, "in ") && memmem(label.at, label.bytes, "threshold", 9))
		return ct_other_mark(reader->other, "[below massif's threshold]");
	if (ct_dhat_frame_parse(profile, label.at, label.bytes, &frame) < 0)
		return -1;
	return ct_profile_frame(profile, &frame);
}

/* " n2: 1024 0x401136: main (a.c:5)" */
static int read_node(struct reader *reader, struct ct_text line)
{
	struct ct_other *other = reader->other;
	struct node node;
	const char *start = line.at;
	while (line.bytes && *line.at == ' ') {
		line.at++;
		line.bytes--;
	}
	size_t depth = (size_t)(line.at - start);
	if (!ct_text_take(&line, "n") || !ct_text_take_number(&line, 10, &node.children) ||
	    !ct_text_take(&line, ": ") || !ct_text_take_number(&line, 10, &node.left) || !ct_text_take(&line, " "))
		return ct_other_damaged(other, start, "not a node of a heap tree");
	if (depth != reader->node_count)
		return ct_other_damaged(other, start, "a node at depth %zu, expected %zu", depth, reader->node_count);
	if (!ct_array_room(&reader->nodes, &reader->node_room, depth + 1, sizeof(node)) ||
	    !ct_array_room(&reader->stack, &reader->stack_room, depth + 1, sizeof(*reader->stack)))
		return ct_other_no_memory(other);
	if (depth) {
		struct node *parent = &reader->nodes[depth - 1];
		int64_t id = frame_of(reader, line);
		if (id < 0)
			return ct_other_no_memory(other);
		if (node.left > parent->left)
			return ct_other_damaged(other, start, "a node is larger than its parent");
		reader->stack[depth - 1] = (uint32_t)id;
		parent->left -= node.left;
		parent->children--;
	}
	reader->nodes[reader->node_count++] = node;
	return 0;
}

static int read_tree(struct reader *reader, bool peak, bool end)
{
	struct ct_text line;
	const char *start = reader->rest.at;
	int code = 0;
	do {
		if (!ct_other_line(&reader->rest, &line))
			return ct_other_damaged(reader->other, start, "the heap tree is cut off");
		code = read_node(reader, line);
		if (!code)
			code = close_nodes(reader, peak, end);
	} while (!code && reader->node_count);
	return code;
}

/* A tree that is neither of the peak nor of the end is a snapshot. */
static int add_snapshot(struct reader *reader)
{
	struct ct_profile *profile = reader->other->profile;
	if (!ct_array_room(&profile->snapshots, &reader->snapshot_room, profile->snapshot_count + 1,
			   sizeof(*profile->snapshots)))
		return ct_other_no_memory(reader->other);
	profile->snapshots[profile->snapshot_count++] =
		(struct ct_snapshot){.time = reader->time, .bytes = reader->bytes};
	reader->row_room = 0;
	return 0;
}

static int add_point(struct reader *reader)
{
	struct ct_profile *profile = reader->other->profile;
	if (profile->timeline_count && reader->time < profile->timeline[profile->timeline_count - 1].time)
		return ct_other_damaged(reader->other, reader->rest.at, "the time goes back");
	if (!ct_array_room(&profile->timeline, &reader->timeline_room, profile->timeline_count + 1,
			   sizeof(*profile->timeline)))
		return ct_other_no_memory(reader->other);
	profile->timeline[profile->timeline_count++] = (struct ct_timeline_point){
		.time = reader->time, .max_bytes = reader->bytes, .last_bytes = reader->bytes};
	profile->end_time = reader->time;
	return 0;
}

/* The end of a snapshot: "heap_tree=peak" and the tree. */
static int read_snapshot(struct reader *reader, struct ct_text kind)
{
	struct ct_other *other = reader->other;
	bool has_tree = !ct_text_take(&kind, "empty"), peak = ct_text_take(&kind, "peak");
	int code = add_point(reader);
	if (code || !has_tree)
		return code;
	bool end = is_last(reader->rest);
	if (peak && reader->has_peak)
		return ct_other_damaged(other, reader->rest.at, "two snapshots are the peak");
	if (peak) {
		reader->has_peak = true;
		other->profile->peak_time = reader->time;
		other->known |= CT_METRIC_BIT(CT_METRIC_PEAK_BYTES);
	}
	if (end)
		other->known |= CT_METRIC_BIT(CT_METRIC_END_BYTES);
	if (!peak && !end)
		code = add_snapshot(reader);
	return code ? code : read_tree(reader, peak, end);
}

static int set_unit(struct reader *reader, struct ct_text unit)
{
	struct ct_profile *profile = reader->other->profile;
	static const struct {
		const char *name, *unit, *mega;
		uint64_t factor;
	} units[] = {{"ms", "µs", "s", 1000}, {"i", "instrs", "Minstr", 1}, {"B", "B allocated", "MB allocated", 1}};
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (unit.bytes != strlen(units[i].name) || memcmp(unit.at, units[i].name, unit.bytes) != 0)
			continue;
		reader->time_factor = units[i].factor;
		return ct_profile_set_text(&profile->time_unit, units[i].unit, strlen(units[i].unit)) ||
				       ct_profile_set_text(&profile->mega_time_unit, units[i].mega,
							   strlen(units[i].mega))
			       ? ct_other_no_memory(reader->other)
			       : 0;
	}
	return ct_other_damaged(reader->other, unit.at, "an unknown unit of time");
}

static int read_number(struct reader *reader, struct ct_text value, uint64_t *number)
{
	const char *at = value.at;
	return ct_text_take_number(&value, 10, number) && !value.bytes
		       ? 0
		       : ct_other_damaged(reader->other, at, "not a number");
}

static int read_line(struct reader *reader, struct ct_text line)
{
	struct ct_other *other = reader->other;
	if (ct_text_take(&line, "cmd: "))
		return ct_profile_set_text(&other->profile->command, line.at, line.bytes) ? ct_other_no_memory(other)
											  : 0;
	if (ct_text_take(&line, "time_unit: "))
		return set_unit(reader, line);
	if (ct_text_take(&line, "time=")) {
		int code = read_number(reader, line, &reader->time);
		if (!code && __builtin_mul_overflow(reader->time, reader->time_factor, &reader->time))
			code = ct_other_damaged(other, line.at, "a time above 2^64");
		return code;
	}
	if (ct_text_take(&line, "mem_heap_B="))
		return read_number(reader, line, &reader->bytes);
	return ct_text_take(&line, "heap_tree=") ? read_snapshot(reader, line) : 0;
}

int ct_other_massif(struct ct_other *other)
{
	struct reader reader = {.other = other, .rest = other->file, .time_factor = 1};
	struct ct_text line;
	int code = 0;
	while (!code && ct_other_line(&reader.rest, &line))
		code = read_line(&reader, line);
	if (!code && !(other->known & CT_OTHER_MAIN))
		code = ct_error_set(other->error, CT_ERR_DAMAGED,
				    "has no heap tree of its peak (the program was killed?)");
	free(reader.nodes);
	free(reader.stack);
	return code;
}
