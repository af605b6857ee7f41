/* SPDX-License-Identifier: MIT */
#include "export/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load/load.h"
#include "load/store/store_builder.h"
#include "load/store/store_file.h"
#include "load/store/store_process.h"
#include "memory/take.h"
#include "model/threads.h"
#include "record/left_store.h"
#include "util/message.h"
#include "util/progress.h"
#include "util/text.h"
#include "view/caveat.h"
#include "write/file.h"
#include "write/put_json.h"
#include "write/write.h"

#define STORE_SUFFIX ".store"
#define LOADING 0.5 /* of the time that an export takes */

bool ct_export_same_file(const char *a, const char *b)
{
	struct stat one, two;
	return stat(a, &one) == 0 && stat(b, &two) == 0 && one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

/* Is this store still where it was recorded, next to its report and named after it, and not another user's? */
static bool is_at_home(const char *output, const char *store_path)
{
	struct stat store;
	char *home = NULL;
	bool same = stat(store_path, &store) == 0 && store.st_uid == geteuid() && *output == '/' &&
		    asprintf(&home, "%s" STORE_SUFFIX, output) > 0 && ct_export_same_file(home, store_path);
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
	/* A store that was moved, or that belongs to another user, must not decide which file is written. */
	if (ct_ends_with(store_path, STORE_SUFFIX))
		return strndup(store_path, strlen(store_path) - strlen(STORE_SUFFIX));
	return asprintf(&output, "%s.json", store_path) < 0 ? NULL : output;
}

size_t ct_export_stem(const char *report)
{
	size_t length = strlen(report);
	return length - (ct_ends_with(report, ".json")      ? strlen(".json")
			 : ct_ends_with(report, ".json.gz") ? strlen(".json.gz")
							    : 0);
}

char *ct_export_name(const char *report, const struct ct_format *format, enum ct_metric metric)
{
	bool tell = format->one_metric && metric && metric != format->metric;
	if (!tell && ct_ends_with(report, format->suffix))
		return strdup(report);
	size_t length = ct_export_stem(report);
	char *name;
	return asprintf(&name, "%.*s%s%s%s", (int)length, report, tell ? "." : "", tell ? ct_metric_name(metric) : "",
			format->suffix) < 0
		       ? NULL
		       : name;
}

bool ct_export_is_store(const char *output)
{
	return ct_ends_with(output, STORE_SUFFIX);
}

static const char *events_word(enum ct_profile_mode mode)
{
	return mode == CT_MODE_COPY ? "copies" : mode == CT_MODE_MAPPINGS ? "mappings" : "events";
}

char *ct_export_events_name(const char *report, enum ct_profile_mode mode)
{
	char *name;
	return asprintf(&name, "%.*s.%s.json", (int)ct_export_stem(report), report, events_word(mode)) < 0 ? NULL
													   : name;
}

/* Decide where the report goes; *output is to be freed. */
static int choose_output(const struct ct_export *job, const struct ct_store_file *store, char **output,
			 struct ct_error_text *error)
{
	char *report = job->output   ? strdup(job->output)
		       : job->report ? strdup(job->report)
		       : store       ? ct_export_output(job->input->path, store)
		       : job->input->packed && ct_ends_with(job->input->path, ".gz")
			       ? strndup(job->input->path, strlen(job->input->path) - strlen(".gz"))
			       : strdup(job->input->path);
	*output = report;
	if (report && !job->output && job->mode) {
		*output = ct_export_events_name(report, job->mode);
		free(report);
		report = *output;
	}
	if (report && !job->output && !job->keep_name && job->format != ct_formats) {
		*output = ct_export_name(report, job->format, job->metric);
		free(report);
	}
	if (!*output)
		return ct_error_no_memory(error);
	if (!job->output && ct_input_is_stdin(job->input->path))
		return ct_error_set(error, CT_ERR_USAGE, "stdin has no name: name the output with -o; - is stdout");
	if (job->unnamed && ct_export_same_file(job->input->path, *output))
		return ct_error_set(error, CT_ERR_USAGE,
				    "%s is such a report already: name a format with -f, such as html, pprof or folded",
				    *output);
	if (ct_export_same_file(job->input->path, *output))
		return ct_error_set(error, CT_ERR_USAGE, "%s is the input itself; name another output with -o",
				    *output);
	return CT_OK;
}

/* Take the ledger of the process that records into the store. If that fails, the report goes without. */
static void add_memory(const struct ct_store_file *store, struct ct_store_builder *builder)
{
	struct ct_profile *profile = ct_store_builder_profile(builder);
	struct ct_error_text error;
	struct ct_taken taken = {0};
	int code = ct_take_by_store(store, &taken, &error);
	if (!code)
		code = ct_taken_name(&taken, store, &error);
	if (code)
		snprintf(profile->no_memory, sizeof(profile->no_memory), "%.*s", (int)sizeof(profile->no_memory) - 1,
			 error.line);
	else
		ct_taken_put(&taken, builder);
	ct_taken_fini(&taken);
}

/* The process lives, if only to wait for us at its end. */
static int load_living(const struct ct_export *job, const struct ct_store_file *store, struct ct_profile **profile,
		       struct ct_error_text *error)
{
	struct ct_store_builder *builder = ct_store_builder_new();
	int code = builder ? ct_store_builder_update(builder, store, error) : ct_error_no_memory(error);
	if (!code)
		code = ct_store_builder_complete(builder, store, error);
	if (code) {
		ct_store_builder_free(builder);
		return ct_error_context(error, code, "%s", job->input->path);
	}
	add_memory(store, builder);
	*profile = ct_store_builder_release(builder, store);
	return CT_OK;
}

static int load_store(const struct ct_store_file *store, enum ct_profile_mode mode, const char *path,
		      struct ct_profile **profile, struct ct_error_text *error)
{
	int code = ct_store_events(store, mode, profile, error);
	if (!code && ct_store_facts(store, *profile))
		code = ct_error_no_memory(error);
	return code ? ct_error_context(error, code, "%s", path) : CT_OK;
}

int ct_export_load(const char *path, struct ct_profile **profile, struct ct_error_text *error)
{
	struct ct_store_file store = {0};
	struct ct_input input;
	*profile = NULL;
	int code = ct_input_open(path, &input, error);
	if (!code && input.is_store) {
		code = ct_store_file_read(input.fd, path, &store, error);
		if (!code)
			code = load_store(&store, CT_MODE_HEAP, path, profile, error);
	} else if (!code) {
		code = ct_load_report(&input, profile, error);
	}
	if (code) {
		ct_profile_free(*profile);
		*profile = NULL;
	}
	ct_store_file_close(&store);
	ct_input_close(&input);
	return code;
}

static int write_profile(const struct ct_export *job, const struct ct_profile *profile, ct_format_write *write,
			 FILE *out, struct ct_error_text *error)
{
	enum ct_metric metric = job->metric ? job->metric : job->format->metric;
	const struct ct_html plain = {.split_threads = job->split_threads};
	struct ct_profile folded;
	if (metric && !ct_metric_exists(profile, metric))
		metric = ct_metric_main(profile);
	if (write == ct_write_html)
		return ct_write_page(profile, metric, job->html ? job->html : &plain, out, error);
	if (!profile->has_threads || profile->threads_folded || job->split_threads || job->format->has_threads)
		return write(profile, metric, out, error);
	int code = ct_threads_fold(profile, &folded, error);
	if (!code)
		code = write(&folded, metric, out, error);
	ct_threads_fini(&folded);
	return code;
}

/* The name of a file beside the output, to be freed: with its own suffix in place of the format's. */
static char *beside_name(const struct ct_format *format, const char *output, const char *suffix)
{
	size_t length = strlen(output);
	char *name;
	if (ct_ends_with(output, format->suffix))
		length -= strlen(format->suffix);
	else if (ct_ends_with(output, strrchr(format->suffix, '.')))
		length -= strlen(strrchr(format->suffix, '.'));
	return asprintf(&name, "%.*s%s", (int)length, output, suffix) < 0 ? NULL : name;
}

/* Open the files of the format, and write them. *count gets the number of files. */
static int write_files(const struct ct_export *job, const struct ct_profile *profile, const char *output,
		       struct ct_out_file *files, size_t *count, struct ct_error_text *error)
{
	struct stat status;
	bool stream = !strcmp(output, "-") || (stat(output, &status) == 0 && !S_ISREG(status.st_mode));
	int code = CT_OK;
	for (size_t i = 0; i <= CT_BESIDE_MAX && !code; i++) {
		ct_format_write *write = i ? job->format->beside[i - 1].write : job->format->write;
		if (i && (stream || !write))
			break;
		char *name = i ? beside_name(job->format, output, job->format->beside[i - 1].suffix) : strdup(output);
		code = name ? ct_out_open(name, &files[(*count)++], error) : ct_error_no_memory(error);
		if (!code) {
			code = write_profile(job, profile, write, files[i].stream, error);
			if (!code && fflush(files[i].stream))
				code = ct_put_end(files[i].stream, error);
			if (code)
				ct_error_context(error, code, "%s", name);
		}
		free(name);
	}
	return code;
}

int ct_export_write(const struct ct_export *job, const struct ct_profile *profile, const char *output,
		    struct ct_error_text *error)
{
	struct ct_out_file files[1 + CT_BESIDE_MAX];
	size_t count = 0;
	int code = ct_format_check(job->format, job->metric, profile, job->input->path, error);
	if (code)
		return code;
	code = write_files(job, profile, output, files, &count, error);
	while (count) /* the output itself last: once it is there, so are the others */
		code = ct_out_close(&files[--count], code, error);
	return code;
}

/* Does a process still record into the store? */
static bool is_in_use(const char *path)
{
	struct ct_left_store left;
	char *whole = realpath(path, NULL);
	bool in_use = whole && ct_left_store_read(AT_FDCWD, whole, &left) && ct_left_store_in_use(&left, whole);
	free(whole);
	return in_use;
}

/* What the user says about the process, in place of what is known. */
static int label(const struct ct_export *job, struct ct_profile *profile, struct ct_error_text *error)
{
	const struct {
		const char *text;
		char **member;
	} labels[] = {{job->host, &profile->host},
		      {job->service, &profile->service},
		      {job->service_version, &profile->service_version}};
	for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++)
		if (labels[i].text && ct_profile_set_text(labels[i].member, labels[i].text, strlen(labels[i].text)))
			return ct_error_no_memory(error);
	return CT_OK;
}

