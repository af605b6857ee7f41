/* SPDX-License-Identifier: MIT */
/*
 * Reads heap profiles as text:
 *
 *   heap profile:  2: 64 [ 3: 96] @ heapprofile        gperftools, every allocation
 *   heap profile:  2: 64 [ 3: 96] @ heap_v2/524288     tcmalloc, a sample
 *   heap profile:  2: 64 [ 3: 96] @ heap/1048576       Go, a sample, with names
 *     1: 32 [ 1: 32] @ 0x401136 0x401150
 *   heap_v2/524288                                     jemalloc, a sample
 *     t*: 2: 64 [3: 96]
 *   @ 0x401136 0x401150
 *     t*: 1: 32 [1: 32]
 *   MAPPED_LIBRARIES:                                  the lines of /proc/PID/maps
 *
 * Numbers are objects and bytes in use, and those allocated in brackets. Objects are sampled by bytes, so a sampled
 * number stands for 1 / (1 - exp(-size / interval)) as many, as in pprof and jeprof. Addresses are return addresses.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "load/other/addresses.h"
#include "load/other/other.h"
#include "util/array.h"

#define STACK_MAX 65536
#define FRAMES_PER_BYTE 4 /* of the whole file; more are made up */

struct numbers {
	uint64_t live_blocks, live_bytes, total_blocks, total_bytes;
};

struct reader {
	struct ct_other *other;
	struct ct_addresses addresses;
	bool jemalloc, is_go;
	bool has_totals;
	bool has_names; /* Go's */
	uint64_t interval; /* mean distance between samples; 0 = every allocation */
	struct ct_text stack; /* of jemalloc's entry: the addresses after @ */
	uint32_t *ids;
	size_t id_room;
	size_t frames; /* of all sites */
};

/* "2: 64 [ 3: 96]" */
static bool take_numbers(struct ct_text *line, struct numbers *numbers)
{
	uint64_t *const places[] = {&numbers->live_blocks, &numbers->live_bytes, &numbers->total_blocks,
				    &numbers->total_bytes};
	static const char *const after[] = {":", "", ":", ""};
	for (int i = 0; i < 4; i++) {
		ct_text_skip_blanks(line);
		if (i == 2) {
			if (!ct_text_take(line, "["))
				return false;
			ct_text_skip_blanks(line);
		}
		if (!ct_text_take_number(line, 10, places[i]))
			return false;
		ct_text_skip_blanks(line);
		if (!ct_text_take(line, after[i]))
			return false;
	}
	return ct_text_take(line, "]");
}

/* What a sampled number stands for. */
static uint64_t scale(const struct reader *reader, uint64_t number, uint64_t blocks, uint64_t bytes)
{
	if (!reader->interval || !blocks || !bytes)
		return number;
	double average = (double)bytes / (double)blocks, factor = 1 / (1 - exp(-average / (double)reader->interval));
	double scaled = (double)number * factor;
	return scaled < 0x1p62 ? (uint64_t)scaled : UINT64_C(1) << 62;
}

/*
 * Is the frame of the allocator that wrote the profile, or of Go's runtime? Such frames are left out at the leaf. Go
 * itself leaves out names of its runtime, also at the root.
 */
static bool is_own(const struct reader *reader, uint32_t id, bool leaf)
{
	static const char *const modules[] = {"libjemalloc", "libtcmalloc"}, *const functions[] = {"je_", "prof_"};
	const struct ct_profile *profile = reader->other->profile;
	const struct ct_frame *frame = &profile->frames[id];
	const char *function = profile->strings[frame->function], *path = profile->strings[frame->module];
	const char *slash = strrchr(path, '/');
	bool own = reader->has_names && ((!*function && !*path) || (leaf && !strncmp(function, "runtime.", 8)));
	for (int i = 0; i < 2 && leaf; i++)
		own = own || !strncmp(slash ? slash + 1 : path, modules[i], strlen(modules[i])) ||
		      (reader->jemalloc && !strncmp(function, functions[i], strlen(functions[i])));
	return own;
}

