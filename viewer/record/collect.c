/* SPDX-License-Identifier: MIT */
#include "record/collect.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctrace/report_name.h"
#include "export/export.h"
#include "record/images.h"
#include "record/left_store.h"
#include "record/reports.h"
#include "util/message.h"
#include "util/text.h"

/* The report's path in a format, to be freed; NULL when out of memory. */
static char *name_of(const char *report, const struct ct_format *format)
{
	return format == ct_formats ? strdup(report) : ct_export_name(report, format, CT_METRIC_NONE);
}

/* Does the report already exist, written after the last event? Look for its last format, since one may have failed. */
static bool is_exported(const struct ct_collect *collect, const struct ct_left_store *store)
{
	struct stat report;
	char *name = name_of(store->output, collect->formats.formats[collect->formats.count - 1]);
	bool found = name && stat(name, &report) == 0;
	free(name);
	return found && (report.st_mtim.tv_sec > store->status.st_mtim.tv_sec ||
			 (report.st_mtim.tv_sec == store->status.st_mtim.tv_sec &&
			  report.st_mtim.tv_nsec >= store->status.st_mtim.tv_nsec));
}

/* Is there a later image of the store's process? */
static bool is_replaced(const struct ct_collect *collect, const struct ct_left_store *store)
{
	for (size_t i = 0; i < collect->image_count; i++)
		if (collect->images[i].pid == store->pid && collect->images[i].begin_ns > store->begin_ns)
			return true;
	return false;
}