static int select_part(const struct ct_export *job, struct ct_profile *profile, struct ct_error_text *error)
{
	struct ct_selected selected;
	if (!job->selection || !ct_selection_any(job->selection))
		return CT_OK;
	int code = ct_select(profile, job->selection, &selected, error);
	if (!code && !job->brief)
		ct_caveat_selected(&selected);
	if (!code && selected.dropped && job->format->needs & CT_NEEDS_TIMELINE)
		return ct_error_set(error, CT_ERR_USAGE,
				    "%s shows the whole process over time: leave --focus and --ignore out",
				    job->format->name);
	return code;
}

/* store is the opened input, or NULL if the input is a report. */
static int export(const struct ct_export *job, const struct ct_store_file *store, struct ct_error_text *error)
{
	struct ct_profile *profile = NULL;
	char *output;
	int code = choose_output(job, store, &output, error);
	struct ct_progress_part all = ct_progress_enter(0, LOADING);
	if (!code)
		code = store && job->memory && !job->mode ? load_living(job, store, &profile, error)
		       : store ? load_store(store, job->mode, job->input->path, &profile, error)
			       : ct_load_report(job->input, &profile, error);
	ct_progress_leave(all);
	ct_input_close(job->input);
	if (!code && store && !profile->ended)
		profile->running = is_in_use(job->input->path);
	if (!code)
		code = label(job, profile, error);
	if (!code)
		code = select_part(job, profile, error);
	bool wants_quiet = store && store->header->flags & CT_STORE_QUIET;
	if (!code)
		ct_caveat_torn(profile, job->input->path);
	if (!code && !job->brief && !job->quiet && !(job->at_exit && wants_quiet))
		ct_caveat_memory(profile);
	ct_progress_enter(LOADING, 1);
	bool replaces = !code && ct_out_replaces(output);
	if (!code)
		code = ct_export_write(job, profile, output, error);
	ct_progress_leave(all);
	char note[256];
	bool quiet = job->quiet || (!job->loud && wants_quiet);
	if (!code && !job->output && !quiet) {
		if (store && !job->brief && !job->mode)
			ct_export_summary(profile, store, output, job->one_line);
		else if (store && job->mode)
			ct_message(replaces ? "%s: report %s, in place of an older one" : "%s: report %s",
				   events_word(job->mode), output);
		else
			ct_export_say(output, replaces);
	}
	if (!code && !quiet && job->format->note && job->format->note(profile, note, sizeof(note)))
		ct_message("%s", note);
	ct_profile_free(profile);
	if (job->written && !code)
		*job->written = output;
	else
		free(output);
	return code;
}