/* Each address of a stack is looked up inside the call, before the return address. */
static int add_stack(struct reader *reader, struct ct_text stack, bool whole, size_t *count)
{
	uint64_t address;
	*count = 0;
	for (;;) {
		ct_text_skip_blanks(&stack);
		if (!ct_text_take(&stack, "0x") || !ct_text_take_number(&stack, 16, &address))
			return 0;
		const struct ct_address *row = ct_addresses_find(&reader->addresses, address ? address - 1 : 0);
		if (!row)
			return CT_ERR_MEMORY;
		if (*count + row->count > STACK_MAX)
			return 0;
		if (is_own(reader, reader->addresses.ids[row->first + row->count - 1], !whole && !*count))
			continue;
		if (!ct_array_room(&reader->ids, &reader->id_room, *count + row->count + 1, sizeof(*reader->ids)))
			return ct_other_no_memory(reader->other);
		memcpy(reader->ids + *count, reader->addresses.ids + row->first, row->count * sizeof(*reader->ids));
		*count += row->count;
	}
}

static int add_entry(struct reader *reader, const struct numbers *numbers, struct ct_text stack)
{
	struct ct_other *other = reader->other;
	size_t count;
	int code = add_stack(reader, stack, false, &count);
	if (!code && !count)
		code = add_stack(reader, stack, true, &count);
	reader->frames += count;
	if (!code && reader->frames / FRAMES_PER_BYTE > other->file.bytes)
		return ct_other_damaged(other, stack.at, "far more frames than a profile of this size has");
	if (!code && !count) {
		int64_t mark = ct_other_mark(other, "[no stack]");
		if (mark < 0 || !ct_array_room(&reader->ids, &reader->id_room, 1, sizeof(*reader->ids)))
			return ct_other_no_memory(other);
		reader->ids[count++] = (uint32_t)mark;
	}
	if (code)
		return code;
	const struct ct_counters counters = {
		.end_blocks = scale(reader, numbers->live_blocks, numbers->live_blocks, numbers->live_bytes),
		.end_bytes = scale(reader, numbers->live_bytes, numbers->live_blocks, numbers->live_bytes),
		.total_blocks = scale(reader, numbers->total_blocks, numbers->total_blocks, numbers->total_bytes),
		.total_bytes = scale(reader, numbers->total_bytes, numbers->total_blocks, numbers->total_bytes)};
	return ct_profile_site(other->profile, reader->ids, (uint32_t)count, &counters, false)
		       ? ct_other_no_memory(other)
		       : 0;
}

/* "#	0x4a2b3c	main.work+0x45	/src/x.go:12": Go's names, for the address before a return address */
static int read_name(struct reader *reader, struct ct_text line)
{
	struct ct_other_frame frame = {0};
	uint64_t offset, number = 0;
	ct_text_skip_blanks(&line);
	if (!ct_text_take(&line, "0x") || !ct_text_take_number(&line, 16, &frame.address))
		return 0;
	reader->has_names = true;
	ct_text_skip_blanks(&line);
	frame.function.at = line.at;
	while (line.bytes && *line.at != '\t') {
		line.at++;
		line.bytes--;
	}
	frame.function.bytes = (size_t)(line.at - frame.function.at);
	const char *plus = memrchr(frame.function.at, '+', frame.function.bytes);
	struct ct_text tail = {plus, plus ? (size_t)(line.at - plus) : 0};
	if (plus && ct_text_take(&tail, "+0x") && ct_text_take_number(&tail, 16, &offset))
		frame.function.bytes = (size_t)(plus - frame.function.at);
	ct_text_skip_blanks(&line);
	const char *colon = memrchr(line.at, ':', line.bytes);
	tail = (struct ct_text){colon ? colon + 1 : line.at, colon ? (size_t)(line.at + line.bytes - colon) - 1 : 0};
	if (colon && ct_text_take_number(&tail, 10, &number)) {
		frame.file = (struct ct_text){line.at, (size_t)(colon - line.at)};
		frame.line = number <= UINT32_MAX ? (uint32_t)number : 0;
	}
	return ct_addresses_name(&reader->addresses, &frame);
}

/* After "@ ": "heapprofile", "heap_v2/524288", "heap/1048576" */
static void set_interval(struct reader *reader, struct ct_text kind)
{
	uint64_t number = 0;
	ct_text_skip_blanks(&kind);
	bool v2 = ct_text_take(&kind, "heap_v2/") || ct_text_take(&kind, "heapz_v2/");
	bool half = !v2 && ct_text_take(&kind, "heap/"); /* twice the interval */
	reader->is_go = half;
	if ((v2 || half) && ct_text_take_number(&kind, 10, &number))
		reader->interval = half ? number / 2 : number;
	reader->interval = reader->interval > 1 ? reader->interval : 0;
}

