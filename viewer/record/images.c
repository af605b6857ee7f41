/* SPDX-License-Identifier: MIT */
#include "record/images.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/export.h"
#include "util/clock.h"
#include "util/text.h"

#define SECOND_NS 1000000000ll
#define SLOP_NS (SECOND_NS / 2) /* between readings of two clocks, and for the coarse time of a process's start */

bool ct_image_is_replaced(const struct ct_left_store *before, const struct ct_left_store *after)
{
	int64_t skew = after->clocks_ns - before->clocks_ns; /* more than a little: another run of the machine */
	return before->pid == after->pid && before->begin_ns < after->begin_ns && skew < SLOP_NS && skew > -SLOP_NS &&
	       !strcmp(before->session, after->session);
}

/* When a process began, on CLOCK_MONOTONIC; INT64_MAX: not known. exec does not change it. */
static int64_t process_start(uint32_t pid)
{
	char path[32], line[1024], *at;
	unsigned long long ticks = 0;
	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return INT64_MAX;
	/* Field 22, and the name, field 2, may contain blanks and parentheses. */
	bool known = fgets(line, sizeof(line), file) && (at = strrchr(line, ')')) &&
		     sscanf(at + 1, " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
			    &ticks) == 1;
	fclose(file);
	if (!known)
		return INT64_MAX;
	return (int64_t)(ticks * (unsigned long long)SECOND_NS / (unsigned long long)sysconf(_SC_CLK_TCK)) -
	       (int64_t)(ct_clock_ns(CLOCK_BOOTTIME) - ct_now_ns());
}

int ct_images_end(const char *store_path, const struct ct_left_store *own, const struct ct_format_set *formats,
		  struct ct_error_text *error)
{
	char folder[PATH_MAX], path[PATH_MAX * 2];
	const char *slash = strrchr(store_path, '/');
	int64_t start = process_start(own->pid);
	int code = CT_OK;
	if (!slash || start == INT64_MAX)
		return CT_OK;
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - store_path + 1), store_path);
	DIR *entries = opendir(folder);
	const struct dirent *entry;
	while (entries && !code && (entry = readdir(entries))) {
		struct ct_left_store image;
		if (!ct_ends_with(entry->d_name, ".store") ||
		    !ct_left_store_is_of(dirfd(entries), entry->d_name, own->pid) ||
		    !ct_left_store_read(dirfd(entries), entry->d_name, &image) || !ct_image_is_replaced(&image, own) ||
		    (int64_t)image.begin_ns < start - SLOP_NS)
			continue;
		snprintf(path, sizeof(path), "%s%s", folder, entry->d_name);
		const struct ct_export job = {.remove_store = !image.kept, .quiet = true};
		if (image.has_nothing)
			unlink(path);
		else
			code = ct_export_formats(&job, path, formats, error);
	}
	if (entries)
		closedir(entries);
	return code;
}
