/* SPDX-License-Identifier: MIT */
/*
 * Writes DHAT JSON, dhatFileVersion 2 (see Valgrind's dh_view.js and dhat/dh_main.c), with members of our own, which
 * dh_view ignores:
 *
 *   in a program point:
 *       "tmpk" temporary blocks, "rszk" resizes, "mvk" moves, "cpb" bytes that moves copied, "slb" slack
 *       "lob", "lok" lost bytes and blocks, "inb", "ink" indirectly lost, "pob", "pok" possibly lost, "reb", "rek"
 *       reachable; all of these only if reachability was recorded
 *       "szl", "szm" smallest and largest block, "fat", "lat" times of the first and latest allocation
 *       "cut" true if the stack was cut at the top
 *   "ctrace": {
 *       "version": "0.1.0",
 *       "ended": false if the program was killed,
 *       "torn": true if the store was copied while being written, so that its numbers do not add up,
 *       "sampleBytes": mean distance between sampled points, 0 if every allocation was recorded,
 *       "ownBytes": memory that the tracer itself used in the program,
 *       "losses": { "dropped": N, ... }   as in model/losses.def
 *       "program": "/usr/bin/app",
 *       "startTime": nanoseconds since 1970, 0 = not known,
 *       "modules": [ [path, build-id, start, limit, bias], ... ]   two indices into paths, three addresses
 *       "paths": [ "", "/usr/lib/libfoo.so", ... ],
 *       "frames": [ [module, file, inlined], ... ]   parallel to ftbl: indices into paths, 0 or 1
 *       "timeline": [ [time, max bytes, last bytes, last blocks], ... ]
 *       "rss": [ bytes, ... ]   resident memory, parallel to timeline; only if it was recorded
 *       "marks": [ [time, live bytes, live blocks, total bytes, total blocks, name], ... ]
 *           from ctrace_mark, with the totals at that time
 *       "snapshots": [ [time, bytes, blocks, [ [site, bytes, blocks], ... ]], ... ]
 *           what was live at some moments: in total, then by site (index into pps), largest first: up to 99 % of the
 *           bytes and at most 1000 sites, and those of the 1000 sites with most bytes live at the end
 *   }
 *
 * Each row is a small cJSON tree that is printed and freed, so memory does not grow with the file.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "ctrace/version.h"
#include "model/losses.h"
#include "write/put_json.h"
#include "write/write.h"

#define SNAPSHOT_REST 100 /* a snapshot omits its smallest sites, up to 1/100 of its bytes */
#define SNAPSHOT_ROWS 1000 /* a snapshot has at most this many sites */

struct writer {
	const struct ct_profile *profile;
	FILE *out;
	uint32_t *order; /* sites in the order in which they are written */
	uint32_t *place_of; /* by site: its index in order */
	bool *stays; /* by index in order: every snapshot has the site, however small */
	uint32_t *ftbl; /* by index in ftbl: frame id, 0 = [root] */
	uint32_t *index_of; /* by frame id: index in ftbl; frames with the same text share one */
	uint32_t *index_of_text; /* by string id: index in ftbl */
	size_t ftbl_count;
	uint32_t *paths; /* by index in paths: string id */
	uint32_t *path_of; /* by string id: index in paths */
	size_t path_count;
};

/* cJSON stores numbers as doubles, so counters are added as text, which is exact up to 2^64. */
static void add_number(cJSON *object, const char *name, uint64_t number)
{
	char digits[24];
	snprintf(digits, sizeof(digits), "%" PRIu64, number);
	cJSON_AddRawToObject(object, name, digits);
}

static void add_numbers(cJSON *array, const uint64_t *numbers, size_t count)
{
	char digits[24];
	for (size_t i = 0; i < count; i++) {
		snprintf(digits, sizeof(digits), "%" PRIu64, numbers[i]);
		cJSON_AddItemToArray(array, cJSON_CreateRaw(digits));
	}
}

