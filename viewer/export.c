/* SPDX-License-Identifier: MIT */
#include "export.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load/load.h"
#include "load/store_file.h"
#include "util/utf8.h"
#include "view/number.h"
#include "write/file.h"
#include "write/write.h"

#define STORE_SUFFIX ".store"

bool ct_export_same_file(const char *a, const char *b)
{
	struct stat one, two;
	return stat(a, &one) == 0 && stat(b, &two) == 0 && one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

/* Is this store still where its recording made it: beside the report, named after it? */
static bool is_at_home(const char *output, const char *store_path)
{
	char *home = NULL;
	bool same = *output == '/' && asprintf(&home, "%s" STORE_SUFFIX, output) > 0 &&
		    ct_export_same_file(home, store_path);
	free(home);
	return same;
}

char *ct_export_output(const char *store_path, const struct ct_store_file *store)
{
	struct ct_span span = store->header->output;
	char *output = strndup(store->strings + span.offset, span.bytes);
	if (output && is_at_home(output, store_path))
		return output;
	free(output);
	/* A store that was moved, or comes from elsewhere, does not choose which file is written. */
	size_t length = strlen(store_path), suffix = strlen(STORE_SUFFIX);
	if (length > suffix && !strcmp(store_path + length - suffix, STORE_SUFFIX))
		return strndup(store_path, length - suffix);
	return asprintf(&output, "%s.json", store_path) < 0 ? NULL : output;
}

int ct_export_write(const struct ct_profile *profile, const char *path, struct ct_error_text *error)
{
	struct ct_out_file file;
	int code = ct_out_open(path, &file, error);
	if (!code)
		code = ct_write_dhat(profile, file.stream, error);
	return ct_out_close(&file, code, error);
}

/* Append "N WHAT" to a list. */
static void add_count(char *list, size_t room, uint64_t count, const char *what)
{
	char number[CT_NUMBER_ROOM];
	size_t length = strlen(list);
	if (count)
		snprintf(list + length, room - length, "%s%s %s", length ? ", " : "", ct_number_exact(number, count),
			 what);
}

/* Why a recording ended before its program, "" = it did not. */
static void describe_stop(const struct ct_store_file *store, char *text, size_t room)
{
	struct ct_span reason = store->header->stop_reason;
	char *why = ct_utf8_clean(store->strings + reason.offset, reason.bytes, NULL);
	*text = '\0';
	if (store->header->state == CT_STATE_STOPPED)
		snprintf(text, room, "recording STOPPED early%s%s", why && *why ? ": " : "", why ? why : "");
	free(why);
}

/* Everything that the report lacks, in one line; nothing when it lacks nothing. */
static void print_losses(const struct ct_profile *profile, const struct ct_store_file *store)
{
	const struct ct_losses *losses = &profile->losses;
	char list[512];
	uint64_t nameless = 0;
	for (size_t i = 1; i < store->module_count; i++)
		nameless += store->module_files[i] == CT_MODULE_FILE_OTHER;
	describe_stop(store, list, sizeof(list) / 2);
	add_count(list, sizeof(list), losses->dropped, "events dropped");
	add_count(list, sizeof(list), losses->early, "calls before start-up was done");
	add_count(list, sizeof(list), losses->truncated, "stacks cut");
	add_count(list, sizeof(list), losses->unrooted, "stacks without their root");
	add_count(list, sizeof(list), nameless, "files changed or gone, so without names");
	if (*list)
		fprintf(stderr, "ctrace: INCOMPLETE: %s\n", list);
}

static void print_summary(const struct ct_profile *profile, const struct ct_store_file *store, const char *output)
{
	char a[CT_NUMBER_ROOM], b[CT_NUMBER_ROOM], c[CT_NUMBER_ROOM], d[CT_NUMBER_ROOM];
	const struct ct_counters *totals = &profile->totals;
	print_losses(profile, store);
	if (!totals->total_blocks) {
		fprintf(stderr, "ctrace: no allocation was recorded (%s)\n", output);
		return;
	}
	fprintf(stderr,
		"ctrace: total %s in %s blocks, at end %s in %s blocks\n"
		"ctrace: peak  %s in %s blocks, ",
		ct_number_bytes(a, totals->total_bytes), ct_number_exact(b, totals->total_blocks),
		ct_number_bytes(c, totals->end_bytes), ct_number_exact(d, totals->end_blocks),
		ct_number_bytes((char[CT_NUMBER_ROOM]){0}, totals->peak_bytes),
		ct_number_exact((char[CT_NUMBER_ROOM]){0}, totals->peak_blocks));
	fprintf(stderr, "%s after start", ct_number_time(a, (double)profile->peak_time, profile->time_unit));
	if (profile->sample_bytes)
		fprintf(stderr, " (sampled, mean interval %s)", ct_number_bytes(a, profile->sample_bytes));
	fprintf(stderr, "\nctrace: report %s\n", output);
}

static int write_report(const char *store_path, const struct ct_store_file *store, bool quiet,
			struct ct_error_text *error)
{
	struct ct_profile *profile = NULL;
	char *output = ct_export_output(store_path, store);
	int code = output ? ct_store_profile(store, &profile, error) : ct_error_no_memory(error);
	if (code)
		ct_error_context(error, code, "%s", store_path);
	else
		code = ct_export_write(profile, output, error);
	if (!code && !quiet && !(store->header->flags & CT_STORE_QUIET))
		print_summary(profile, store, output);
	ct_profile_free(profile);
	free(output);
	return code;
}

int ct_export_store(const char *store_path, bool remove_store, bool quiet, struct ct_error_text *error)
{
	struct ct_store_file store;
	int code = ct_store_file_open(store_path, &store, error);
	if (!code)
		code = write_report(store_path, &store, quiet, error);
	if (!code && remove_store && !(store.header->flags & CT_STORE_KEEP) && unlink(store_path) < 0)
		code = ct_error_set(error, CT_ERR_IO, "%s: cannot be removed: %s", store_path, strerror(errno));
	ct_store_file_close(&store);
	return code;
}
