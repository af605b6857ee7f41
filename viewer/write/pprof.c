/* SPDX-License-Identifier: MIT */
/*
 * Writes pprof's gzipped protobuf. Each record is packed as a profile that contains nothing else, and these pieces are
 * written one after the other. By protobuf's rule for concatenated messages they form one profile, with repeated
 * fields in order. So a profile of any size takes only the memory of its largest record.
 *
 * Strings, functions and locations are numbered and written at the first reference to them: Parca takes only ids that
 * are 1, 2, 3... in the order of the file. A location is one address: its inlined frames and the function that contains
 * them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctrace/version.h"
#include "model/functions.h"
#include "model/losses.h"
#include "model/threads.h"
#include "names/names.h"
#include "util/array.h"
#include "util/progress.h"
#include "write/gzip.h"
#include "write/mappings.h"
#include "write/pprof.h"
#include "write/pprof.pb-c.h"
#include "write/pprof_types.h"
#include "write/write.h"

#define DEPTH_AT_ROOT 100 /* frames of a stack that is too deep for a server; the others are at the leaf */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A location that starts with a certain frame, and the frames that it was made from, to recognize it later. */
struct location {
	uint64_t id; /* 0 = none yet */
	uint32_t first, count; /* in frame_ids */
};

#define PROCESS_LABELS 3 /* of a sample, in a profile of several processes */
static const char *const process_labels[PROCESS_LABELS] = {"pid", "exe", "service_name"};

/* Indexes in string_table; 0: not written yet. */
struct process_strings {
	int64_t values[PROCESS_LABELS];
};

struct writer {
	const struct ct_profile *profile;
	const struct ct_pprof_message *message; /* NULL: a file for a person */
	struct ct_gzip *gzip;
	FILE *plain; /* in place of gzip, or NULL */
	size_t bytes; /* written so far, before compression */
	uint8_t *packed; /* the current record */
	size_t packed_room;
	bool no_memory;
	struct ct_functions functions;
	struct ct_mappings mappings;
	struct ct_pprof_types types;
	int64_t *string_of; /* by string id: index in string_table */
	int64_t string_count;
	int64_t *name_of; /* by string id of a thread's label or a tag: its name, an index in string_table */
	int64_t thread_string; /* "thread" */
	int64_t tag_string; /* "tag" */
	int64_t bytes_string; /* "bytes"; 0: the profile has no sizes of blocks */
	uint32_t *process_of; /* by frame id: index in the message's processes + 1; NULL: there are none */
	struct process_strings *processes; /* by index */
	int64_t process_keys[PROCESS_LABELS];
	uint64_t *function_of; /* by function: its id, 0 = none yet */
	uint64_t function_count;
	struct location *location_of; /* by innermost frame id */
	uint64_t *single_of; /* by frame id: the location of this frame alone */
	uint64_t location_count;
	uint64_t others, left_out; /* locations that stand for other stacks, and for frames; 0 = none yet */
	uint64_t *stack; /* of the current sample */
	Pprof__Line *lines; /* of the current location */
	Pprof__Line **line_pointers;
};

/* pprof__profile__pack_to_buffer is not used: when out of memory, it silently leaves data out. */
static void put(struct writer *writer, const Pprof__Profile *piece)
{
	size_t length = pprof__profile__get_packed_size(piece);
	if (!ct_array_room(&writer->packed, &writer->packed_room, length, 1)) {
		writer->no_memory = true;
		return;
	}
	pprof__profile__pack(piece, writer->packed);
	if (writer->plain)
		fwrite(writer->packed, 1, length, writer->plain);
	else
		ct_gzip_put(writer->gzip, writer->packed, length);
	writer->bytes += length;
}

/* Write a string that is not one of the profile's. */
static int64_t put_text(struct writer *writer, const char *text)
{
	char *table[] = {(char *)text};
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	piece.n_string_table = 1;
	piece.string_table = table;
	put(writer, &piece);
	return writer->string_count++;
}

static int64_t put_string(struct writer *writer, uint32_t id)
{
	if (id && !writer->string_of[id])
		writer->string_of[id] = put_text(writer, writer->profile->strings[id]);
	return writer->string_of[id];
}

static void put_types(struct writer *writer)
{
	for (size_t i = 0; i < writer->types.count; i++) {
		Pprof__ValueType type = PPROF__VALUE_TYPE__INIT, *types[] = {&type};
		Pprof__Profile piece = PPROF__PROFILE__INIT;
		type.type = put_text(writer, writer->types.rows[i].name);
		type.unit = put_text(writer, writer->types.rows[i].unit);
		piece.n_sample_type = 1;
		piece.sample_type = types;
		if (i == writer->types.first)
			piece.default_sample_type = type.type;
		put(writer, &piece);
	}
}

