/* SPDX-License-Identifier: MIT */
#include "model/merge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/histogram.h"
#include "model/losses.h"
#include "model/metric.h"
#include "util/array.h"
#include "util/progress.h"

int ct_merge_init(struct ct_merge *merge, struct ct_error_text *error)
{
	*merge = (struct ct_merge){.profile = ct_profile_new()};
	return merge->profile ? CT_OK : ct_error_no_memory(error);
}

void ct_merge_fini(struct ct_merge *merge)
{
	ct_profile_free(merge->profile);
	free(merge->first);
	free(merge->ids);
	free(merge->stack);
}

const char *ct_merge_text(const char *text)
{
	size_t digits = strncmp(text, "0x", 2) ? 0 : strspn(text + 2, "0123456789abcdefABCDEF");
	return digits && !strncmp(text + 2 + digits, ": ", 2) && text[digits + 4] ? text + digits + 4 : text;
}

static int copy_text(char **to, const char *from)
{
	return ct_profile_set_text(to, from, strlen(from));
}

/* Properties that all inputs share are taken from the first. */
static int begin(struct ct_merge *merge, const struct ct_profile *from, const char *name)
{
	struct ct_profile *to = merge->profile;
	free(merge->first);
	merge->first = strdup(name);
	to->mode = from->mode;
	to->pid = from->pid;
	to->has_lifetimes = from->has_lifetimes;
	to->has_temporaries = from->has_temporaries;
	to->has_details = from->has_details;
	to->has_slack = from->has_slack;
	to->has_reach = from->has_reach;
	to->has_memory = from->has_memory;
	to->has_histograms = from->has_histograms;
	to->tick_fs = from->tick_fs;
	return !merge->first || copy_text(&to->verb, from->verb) || copy_text(&to->byte_unit, from->byte_unit) ||
			       copy_text(&to->bytes_unit, from->bytes_unit) ||
			       copy_text(&to->blocks_unit, from->blocks_unit) ||
			       copy_text(&to->time_unit, from->time_unit) ||
			       copy_text(&to->mega_time_unit, from->mega_time_unit) ||
			       copy_text(&to->producer, from->producer) || copy_text(&to->program, from->program) ||
			       copy_text(&to->command, from->command)
		       ? -1
		       : 0;
}

static const char *lifetimes_word(const struct ct_profile *profile)
{
	return profile->has_lifetimes ? "lifetimes" : "no lifetimes";
}

static int check_fit(const struct ct_merge *merge, const struct ct_profile *from, const char *name,
		     struct ct_error_text *error)
{
	const struct ct_profile *to = merge->profile;
	const struct {
		const char *what, *first, *other;
	} rows[] = {
		{"mode", ct_mode_text(to->mode), ct_mode_text(from->mode)},
		{"verb", to->verb, from->verb},
		{"unit", to->bytes_unit, from->bytes_unit},
		{"unit of time", to->time_unit, from->time_unit},
		{"content", lifetimes_word(to), lifetimes_word(from)},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].first, rows[i].other))
			return ct_error_set(error, CT_ERR_USAGE, "%s and %s do not fit together: %s '%s' and '%s'",
					    merge->first, name, rows[i].what, rows[i].first, rows[i].other);
	return CT_OK;
}

/* Sites are parts of the totals: if the totals do not overflow, no site does. */
static int check_sums(const struct ct_merge *merge, const struct ct_profile *from, const char *name,
		      struct ct_error_text *error)
{
	uint64_t sum;
	for (int i = 1; i < CT_METRIC_COUNT; i++)
		if (__builtin_add_overflow(ct_metric_value(&merge->profile->totals, (enum ct_metric)i),
					   ct_metric_value(&from->totals, (enum ct_metric)i), &sum))
			return ct_error_set(error, CT_ERR_DAMAGED, "%s: with it, the sum of %s is above 2^64", name,
					    ct_metric_name((enum ct_metric)i));
	return CT_OK;
}

/* Is this code known only by its address? Without an object file, the address has a meaning in one process only. */
static bool is_nameless(const struct ct_profile *profile, const struct ct_frame *frame)
{
	return !frame->function && frame->address && *profile->strings[frame->module] == '/';
}

static int64_t intern(struct ct_profile *to, const struct ct_profile *from, uint32_t string)
{
	return string ? ct_profile_string(to, from->strings[string], strlen(from->strings[string])) : 0;
}

/* Frames of the result differ only in their text, so all are interned as not inlined and flagged afterwards. */
static int64_t merge_frame(struct ct_merge *merge, const struct ct_profile *from, const struct ct_frame *frame)
{
	struct ct_profile *to = merge->profile;
	const char *text = from->strings[frame->text];
	const char *rest = is_nameless(from, frame) ? text : ct_merge_text(text);
	int64_t text_id = ct_profile_string(to, rest, strlen(rest)), function = intern(to, from, frame->function);
	int64_t file = intern(to, from, frame->file), module = intern(to, from, frame->module);
	if (text_id < 0 || function < 0 || file < 0 || module < 0)
		return -1;
	struct ct_frame merged = {.address = frame->address,
				  .function = (uint32_t)function,
				  .file = (uint32_t)file,
				  .line = frame->line,
				  .module = (uint32_t)module,
				  .text = (uint32_t)text_id};
	size_t before = to->frame_count;
	int64_t id = ct_profile_frame(to, &merged);
	if (id < 0)
		return -1;
	struct ct_frame *kept = &to->frames[id];
	if (to->frame_count > before)
		kept->inlined = frame->inlined;
	if (kept->address != frame->address)
		kept->address = 0;
	if (!kept->module)
		kept->module = merged.module;
	kept->inlined = kept->inlined && frame->inlined;
	return id;
}

