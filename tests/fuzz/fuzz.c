/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "view/view.h"
#include "write/diff.h"
#include "write/format.h"
#include "write/write.h"

#define BLOCKS 1000000u
#define DESCRIPTOR 900 /* fixed, so that the file's name is */

const char fuzz_path[] = "/proc/self/fd/900";

static void stop(const char *what)
{
	perror(what);
	abort();
}

int fuzz_file(const void *data, size_t size)
{
	static int fd = -1;
	if (fd < 0) {
		int made = memfd_create("fuzz", MFD_CLOEXEC);
		fd = made < 0 ? -1 : dup3(made, DESCRIPTOR, O_CLOEXEC);
		if (fd < 0)
			stop("fuzz: memfd_create");
		close(made);
	}
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		stop("fuzz: write");
	return fd;
}

static ssize_t swallow(void *cookie, const char *bytes, size_t length)
{
	(void)cookie, (void)bytes;
	return (ssize_t)length;
}

static void show(const struct ct_profile *profile, FILE *out)
{
	static const struct ct_terminal terminals[] = {{.columns = 80, .utf8 = true}, {.columns = 40, .color = true}};
	struct ct_error_text error;
	for (int i = 0; i < 2; i++) {
		struct ct_view view = {.profile = profile, .terminal = &terminals[i], .out = out, .rows = i, .full = i};
		view.sort = i && ct_column_exists(profile, CT_COLUMN_PEAK) ? CT_COLUMN_PEAK : CT_COLUMN_TOTAL;
		view.min_percent = i;
		ct_view_summary(&view, &error);
		ct_view_sites(&view, &error);
		ct_view_groups(&view, &error);
		ct_view_tree(&view, &error);
	}
}

/* A line in heaptrack's format for each, at most half a billion: that is minutes under a sanitizer. */
/* With itself: all changes are 0, but chains are made and joined. */
static void compare(const struct ct_profile *profile, FILE *out)
{
	const struct ct_profile *const sides[CT_DIFF_SIDES] = {profile, profile};
	const char *const names[CT_DIFF_SIDES] = {"old", "new"};
	struct ct_error_text error;
	struct ct_diff diff;
	if (!ct_diff_init(&diff, sides, names, &error)) {
		ct_write_diff_json(&diff, CT_METRIC_TOTAL_BYTES, out, &error);
		ct_write_diff_html(&diff, CT_METRIC_TOTAL_BYTES, out, &error);
	}
	ct_diff_fini(&diff);
}

static bool has_many_blocks(const struct ct_counters *totals)
{
	return totals->total_blocks > BLOCKS || totals->peak_blocks > BLOCKS || totals->end_blocks > BLOCKS;
}

void fuzz_profile_use(const struct ct_profile *profile)
{
	struct ct_error_text error;
	FILE *out = fopencookie(NULL, "w", (cookie_io_functions_t){.write = swallow});
	if (!out)
		stop("fuzz: fopencookie");
	for (const struct ct_format *format = ct_formats; format->name; format++)
		if ((format->write != ct_write_heaptrack || !has_many_blocks(&profile->totals)) &&
		    !ct_format_check(format, CT_METRIC_NONE, profile, "input", &error))
			format->write(profile, format->metric, out, &error);
	compare(profile, out);
	show(profile, out);
	fclose(out);
}