/* Print an item and free it. item may be NULL, which means that cJSON was out of memory. */
static bool put(struct writer *writer, const char *before, cJSON *item)
{
	char *text = item ? cJSON_PrintUnformatted(item) : NULL;
	bool ok = text && fputs(before, writer->out) >= 0 && fputs(text, writer->out) >= 0;
	cJSON_free(text);
	cJSON_Delete(item);
	return ok;
}

static bool put_member(struct writer *writer, const char *name, cJSON *value)
{
	fprintf(writer->out, ",\n\"%s\":", name);
	return put(writer, "", value);
}

static bool put_number(struct writer *writer, const char *name, uint64_t number)
{
	return fprintf(writer->out, ",\n\"%s\":%" PRIu64, name, number) > 0;
}

static const char *mode_text(const struct ct_profile *profile)
{
	static const char *const modes[] = {
		[CT_MODE_HEAP] = "heap", [CT_MODE_COPY] = "copy", [CT_MODE_AD_HOC] = "ad-hoc"};
	return modes[profile->mode];
}

static bool put_head(struct writer *writer)
{
	const struct ct_profile *profile = writer->profile;
	bool ok = fputs("{\"dhatFileVersion\":2", writer->out) >= 0 &&
		  put_member(writer, "mode", cJSON_CreateString(mode_text(profile))) &&
		  put_member(writer, "verb", cJSON_CreateString(profile->verb)) &&
		  put_member(writer, "bklt", cJSON_CreateBool(profile->has_lifetimes)) &&
		  put_member(writer, "bkacc", cJSON_CreateBool(false)) &&
		  put_member(writer, "bu", cJSON_CreateString(profile->byte_unit)) &&
		  put_member(writer, "bsu", cJSON_CreateString(profile->bytes_unit)) &&
		  put_member(writer, "bksu", cJSON_CreateString(profile->blocks_unit)) &&
		  put_member(writer, "tu", cJSON_CreateString(profile->time_unit)) &&
		  put_member(writer, "Mtu", cJSON_CreateString(profile->mega_time_unit)) &&
		  put_member(writer, "cmd", cJSON_CreateString(profile->command)) &&
		  put_number(writer, "pid", profile->pid) && put_number(writer, "te", profile->end_time);
	if (profile->has_lifetimes)
		ok = ok && put_number(writer, "tuth", profile->short_lived) &&
		     put_number(writer, "tg", profile->peak_time);
	return ok;
}

static uint32_t ftbl_index(struct writer *writer, uint32_t frame)
{
	uint32_t *by_text = &writer->index_of_text[writer->profile->frames[frame].text];
	if (!writer->index_of[frame]) {
		if (!*by_text) {
			*by_text = (uint32_t)writer->ftbl_count;
			writer->ftbl[writer->ftbl_count++] = frame;
		}
		writer->index_of[frame] = *by_text;
	}
	return writer->index_of[frame];
}

static bool put_site(struct writer *writer, const struct ct_site_row *site, const char *before)
{
	const struct ct_profile *profile = writer->profile;
	const struct ct_counters *counters = &site->counters;
	cJSON *row = cJSON_CreateObject();
	for (int i = 1; i < CT_COUNTER_COUNT; i++)
		if (ct_metric_exists(profile, (enum ct_metric)i))
			add_number(row, ct_metric_dhat((enum ct_metric)i),
				   ct_metric_value(counters, (enum ct_metric)i));
	if (site->truncated)
		cJSON_AddTrueToObject(row, "cut");
	cJSON *frames = cJSON_AddArrayToObject(row, "fs");
	for (uint32_t i = 0; i < site->frame_count; i++) {
		uint64_t index = ftbl_index(writer, profile->frame_ids[site->first_frame + i]);
		add_numbers(frames, &index, 1);
	}
	return put(writer, before, row);
}

static bool put_sites(struct writer *writer)
{
	bool ok = fputs(",\n\"pps\":[", writer->out) >= 0;
	for (size_t i = 0; i < writer->profile->site_count && ok; i++)
		ok = put_site(writer, &writer->profile->sites[writer->order[i]], i ? ",\n" : "\n");
	return ok && fputs("]", writer->out) >= 0;
}

