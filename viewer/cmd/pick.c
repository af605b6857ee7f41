/* SPDX-License-Identifier: MIT */
#include "cmd/pick.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/cmd.h"
#include "load/brief.h"
#include "names/number.h"
#include "util/progress.h"
#include "util/utf8.h"
#include "view/together.h"

#define ROWS_MAX 20

struct row {
	const char *path;
	struct ct_brief brief;
};

/* Heaps first, the largest first; what cannot be read comes last. */
static int compare_rows(const void *left, const void *right)
{
	const struct row *a = left, *b = right;
	if (a->brief.heap != b->brief.heap)
		return a->brief.heap ? -1 : 1;
	if (a->brief.total_bytes != b->brief.total_bytes)
		return a->brief.total_bytes < b->brief.total_bytes ? 1 : -1;
	return strcmp(a->path, b->path);
}

static void print_name(FILE *out, const char *path)
{
	char *clean = ct_utf8_clean(path, strlen(path), NULL);
	fputs(clean ? clean : "", out);
	free(clean);
}

/* What all reports of the folder had live at the same time, if at least two of them were. */
static void print_together(FILE *out, const struct row *rows, size_t count)
{
	struct ct_life *lives = calloc(count, sizeof(*lives));
	struct ct_together together;
	struct ct_terminal terminal;
	struct ct_line line;
	char number[CT_NUMBER_ROOM], time[CT_NUMBER_ROOM];
	size_t known = 0;
	for (size_t i = 0; i < count && lives; i++)
		if (rows[i].brief.heap && rows[i].brief.life.step_count)
			lives[known++] = rows[i].brief.life;
	if (known > 1 && ct_together_overlap(lives, known) && !ct_together_add_up(lives, known, &together)) {
		ct_terminal_probe(&terminal, out, CT_COLOR_AUTO);
		ct_line_init(&line, &terminal, out);
		ct_line_format(&line, "at most %s live in all of them together, %s after start",
			       ct_number_bytes(number, together.most_bytes),
			       ct_number_time(time, (double)(together.most_time - together.begin) / 1e3, "µs"));
		ct_line_end(&line);
		ct_line_put_together(&line, &together);
		ct_line_end(&line);
		ct_line_fini(&line);
	}
	free(lives);
}

static void print_list(FILE *out, const char *folder, const struct row *rows, size_t count)
{
	char number[CT_NUMBER_ROOM], total[CT_NUMBER_ROOM], peak[CT_NUMBER_ROOM], end[CT_NUMBER_ROOM];
	size_t length = strlen(folder);
	fprintf(out, "%s in ", ct_number_count(number, count, "reports"));
	print_name(out, folder);
	fprintf(out, ", the largest first\n\n%10s %10s %10s  REPORT\n", "TOTAL", "PEAK", "END");
	for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
		const struct ct_brief *brief = &rows[i].brief;
		const char *name = rows[i].path + length + strspn(rows[i].path + length, "/");
		if (brief->heap)
			fprintf(out, "%10s %10s %10s  ", ct_number_bytes(total, brief->total_bytes),
				ct_number_bytes(peak, brief->peak_bytes), ct_number_bytes(end, brief->end_bytes));
		else
			fprintf(out, "%10s %10s %10s  ", "-", "-", "-");
		print_name(out, name);
		putc('\n', out);
	}
	if (count > ROWS_MAX)
		fprintf(out, "and %s more\n", ct_number_exact(number, count - ROWS_MAX));
	putc('\n', out);
	print_together(out, rows, count);
}

static int choose(const char *command, const char *folder, struct ct_inputs *inputs, FILE *list, char **path,
		  struct ct_error_text *error)
{
	struct row *rows = calloc(inputs->count, sizeof(*rows));
	char number[CT_NUMBER_ROOM];
	if (!rows)
		return ct_error_no_memory(error);
	ct_progress_begin("reading the folder");
	for (size_t i = 0; i < inputs->count; i++) {
		ct_progress_at(i, inputs->count);
		rows[i].path = inputs->paths[i];
		if (inputs->count > 1)
			ct_brief_read(rows[i].path, &rows[i].brief);
	}
	ct_progress_end();
	qsort(rows, inputs->count, sizeof(*rows), compare_rows);
	if (list && inputs->count > 1)
		print_list(list, folder, rows, inputs->count);
	else if (!list)
		ct_cmd_fail(command, 0, "%s: %s report%s %s", folder, ct_number_exact(number, inputs->count),
			    inputs->count == 1 ? ":" : "s; the largest is", rows[0].path);
	*path = strdup(rows[0].path);
	for (size_t i = 0; i < inputs->count; i++)
		ct_brief_fini(&rows[i].brief);
	free(rows);
	return *path ? CT_OK : ct_error_no_memory(error);
}

/* Replace the folder by the newest folder in it that has reports. Returns how many there are, or < 0. */
static int go_down(char **folder, struct ct_inputs *inputs, struct ct_error_text *error)
{
	DIR *entries = opendir(*folder);
	const struct dirent *entry;
	struct timespec newest = {0, 0};
	char *found = NULL;
	int count = 0;
	while (entries && (entry = readdir(entries))) {
		struct ct_inputs inside = {0};
		struct ct_error_text ignored;
		struct stat status = {0};
		char *path = NULL;
		if (*entry->d_name == '.' || asprintf(&path, "%s/%s", *folder, entry->d_name) < 0)
			continue;
		bool is = stat(path, &status) == 0 && S_ISDIR(status.st_mode) &&
			  !ct_inputs_add_folder(&inside, path, &ignored);
		ct_inputs_fini(&inside);
		count += is;
		bool newer = status.st_mtim.tv_sec > newest.tv_sec ||
			     (status.st_mtim.tv_sec == newest.tv_sec && status.st_mtim.tv_nsec > newest.tv_nsec);
		if (!is || !newer) {
			free(path);
			continue;
		}
		newest = status.st_mtim;
		free(found);
		found = path;
	}
	if (entries)
		closedir(entries);
	if (!found)
		return ct_error_set(error, CT_ERR_USAGE, "%s: no report and no store in this folder", *folder);
	free(*folder);
	*folder = found;
	int code = ct_inputs_add_folder(inputs, found, error);
	return code ? code : count;
}

int ct_pick_folder(const char *command, char **folder, struct ct_inputs *inputs, struct ct_error_text *error)
{
	size_t length = strlen(*folder);
	while (length > 1 && (*folder)[length - 1] == '/')
		(*folder)[--length] = '\0';
	int code = ct_inputs_add_folder(inputs, *folder, error);
	if (code == CT_ERR_USAGE) {
		int recordings = go_down(folder, inputs, error);
		code = recordings < 0 ? recordings : CT_OK;
		if (recordings > 1)
			ct_cmd_fail(command, 0, "%d recordings; this is the newest: %s", recordings, *folder);
	}
	if (!code && ct_inputs_drop_twins(inputs, error) < 0)
		code = CT_ERR_MEMORY;
	return code;
}

int ct_pick(const char *command, const char *word, FILE *list, char **path, struct ct_error_text *error)
{
	struct stat status;
	*path = strdup(word);
	if (!*path)
		return ct_error_no_memory(error);
	if (stat(word, &status) < 0 || !S_ISDIR(status.st_mode))
		return CT_OK;
	struct ct_inputs inputs = {0};
	char *folder = *path;
	*path = NULL;
	int code = ct_pick_folder(command, &folder, &inputs, error);
	if (!code)
		code = choose(command, folder, &inputs, list, path, error);
	ct_inputs_fini(&inputs);
	free(folder);
	return code;
}
