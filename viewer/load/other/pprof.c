/* SPDX-License-Identifier: MIT */
/*
 * Reads heap profiles of pprof: of Go, gperftools, jemalloc, tcmalloc and ctrace. The protobuf message is not unpacked
 * into objects. The first pass notes where functions, locations, mappings and strings are, the second reads samples.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/other/other.h"
#include "util/array.h"

#define TYPES_MAX 64
#define LINES_MAX 64 /* inlined frames of one location */
#define STACK_MAX 65536 /* frames; a longer stack is cut */
#define FRAMES_PER_BYTE 4 /* of the whole file; more are made up */

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct field {
	uint64_t number;
	unsigned wire;
	uint64_t value;
	struct ct_text bytes;
};

struct function {
	uint64_t id, name, file;
};

struct mapping {
	uint64_t id, name;
};

struct location {
	uint64_t id;
	struct ct_text message;
	size_t first; /* in reader.ids */
	uint32_t count; /* 0 = its frames have not been made yet */
};

struct reader {
	struct ct_other *other;
	struct ct_text *strings;
	size_t string_count, string_room;
	struct function *functions;
	size_t function_count, function_room;
	struct mapping *mappings;
	size_t mapping_count, mapping_room;
	struct location *locations;
	size_t location_count, location_room;
	enum ct_metric types[TYPES_MAX]; /* by index of the sample's values; none: not one of ours */
	uint64_t type_names[TYPES_MAX];
	size_t type_count;
	uint32_t *ids; /* frames of the locations */
	size_t id_count, id_room;
	uint32_t *stack;
	size_t stack_count, stack_room;
	size_t frames; /* of all samples */
	uint64_t period, period_type, time_ns, duration_ns, comments[2];
	size_t comment_count;
};