static int merge_sites(struct ct_merge *merge, const struct ct_profile *from)
{
	if (!ct_array_room(&merge->ids, &merge->ids_room, from->frame_count, sizeof(*merge->ids)))
		return -1;
	memset(merge->ids, 0, from->frame_count * sizeof(*merge->ids));
	for (size_t i = 0; i < from->site_count; i++) {
		const struct ct_site_row *site = &from->sites[i];
		ct_progress_at(i, from->site_count);
		if (!ct_array_room(&merge->stack, &merge->stack_room, site->frame_count, sizeof(*merge->stack)))
			return -1;
		for (uint32_t j = 0; j < site->frame_count; j++) {
			uint32_t frame = from->frame_ids[site->first_frame + j];
			if (!merge->ids[frame]) {
				int64_t id = merge_frame(merge, from, &from->frames[frame]);
				if (id < 0)
					return -1;
				merge->ids[frame] = (uint32_t)id;
			}
			merge->stack[j] = merge->ids[frame];
		}
		if (ct_profile_site(merge->profile, merge->stack, site->frame_count, &site->counters,
				    site->truncated) ||
		    (merge->profile->has_histograms &&
		     ct_histogram_copy(merge->profile, merge->profile->latest_site, from, i)))
			return -1;
	}
	return 0;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static int merge_head(struct ct_merge *merge, const struct ct_profile *from)
{
	struct ct_profile *to = merge->profile;
	bool first = !merge->inputs;
	merge->commands_differ = merge->commands_differ || strcmp(to->command, from->command) != 0;
	if (!first)
		to->pid = 0;
	if (from->start_unix_ns && (!to->start_unix_ns || from->start_unix_ns < to->start_unix_ns))
		to->start_unix_ns = from->start_unix_ns;
	if (first || from->totals.peak_bytes > merge->highest_peak) {
		merge->highest_peak = from->totals.peak_bytes;
		to->peak_time = from->peak_time;
	}
	to->end_time = larger(to->end_time, from->end_time);
	to->short_lived = larger(to->short_lived, from->short_lived);
	to->sample_bytes = larger(to->sample_bytes, from->sample_bytes);
	to->own_bytes += from->own_bytes;
	to->ended = to->ended && from->ended;
	to->torn = to->torn || from->torn;
	to->lacks |= from->lacks;
	to->foreign = to->foreign || from->foreign;
	to->has_temporaries = to->has_temporaries && from->has_temporaries;
	to->has_details = to->has_details && from->has_details;
	to->has_slack = to->has_slack && from->has_slack;
	to->has_histograms = to->has_histograms && from->has_histograms;
	to->has_reach = to->has_reach && from->has_reach;
	to->has_memory = to->has_memory && from->has_memory;
	ct_losses_add(&to->losses, &from->losses);
	if (strcmp(to->producer, from->producer) && copy_text(&to->producer, "several"))
		return -1;
	return strcmp(to->program, from->program) ? copy_text(&to->program, "") : 0;
}

int ct_merge_add(struct ct_merge *merge, const struct ct_profile *profile, const char *name,
		 struct ct_error_text *error)
{
	int code = CT_OK;
	if (!merge->inputs)
		code = begin(merge, profile, name) ? ct_error_no_memory(error) : CT_OK;
	else
		code = check_fit(merge, profile, name, error);
	if (!code)
		code = check_sums(merge, profile, name, error);
	if (!code && (merge_head(merge, profile) || merge_sites(merge, profile)))
		code = ct_error_no_memory(error);
	merge->inputs += !code;
	return code;
}

static int end_frame(struct ct_profile *profile, struct ct_frame *frame)
{
	const char *text = profile->strings[frame->text];
	char *whole;
	if (!frame->address || ct_merge_text(text) != text)
		return 0;
	int length = asprintf(&whole, "0x%" PRIX64 ": %s", frame->address, text);
	if (length < 0)
		return -1;
	int64_t id = ct_profile_string(profile, whole, (size_t)length);
	free(whole);
	frame->text = id < 0 ? frame->text : (uint32_t)id;
	return id < 0 ? -1 : 0;
}

int ct_merge_end(struct ct_merge *merge, struct ct_error_text *error)
{
	struct ct_profile *profile = merge->profile;
	char command[64];
	for (size_t i = 1; i < profile->frame_count; i++)
		if (end_frame(profile, &profile->frames[i]))
			return ct_error_no_memory(error);
	snprintf(command, sizeof(command), "%zu programs", merge->inputs);
	if (merge->commands_differ && copy_text(&profile->command, command))
		return ct_error_no_memory(error);
	return CT_OK;
}
