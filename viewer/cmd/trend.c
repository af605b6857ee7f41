/* SPDX-License-Identifier: MIT */
/* ctrace trend: shows how memory use has changed over many recordings. */
#include "cmd/cmd.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/inputs.h"
#include "cmd/shared_options.h"
#include "load/load.h"
#include "names/names.h"
#include "util/text.h"
#include "view/caveat.h"
#include "view/pager.h"
#include "view/trend.h"
#include "write/file.h"

#define COMMAND "trend"
#define ROWS_DEFAULT 5

enum format { FORMAT_TEXT, FORMAT_MARKDOWN, FORMAT_CSV, FORMAT_JSON, FORMATS };

struct request {
	enum ct_metric metric;
	enum format format;
	enum ct_color_mode color;
	size_t rows;
	const char *page;
	struct ct_trend trend;
	struct ct_error_text error;
};

static const char *const formats[] = {"text", "md", "csv", "json", NULL}; /* by enum format */

static void (*const writers[FORMATS])(const struct ct_trend_view *, FILE *) = {
	[FORMAT_MARKDOWN] = ct_trend_markdown,
	[FORMAT_CSV] = ct_trend_csv,
	[FORMAT_JSON] = ct_trend_json,
};

static const struct ct_option options[] = {
	{.letter = 'm',
	 .name = "metric",
	 .argument = "METRIC",
	 .help = "whose change from run to run is shown",
	 .standard = "peak-bytes",
	 .set = ct_set_metric,
	 .at = offsetof(struct request, metric),
	 .value = ct_values_metrics,
	 .values_shown = true},
	{.letter = 'n',
	 .name = "rows",
	 .argument = "N",
	 .help = "sites that have grown most to show, 0 = all",
	 .standard = "5",
	 .set = ct_set_rows,
	 .at = offsetof(struct request, rows)},
	{.letter = 'f',
	 .name = "format",
	 .argument = "FORMAT",
	 .help = "text, md (a Markdown table), csv or json",
	 .standard = "text",
	 .set = ct_set_choice,
	 .at = offsetof(struct request, format),
	 .choices = formats},
	{.name = "html",
	 .argument = "PAGE",
	 .help = "also write a page with a chart for each number",
	 .set = ct_set_text,
	 .at = offsetof(struct request, page),
	 .file = true},
};

static int add_run(struct request *request, const char *label, const char *path)
{
	struct ct_profile *profile;
	int code = ct_load(path, &profile, &request->error);
	if (code)
		return code;
	ct_caveat_input(profile, path);
	return ct_trend_add(&request->trend, label, profile, &request->error);
}

/* The file's name without its suffix, to be freed; NULL when out of memory. */
static char *label_of(const char *path)
{
	static const char *const suffixes[] = {".gz", ".store", ".json"};
	char *label = strdup(ct_name_base(path));
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]) && label; i++)
		if (ct_ends_with(label, suffixes[i]))
			label[strlen(label) - strlen(suffixes[i])] = '\0';
	return label;
}

static int add_named(struct request *request, const char *name, const char *path)
{
	char *label = name ? strdup(name) : label_of(path);
	int code = label ? add_run(request, label, path) : ct_error_no_memory(&request->error);
	free(label);
	return code;
}

/* A folder with one recording is called by its own name, "app-2026-11-27-1803" for all those of ctrace record -o runs/.
 */
static int add_files(struct request *request, const char *word)
{
	struct ct_inputs inputs = {0};
	struct stat status;
	size_t length = strlen(word);
	int code = ct_inputs_add(&inputs, word, NULL, &request->error);
	if (!code && ct_inputs_drop_twins(&inputs, &request->error) < 0)
		code = CT_ERR_MEMORY;
	while (length > 1 && word[length - 1] == '/')
		length--;
	char *folder =
		inputs.count == 1 && stat(word, &status) == 0 && S_ISDIR(status.st_mode) ? strndup(word, length) : NULL;
	for (size_t i = 0; i < inputs.count && !code; i++)
		code = add_named(request, folder ? ct_name_base(folder) : NULL, inputs.paths[i]);
	free(folder);
	ct_inputs_fini(&inputs);
	return code;
}

/* A file, folder or pattern; or LABEL=FILE, unless a file has that name. */
static int add_word(struct request *request, const char *word)
{
	const char *equal = strchr(word, '=');
	struct stat status;
	if (!equal || equal == word || lstat(word, &status) == 0)
		return add_files(request, word);
	char *label = strndup(word, (size_t)(equal - word));
	int code = label ? add_named(request, label, equal + 1) : ct_error_no_memory(&request->error);
	free(label);
	return code;
}

static int write_page(struct request *request, const struct ct_trend_view *view)
{
	struct ct_out_file file;
	int code = ct_out_open(request->page, &file, &request->error);
	if (!code)
		ct_trend_html(view, file.stream);
	return ct_out_close(&file, code, &request->error);
}

static int write_out(struct request *request)
{
	const struct ct_trend_view view = {.trend = &request->trend, .rows = request->rows};
	struct ct_terminal terminal;
	struct ct_out_file file;
	int code = request->page ? write_page(request, &view) : CT_OK;
	if (code)
		return code;
	code = ct_out_open("-", &file, &request->error);
	if (!code && request->format == FORMAT_TEXT) {
		ct_terminal_probe(&terminal, stdout, request->color);
		ct_pager_begin(&terminal, file.stream);
		code = ct_trend_text(&view, &terminal, file.stream) ? ct_error_no_memory(&request->error) : CT_OK;
	} else if (!code) {
		writers[request->format](&view, file.stream);
	}
	code = ct_out_close(&file, code, &request->error);
	/* A reader that has gone away (`| head`) is not an error. */
	return code == CT_ERR_IO && errno == EPIPE ? CT_OK : code;
}

static int run(int argc, char **argv)
{
	struct request request = {.metric = CT_METRIC_PEAK_BYTES, .rows = ROWS_DEFAULT};
	int code, rest = ct_command_begin(&ct_command_trend, &request, argc, argv, &code);
	if (rest < 0)
		return code;
	if (rest == argc)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "no runs to compare; see ctrace trend --help");
	setlocale(LC_CTYPE, "");
	ct_trend_init(&request.trend, request.metric);
	code = CT_OK;
	for (; rest < argc && !code; rest++)
		code = add_word(&request, argv[rest]);
	if (!code)
		code = ct_trend_end(&request.trend, &request.error);
	if (!code)
		code = write_out(&request);
	ct_trend_fini(&request.trend);
	return code ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", request.error.line) : CT_EXIT_FINE;
}

const struct ct_command ct_command_trend = {
	.name = COMMAND,
	.summary = "show how memory use has changed over many recordings",
	.usage = "[options] RUN...",
	.about =
		"Show the totals of recordings in the order in which they are given, such as one for each commit, and which sites "
		"have grown most from the first to the last. RUN is a store, a report, a folder or pattern of them, or LABEL=FILE.",
	.groups = {CT_OPTION_GROUP(options, 0), CT_OPTION_GROUP(ct_page_options, offsetof(struct request, color)),
		   CT_OPTION_GROUP(ct_sysroot_options, 0)},
	.run = run,
};
