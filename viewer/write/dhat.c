/* SPDX-License-Identifier: MIT */
/*
 * Writes DHAT JSON, dhatFileVersion 2 (see Valgrind's dh_view.js and dhat/dh_main.c), with members of our own, which
 * dh_view ignores:
 *
 *   in a program point:
 *       "tmpk" temporary blocks, "rszk" resizes, "mvk" moves, "cpb" bytes that moves copied, "slb" slack
 *       "lob", "lok" lost bytes and blocks, "inb", "ink" indirectly lost, "pob", "pok" possibly lost, "reb", "rek"
 *       reachable; all of these only if reachability was recorded
 *       "rsb", "swb", "utb" resident, swapped and untouched bytes of live blocks, "pnb" resident bytes of pages without
 *       live blocks of other sites, "shb" its part of the free bytes that live blocks keep; only if a ledger was taken
 *       "szl", "szm" smallest and largest block, "fat", "lat" times of the first and latest allocation
 *       "szh" histogram of sizes: a bucket b, then the blocks in buckets b, b+1, ...; bucket b has sizes from 2^b to
 *       2^(b+1) - 1 bytes. "lth" the same for the lifetimes of freed blocks, in ticks. Both only with "tickFs"
 *       "cut" true if the stack was cut at the top
 *   "ctrace": {
 *       "version": "0.1.0",
 *       "ended": false if the program was killed,
 *       "torn": true if the store was copied while being written, so that its numbers do not add up,
 *       "sampleBytes": mean distance between sampled points, 0 if every allocation was recorded,
 *       "ownBytes": memory that the tracer itself used in the program,
 *       "tickFs": length of a tick, in femtoseconds; only if the histograms were recorded,
 *       "memory": { "rssBytes": N, "rows": { "live": N, ... }, ... }   only if a ledger was taken; see write/ledger.c
 *       "losses": { "dropped": N, ... }   as in model/losses.def
 *       "program": "/usr/bin/app",
 *       "host": "web1", "service": "shop", "serviceVersion": "1.2",   each if it is known
 *       "running": true if the program still ran; otherwise left out
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
 *       "moments": [ ... ]   the same for moments in between, with the largest sites; for charts
 *   }
 *
 * cJSON writes the head. The rows are written one number at a time, since they are nearly all of the file: a tree for
 * each row took three times as long.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "ctrace/version.h"
#include "model/histogram.h"
#include "model/losses.h"
#include "util/progress.h"
#include "write/dhat_snapshots.h"
#include "write/ledger.h"
#include "write/put_json.h"
#include "write/write.h"

struct writer {
	const struct ct_profile *profile;
	FILE *out;
	uint32_t *order; /* sites in the order in which they are written */
	uint32_t *place_of; /* by site: its index in order */
	uint32_t *ftbl; /* by index in ftbl: frame id, 0 = [root] */
	uint32_t *index_of; /* by frame id: index in ftbl; frames with the same text share one */
	uint32_t *index_of_text; /* by string id: index in ftbl */
	size_t ftbl_count;
	uint32_t *paths; /* by index in paths: string id */
	uint32_t *path_of; /* by string id: index in paths */
	size_t path_count;
};

/* Print a member and free its value, which is NULL if cJSON was out of memory. */
static bool put_member(struct writer *writer, const char *name, cJSON *value)
{
	char *text = value ? cJSON_PrintUnformatted(value) : NULL;
	if (text)
		fprintf(writer->out, ",\n\"%s\":%s", name, text);
	cJSON_free(text);
	cJSON_Delete(value);
	return text;
}

static bool put_number(struct writer *writer, const char *name, uint64_t number)
{
	return fprintf(writer->out, ",\n\"%s\":%" PRIu64, name, number) > 0;
}

