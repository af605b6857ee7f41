/* SPDX-License-Identifier: MIT */
/* The lines about an export on stderr. */
#include "export/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/leaks.h"
#include "model/losses.h"
#include "names/number.h"
#include "util/message.h"
#include "util/utf8.h"

#define COMMAND_MAX 80 /* bytes; a longer one is not repeated */

/* Append to a comma-separated list. */
static void add(char *list, size_t room, const char *text)
{
	size_t length = strlen(list);
	snprintf(list + length, room - length, "%s%s", length && *text ? ", " : "", text);
}

/* Say why a recording ended before its program; "" if it did not. */
static void describe_stop(const struct ct_store_file *store, char *text, size_t room)
{
	struct ct_span reason = store->header->stop_reason;
	char *why = ct_utf8_clean(store->strings + reason.offset, reason.bytes, NULL);
	*text = '\0';
	if (store->header->state == CT_STATE_STOPPED)
		snprintf(text, room, "recording STOPPED early%s%s", why && *why ? ": " : "", why ? why : "");
	free(why);
}

/* Print everything that the report lacks, in one line; print nothing if it lacks nothing. */
static void print_losses(const struct ct_profile *profile, const struct ct_store_file *store)
{
	char list[1024], text[CT_LOSS_ROOM], number[CT_NUMBER_ROOM];
	uint64_t nameless = 0;
	for (size_t i = 1; i < store->module_count; i++)
		nameless += store->module_files[i] == CT_MODULE_FILE_OTHER;
	describe_stop(store, list, sizeof(list) / 2);
	for (size_t i = 0; i < CT_LOSS_ROWS; i++)
		if (ct_loss_rows[i].effect == CT_EFFECT_NUMBERS || ct_loss_rows[i].effect == CT_EFFECT_STACKS)
			add(list, sizeof(list), ct_loss_text(&profile->losses, i, text));
	snprintf(text, sizeof(text), "%s changed or gone, so without names",
		 ct_number_count(number, nameless, "files"));
	add(list, sizeof(list), nameless ? text : "");
	if (*list)
		ct_message("INCOMPLETE: %s", list);
}

/* Why nothing was recorded, as far as the recording knows. */
static const char *why_nothing(const struct ct_profile *profile)
{
	const struct ct_losses *losses = &profile->losses;
	if (losses->bypassed)
		return "the program has an allocator of its own";
	if (losses->paused)
		return "the recording was paused all the time";
	if (losses->early || losses->late)
		return "the program allocated only before or after the recording";
	if (losses->dropped)
		return "all events were dropped";
	if (profile->sample_bytes)
		return "the program allocated too little for this sample, takes its memory from mmap, or has an allocator of its own";
	return "the program did not call malloc, takes its memory from mmap, or has an allocator of its own";
}

static void print_nothing(const struct ct_profile *profile, const char *output, bool one_line)
{
	bool shown = *profile->command && strlen(profile->command) <= COMMAND_MAX;
	if (one_line)
		ct_message("no allocation was recorded (%s)", output);
	else
		ct_message("no allocation was recorded: %s; to find out: ctrace doctor --run %s (%s)",
			   why_nothing(profile), shown ? profile->command : "PROGRAM ARGUMENT...", output);
}

void ct_export_summary(const struct ct_profile *profile, const struct ct_store_file *store, const char *output,
		       bool one_line)
{
	char a[CT_NUMBER_ROOM], b[CT_NUMBER_ROOM], c[CT_NUMBER_ROOM], d[CT_NUMBER_ROOM], sampled[96] = "";
	char lost[CT_LEAKS_ROOM];
	const struct ct_counters *totals = &profile->totals;
	print_losses(profile, store);
	if (!totals->total_blocks) {
		print_nothing(profile, output, one_line);
		return;
	}
	if (one_line) {
		ct_message("total %s in %s, peak %s, at end %s; report %s", ct_number_bytes(a, totals->total_bytes),
			   ct_number_count(b, totals->total_blocks, "blocks"), ct_number_bytes(c, totals->peak_bytes),
			   ct_number_bytes(d, totals->end_bytes), output);
		return;
	}
	ct_message("total %s in %s, at end %s in %s", ct_number_bytes(a, totals->total_bytes),
		   ct_number_count(b, totals->total_blocks, "blocks"), ct_number_bytes(c, totals->end_bytes),
		   ct_number_count(d, totals->end_blocks, "blocks"));
	if (profile->sample_bytes)
		snprintf(sampled, sizeof(sampled), " (sampled, mean interval %s)",
			 ct_number_bytes(a, profile->sample_bytes));
	ct_message("peak  %s in %s, %s after start%s", ct_number_bytes(b, totals->peak_bytes),
		   ct_number_count(c, totals->peak_blocks, "blocks"),
		   ct_number_time(d, (double)profile->peak_time, profile->time_unit), sampled);
	if (*ct_leaks_summary(profile, lost))
		ct_message("%s", lost);
	if (store->segment_rows)
		ct_message("this is segment %u; the store keeps the earlier ones, for ctrace export --segment",
			   store->segment.number);
	ct_message("report %s", output);
}

void ct_export_say(const char *output, bool replaced)
{
	ct_message(replaced ? "report %s, in place of an older one" : "report %s", output);
}