/* Write a report of the program's ad-hoc events, copies or mappings, if there are any, next to the heap's. */
static int export_events(const struct ct_export *job, const struct ct_store_file *store, enum ct_profile_mode mode,
			 struct ct_error_text *error)
{
	struct ct_export events = *job;
	if (!ct_store_has_events(store, mode))
		return CT_OK;
	events.mode = mode;
	events.format = ct_formats;
	events.metric = CT_METRIC_NONE;
	events.written = NULL;
	return export(&events, store, error);
}

static int write_copy(const struct ct_export *job, struct ct_store_file *store, struct ct_error_text *error)
{
	struct ct_out_file file;
	if (store->failed)
		return ct_error_set(error, CT_ERR_DAMAGED,
				    "%s: copied while it was written: no whole copy can be made of it",
				    job->input->path);
	int code = ct_out_open(job->output, &file, error);
	if (!code)
		code = ct_store_file_write(store, file.stream, error);
	return ct_out_close(&file, code, error);
}

int ct_export_run(const struct ct_export *job, struct ct_error_text *error)
{
	struct ct_store_file store;
	const char *path = job->input->path;
	if (!job->input->is_store && job->mode)
		return ct_error_set(error, CT_ERR_USAGE, "%s is not a store; --%s is for stores", path,
				    events_word(job->mode));
	if (!job->input->is_store && (job->segment || job->since))
		return ct_error_set(error, CT_ERR_USAGE, "%s is not a store; --segment and --since are for stores",
				    path);
	if (!job->input->is_store)
		return export(job, NULL, error);
	int code = ct_store_file_read(job->input->fd, path, &store, error);
	if (!code && (job->segment || job->since)) {
		code = ct_store_use_segment(&store, job->segment, job->since, error);
		if (code)
			ct_error_context(error, code, "%s", path);
	}
	struct ct_export one = *job;
	bool wanted = job->at_exit && store.header && store.header->flags & CT_STORE_MEMORY;
	one.memory = job->memory || (wanted && !store.look);
	ct_input_close(job->input); /* there may be one descriptor only (RLIMIT_NOFILE), and the output needs it */
	if (!code && job->live && ct_export_is_store(job->output))
		code = write_copy(job, &store, error);
	else if (!code)
		code = export(&one, &store, error);
	bool beside = !job->output && !job->mode && !job->brief;
	if (!code && beside)
		code = export_events(job, &store, CT_MODE_AD_HOC, error);
	if (!code && beside)
		code = export_events(job, &store, CT_MODE_COPY, error);
	if (!code && beside)
		code = export_events(job, &store, CT_MODE_MAPPINGS, error);
	bool kept = store.failed || store.segment_rows || (store.header && store.header->flags & CT_STORE_KEEP);
	if (!code && job->remove_store && !kept && unlink(path) < 0)
		code = ct_error_set(error, CT_ERR_IO, "%s: cannot be removed: %s", path, strerror(errno));
	ct_store_file_close(&store);
	return code;
}

int ct_export_file(const struct ct_export *job, const char *path, struct ct_error_text *error)
{
	struct ct_export one = *job;
	struct ct_input input;
	int code = ct_input_open(path, &input, error);
	one.input = &input;
	if (!code)
		code = ct_export_run(&one, error);
	ct_input_close(&input);
	return code;
}

int ct_export_formats(const struct ct_export *job, const char *path, const struct ct_format_set *formats,
		      struct ct_error_text *error)
{
	int code = CT_OK;
	for (size_t i = 0; i < formats->count && !code; i++) {
		struct ct_progress_part all =
			ct_progress_enter((double)i / (double)formats->count, (double)(i + 1) / (double)formats->count);
		struct ct_export one = *job;
		one.format = formats->formats[i];
		one.brief = i > 0;
		one.written = one.format == ct_formats ? job->written : NULL;
		one.remove_store = job->remove_store && i + 1 == formats->count;
		code = ct_export_file(&one, path, error);
		ct_progress_leave(all);
	}
	return code;
}