static bool put_head(struct writer *writer)
{
	const struct ct_profile *profile = writer->profile;
	bool ok = fputs("{\"dhatFileVersion\":2", writer->out) >= 0 &&
		  put_member(writer, "mode", cJSON_CreateString(ct_mode_text(profile->mode))) &&
		  put_member(writer, "verb", cJSON_CreateString(profile->verb)) &&
		  put_member(writer, "bklt", cJSON_CreateBool(ct_metric_all_exist(profile))) &&
		  put_member(writer, "bkacc", cJSON_CreateBool(false)) &&
		  put_member(writer, "bu", cJSON_CreateString(profile->byte_unit)) &&
		  put_member(writer, "bsu", cJSON_CreateString(profile->bytes_unit)) &&
		  put_member(writer, "bksu", cJSON_CreateString(profile->blocks_unit)) &&
		  put_member(writer, "tu", cJSON_CreateString(profile->time_unit)) &&
		  put_member(writer, "Mtu", cJSON_CreateString(profile->mega_time_unit)) &&
		  put_member(writer, "cmd", cJSON_CreateString(profile->command)) &&
		  put_number(writer, "pid", profile->pid) && put_number(writer, "te", profile->end_time);
	if (ct_metric_all_exist(profile))
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

static void put_histogram(struct writer *writer, const char *before, const struct ct_site_row *site,
			  enum ct_histogram_kind kind)
{
	const struct ct_buckets *buckets = &site->buckets[kind];
	if (!buckets->count)
		return;
	fputs_unlocked(before, writer->out);
	ct_put_number(writer->out, buckets->low);
	putc_unlocked(',', writer->out);
	ct_put_numbers(writer->out, ct_histogram_blocks(writer->profile, site, kind), buckets->count);
	putc_unlocked(']', writer->out);
}

static void put_site(struct writer *writer, const struct ct_site_row *site)
{
	const struct ct_profile *profile = writer->profile;
	FILE *out = writer->out;
	const char *before = "{\"";
	for (int i = 1; i < CT_COUNTER_COUNT; i++) {
		if (!ct_metric_exists(profile, (enum ct_metric)i))
			continue;
		fputs_unlocked(before, out);
		fputs_unlocked(ct_metric_dhat((enum ct_metric)i), out);
		fputs_unlocked("\":", out);
		ct_put_number(out, ct_metric_value(&site->counters, (enum ct_metric)i));
		before = ",\"";
	}
	if (profile->has_histograms) {
		put_histogram(writer, ",\"szh\":[", site, CT_HISTOGRAM_SIZES);
		put_histogram(writer, ",\"lth\":[", site, CT_HISTOGRAM_LIFETIMES);
	}
	fputs_unlocked(site->truncated ? ",\"cut\":true,\"fs\":[" : ",\"fs\":[", out);
	for (uint32_t i = 0; i < site->frame_count; i++) {
		if (i)
			putc_unlocked(',', out);
		ct_put_number(out, ftbl_index(writer, profile->frame_ids[site->first_frame + i]));
	}
	fputs_unlocked("]}", out);
}

static void put_sites(struct writer *writer)
{
	fputs(",\n\"pps\":[", writer->out);
	for (size_t i = 0; i < writer->profile->site_count; i++) {
		ct_progress_at(i, writer->profile->site_count);
		fputs_unlocked(i ? ",\n" : "\n", writer->out);
		put_site(writer, &writer->profile->sites[writer->order[i]]);
	}
	fputs("]", writer->out);
}

static void put_frame_texts(struct writer *writer)
{
	const struct ct_profile *profile = writer->profile;
	fputs(",\n\"ftbl\":[\n\"[root]\"", writer->out);
	for (size_t i = 1; i < writer->ftbl_count; i++) {
		fputs_unlocked(",\n", writer->out);
		ct_put_text(writer->out, profile->strings[profile->frames[writer->ftbl[i]].text]);
	}
	fputs("]", writer->out);
}

static uint64_t path_index(struct writer *writer, uint32_t string)
{
	if (string && !writer->path_of[string]) {
		writer->path_of[string] = (uint32_t)writer->path_count;
		writer->paths[writer->path_count++] = string;
	}
	return writer->path_of[string];
}

/* Where it ran, and what it is part of. */
static void put_origin(const struct ct_profile *profile, FILE *out)
{
	if (*profile->host)
		ct_put_text_member(out, "host", profile->host);
	if (*profile->service)
		ct_put_text_member(out, "service", profile->service);
	if (*profile->service_version)
		ct_put_text_member(out, "serviceVersion", profile->service_version);
	if (profile->running)
		fputs(",\"running\":true", out);
}

static void put_modules(struct writer *writer)
{
	const struct ct_profile *profile = writer->profile;
	ct_put_text_member(writer->out, "program", profile->program);
	put_origin(profile, writer->out);
	ct_put_number_member(writer->out, "startTime", profile->start_unix_ns);
	if (profile->fork_time)
		ct_put_number_member(writer->out, "forkTime", profile->fork_time);
	fputs(",\n\"modules\":[", writer->out);
	for (size_t i = 0; i < profile->module_count; i++) {
		const struct ct_module_row *module = &profile->modules[i];
		uint64_t numbers[] = {path_index(writer, module->path), path_index(writer, module->build_id),
				      module->start, module->limit, module->bias};
		ct_put_row(writer->out, i ? ",\n" : "\n", numbers, 5);
	}
	fputs("]", writer->out);
}

static void put_frame_places(struct writer *writer)
{
	fputs(",\n\"frames\":[\n[0,0,0]", writer->out);
	for (size_t i = 1; i < writer->ftbl_count; i++) {
		const struct ct_frame *frame = &writer->profile->frames[writer->ftbl[i]];
		uint64_t numbers[] = {path_index(writer, frame->module), path_index(writer, frame->file),
				      frame->inlined};
		ct_put_row(writer->out, ",\n", numbers, 3);
	}
	fputs("],\n\"paths\":[\n\"\"", writer->out);
	for (size_t i = 1; i < writer->path_count; i++) {
		fputs(",\n", writer->out);
		ct_put_text(writer->out, writer->profile->strings[writer->paths[i]]);
	}
	fputs("]", writer->out);
}

static void put_timeline(struct writer *writer)
{
	fputs(",\n\"timeline\":[", writer->out);
	for (size_t i = 0; i < writer->profile->timeline_count; i++) {
		const struct ct_timeline_point *point = &writer->profile->timeline[i];
		uint64_t numbers[] = {point->time, point->max_bytes, point->last_bytes, point->last_blocks};
		ct_put_row(writer->out, i ? ",\n" : "\n", numbers, 4);
	}
	fputs("]", writer->out);
}

static void put_rss(struct writer *writer)
{
	const struct ct_profile *profile = writer->profile;
	if (!ct_profile_has_rss(profile))
		return;
	fputs(",\n\"rss\":[", writer->out);
	for (size_t i = 0; i < profile->timeline_count; i++) {
		fputs(i ? "," : "", writer->out);
		ct_put_number(writer->out, profile->timeline[i].rss_bytes);
	}
	fputs("]", writer->out);
}

static void put_marks(struct writer *writer)
{
	const struct ct_profile *profile = writer->profile;
	if (!profile->mark_count)
		return;
	fputs(",\n\"marks\":[", writer->out);
	for (size_t i = 0; i < profile->mark_count; i++) {
		const struct ct_profile_mark *mark = &profile->marks[i];
		uint64_t numbers[] = {mark->time, mark->live_bytes, mark->live_blocks, mark->total_bytes,
				      mark->total_blocks};
		fputs(i ? ",\n[" : "\n[", writer->out);
		ct_put_numbers(writer->out, numbers, 5);
		putc(',', writer->out);
		ct_put_text(writer->out, mark->name);
		putc(']', writer->out);
	}
	fputs("]", writer->out);
}

static void put_losses(struct writer *writer)
{
	const struct ct_losses *losses = &writer->profile->losses;
	fputs(",\n\"losses\":", writer->out);
	for (size_t i = 0; i < CT_LOSS_ROWS; i++) {
		fprintf(writer->out, "%s\"%s\":", i ? "," : "{", ct_loss_rows[i].name);
		ct_put_number(writer->out, ct_loss_value(losses, i));
	}
	fputs("}", writer->out);
}

static bool put_own_member(struct writer *writer)
{
	fprintf(writer->out,
		",\n\"ctrace\":{\"version\":\"%s\",\"ended\":%s,\"torn\":%s,\"sampleBytes\":%" PRIu64
		",\"ownBytes\":%" PRIu64,
		CTRACE_VERSION, writer->profile->ended ? "true" : "false", writer->profile->torn ? "true" : "false",
		writer->profile->sample_bytes, writer->profile->own_bytes);
	if (writer->profile->has_histograms)
		put_number(writer, "tickFs", writer->profile->tick_fs);
	if (writer->profile->ledger.rss_bytes) {
		fputs(",\n\"memory\":", writer->out);
		ct_put_ledger(writer->out, &writer->profile->ledger);
	}
	put_losses(writer);
	put_modules(writer);
	put_frame_places(writer);
	put_timeline(writer);
	put_rss(writer);
	put_marks(writer);
	bool ok = ct_put_dhat_snapshots(writer->profile, writer->order, writer->place_of, writer->out);
	fputs("}}\n", writer->out);
	return ok;
}

/* What sites are sorted by, side by side: the rows themselves lie far apart in memory. */
struct sort_key {
	uint64_t total_bytes;
	uint32_t first_frame, frame_count, site;
};

struct sort_context {
	const struct ct_profile *profile;
	const uint32_t *rank; /* by frame id: its place in the order of texts */
};

/* Sort by total bytes, then by the stacks' texts, so that two exports of one store are equal. */
static int compare_keys(const void *left, const void *right, void *argument)
{
	const struct sort_context *context = argument;
	const struct sort_key *a = left, *b = right;
	const uint32_t *left_frames = context->profile->frame_ids + a->first_frame;
	const uint32_t *right_frames = context->profile->frame_ids + b->first_frame;
	if (a->total_bytes != b->total_bytes)
		return a->total_bytes > b->total_bytes ? -1 : 1;
	for (uint32_t i = 0; i < a->frame_count && i < b->frame_count; i++)
		if (left_frames[i] != right_frames[i])
			return context->rank[left_frames[i]] < context->rank[right_frames[i]] ? -1 : 1;
	return a->frame_count < b->frame_count ? -1 : a->frame_count > b->frame_count;
}

static int compare_texts(const void *left, const void *right, void *argument)
{
	const struct ct_profile *profile = argument;
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	int order = strcmp(profile->strings[profile->frames[a].text], profile->strings[profile->frames[b].text]);
	return order ? order : a < b ? -1 : a > b;
}

/* False: out of memory. */
static bool sort_sites(struct writer *writer)
{
	const struct ct_profile *profile = writer->profile;
	struct sort_key *keys = calloc(profile->site_count + 1, sizeof(*keys));
	uint32_t *by_text = calloc(profile->frame_count + 1, sizeof(*by_text));
	uint32_t *rank = calloc(profile->frame_count + 1, sizeof(*rank));
	bool ok = keys && by_text && rank;
	for (size_t i = 0; i < profile->frame_count && ok; i++)
		by_text[i] = (uint32_t)i;
	if (ok)
		qsort_r(by_text, profile->frame_count, sizeof(*by_text), compare_texts, (void *)profile);
	for (size_t i = 0; i < profile->frame_count && ok; i++)
		rank[by_text[i]] = (uint32_t)i;
	for (size_t i = 0; i < profile->site_count && ok; i++) {
		const struct ct_site_row *site = &profile->sites[i];
		keys[i] = (struct sort_key){site->counters.total_bytes, site->first_frame, site->frame_count,
					    (uint32_t)i};
	}
	struct sort_context context = {profile, rank};
	if (ok)
		qsort_r(keys, profile->site_count, sizeof(*keys), compare_keys, &context);
	for (size_t i = 0; i < profile->site_count && ok; i++) {
		writer->order[i] = keys[i].site;
		writer->place_of[keys[i].site] = (uint32_t)i;
	}
	free(keys);
	free(by_text);
	free(rank);
	return ok;
}

static int put_all(struct writer *writer, struct ct_error_text *error)
{
	bool memory = put_head(writer);
	put_sites(writer);
	put_frame_texts(writer);
	memory = put_own_member(writer) && memory;
	int code = ct_put_end(writer->out, error);
	return code || memory ? code : ct_error_no_memory(error);
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
	if (!memory || !sort_sites(&writer))
		code = ct_error_no_memory(error);
	else
		code = put_all(&writer, error);
	free(writer.order);
	free(writer.place_of);
	free(writer.ftbl);
	free(writer.index_of);
	free(writer.index_of_text);
	free(writer.paths);
	free(writer.path_of);
	return code;
}
