/* SPDX-License-Identifier: MIT */
#include "record/folder.h"
#include "view/caveat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "export/export.h"
#include "load/load.h"
#include "load/store/store_process.h"
#include "names/names.h"
#include "record/readme.h"
#include "write/file.h"

#define SAME_SECOND_MAX 100
#define NAME_BYTES 128u
#define REPORT "/%e.%p.json"

/* Make a folder and all folders above it. */
static int make_folders(char *path)
{
	for (char *at = path + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		int code = mkdir(path, 0777);
		*at = '/';
		if (code < 0 && errno != EEXIST)
			return -1;
	}
	return mkdir(path, 0777) < 0 && errno != EEXIST ? -1 : 0;
}

/* Turn the setting, a pattern, into a path: "%%" becomes "%", and slashes at the end are removed. */
static bool plain_path(const char *pattern, char path[PATH_MAX])
{
	size_t used = 0;
	for (; *pattern && used + 1 < PATH_MAX; pattern++) {
		path[used++] = *pattern;
		if (*pattern == '%' && pattern[1] == '%')
			pattern++;
	}
	while (used > 1 && path[used - 1] == '/')
		used--;
	path[used] = '\0';
	return !*pattern;
}

static int set_pattern(const struct ct_folder *folder, struct ct_settings *settings)
{
	char pattern[2 * PATH_MAX + sizeof(REPORT)], *to = pattern;
	for (const char *from = folder->path; *from; from++) {
		if (*from == '%')
			*to++ = '%';
		*to++ = *from;
	}
	strcpy(to, REPORT);
	return ct_settings_set(settings, CT_SETTING_out, pattern);
}

/* As many bytes of the program's name as its reports have in their names (preload/life/output.c). */
static int name_bytes(const char *name)
{
	size_t length = strlen(name);
	if (length > NAME_BYTES)
		for (length = NAME_BYTES; length && (name[length] & 0xc0) == 0x80;)
			length--;
	return (int)length;
}

static int make_dated(struct ct_folder *folder, const char *above, const char *program, struct ct_error_text *error)
{
	char date[32], count[16] = "";
	const char *name = ct_name_base(program);
	struct tm local;
	if (!localtime_r(&folder->start, &local))
		return ct_error_set(error, CT_ERR_IO, "no local time");
	strftime(date, sizeof(date), "%Y-%m-%d-%H%M%S", &local);
	for (int i = 2;; i++) {
		if (snprintf(folder->path, PATH_MAX, "%s/%.*s-%s%s", strcmp(above, "/") ? above : "", name_bytes(name),
			     name, date, count) >= PATH_MAX)
			errno = ENAMETOOLONG;
		else if (mkdir(folder->path, 0777) == 0)
			return CT_OK;
		if (errno != EEXIST || i > SAME_SECOND_MAX)
			break;
		snprintf(count, sizeof(count), "-%d", i);
	}
	int code = ct_error_set(error, CT_ERR_IO, "%s: cannot be made: %s", folder->path, strerror(errno));
	*folder->path = '\0';
	return code;
}