/* Write facts that a reader should know and that pprof has no field for. */
static void put_comments(struct writer *writer)
{
	const struct ct_profile *profile = writer->profile;
	char line[CT_LOSS_ROOM + 16], text[CT_LOSS_ROOM];
	int64_t comments[8 + CT_LOSS_ROWS];
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	piece.comment = comments;
	comments[piece.n_comment++] = put_text(writer, "written by ctrace " CTRACE_VERSION);
	if (!writer->message)
		comments[piece.n_comment++] = put_text(writer, profile->command);
	if (writer->message && writer->message->shortened) {
		snprintf(line, sizeof(line), "%zu small stacks are counted at one of their callers",
			 writer->message->shortened);
		comments[piece.n_comment++] = put_text(writer, line);
	}
	if (writer->message && writer->message->begins)
		comments[piece.n_comment++] = put_text(writer, CT_PPROF_BEGINS_TEXT);
	if (writer->message && writer->message->missing) {
		snprintf(line, sizeof(line), "INCOMPLETE: %zu of the processes could not be read",
			 writer->message->missing);
		comments[piece.n_comment++] = put_text(writer, line);
	}
	if (!profile->ended && !writer->message)
		comments[piece.n_comment++] = put_text(writer, "the program was killed, or still ran");
	if (profile->torn)
		comments[piece.n_comment++] = put_text(writer, "INCOMPLETE: " CT_TORN_TEXT);
	for (size_t i = 0; i < CT_LOSS_ROWS; i++)
		if (ct_loss_rows[i].effect == CT_EFFECT_NUMBERS && *ct_loss_text(&profile->losses, i, text)) {
			snprintf(line, sizeof(line), "INCOMPLETE: %s", text);
			comments[piece.n_comment++] = put_text(writer, line);
		}
	if (profile->sample_bytes) {
		snprintf(line, sizeof(line), CT_SAMPLED_TEXT, profile->sample_bytes);
		comments[piece.n_comment++] = put_text(writer, line);
	}
	put(writer, &piece);
}

static void put_head(struct writer *writer)
{
	const struct ct_profile *profile = writer->profile;
	Pprof__ValueType period = PPROF__VALUE_TYPE__INIT;
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	int64_t ns = ct_pprof_unit_ns(profile), duration;
	put_text(writer, ""); /* string 0 */
	put_types(writer);
	period.type = put_text(writer, "space");
	period.unit = put_text(writer, "bytes");
	writer->thread_string = profile->has_threads ? put_text(writer, "thread") : 0;
	writer->tag_string = profile->has_tags ? put_text(writer, "tag") : 0;
	writer->bytes_string = profile->mode == CT_MODE_AD_HOC || writer->message ? 0 : period.unit;
	piece.period_type = &period;
	/*
	 * A period of 1 stands for every allocation. pprof does not scale sampled values, which are estimates already.
	 */
	piece.period = profile->sample_bytes && profile->sample_bytes < INT64_MAX ? (int64_t)profile->sample_bytes : 1;
	piece.time_nanos = (int64_t)(writer->message ? writer->message->time_ns : profile->start_unix_ns);
	if (writer->message)
		piece.duration_nanos = (int64_t)writer->message->duration_ns;
	else if (!__builtin_mul_overflow(profile->end_time, ns, &duration))
		piece.duration_nanos = duration;
	put(writer, &piece);
	put_comments(writer);
}

/*
 * pprof takes the first mapping for the program. For mappings that do not say that their names have been found, it
 * would look for names itself, in whatever file has the path now.
 */
static void put_mappings(struct writer *writer)
{
	for (size_t i = 0; i < writer->mappings.count; i++) {
		const struct ct_module_mapping *from = &writer->mappings.rows[i];
		Pprof__Mapping mapping = PPROF__MAPPING__INIT, *mappings[] = {&mapping};
		Pprof__Profile piece = PPROF__PROFILE__INIT;
		mapping.id = i + 1;
		mapping.memory_start = from->start;
		mapping.memory_limit = from->limit;
		mapping.filename = put_text(writer, from->path);
		mapping.build_id = *from->build_id ? put_text(writer, from->build_id) : 0;
		mapping.has_functions = true;
		mapping.has_filenames = mapping.has_line_numbers = mapping.has_inline_frames = from->has_files;
		piece.n_mapping = 1;
		piece.mapping = mappings;
		put(writer, &piece);
	}
}

