/* SPDX-License-Identifier: MIT */
#include "record/reports.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctrace/report_name.h"
#include "export/export.h"
#include "names/number.h"
#include "record/collect.h"
#include "record/processes.h"
#include "util/interrupt.h"
#include "util/message.h"
#include "util/progress.h"
#include "view/together.h"

#define README_COLUMNS 100

static const struct ct_run *ended_run;

static void end_like_program(void)
{
	_exit(ct_run_exit_like(ended_run));
}

/* How many earlier images with a report are the same program in the same process? */
static size_t count_before(const struct ct_tree *tree, const struct ct_tree_image *image)
{
	size_t count = 0;
	for (const struct ct_tree_image *at = tree->images; at < image; at++)
		count += at->chosen && at->pid == image->pid && !strcmp(at->program, image->program);
	return count;
}

/* The report's name that an image of this place gets; NULL: the one that it wanted. To be freed. */
static char *name_report(const struct ct_collect *collect, const struct ct_tree_image *image, size_t place)
{
	char *name = NULL, again[32] = "";
	if (!collect->fixed)
		return NULL;
	if (!place)
		return strdup(collect->fixed);
	size_t stem = ct_report_stem(collect->fixed), before = count_before(&collect->tree, image);
	if (before)
		snprintf(again, sizeof(again), ".%zu", before + 1);
	if (asprintf(&name, "%.*s.%s.%u%s%s", (int)stem, collect->fixed, image->program, image->pid, again,
		     collect->fixed + stem) < 0)
		return NULL;
	return name;
}

static int export_to_folder(struct ct_collect *collect, const struct ct_tree_image *image, size_t place, bool alone,
			    struct ct_error_text *error)
{
	enum ct_folder_summary summary = collect->quiet ? CT_FOLDER_SILENT
					 : alone        ? CT_FOLDER_SUMMARY
							: CT_FOLDER_ONE_LINE;
	return ct_folder_add(collect->folder, image->store, image->output, place == 0, summary,
			     image->kept || collect->keep, error);
}

static int export_to_files(struct ct_collect *collect, const struct ct_tree_image *image, size_t place, bool alone,
			   struct ct_error_text *error)
{
	struct ct_format_set formats = collect->formats;
	char *report = name_report(collect, image, place);
	const struct ct_export job = {
		.report = report,
		.keep_name = collect->keep_name && place == 0 && formats.count == 1,
		.remove_store = !image->kept && !collect->keep,
		.quiet = collect->quiet,
		.loud = true,
		.one_line = !alone,
		.written = place == 0 ? &collect->report : NULL,
	};
	int code = CT_OK;
	if (image->formats && !collect->late) { /* the process had its own CTRACE_FORMAT, which may be wrong */
		code = ct_format_parse(image->formats, &formats, error);
		if (code)
			ct_error_set(error, code, "%.500s; the store stays: %s", strdupa(error->line), image->store);
	}
	if (!code)
		code = ct_export_formats(&job, image->store, &formats, error);
	free(report);
	return code;
}

static void export_image(struct ct_collect *collect, const struct ct_tree_image *image, size_t place, bool alone)
{
	struct ct_error_text error;
	if (!alone)
		ct_message_collect();
	int code = collect->folder ? export_to_folder(collect, image, place, alone, &error)
				   : export_to_files(collect, image, place, alone, &error);
	if (code && !alone && !collect->quiet)
		ct_message("%s", error.line);
	if (!alone)
		ct_notes_add(collect->notes, image->pid, image->program, image->total_bytes, ct_message_collected());
	if (code && (alone || collect->quiet))
		ct_message_for("record", "%s", error.line);
	if (code)
		collect->failed++;
	else
		collect->exported++;
}

/* For an interruption: the stores from here on stay. */
static void say_what_stays(const struct ct_tree *tree, size_t first)
{
	size_t left = 0;
	const struct ct_tree_image *next = NULL;
	for (size_t i = first; i < tree->count; i++) {
		left += tree->images[i].chosen;
		next = next || !tree->images[i].chosen ? next : &tree->images[i];
	}
	if (left == 1)
		ct_interrupt_line("stopped; the store stays; make the report with: ctrace export %s", next->store);
	else if (next)
		ct_interrupt_line("stopped; %zu stores stay; make a report of each with: ctrace export %s", left,
				  next->store);
}

static void export_images(struct ct_collect *collect, bool alone)
{
	const struct ct_tree *tree = &collect->tree;
	uint64_t all = 0, done = 0;
	size_t place = 0;
	for (size_t i = 0; i < tree->count; i++)
		all += tree->images[i].chosen ? tree->images[i].file_bytes : 0;
	ct_progress_begin(tree->chosen > 1 ? "writing the reports" : "writing the report");
	ct_progress_hint(tree->chosen > 1 ? "Ctrl-C keeps the stores" : "Ctrl-C keeps the store");
	for (size_t i = 0; i < tree->count; i++) {
		const struct ct_tree_image *image = &tree->images[i];
		if (!image->chosen)
			continue;
		say_what_stays(tree, i);
		struct ct_progress_part outer =
			ct_progress_enter((double)done / (double)all, (double)(done + image->file_bytes) / (double)all);
		export_image(collect, image, place++, alone);
		ct_progress_leave(outer);
		done += image->file_bytes;
	}
	ct_progress_end();
}