int ct_folder_make(struct ct_folder *folder, struct ct_settings *settings, const char *program,
		   struct ct_error_text *error)
{
	char above[PATH_MAX];
	folder->start = time(NULL);
	if (!plain_path(ct_settings_get(settings, CT_SETTING_out), above))
		return ct_error_set(error, CT_ERR_USAGE, "--output: the folder's name is too long");
	if (make_folders(above) < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: cannot be made: %s", above, strerror(errno));
	int code = make_dated(folder, above, program, error);
	if (code)
		return code;
	folder->formats = settings->formats;
	folder->choose = !settings->formats.count;
	for (const struct ct_format *format = ct_formats; folder->choose && format->name; format++)
		if (folder->formats.count < CT_FORMATS_MAX && !format->for_databases)
			folder->formats.formats[folder->formats.count++] = format;
	folder->main = open_memstream(&folder->main_text, &folder->main_bytes);
	folder->others = open_memstream(&folder->others_text, &folder->others_bytes);
	if (!folder->main || !folder->others || set_pattern(folder, settings) < 0) {
		rmdir(folder->path);
		return ct_error_no_memory(error);
	}
	return CT_OK;
}

/* Write a profile in one format and, unless lines is NULL, a line about it for README.md. */
static int write_format(struct ct_folder *folder, const struct ct_profile *profile, const char *report,
			const struct ct_format *format, FILE *lines, struct ct_error_text *error)
{
	struct ct_input input = {.path = ct_name_base(report), .fd = -1};
	const struct ct_export job = {.input = &input, .format = format};
	char *name = format == ct_formats ? strdup(report) : ct_export_name(report, format, CT_METRIC_NONE);
	int code = name ? ct_export_write(&job, profile, name, error) : ct_error_no_memory(error);
	if (!code && lines)
		ct_readme_file(lines, ct_name_base(name), format);
	free(name);
	/* CT_ERR_USAGE: the format cannot show this recording. A full disk, for example, has another code. */
	if (code != CT_ERR_USAGE || !folder->choose)
		return code;
	if (lines)
		ct_readme_no_file(lines, format, error->line);
	return CT_OK;
}

static int write_files(struct ct_folder *folder, const struct ct_profile *profile, const char *report, FILE *lines,
		       struct ct_error_text *error)
{
	int code = CT_OK;
	for (size_t i = 0; i < folder->formats.count && !code; i++)
		code = write_format(folder, profile, report, folder->formats.formats[i], lines, error);
	return code;
}

static int add_profile(struct ct_folder *folder, const struct ct_profile *profile, const char *report, bool main,
		       struct ct_error_text *error)
{
	if (!main) {
		int code = write_files(folder, profile, report, NULL, error);
		if (!code)
			ct_readme_child(folder->others, profile, ct_name_base(report));
		return code;
	}
	int code = ct_readme_process(folder->main, profile, error);
	return code ? code : write_files(folder, profile, report, folder->main, error);
}

/* Write the program's ad-hoc events, copies or mappings, if there are any, to a file next to the heap's. */
static int add_events(struct ct_folder *folder, const struct ct_store_file *store, enum ct_profile_mode mode,
		      const char *report, bool main, struct ct_error_text *error)
{
	struct ct_profile *profile = NULL;
	if (!ct_store_has_events(store, mode))
		return CT_OK;
	char *name = ct_export_events_name(report, mode);
	int code = name ? ct_store_events(store, mode, &profile, error) : ct_error_no_memory(error);
	if (!code && ct_store_facts(store, profile))
		code = ct_error_no_memory(error);
	if (!code)
		code = write_format(folder, profile, name, ct_formats, main ? folder->main : NULL, error);
	ct_profile_free(profile);
	free(name);
	return code;
}

int ct_folder_add(struct ct_folder *folder, const char *path, const char *output, bool main,
		  enum ct_folder_summary summary, bool keep, struct ct_error_text *error)
{
	struct ct_profile *profile = NULL;
	struct ct_store_file store;
	char *report = NULL;
	int code = ct_store_file_open(path, &store, error);
	if (!code && asprintf(&report, "%s/%s", folder->path, ct_name_base(output)) < 0) {
		report = NULL;
		code = ct_error_no_memory(error);
	}
	if (!code)
		code = ct_store_profile(&store, &profile, error);
	if (!code && ct_store_facts(&store, profile))
		code = ct_error_no_memory(error);
	if (!code)
		ct_caveat_torn(profile, path);
	if (!code && summary != CT_FOLDER_SILENT)
		ct_caveat_memory(profile);
	if (!code)
		code = add_profile(folder, profile, report, main, error);
	if (!code)
		code = add_events(folder, &store, CT_MODE_AD_HOC, report, main, error);
	if (!code)
		code = add_events(folder, &store, CT_MODE_COPY, report, main, error);
	if (!code)
		code = add_events(folder, &store, CT_MODE_MAPPINGS, report, main, error);
	if (!code && summary)
		ct_export_summary(profile, &store, summary == CT_FOLDER_ONE_LINE ? ct_name_base(report) : folder->path,
				  summary == CT_FOLDER_ONE_LINE);
	if (!code && !keep && !store.failed && unlink(path) < 0)
		code = ct_error_set(error, CT_ERR_IO, "%s: cannot be removed: %s", path, strerror(errno));
	else if (code) /* limit the error, which may contain long paths, so that the store's path fits */
		ct_error_set(error, code, "%.500s; the store stays: %s", strdupa(error->line), path);
	ct_profile_free(profile);
	ct_store_file_close(&store);
	free(report);
	return code;
}

static int write_readme(struct ct_folder *folder, char **arguments, int status, struct ct_error_text *error)
{
	char path[PATH_MAX + sizeof("/README.md")];
	struct ct_out_file file;
	snprintf(path, sizeof(path), "%s/README.md", folder->path);
	int code = ct_out_open(path, &file, error);
	if (!code)
		code = ct_readme_head(file.stream, arguments, folder->start, status, error);
	if (!code) {
		if (*folder->together)
			ct_readme_together(file.stream, folder->together, folder->chart);
		fwrite(folder->main_text, 1, folder->main_bytes, file.stream);
		if (folder->others_bytes) {
			ct_readme_children(file.stream);
			fwrite(folder->others_text, 1, folder->others_bytes, file.stream);
		}
	}
	return ct_out_close(&file, code, error);
}

int ct_folder_end(struct ct_folder *folder, char **arguments, int status, struct ct_error_text *error)
{
	if (!*folder->path)
		return CT_OK;
	if (fflush(folder->main) || fflush(folder->others))
		return ct_error_no_memory(error);
	if (!folder->main_bytes && !folder->others_bytes) {
		rmdir(folder->path); /* fails if there are stores in it */
		return CT_OK;
	}
	return write_readme(folder, arguments, status, error);
}

void ct_folder_fini(struct ct_folder *folder)
{
	if (folder->main)
		fclose(folder->main);
	if (folder->others)
		fclose(folder->others);
	free(folder->chart);
	free(folder->main_text);
	free(folder->others_text);
	*folder = (struct ct_folder){0};
}
