/* SPDX-License-Identifier: MIT */
#include "export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load/load.h"
#include "load/store_file.h"
#include "view/number.h"
#include "write/file.h"
#include "write/write.h"

#define STORE_SUFFIX ".store"

static bool folder_exists(const char *path)
{
	char *copy = strdup(path);
	char *slash = copy ? strrchr(copy, '/') : NULL;
	struct stat status;
	bool exists = false;
	if (slash) {
		*slash = '\0';
		exists = stat(*copy ? copy : "/", &status) == 0 && S_ISDIR(status.st_mode);
	}
	free(copy);
	return exists;
}

char *ct_export_output(const char *store_path, const struct ct_store_file *store)
{
	struct ct_span span = store->header->output;
	char *output = strndup(store->strings + span.offset, span.bytes);
	if (output && *output == '/' && folder_exists(output))
		return output;
	free(output);
	/* The recording's folder is gone (another machine, perhaps): beside the store. */
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

/* What was lost stands first in the line it belongs to, never in a footnote. */
static void print_summary(const struct ct_profile *profile, bool stopped, const char *output)
{
	char a[CT_NUMBER_ROOM], b[CT_NUMBER_ROOM], c[CT_NUMBER_ROOM];
	const struct ct_counters *totals = &profile->totals;
	const struct ct_losses *losses = &profile->losses;
	if (!totals->total_blocks) {
		fprintf(stderr, "ctrace: no allocation was recorded (%s)\n", output);
		return;
	}
	fprintf(stderr, "ctrace: total %s in %s blocks, at end %s in %s blocks",
		ct_number_bytes(a, totals->total_bytes), ct_number_exact(b, totals->total_blocks),
		ct_number_bytes(c, totals->end_bytes), ct_number_exact((char[CT_NUMBER_ROOM]){0}, totals->end_blocks));
	if (stopped)
		fputs("; recording STOPPED early", stderr);
	if (losses->dropped)
		fprintf(stderr, "; %s events LOST", ct_number_exact(a, losses->dropped));
	fprintf(stderr, "\nctrace: peak  %s in %s blocks, %s after start", ct_number_bytes(a, totals->peak_bytes),
		ct_number_exact(b, totals->peak_blocks),
		ct_number_time(c, (double)profile->peak_time, profile->time_unit));
	if (losses->unrooted)
		fprintf(stderr, "; %s stacks without their root", ct_number_exact(a, losses->unrooted));
	fprintf(stderr, "\nctrace: report %s\n", output);
}

int ct_export_store(const char *store_path, bool remove_store, bool quiet, struct ct_error_text *error)
{
	struct ct_store_file store;
	struct ct_profile *profile = NULL;
	int code = ct_store_file_open(store_path, &store, error);
	if (code)
		return code;
	uint32_t flags = store.header->flags;
	bool stopped = store.header->state == CT_STATE_STOPPED;
	char *output = ct_export_output(store_path, &store);
	if (!output)
		code = ct_error_no_memory(error);
	if (!code)
		code = ct_store_profile(&store, &profile, error);
	ct_store_file_close(&store);
	if (!code)
		code = ct_export_write(profile, output, error);
	if (!code && !quiet && !(flags & CT_STORE_QUIET))
		print_summary(profile, stopped, output);
	if (!code && remove_store && !(flags & CT_STORE_KEEP) && unlink(store_path) < 0)
		code = ct_error_set(error, CT_ERR_IO, "%s: cannot be removed", store_path);
	ct_profile_free(profile);
	free(output);
	return code;
}
