/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "load/dhat/dhat_frame.h"
#include "view/view.h"
#include "write/diff.h"
#include "write/format.h"
#include "write/write.h"

#define BLOCKS 1000000u
#define STORE_MAX (512u << 10)
#define DESCRIPTOR 900 /* fixed, so that the file's name is fixed too */

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

int fuzz_unpack(const uint8_t *data, size_t size)
{
	static uint8_t store[STORE_MAX];
	size_t used = 0;
	while (size >= 4) {
		size_t zeros = (size_t)(data[0] | data[1] << 8) * 8, bytes = (size_t)(data[2] | data[3] << 8) * 8;
		data += 4;
		size -= 4;
		if (bytes > size)
			bytes = size;
		if (zeros + bytes > STORE_MAX - used)
			break;
		memset(store + used, 0, zeros);
		memcpy(store + used + zeros, data, bytes);
		used += zeros + bytes;
		data += bytes;
		size -= bytes;
	}
	return fuzz_file(store, used);
}

/* A file with a real name; the name of a descriptor is only a link. */
const char *fuzz_named(void)
{
	static char path[] = "/tmp/ctrace-fuzz-XXXXXX";
	static int fd = -1;
	char bytes[65536];
	ssize_t got;
	off_t at = 0;
	if (fd < 0)
		fd = mkstemp(path);
	if (fd < 0 || ftruncate(fd, 0))
		stop("fuzz: a file in /tmp");
	while ((got = pread(DESCRIPTOR, bytes, sizeof(bytes), at)) > 0) {
		if (pwrite(fd, bytes, (size_t)got, at) != got)
			stop("fuzz: write");
		at += got;
	}
	return path;
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
		ct_view_marks(&view, &error);
		ct_view_csv_sites(&view, &error);
		for (view.by = CT_BY_SITE + 1; view.by < CT_BY_COUNT; view.by++)
			ct_view_csv_groups(&view, &error);
	}
}

/* Compares the profile with itself: all changes are 0, but chains are made and joined. */
static void compare(const struct ct_profile *profile, FILE *out)
{
	const struct ct_profile *const sides[CT_DIFF_SIDES] = {profile, profile};
	const char *const names[CT_DIFF_SIDES] = {"old", "new"};
	struct ct_error_text error;
	struct ct_diff diff;
	if (!ct_diff_init(&diff, sides, names, CT_DIFF_OWN, &error)) {
		ct_write_diff_json(&diff, CT_METRIC_TOTAL_BYTES, out, &error);
		ct_write_diff_html(&diff, CT_METRIC_TOTAL_BYTES, out, &error);
	}
	ct_diff_fini(&diff);
}

/* heaptrack's format has a line for each block, at most half a billion, which takes minutes under a sanitizer. */
static bool has_many_blocks(const struct ct_counters *totals)
{
	return totals->total_blocks > BLOCKS || totals->peak_blocks > BLOCKS || totals->end_blocks > BLOCKS;
}

FILE *fuzz_nowhere(void)
{
	FILE *out = fopencookie(NULL, "w", (cookie_io_functions_t){.write = swallow});
	if (!out)
		stop("fuzz: fopencookie");
	return out;
}

struct ct_profile *fuzz_profile(void)
{
	static const char *const texts[] = {
		"0x10: operator new(unsigned long) (in /l/libc.so.6)",
		"0x20: parse(std::vector<int> const&) (/proc/self/fd/900:3)",
		"0x30: render (/proc/self/fd/900:70)",
		"0x40: =main|`x` (in /bin/a|p)",
	};
	struct ct_profile *profile = ct_profile_new();
	uint32_t ids[4];
	for (size_t i = 0; i < 4; i++) {
		struct ct_frame frame;
		if (!profile || ct_dhat_frame_parse(profile, texts[i], strlen(texts[i]), &frame) ||
		    !(ids[i] = (uint32_t)ct_profile_frame(profile, &frame)))
			stop("fuzz: profile");
	}
	for (uint32_t i = 0; i < 3; i++) {
		const struct ct_counters counters = {.total_bytes = 1000 * i + 7,
						     .total_blocks = 9,
						     .max_bytes = 600,
						     .max_blocks = 5,
						     .peak_bytes = 500,
						     .peak_blocks = 4,
						     .end_bytes = 100 * i,
						     .end_blocks = i};
		if (ct_profile_site(profile, ids + i, 4 - i, &counters, false))
			stop("fuzz: profile");
	}
	profile->has_lifetimes = true;
	return profile;
}

void fuzz_profile_use(const struct ct_profile *profile)
{
	struct ct_error_text error;
	FILE *out = fuzz_nowhere();
	for (const struct ct_format *format = ct_formats; format->name; format++)
		if ((format->write != ct_write_heaptrack || !has_many_blocks(&profile->totals)) &&
		    !ct_format_check(format, CT_METRIC_NONE, profile, "input", &error))
			format->write(profile, format->metric, out, &error);
	compare(profile, out);
	show(profile, out);
	fclose(out);
}