static int read_head(struct reader *reader, struct ct_text *rest)
{
	struct numbers numbers = {0};
	struct ct_text line, start;
	if (!ct_other_line(rest, &line))
		return ct_other_damaged(reader->other, reader->other->file.at, "no first line");
	start = line;
	if (ct_text_take(&line, "heap_v2/")) {
		reader->jemalloc = true;
		set_interval(reader, start);
		if (!ct_other_line(rest, &line))
			line = (struct ct_text){"", 0};
		start = line;
		ct_text_skip_blanks(&line);
		if (!ct_text_take(&line, "t*:") || !take_numbers(&line, &numbers))
			return ct_other_damaged(reader->other, start.at, "not the sums of a heap profile");
	} else if (!ct_text_take(&line, "heap profile:") || !take_numbers(&line, &numbers)) {
		return ct_other_damaged(reader->other, start.at, "not the first line of a heap profile");
	} else {
		ct_text_skip_blanks(&line);
		if (ct_text_take(&line, "@"))
			set_interval(reader, line);
	}
	/* What is not kept is 0 or, in old versions, the same as what is in use. */
	reader->has_totals = (numbers.total_bytes && numbers.total_bytes != numbers.live_bytes) ||
			     (numbers.total_blocks && numbers.total_blocks != numbers.live_blocks);
	return 0;
}

/* Mappings and names are read first, since they stand below the stacks. */
static int read_mappings(struct reader *reader, struct ct_text rest)
{
	struct ct_text line;
	bool maps = false;
	int code = 0;
	while (!code && ct_other_line(&rest, &line)) {
		struct ct_text start = line;
		if (ct_text_take(&line, "MAPPED_LIBRARIES:") || ct_text_take(&line, "--- Memory map: ---"))
			maps = true;
		else if (maps)
			code = ct_addresses_add_mapping(&reader->addresses, start);
		else if (ct_text_take(&line, "#"))
			code = read_name(reader, line);
	}
	return code;
}

static int read_line(struct reader *reader, struct ct_text line)
{
	struct numbers numbers;
	struct ct_text start = line;
	ct_text_skip_blanks(&line);
	if (!line.bytes || *line.at == '#')
		return 0;
	if (reader->jemalloc && ct_text_take(&line, "@")) {
		reader->stack = line;
		return 0;
	}
	if (reader->jemalloc && !ct_text_take(&line, "t*:"))
		return *line.at == 't' ? 0 : ct_other_damaged(reader->other, start.at, "not a line of a heap profile");
	if (!take_numbers(&line, &numbers))
		return ct_other_damaged(reader->other, start.at, "not an entry of a heap profile");
	if (reader->jemalloc)
		return add_entry(reader, &numbers, reader->stack);
	ct_text_skip_blanks(&line);
	return ct_text_take(&line, "@") ? add_entry(reader, &numbers, line)
					: ct_other_damaged(reader->other, start.at, "an entry without a stack");
}

static int read_all(struct reader *reader)
{
	struct ct_text rest = reader->other->file, line;
	int code = read_head(reader, &rest);
	if (!code)
		code = read_mappings(reader, rest);
	while (!code && ct_other_line(&rest, &line)) {
		struct ct_text word = line;
		if (ct_text_take(&word, "MAPPED_LIBRARIES:") || ct_text_take(&word, "--- Memory map: ---"))
			break;
		code = read_line(reader, line);
	}
	return code;
}

int ct_other_heap_text(struct ct_other *other)
{
	struct reader reader = {.other = other};
	struct ct_profile *profile = other->profile;
	int code = ct_addresses_init(&reader.addresses, other);
	if (!code)
		code = read_all(&reader);
	profile->sample_bytes = reader.interval;
	other->known |= CT_METRIC_BIT(CT_METRIC_END_BYTES) | CT_METRIC_BIT(CT_METRIC_END_BLOCKS);
	if (reader.has_totals)
		other->known |= CT_METRIC_BIT(CT_METRIC_TOTAL_BYTES) | CT_METRIC_BIT(CT_METRIC_TOTAL_BLOCKS);
	const char *producer = reader.jemalloc ? "jemalloc" : reader.is_go ? "Go" : "gperftools";
	if (!code && ct_profile_set_text(&profile->producer, producer, strlen(producer)))
		code = ct_other_no_memory(other);
	const char *program = ct_addresses_program(&reader.addresses);
	if (!code && (ct_profile_set_text(&profile->program, program, strlen(program)) ||
		      ct_profile_set_text(&profile->command, program, strlen(program))))
		code = ct_other_no_memory(other);
	ct_addresses_fini(&reader.addresses);
	free(reader.ids);
	return code;
}