/*
 * `name` is the short name of our own tables. `system_name` is the whole name if that differs, and is empty otherwise:
 * if both were equal, pprof would shorten the name itself, and turn "a::(anonymous namespace)::f" into "a::::f".
 */
static uint64_t put_function(struct writer *writer, uint32_t frame)
{
	uint32_t index = writer->functions.of_frame[frame];
	const struct ct_function *from = &writer->functions.rows[index];
	Pprof__Function function = PPROF__FUNCTION__INIT, *functions[] = {&function};
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	char name[CT_NAME_ROOM];
	if (writer->function_of[index])
		return writer->function_of[index];
	function.id = writer->function_of[index] = ++writer->function_count;
	ct_name_short(writer->profile, &writer->profile->frames[frame], name);
	const char *whole = writer->profile->strings[from->name];
	bool long_name = writer->message && strlen(whole) > CT_PPROF_NAME_MAX;
	if (from->name && !long_name && strcmp(name, whole))
		function.system_name = put_string(writer, from->name);
	function.name = from->name && !function.system_name && !long_name ? put_string(writer, from->name)
									  : put_text(writer, name);
	function.filename = put_string(writer, from->file);
	piece.n_function = 1;
	piece.function = functions;
	put(writer, &piece);
	return function.id;
}

/* A location that no frame of the profile has. */
static uint64_t put_made_up(struct writer *writer, const char *name)
{
	Pprof__Line line = PPROF__LINE__INIT, *lines[] = {&line};
	Pprof__Location location = PPROF__LOCATION__INIT, *locations[] = {&location};
	Pprof__Function function = PPROF__FUNCTION__INIT, *functions[] = {&function};
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	function.id = line.function_id = ++writer->function_count;
	function.name = put_text(writer, name);
	location.id = ++writer->location_count;
	location.n_line = 1;
	location.line = lines;
	piece.n_function = piece.n_location = 1;
	piece.function = functions;
	piece.location = locations;
	put(writer, &piece);
	return location.id;
}

static uint64_t put_location(struct writer *writer, const uint32_t *frames, uint32_t count)
{
	const struct ct_frame *last = &writer->profile->frames[frames[count - 1]];
	uint32_t mapping = last->module ? writer->mappings.of_module[last->module] : 0;
	Pprof__Location location = PPROF__LOCATION__INIT, *locations[] = {&location};
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	for (uint32_t i = 0; i < count; i++) {
		pprof__line__init(&writer->lines[i]);
		writer->lines[i].function_id = put_function(writer, frames[i]);
		writer->lines[i].line = writer->profile->frames[frames[i]].line;
		writer->line_pointers[i] = &writer->lines[i];
	}
	location.id = ++writer->location_count;
	location.mapping_id = mapping;
	location.address = last->address + (mapping ? writer->mappings.rows[mapping - 1].bias : 0);
	location.n_line = count;
	location.line = writer->line_pointers;
	piece.n_location = 1;
	piece.location = locations;
	put(writer, &piece);
	return location.id;
}

/*
 * Find the location of the frames from `first` to the next one that is not inlined. In a damaged file, a frame may
 * claim to be inlined into several others. Each such combination gets its own location.
 */
static uint32_t find_location(struct writer *writer, uint32_t first, uint32_t left, uint64_t *id)
{
	const struct ct_profile *profile = writer->profile;
	const uint32_t *frames = profile->frame_ids + first;
	struct location *known = &writer->location_of[*frames];
	uint32_t count = 1;
	while (count < left && profile->frames[frames[count - 1]].inlined)
		count++;
	if (!known->id)
		*known = (struct location){put_location(writer, frames, count), first, count};
	*id = known->id;
	if (known->count == count && !memcmp(frames, profile->frame_ids + known->first, count * sizeof(*frames)))
		return count;
	if (!writer->single_of[*frames])
		writer->single_of[*frames] = put_location(writer, frames, 1);
	*id = writer->single_of[*frames];
	return 1;
}

static int64_t put_label(struct writer *writer, uint32_t label, bool tag)
{
	const char *text = writer->profile->strings[label];
	char name[CT_TAG_ROOM];
	if (!writer->name_of[label])
		writer->name_of[label] = put_text(writer, tag ? ct_tag_text(text, name) : ct_thread_text(text, name));
	return writer->name_of[label];
}