static void look_at(struct ct_collect *collect, int folder_fd, const char *folder, const char *name)
{
	struct ct_left_store store;
	char path[PATH_MAX];
	bool left = collect->left_formats != NULL;
	if (!ct_left_store_read(folder_fd, name, &store) || strcmp(store.session, collect->session) != 0)
		return;
	if (store.pid == (uint32_t)collect->run->pid)
		collect->found = true;
	if (!collect->export || ct_tree_has(&collect->tree, &store) ||
	    (!left && store.kept && is_exported(collect, &store)) ||
	    snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return;
	if (store.has_nothing && is_replaced(collect, &store))
		unlink(path);
	else if (left || !ct_left_store_in_use(&store, path))
		ct_tree_add(&collect->tree, path, &store, collect->left_formats);
	else if (collect->late)
		ct_message_for("record", "pid %u still runs; later: ctrace export -f FORMAT %s", store.pid, path);
}

/* First of all, note which images there are: a store may be exported and removed before that of its older image. */
static void note_image(struct ct_collect *collect, int folder_fd, const char *folder, const char *name)
{
	struct ct_left_store store;
	struct ct_image *more;
	(void)folder;
	if (!ct_left_store_read(folder_fd, name, &store) || strcmp(store.session, collect->session) != 0)
		return;
	more = reallocarray(collect->images, collect->image_count + 1, sizeof(*more));
	if (!more)
		return;
	collect->images = more;
	more[collect->image_count++] = (struct ct_image){store.pid, store.begin_ns};
}

static int compare_entries(const struct dirent **left, const struct dirent **right)
{
	return strcmp((*left)->d_name, (*right)->d_name);
}

/* Call visit for each store that a process has left to us, wherever it is. */
static void scan_left(struct ct_collect *collect,
		      void (*visit)(struct ct_collect *, int folder_fd, const char *folder, const char *name))
{
	for (size_t i = 0; i < collect->notes->left_count; i++) {
		const struct ct_left *left = &collect->notes->left[i];
		char *slash = strrchr(left->store, '/');
		char *folder = slash ? strndup(left->store, (size_t)(slash - left->store)) : NULL;
		int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
		collect->left_formats = left->formats;
		if (fd >= 0)
			visit(collect, fd, folder, slash + 1);
		collect->left_formats = NULL;
		if (fd >= 0)
			close(fd);
		free(folder);
	}
}

/* Call visit for each store in a folder, in the order of names. */
static void scan(struct ct_collect *collect, const char *folder,
		 void (*visit)(struct ct_collect *, int folder_fd, const char *folder, const char *name))
{
	struct dirent **entries;
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int count = fd < 0 ? -1 : scandir(folder, &entries, NULL, compare_entries);
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;

		if (ct_ends_with(name, ".store"))
			visit(collect, fd, folder, name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	if (fd >= 0)
		close(fd);
}

/* Append a character that glob is to take literally. */
static size_t put_literal(char *out, size_t used, size_t room, char c)
{
	if (strchr("*?[]\\", c) && used + 1 < room)
		out[used++] = '\\';
	if (used < room)
		out[used++] = c;
	return used;
}

/* Turn the pattern of the report's name into one for glob. Parts that only the program knows become a *. */
static bool make_glob(const struct ct_collect *collect, bool any_process, char out[PATH_MAX])
{
	const size_t room = PATH_MAX - 32;
	size_t used = 0;
	for (const char *at = collect->pattern; *at && used < room; at++) {
		if (*at != '%' || !at[1]) {
			used = put_literal(out, used, room, *at);
			continue;
		}
		at++;
		if (*at == '%')
			out[used++] = '%';
		else if (*at == 'p' && !any_process)
			used += (size_t)sprintf(out + used, "%d", (int)collect->run->pid);
		else if (strchr("peth", *at))
			out[used++] = '*';
		else
			used = put_literal(out, put_literal(out, used, room, '%'), room, *at);
	}
	out[used < room ? used : 0] = '\0';
	return used < room;
}

/* Scan all folders that match the pattern, usually just one. */
static void scan_folders(struct ct_collect *collect,
			 void (*visit)(struct ct_collect *, int folder_fd, const char *folder, const char *name))
{
	char pattern[PATH_MAX], folder[PATH_MAX], *slash;
	glob_t folders;
	if (!make_glob(collect, true, pattern))
		return;
	slash = strrchr(pattern, '/');
	if (slash)
		*(slash == pattern ? slash + 1 : slash) = '\0';
	if (glob(slash ? pattern : ".", GLOB_NOSORT, NULL, &folders) != 0)
		return;
	for (size_t i = 0; i < folders.gl_pathc; i++)
		if (realpath(folders.gl_pathv[i], folder))
			scan(collect, folder, visit);
	globfree(&folders);
}

/*
 * Has a file with the report's name been written since the start? again: with the name that it gets if another process
 * has taken its name.
 */
static bool has_report(const struct ct_collect *collect, const char *folder, bool again)
{
	char pattern[PATH_MAX], name[PATH_MAX * 2], number[32] = "";
	char *of_format;
	const char *base;
	bool found = false;
	glob_t files;
	int code;
	if (!make_glob(collect, false, pattern))
		return false;
	base = strrchr(pattern, '/');
	base = folder && base ? base + 1 : pattern;
	if (again)
		snprintf(number, sizeof(number), ".%d", (int)collect->run->pid);
	snprintf(name, sizeof(name), "%s%s%.*s%s%s", folder ? folder : "", folder ? "/" : "", (int)ct_report_stem(base),
		 base, number, base + ct_report_stem(base));
	of_format = name_of(name, collect->formats.formats[0]);
	code = of_format ? glob(of_format, GLOB_NOSORT, NULL, &files) : GLOB_NOSPACE;
	free(of_format);
	if (code != 0)
		return false;
	for (size_t i = 0; i < files.gl_pathc && !found; i++) {
		struct stat status;

		found = stat(files.gl_pathv[i], &status) == 0 && status.st_mtime >= collect->start;
	}
	globfree(&files);
	return found;
}

void ct_collect_run(struct ct_collect *collect)
{
	if (collect->export) {
		scan_left(collect, note_image);
		scan_folders(collect, note_image);
		scan(collect, collect->temporary, note_image);
	}
	scan_left(collect, look_at);
	scan_folders(collect, look_at);
	scan(collect, collect->temporary, look_at);
	free(collect->images);
	collect->images = NULL;
	if (collect->export)
		ct_reports_make(collect);
	if (!collect->found)
		collect->found = has_report(collect, NULL, false) || has_report(collect, NULL, true) ||
				 has_report(collect, collect->temporary, false) ||
				 has_report(collect, collect->temporary, true);
}