static bool put_frame_texts(struct writer *writer)
{
	const struct ct_profile *profile = writer->profile;
	bool ok = fputs(",\n\"ftbl\":[\n\"[root]\"", writer->out) >= 0;
	for (size_t i = 1; i < writer->ftbl_count && ok; i++)
		ok = put(writer, ",\n", cJSON_CreateString(profile->strings[profile->frames[writer->ftbl[i]].text]));
	return ok && fputs("]", writer->out) >= 0;
}

static uint64_t path_index(struct writer *writer, uint32_t string)
{
	if (string && !writer->path_of[string]) {
		writer->path_of[string] = (uint32_t)writer->path_count;
		writer->paths[writer->path_count++] = string;
	}
	return writer->path_of[string];
}

static bool put_modules(struct writer *writer)
{
	const struct ct_profile *profile = writer->profile;
	bool ok = put_member(writer, "program", cJSON_CreateString(profile->program)) &&
		  put_number(writer, "startTime", profile->start_unix_ns) &&
		  fputs(",\n\"modules\":[", writer->out) >= 0;
	for (size_t i = 0; i < profile->module_count && ok; i++) {
		const struct ct_module_row *module = &profile->modules[i];
		uint64_t numbers[] = {path_index(writer, module->path), path_index(writer, module->build_id),
				      module->start, module->limit, module->bias};
		cJSON *row = cJSON_CreateArray();
		add_numbers(row, numbers, 5);
		ok = put(writer, i ? ",\n" : "\n", row);
	}
	return ok && fputs("]", writer->out) >= 0;
}

static bool put_frame_places(struct writer *writer)
{
	bool ok = fputs(",\n\"frames\":[\n[0,0,0]", writer->out) >= 0;
	for (size_t i = 1; i < writer->ftbl_count && ok; i++) {
		const struct ct_frame *frame = &writer->profile->frames[writer->ftbl[i]];
		uint64_t numbers[] = {path_index(writer, frame->module), path_index(writer, frame->file),
				      frame->inlined};
		cJSON *row = cJSON_CreateArray();
		add_numbers(row, numbers, 3);
		ok = put(writer, ",\n", row);
	}
	ok = ok && fputs("],\n\"paths\":[\n\"\"", writer->out) >= 0;
	for (size_t i = 1; i < writer->path_count && ok; i++)
		ok = put(writer, ",\n", cJSON_CreateString(writer->profile->strings[writer->paths[i]]));
	return ok && fputs("]", writer->out) >= 0;
}

static bool put_timeline(struct writer *writer)
{
	bool ok = fputs(",\n\"timeline\":[", writer->out) >= 0;
	for (size_t i = 0; i < writer->profile->timeline_count && ok; i++) {
		const struct ct_timeline_point *point = &writer->profile->timeline[i];
		uint64_t numbers[] = {point->time, point->max_bytes, point->last_bytes, point->last_blocks};
		cJSON *row = cJSON_CreateArray();
		add_numbers(row, numbers, 4);
		ok = put(writer, i ? ",\n" : "\n", row);
	}
	return ok && fputs("]", writer->out) >= 0;
}

static bool put_rss(struct writer *writer)
{
	const struct ct_profile *profile = writer->profile;
	if (!ct_profile_has_rss(profile))
		return true;
	bool ok = fputs(",\n\"rss\":[", writer->out) >= 0;
	for (size_t i = 0; i < profile->timeline_count && ok; i++)
		ok = fprintf(writer->out, "%s%" PRIu64, i ? "," : "", profile->timeline[i].rss_bytes) >= 0;
	return ok && fputs("]", writer->out) >= 0;
}