/* A kept store gets the name of its report, the largest image's last: its name may be in use until then. */
static void rename_stores(const struct ct_collect *collect)
{
	const struct ct_tree *tree = &collect->tree;
	size_t place = tree->chosen;
	for (size_t i = tree->count; i-- > 0;) {
		const struct ct_tree_image *image = &tree->images[i];
		char *report, *store = NULL;
		if (!image->chosen || !(report = name_report(collect, image, --place)))
			continue;
		if ((image->kept || collect->keep) && asprintf(&store, "%s.store", report) > 0 &&
		    access(store, F_OK) < 0)
			rename(image->store, store);
		free(store);
		free(report);
	}
}

static int compare_pids(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	return a < b ? -1 : a > b;
}

/* The number of processes, each of which may have had several images. */
static size_t count_processes(const struct ct_collect *collect)
{
	size_t count = 0, different = 0;
	uint32_t *pids = calloc(collect->tree.count + collect->notes->count + 1, sizeof(*pids));
	for (size_t i = 0; i < collect->tree.count && pids; i++)
		pids[count++] = collect->tree.images[i].pid;
	for (size_t i = 0; i < collect->notes->count && pids; i++)
		pids[count++] = collect->notes->notes[i].pid;
	if (count)
		qsort(pids, count, sizeof(*pids), compare_pids);
	for (size_t i = 0; i < count; i++)
		different += !i || pids[i] != pids[i - 1];
	free(pids);
	return different;
}

/* "3 processes; at most 6.1 MiB live in all of them together, 1.2 s after start" */
static void describe_all(const struct ct_collect *collect, char *text, size_t room)
{
	char number[CT_NUMBER_ROOM], bytes[CT_NUMBER_ROOM], time[CT_NUMBER_ROOM];
	const struct ct_tree *tree = &collect->tree;
	size_t processes = count_processes(collect);
	int length =
		snprintf(text, room, "%s process%s", ct_number_exact(number, processes), processes == 1 ? "" : "es");
	if (tree->together.most_bytes)
		snprintf(text + length, room - (size_t)length,
			 "; at most %s live in all of them together, %s after start",
			 ct_number_bytes(bytes, tree->together.most_bytes),
			 ct_number_time(time, (double)(tree->together.most_time - tree->together.begin) / 1e3, "µs"));
}

/* What all processes had live over time, as a line; to be freed. NULL: there is nothing to show, or no memory. */
static char *draw_together(const struct ct_together *together, const struct ct_terminal *terminal)
{
	struct ct_line line;
	size_t length;
	char *text = NULL;
	FILE *out = together->most_bytes ? open_memstream(&text, &length) : NULL;
	if (!out)
		return NULL;
	ct_line_init(&line, terminal, out);
	ct_line_put_together(&line, together);
	ct_line_fini(&line);
	fclose(out);
	if (text && length && text[length - 1] == '\n')
		text[length - 1] = '\0';
	return text;
}

static void print_together(const struct ct_together *together)
{
	struct ct_terminal terminal;
	if (!isatty(STDERR_FILENO))
		return;
	ct_terminal_probe(&terminal, stderr, CT_COLOR_NEVER);
	terminal.columns -= (int)strlen("ctrace:   ");
	char *text = draw_together(together, &terminal);
	if (text && *text)
		ct_message("  %s", text);
	free(text);
}

/* Give README.md of the folder its chart, and the folder the numbers. */
static void keep_together(struct ct_collect *collect)
{
	const struct ct_terminal terminal = {.columns = README_COLUMNS, .utf8 = true};
	struct ct_error_text error;
	collect->folder->chart = draw_together(&collect->tree.together, &terminal);
	if (ct_processes_write(&collect->tree, collect->folder->path, &error))
		ct_message_for("record", "%s", error.line);
}

static void print_block(struct ct_collect *collect, const char *head)
{
	char others[160], number[CT_NUMBER_ROOM];
	const struct ct_tree *tree = &collect->tree;
	size_t without = tree->count - tree->chosen;
	ct_message("%s", head);
	if (!collect->quiet)
		print_together(&tree->together);
	ct_notes_print(collect->notes);
	if (without && !collect->quiet) {
		bool filtered = collect->only->count || collect->skip->count;
		ct_tree_name_others(tree, others, sizeof(others));
		ct_message("  %s %s%s, without a report (%s)%s", ct_number_exact(number, without),
			   filtered ? "other" : "small one", without == 1 ? "" : "s", others,
			   filtered ? "" : "; --only '*' keeps all");
	}
	if (collect->folder && tree->chosen && !collect->quiet)
		ct_message("report %s", collect->folder->path);
}

void ct_reports_make(struct ct_collect *collect)
{
	struct ct_tree *tree = &collect->tree;
	char head[256];
	ended_run = collect->run;
	ct_interrupt_begin(end_like_program);
	say_what_stays(tree, 0);
	ct_progress_begin("adding up the processes");
	ct_progress_hint("Ctrl-C keeps the stores");
	int code = ct_tree_choose(tree, collect->only, collect->skip);
	ct_progress_end();
	if (code < 0) {
		ct_interrupt_end();
		collect->failed++;
		ct_message_for("record", "not enough memory; the stores stay");
		return;
	}
	bool alone = tree->count == 1 && tree->chosen == 1 && !collect->notes->count;
	for (size_t i = 0; i < tree->count; i++)
		if (!tree->images[i].chosen && tree->images[i].read && !tree->images[i].kept && !collect->keep)
			unlink(tree->images[i].store);
	describe_all(collect, head, sizeof(head));
	if (collect->folder && !alone) {
		snprintf(collect->folder->together, sizeof(collect->folder->together), "%s", head);
		keep_together(collect);
	}
	export_images(collect, alone);
	ct_interrupt_end();
	rename_stores(collect);
	if (!alone && (collect->notes->count || (tree->count && !collect->quiet)))
		print_block(collect, head);
}