/* Put the sample's locations into writer->stack. */
static void put_stack(struct writer *writer, const struct ct_site_row *site, uint32_t frames, Pprof__Sample *sample)
{
	uint32_t gap = frames, after = frames; /* the frames [gap, after) are left out */
	if (writer->message && frames > CT_PPROF_DEPTH_MAX) {
		gap = CT_PPROF_DEPTH_MAX - DEPTH_AT_ROOT - 1;
		after = frames - DEPTH_AT_ROOT;
	}
	for (uint32_t i = 0; i < frames; sample->n_location_id++) {
		uint64_t *id = &writer->stack[sample->n_location_id];
		if (i == gap) {
			if (!writer->left_out)
				writer->left_out = put_made_up(writer, "[frames left out]");
			*id = writer->left_out;
			i = after;
		} else {
			i += find_location(writer, site->first_frame + i, (i < gap ? gap : frames) - i, id);
		}
	}
	if (!frames && writer->message) {
		if (!writer->others)
			writer->others = put_made_up(writer, "[other stacks]");
		writer->stack[sample->n_location_id++] = writer->others;
	}
}

static uint64_t value_of(const struct writer *writer, const struct ct_counters *counters, enum ct_metric metric)
{
	if (writer->message && writer->message->recent && metric == CT_METRIC_TOTAL_BLOCKS)
		return counters->recent_blocks;
	if (writer->message && writer->message->recent && metric == CT_METRIC_TOTAL_BYTES)
		return counters->recent_bytes;
	return ct_metric_value(counters, metric);
}

static bool is_signed(const struct writer *writer, enum ct_metric metric)
{
	return writer->message && writer->message->live_change &&
	       (metric == CT_METRIC_END_BYTES || metric == CT_METRIC_END_BLOCKS);
}

/* The labels of a process. */
static void put_process(struct writer *writer, uint32_t index, Pprof__Label labels[PROCESS_LABELS])
{
	const struct ct_pprof_process *process = &writer->message->processes[index];
	struct process_strings *strings = &writer->processes[index];
	char pid[16];
	snprintf(pid, sizeof(pid), "%d", process->pid);
	const char *const texts[PROCESS_LABELS] = {pid, process->exe, process->service};
	for (int i = 0; i < PROCESS_LABELS; i++) {
		pprof__label__init(&labels[i]);
		if (!writer->process_keys[i])
			writer->process_keys[i] = put_text(writer, process_labels[i]);
		if (!strings->values[i])
			strings->values[i] = put_text(writer, texts[i]);
		labels[i].key = writer->process_keys[i];
		labels[i].str = strings->values[i];
	}
}

/*
 * A sample has the label "bytes", as in heap profiles of Go and tcmalloc: the size of a block, here the average. If
 * threads or tags were recorded, it has labels "thread" and "tag" in place of the frames, so that pprof adds threads up
 * and can select them (-tagfocus, -tagroot).
 */
static void put_sample(struct writer *writer, const struct ct_site_row *site)
{
	int64_t values[CT_PPROF_TYPES_MAX];
	Pprof__Label size = PPROF__LABEL__INIT, thread = PPROF__LABEL__INIT, tag_label = PPROF__LABEL__INIT,
		     *labels[3 + PROCESS_LABELS];
	Pprof__Label of_process[PROCESS_LABELS];
	Pprof__Sample sample = PPROF__SAMPLE__INIT, *samples[] = {&sample};
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	uint64_t blocks = site->counters.total_blocks, average = blocks ? site->counters.total_bytes / blocks : 0;
	uint32_t label, tag, frames = ct_labels_of_site(writer->profile, site, &label, &tag);
	uint32_t process = writer->process_of && frames
				   ? writer->process_of[writer->profile->frame_ids[site->first_frame + frames - 1]]
				   : 0;
	put_stack(writer, site, frames - (process ? 1 : 0), &sample);
	for (size_t i = 0; i < writer->types.count; i++) {
		uint64_t value = value_of(writer, &site->counters, writer->types.rows[i].metric);
		bool whole = value < INT64_MAX || is_signed(writer, writer->types.rows[i].metric);
		values[i] = whole ? (int64_t)value : INT64_MAX;
	}
	sample.location_id = writer->stack;
	sample.n_value = writer->types.count;
	sample.value = values;
	/* protobuf does not store a number of 0, so readers would see a label without one. Write no label then. */
	size.key = size.num_unit = writer->bytes_string;
	size.num = average < INT64_MAX ? (int64_t)average : INT64_MAX;
	if (size.key && size.num)
		labels[sample.n_label++] = &size;
	if (label) {
		thread.key = writer->thread_string;
		thread.str = put_label(writer, label, false);
		labels[sample.n_label++] = &thread;
	}
	if (tag) {
		tag_label.key = writer->tag_string;
		tag_label.str = put_label(writer, tag, true);
		labels[sample.n_label++] = &tag_label;
	}
	if (process)
		put_process(writer, process - 1, of_process);
	for (int i = 0; i < PROCESS_LABELS && process; i++)
		labels[sample.n_label++] = &of_process[i];
	sample.label = labels;
	piece.n_sample = 1;
	piece.sample = samples;
	put(writer, &piece);
}