static bool put_marks(struct writer *writer)
{
	const struct ct_profile *profile = writer->profile;
	bool ok = !profile->mark_count || fputs(",\n\"marks\":[", writer->out) >= 0;
	for (size_t i = 0; i < profile->mark_count && ok; i++) {
		const struct ct_profile_mark *mark = &profile->marks[i];
		uint64_t numbers[] = {mark->time, mark->live_bytes, mark->live_blocks, mark->total_bytes,
				      mark->total_blocks};
		cJSON *row = cJSON_CreateArray();
		add_numbers(row, numbers, 5);
		cJSON_AddItemToArray(row, cJSON_CreateString(mark->name));
		ok = put(writer, i ? ",\n" : "\n", row);
	}
	return ok && (!profile->mark_count || fputs("]", writer->out) >= 0);
}

/* A snapshot's row for an index in pps. A site that occurs twice in the snapshot has one row. */
struct live {
	uint64_t bytes;
	uint64_t blocks;
	uint32_t place;
};

static int compare_live(const void *left, const void *right)
{
	const struct live *a = left, *b = right;
	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	return a->place < b->place ? -1 : a->place > b->place;
}

static void put_snapshot(const struct writer *writer, const struct ct_snapshot *snapshot, struct live *live)
{
	size_t count = writer->profile->site_count, rows = 0;
	uint64_t told = 0, enough = snapshot->bytes - snapshot->bytes / SNAPSHOT_REST;
	for (size_t i = 0; i < count; i++)
		live[i] = (struct live){.place = (uint32_t)i};
	for (size_t i = 0; i < snapshot->row_count; i++) {
		struct live *sum = &live[writer->place_of[snapshot->rows[i].site]];
		sum->bytes += snapshot->rows[i].bytes;
		sum->blocks += snapshot->rows[i].blocks;
	}
	qsort(live, count, sizeof(*live), compare_live);
	fprintf(writer->out, "[%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",[", snapshot->time, snapshot->bytes,
		snapshot->blocks);
	for (size_t i = 0; i < count && live[i].bytes; i++) {
		bool large = i < SNAPSHOT_ROWS && told < enough;
		if (!large && !writer->stays[live[i].place])
			continue;
		told += live[i].bytes;
		fputs(rows++ ? ",[" : "[", writer->out);
		ct_put_number(writer->out, live[i].place);
		putc(',', writer->out);
		ct_put_number(writer->out, live[i].bytes);
		putc(',', writer->out);
		ct_put_number(writer->out, live[i].blocks);
		putc(']', writer->out);
	}
	fputs("]]", writer->out);
}

/* Flag the sites with most bytes live at the end: a small leak is among them, whatever else was live before. */
static bool find_staying(struct writer *writer, struct live *live)
{
	size_t count = writer->profile->site_count;
	writer->stays = calloc(count + 1, sizeof(*writer->stays));
	for (size_t i = 0; i < count && writer->stays; i++)
		live[i] = (struct live){.place = (uint32_t)i,
					.bytes = writer->profile->sites[writer->order[i]].counters.end_bytes};
	if (count && writer->stays)
		qsort(live, count, sizeof(*live), compare_live);
	for (size_t i = 0; i < count && i < SNAPSHOT_ROWS && live[i].bytes && writer->stays; i++)
		writer->stays[live[i].place] = true;
	return writer->stays != NULL;
}

static bool put_snapshots(struct writer *writer)
{
	const struct ct_profile *profile = writer->profile;
	struct live *live = calloc(profile->site_count + 1, sizeof(*live));
	if (profile->snapshot_count && live && !find_staying(writer, live)) {
		free(live);
		return false;
	}
	fputs(",\n\"snapshots\":[", writer->out);
	for (size_t i = 0; i < profile->snapshot_count && live; i++) {
		fputs(i ? ",\n" : "\n", writer->out);
		put_snapshot(writer, &profile->snapshots[i], live);
	}
	free(live);
	return live && fputs("]", writer->out) >= 0 && !ferror(writer->out);
}

static bool put_losses(struct writer *writer)
{
	const struct ct_losses *losses = &writer->profile->losses;
	cJSON *counts = cJSON_CreateObject();
	for (size_t i = 0; i < CT_LOSS_ROWS; i++)
		add_number(counts, ct_loss_rows[i].name, ct_loss_value(losses, i));
	return put(writer, ",\n\"losses\":", counts);
}

static bool put_own_member(struct writer *writer)
{
	return fprintf(writer->out,
		       ",\n\"ctrace\":{\"version\":\"%s\",\"ended\":%s,\"torn\":%s,\"sampleBytes\":%" PRIu64
		       ",\"ownBytes\":%" PRIu64,
		       CTRACE_VERSION, writer->profile->ended ? "true" : "false",
		       writer->profile->torn ? "true" : "false", writer->profile->sample_bytes,
		       writer->profile->own_bytes) > 0 &&
	       put_losses(writer) && put_modules(writer) && put_frame_places(writer) && put_timeline(writer) &&
	       put_rss(writer) && put_marks(writer) && put_snapshots(writer) && fputs("}}\n", writer->out) >= 0;
}

/* Sort by total bytes, then by the stacks' texts, so that two exports of one store are equal. */
static int compare_sites(const void *left, const void *right, void *argument)
{
	const struct ct_profile *profile = argument;
	const struct ct_site_row *a = &profile->sites[*(const uint32_t *)left];
	const struct ct_site_row *b = &profile->sites[*(const uint32_t *)right];
	if (a->counters.total_bytes != b->counters.total_bytes)
		return a->counters.total_bytes > b->counters.total_bytes ? -1 : 1;
	for (uint32_t i = 0; i < a->frame_count && i < b->frame_count; i++) {
		uint32_t left_frame = profile->frame_ids[a->first_frame + i];
		uint32_t right_frame = profile->frame_ids[b->first_frame + i];
		if (left_frame != right_frame)
			return strcmp(profile->strings[profile->frames[left_frame].text],
				      profile->strings[profile->frames[right_frame].text]);
	}
	return a->frame_count < b->frame_count ? -1 : a->frame_count > b->frame_count;
}

int ct_write_dhat(const struct ct_profile *profile, enum ct_metric metric, FILE *out, struct ct_error_text *error)
{
	(void)metric; /* the file has all metrics */
	struct writer writer = {
		.profile = profile,
		.out = out,
		.order = calloc(profile->site_count + 1, sizeof(uint32_t)),
		.place_of = calloc(profile->site_count + 1, sizeof(uint32_t)),
		.ftbl = calloc(profile->frame_count + 1, sizeof(uint32_t)),
		.index_of = calloc(profile->frame_count + 1, sizeof(uint32_t)),
		.index_of_text = calloc(profile->string_count + 1, sizeof(uint32_t)),
		.ftbl_count = 1,
		.paths = calloc(profile->string_count + 1, sizeof(uint32_t)),
		.path_of = calloc(profile->string_count + 1, sizeof(uint32_t)),
		.path_count = 1,
	};
	bool memory = writer.order && writer.place_of && writer.ftbl && writer.index_of && writer.index_of_text &&
		      writer.paths && writer.path_of;
	int code = CT_OK;
	errno = 0;
	if (memory) {
		for (size_t i = 0; i < profile->site_count; i++)
			writer.order[i] = (uint32_t)i;
		qsort_r(writer.order, profile->site_count, sizeof(*writer.order), compare_sites, (void *)profile);
		for (size_t i = 0; i < profile->site_count; i++)
			writer.place_of[writer.order[i]] = (uint32_t)i;
	}
	if (!memory)
		code = ct_error_no_memory(error);
	else if (!put_head(&writer) || !put_sites(&writer) || !put_frame_texts(&writer) || !put_own_member(&writer))
		code = ferror(out) ? ct_error_set(error, CT_ERR_IO, "cannot write: %s", strerror(errno))
				   : ct_error_no_memory(error);
	free(writer.order);
	free(writer.place_of);
	free(writer.stays);
	free(writer.ftbl);
	free(writer.index_of);
	free(writer.index_of_text);
	free(writer.paths);
	free(writer.path_of);
	return code;
}