static bool take_varint(struct ct_text *text, uint64_t *number)
{
	*number = 0;
	for (unsigned shift = 0; shift < 64 && text->bytes; shift += 7) {
		unsigned char byte = (unsigned char)*text->at;
		text->at++;
		text->bytes--;
		*number |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/* 1; 0 at the end of the message; or < 0. */
static int next(struct reader *reader, struct ct_text *message, struct field *field)
{
	const char *start = message->at;
	uint64_t key;
	if (!message->bytes)
		return 0;
	bool good = take_varint(message, &key);
	*field = (struct field){.number = key >> 3, .wire = key & 7};
	if (good && (field->wire == WIRE_VARINT || field->wire == WIRE_BYTES))
		good = take_varint(message, &field->value);
	size_t skip = field->wire == WIRE_BYTES ? field->value
		      : field->wire == WIRE_64  ? 8
		      : field->wire == WIRE_32  ? 4
						: 0;
	if (!good || !field->number || skip > message->bytes ||
	    (field->wire != WIRE_VARINT && field->wire != WIRE_BYTES && field->wire != WIRE_64 &&
	     field->wire != WIRE_32))
		return ct_other_damaged(reader->other, start, "not a field of a pprof profile (cut off?)");
	field->bytes = (struct ct_text){message->at, skip};
	message->at += skip;
	message->bytes -= skip;
	return 1;
}

/* Call visit for each number of a repeated field, which may be packed. */
static int each_number(struct reader *reader, const struct field *field,
		       int (*visit)(struct reader *reader, uint64_t number, void *context), void *context)
{
	struct ct_text rest = field->bytes;
	uint64_t number;
	if (field->wire == WIRE_VARINT)
		return visit(reader, field->value, context);
	int code = 0;
	while (rest.bytes && !code) {
		const char *at = rest.at;
		code = take_varint(&rest, &number) ? visit(reader, number, context)
						   : ct_other_damaged(reader->other, at, "a number that does not end");
	}
	return code;
}

/* Read the numbers of a message's first fields, as many as there are in out; out[0] is field 1. */
static int read_numbers(struct reader *reader, struct ct_text message, uint64_t *out, size_t count)
{
	struct field field;
	int more;
	memset(out, 0, count * sizeof(*out));
	while ((more = next(reader, &message, &field)) > 0)
		if (field.wire == WIRE_VARINT && field.number <= count)
			out[field.number - 1] = field.value;
	return more;
}

static int no_memory(struct reader *reader)
{
	return ct_other_no_memory(reader->other);
}

static int add_string(struct reader *reader, struct ct_text text)
{
	if (!ct_array_room(&reader->strings, &reader->string_room, reader->string_count + 1, sizeof(text)))
		return no_memory(reader);
	reader->strings[reader->string_count++] = text;
	return 0;
}

static int add_function(struct reader *reader, struct ct_text message)
{
	uint64_t fields[4];
	int code = read_numbers(reader, message, fields, 4);
	if (!code && !ct_array_room(&reader->functions, &reader->function_room, reader->function_count + 1,
				    sizeof(*reader->functions)))
		code = no_memory(reader);
	/* The name, or else the system's name. */
	if (!code)
		reader->functions[reader->function_count++] =
			(struct function){fields[0], fields[1] ? fields[1] : fields[2], fields[3]};
	return code;
}

static int add_mapping(struct reader *reader, struct ct_text message)
{
	uint64_t fields[5];
	int code = read_numbers(reader, message, fields, 5);
	if (!code && !ct_array_room(&reader->mappings, &reader->mapping_room, reader->mapping_count + 1,
				    sizeof(*reader->mappings)))
		code = no_memory(reader);
	if (!code)
		reader->mappings[reader->mapping_count++] = (struct mapping){fields[0], fields[4]};
	return code;
}

static int add_location(struct reader *reader, struct ct_text message)
{
	uint64_t id;
	int code = read_numbers(reader, message, &id, 1);
	if (!code && !ct_array_room(&reader->locations, &reader->location_room, reader->location_count + 1,
				    sizeof(*reader->locations)))
		code = no_memory(reader);
	if (!code)
		reader->locations[reader->location_count++] = (struct location){.id = id, .message = message};
	return code;
}

static int add_type(struct reader *reader, struct ct_text message)
{
	uint64_t fields[2];
	int code = read_numbers(reader, message, fields, 2);
	if (!code && reader->type_count == TYPES_MAX)
		return ct_other_damaged(reader->other, message.at, "more than %d sample types", TYPES_MAX);
	if (!code)
		reader->type_names[reader->type_count++] = fields[0];
	return code;
}

static int note_comment(struct reader *reader, uint64_t number, void *context)
{
	(void)context;
	if (reader->comment_count < 2)
		reader->comments[reader->comment_count++] = number;
	return 0;
}

/* The fields of the profile itself, except samples. */
static int read_field(struct reader *reader, const struct field *field)
{
	uint64_t pair[2];
	int code;
	if (field->wire == WIRE_VARINT) {
		reader->time_ns = field->number == 9 ? field->value : reader->time_ns;
		reader->duration_ns = field->number == 10 ? field->value : reader->duration_ns;
		reader->period = field->number == 12 ? field->value : reader->period;
		return field->number == 13 ? note_comment(reader, field->value, NULL) : 0;
	}
	if (field->wire != WIRE_BYTES)
		return 0;
	switch (field->number) {
	case 1:
		return add_type(reader, field->bytes);
	case 3:
		return add_mapping(reader, field->bytes);
	case 4:
		return add_location(reader, field->bytes);
	case 5:
		return add_function(reader, field->bytes);
	case 6:
		return add_string(reader, field->bytes);
	case 11:
		code = read_numbers(reader, field->bytes, pair, 2);
		reader->period_type = pair[0];
		return code;
	case 13:
		return each_number(reader, field, note_comment, NULL);
	default:
		return 0;
	}
}

static struct ct_text string_at(const struct reader *reader, uint64_t index)
{
	return index < reader->string_count ? reader->strings[index] : (struct ct_text){"", 0};
}

static bool is(struct ct_text text, const char *word)
{
	return text.bytes == strlen(word) && !memcmp(text.at, word, text.bytes);
}

/* Ours for a sample type of Go, gperftools, tcmalloc, jemalloc, or one that ctrace has written. */
static enum ct_metric metric_of(struct ct_text name)
{
	static const struct {
		const char *name;
		enum ct_metric metric;
	} names[] = {
		{"alloc_space", CT_METRIC_TOTAL_BYTES}, {"alloc_objects", CT_METRIC_TOTAL_BLOCKS},
		{"inuse_space", CT_METRIC_END_BYTES},   {"inuse_objects", CT_METRIC_END_BLOCKS},
		{"space", CT_METRIC_END_BYTES},         {"objects", CT_METRIC_END_BLOCKS},
		{"peak_space", CT_METRIC_PEAK_BYTES},   {"peak_objects", CT_METRIC_PEAK_BLOCKS},
	};
	char word[32];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is(name, names[i].name))
			return names[i].metric;
	snprintf(word, sizeof(word), "%.*s", (int)(name.bytes < sizeof(word) ? name.bytes : 0), name.at);
	enum ct_metric metric = ct_metric_find(word);
	return metric && !strcmp(word, ct_metric_name(metric)) ? metric : CT_METRIC_NONE;
}

static int choose_types(struct reader *reader)
{
	struct ct_other *other = reader->other;
	struct ct_text last = {"", 0};
	for (size_t i = 0; i < reader->type_count; i++) {
		last = string_at(reader, reader->type_names[i]);
		reader->types[i] = metric_of(last);
		if (reader->types[i] && other->known & CT_METRIC_BIT(reader->types[i]))
			reader->types[i] = CT_METRIC_NONE;
		if (reader->types[i])
			other->known |= CT_METRIC_BIT(reader->types[i]);
	}
	if ((other->known & CT_OTHER_MAIN))
		return 0;
	return ct_error_set(other->error, CT_ERR_DAMAGED, "of %.*s, not of the heap; go tool pprof opens it",
			    (int)(last.bytes < 40 ? last.bytes : 40), last.at);
}

static int compare_ids(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right; /* the first member of each struct */
	return *a < *b ? -1 : *a > *b;
}

static void sort(void *rows, size_t count, size_t bytes)
{
	if (count)
		qsort(rows, count, bytes, compare_ids);
}

static void *find(uint64_t id, void *rows, size_t count, size_t bytes)
{
	return count ? bsearch(&id, rows, count, bytes, compare_ids) : NULL;
}

static int append(struct reader *reader, uint32_t **ids, size_t *count, size_t *room, uint32_t id)
{
	if (!ct_array_room(ids, room, *count + 1, sizeof(id)))
		return no_memory(reader);
	(*ids)[(*count)++] = id;
	return 0;
}

/* ctrace and others write "[libc.so.6]" for a function without a name. */
static bool is_module_name(const struct ct_other_frame *frame)
{
	struct ct_text name = frame->function, module = frame->module;
	const char *slash = memrchr(module.at, '/', module.bytes);
	if (slash)
		module = (struct ct_text){slash + 1, (size_t)(module.at + module.bytes - slash) - 1};
	return name.bytes == module.bytes + 2 && name.at[0] == '[' && name.at[name.bytes - 1] == ']' &&
	       !memcmp(name.at + 1, module.at, module.bytes);
}

static int add_frame(struct reader *reader, struct location *location, struct ct_other_frame *frame)
{
	if (is_module_name(frame))
		frame->function.bytes = 0;
	int64_t id = ct_other_frame(reader->other, frame);
	location->count++;
	return id < 0 ? no_memory(reader)
		      : append(reader, &reader->ids, &reader->id_count, &reader->id_room, (uint32_t)id);
}

/* A line of a location: a function, into which those before it are inlined. */
static int add_line(struct reader *reader, struct location *location, struct ct_text message,
		    struct ct_other_frame *frame)
{
	uint64_t fields[2];
	int code = read_numbers(reader, message, fields, 2);
	const struct function *function = find(fields[0], reader->functions, reader->function_count, sizeof(*function));
	if (code || location->count == LINES_MAX)
		return code;
	frame->function = function ? string_at(reader, function->name) : (struct ct_text){"", 0};
	frame->file = function ? string_at(reader, function->file) : (struct ct_text){"", 0};
	frame->line = fields[1] <= UINT32_MAX ? (uint32_t)fields[1] : 0;
	return add_frame(reader, location, frame);
}

static int make_frames(struct reader *reader, struct location *location)
{
	struct ct_text message = location->message;
	struct field field;
	uint64_t fields[3];
	int code = read_numbers(reader, message, fields, 3), more;
	const struct mapping *mapping = find(fields[1], reader->mappings, reader->mapping_count, sizeof(*mapping));
	struct ct_other_frame frame = {.address = fields[2],
				       .module = mapping ? string_at(reader, mapping->name) : (struct ct_text){"", 0}};
	location->first = reader->id_count;
	uint32_t lines = 0, seen = 0;
	while (!code && (more = next(reader, &message, &field)) > 0)
		lines += field.number == 4 && field.wire == WIRE_BYTES;
	message = location->message;
	while (!code && (code = more = next(reader, &message, &field)) > 0) {
		code = 0;
		if (field.number != 4 || field.wire != WIRE_BYTES)
			continue;
		frame.inlined = ++seen < lines;
		code = add_line(reader, location, field.bytes, &frame);
	}
	return code || location->count ? code : add_frame(reader, location, &frame);
}

static int add_to_stack(struct reader *reader, uint64_t id, void *context)
{
	(void)context;
	struct location *location = find(id, reader->locations, reader->location_count, sizeof(*location));
	int code = 0;
	if (!location)
		return ct_other_damaged(reader->other, reader->other->file.at,
					"a sample names location %llu, which is not there", (unsigned long long)id);
	if (!location->count)
		code = make_frames(reader, location);
	for (uint32_t i = 0; i < location->count && !code && reader->stack_count < STACK_MAX; i++)
		code = append(reader, &reader->stack, &reader->stack_count, &reader->stack_room,
			      reader->ids[location->first + i]);
	return code;
}

struct values {
	struct ct_counters counters;
	size_t count;
	bool negative;
};

static int add_value(struct reader *reader, uint64_t number, void *context)
{
	struct values *values = context;
	size_t index = values->count++;
	if (index >= reader->type_count || !reader->types[index])
		return 0;
	values->negative = values->negative || number > INT64_MAX;
	*ct_metric_place(&values->counters, reader->types[index]) = number;
	return 0;
}

static int read_sample(struct reader *reader, struct ct_text message)
{
	struct ct_other *other = reader->other;
	struct values values = {.count = 0};
	struct field field;
	const char *start = message.at;
	int more, code = 0;
	reader->stack_count = 0;
	while (!code && (more = next(reader, &message, &field)) != 0) {
		if (more < 0)
			return more;
		if (field.number == 1)
			code = each_number(reader, &field, add_to_stack, NULL);
		else if (field.number == 2)
			code = each_number(reader, &field, add_value, &values);
	}
	if (code)
		return code;
	if (values.count != reader->type_count)
		return ct_other_damaged(other, start, "a sample has %zu values, for %zu types", values.count,
					reader->type_count);
	if (values.negative)
		return ct_error_set(
			other->error, CT_ERR_USAGE,
			"has negative numbers, as a difference of profiles has; compare the profiles themselves "
			"with ctrace diff");
	bool cut = reader->stack_count == STACK_MAX;
	reader->frames += reader->stack_count;
	if (reader->frames / FRAMES_PER_BYTE > other->file.bytes)
		return ct_other_damaged(other, start, "far more frames than a profile of this size has");
	if (!reader->stack_count) {
		int64_t id = ct_other_mark(other, "[no stack]");
		code = id < 0 ? no_memory(reader)
			      : append(reader, &reader->stack, &reader->stack_count, &reader->stack_room, (uint32_t)id);
	}
	if (!code &&
	    ct_profile_site(other->profile, reader->stack, (uint32_t)reader->stack_count, &values.counters, cut))
		code = no_memory(reader);
	return code;
}

static int read_all(struct reader *reader)
{
	struct ct_text rest = reader->other->file;
	struct field field;
	int more, code = 0;
	while (!code && (more = next(reader, &rest, &field)) != 0)
		code = more < 0 ? more : read_field(reader, &field);
	if (code || (code = choose_types(reader)))
		return code;
	sort(reader->functions, reader->function_count, sizeof(*reader->functions));
	sort(reader->mappings, reader->mapping_count, sizeof(*reader->mappings));
	sort(reader->locations, reader->location_count, sizeof(*reader->locations));
	rest = reader->other->file;
	while (!code && (more = next(reader, &rest, &field)) > 0)
		if (field.number == 2 && field.wire == WIRE_BYTES)
			code = read_sample(reader, field.bytes);
	return code;
}

/* ctrace's own files have the command line as their second comment. */
static int set_facts(struct reader *reader)
{
	struct ct_profile *profile = reader->other->profile;
	struct ct_text program = {"", 0}, command;
	for (size_t i = 0; i < reader->mapping_count && !program.bytes; i++)
		program = string_at(reader, reader->mappings[i].name);
	command = program;
	if (reader->comment_count == 2 && string_at(reader, reader->comments[0]).bytes > 17 &&
	    !memcmp(string_at(reader, reader->comments[0]).at, "written by ctrace", 17))
		command = string_at(reader, reader->comments[1]);
	profile->start_unix_ns = reader->time_ns <= INT64_MAX ? reader->time_ns : 0;
	profile->end_time = reader->duration_ns <= INT64_MAX ? reader->duration_ns / 1000 : 0;
	if (is(string_at(reader, reader->period_type), "space") && reader->period > 1 && reader->period <= INT64_MAX)
		profile->sample_bytes = reader->period;
	return ct_profile_set_text(&profile->program, program.at, program.bytes) ||
			       ct_profile_set_text(&profile->command, command.at, command.bytes)
		       ? no_memory(reader)
		       : 0;
}

int ct_other_pprof(struct ct_other *other)
{
	struct reader reader = {.other = other};
	int code = read_all(&reader);
	if (!code)
		code = set_facts(&reader);
	free(reader.strings);
	free(reader.functions);
	free(reader.mappings);
	free(reader.locations);
	free(reader.ids);
	free(reader.stack);
	return code;
}