static bool init_processes(struct writer *writer)
{
	const struct ct_pprof_message *message = writer->message;
	if (!message || !message->process_count)
		return true;
	writer->process_of = calloc(writer->profile->frame_count + 1, sizeof(*writer->process_of));
	writer->processes = calloc(message->process_count, sizeof(*writer->processes));
	for (size_t i = 0; i < message->process_count && writer->process_of; i++)
		writer->process_of[message->processes[i].frame] = (uint32_t)i + 1;
	return writer->process_of && writer->processes;
}

static bool init(struct writer *writer)
{
	const struct ct_profile *profile = writer->profile;
	uint32_t longest = ct_profile_longest_stack(profile);
	writer->gzip = calloc(1, sizeof(*writer->gzip));
	writer->string_of = calloc(profile->string_count + 1, sizeof(*writer->string_of));
	writer->name_of = calloc(profile->string_count + 1, sizeof(*writer->name_of));
	writer->location_of = calloc(profile->frame_count + 1, sizeof(*writer->location_of));
	writer->single_of = calloc(profile->frame_count + 1, sizeof(*writer->single_of));
	writer->stack = calloc(longest, sizeof(*writer->stack));
	writer->lines = calloc(longest, sizeof(*writer->lines));
	writer->line_pointers = calloc(longest, sizeof(Pprof__Line *));
	if (ct_functions_init(&writer->functions, profile) || ct_mappings_init(&writer->mappings, profile) ||
	    !init_processes(writer))
		return false;
	writer->function_of = calloc(writer->functions.count + 1, sizeof(*writer->function_of));
	return writer->gzip && writer->string_of && writer->name_of && writer->location_of && writer->single_of &&
	       writer->stack && writer->lines && writer->line_pointers && writer->function_of;
}

static void fini(struct writer *writer)
{
	free(writer->gzip);
	free(writer->packed);
	free(writer->string_of);
	free(writer->name_of);
	free(writer->process_of);
	free(writer->processes);
	free(writer->function_of);
	free(writer->location_of);
	free(writer->single_of);
	free(writer->stack);
	free(writer->lines);
	free(writer->line_pointers);
	ct_functions_fini(&writer->functions);
	ct_mappings_fini(&writer->mappings);
}

static int write_all(struct writer *writer, enum ct_metric metric, const struct ct_site_row *sites, size_t count,
		     FILE *out, struct ct_error_text *error)
{
	int code = CT_OK;
	errno = 0;
	writer->plain = writer->message && writer->message->plain ? out : NULL;
	if (!init(writer) || (!writer->plain && !ct_gzip_begin(writer->gzip, out))) {
		code = ct_error_no_memory(error);
	} else {
		ct_pprof_types_choose(&writer->types, writer->profile,
				      writer->message ? writer->message->parts : CT_PPROF_ALL, metric);
		put_head(writer);
		put_mappings(writer);
		for (size_t i = 0; i < count && !writer->gzip->failed && !writer->no_memory; i++) {
			ct_progress_at(i, count);
			put_sample(writer, &sites[i]);
		}
		bool good = writer->plain ? !ferror(out) : ct_gzip_end(writer->gzip);
		if (!good || writer->no_memory)
			code = ferror(out) ? ct_error_set(error, CT_ERR_IO, "cannot write: %s", strerror(errno))
					   : ct_error_no_memory(error);
	}
	fini(writer);
	return code;
}

int ct_write_pprof(const struct ct_profile *profile, enum ct_metric metric, FILE *out, struct ct_error_text *error)
{
	struct writer writer = {.profile = profile};
	return write_all(&writer, metric, profile->sites, profile->site_count, out, error);
}

int ct_write_pprof_message(const struct ct_profile *profile, const struct ct_pprof_message *message, FILE *out,
			   size_t *bytes, struct ct_error_text *error)
{
	struct writer writer = {.profile = profile, .message = message};
	int code = write_all(&writer, message->first, message->sites, message->site_count, out, error);
	*bytes = writer.bytes;
	return code;
}
