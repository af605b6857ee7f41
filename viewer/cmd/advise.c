/* SPDX-License-Identifier: MIT */
/* ctrace advise: suggests improvements, in words and with the evidence. */
#include "cmd/advise.h"
#include "cmd/cmd.h"
#include "view/caveat.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/pick.h"
#include "cmd/shared_options.h"
#include "ctrace/version.h"
#include "load/load.h"
#include "model/advise.h"
#include "model/threads.h"
#include "names/names.h"
#include "view/pager.h"
#include "view/view.h"
#include "write/put_json.h"

#define COMMAND "advise"
#define ROWS_DEFAULT 10
#define VERSION 1
#define STAYS_MAX 20 /* verdicts in JSON */
#define INDENT 11 /* of the text after a label */

struct request {
	size_t rows; /* 0 = all */
	enum { FORMAT_TEXT, FORMAT_JSON } format;
	enum ct_color_mode color;
	bool what_if;
	const char *path;
};

void ct_advise_put_labelled(struct ct_line *line, const char *label, const char *text)
{
	ct_line_style(line, CT_STYLE_QUIET);
	ct_line_format(line, "   %-*s", INDENT - 3, label);
	ct_line_style(line, CT_STYLE_PLAIN);
	ct_line_put_wrapped(line, text, INDENT);
}

static void put_finding(struct ct_line *line, const struct ct_profile *profile, const struct ct_findings *findings,
			size_t number)
{
	const struct ct_advice *advice = &findings->rows[number - 1];
	char text[CT_ADVICE_ROOM];
	ct_line_format(line, "%zu. ", number);
	ct_line_style(line, CT_STYLE_STRONG);
	ct_line_add(line, ct_advice_title(advice->kind));
	ct_line_style(line, CT_STYLE_PLAIN);
	ct_line_end(line);
	ct_advise_put_labelled(line, "where", ct_advice_where(profile, findings, advice, text));
	ct_advise_put_labelled(line, "because", ct_advice_evidence(profile, advice, text));
	ct_advise_put_labelled(line, "saves", ct_advice_saving(profile, advice, text));
	ct_advise_put_labelled(line, "try", ct_advice_action(advice));
	ct_line_end(line);
}

/* Write which findings could not be checked, and why. */
static void put_missing(struct ct_line *line, const struct ct_findings *findings)
{
	const char *before = "not checked (no data in this file): ";
	bool any = false;
	ct_line_style(line, CT_STYLE_QUIET);
	for (int i = 0; i < CT_ADVICE_KINDS && findings->missing; i++) {
		/* ct_findings_no_leak says what is not known about leaks; few recordings have a ledger */
		if (!(findings->missing & 1u << i) || i == CT_ADVICE_LOST || i == CT_ADVICE_LEAK || i == CT_ADVICE_PINS)
			continue;
		any = true;
		ct_line_add(line, before);
		ct_line_add(line, ct_advice_name((enum ct_advice_kind)i));
		before = ", ";
	}
	ct_line_style(line, CT_STYLE_PLAIN);
	if (any)
		ct_line_end(line);
}

static int put_text(const struct ct_profile *profile, const struct ct_findings *findings, size_t shown,
		    enum ct_color_mode color, struct ct_error_text *error)
{
	struct ct_terminal terminal;
	struct ct_line line;
	ct_terminal_probe(&terminal, stdout, color);
	ct_pager_begin(&terminal, stdout);
	const struct ct_view view = {.profile = profile, .terminal = &terminal, .out = stdout};
	int code = ct_view_summary(&view, error);
	if (code < 0)
		return code;
	ct_line_init(&line, &terminal, stdout);
	for (size_t i = 0; i < shown; i++)
		put_finding(&line, profile, findings, i + 1);
	char text[CT_ADVICE_ROOM];
	if (!findings->count)
		ct_line_add(&line, "nothing stands out: all is below the thresholds in ctrace-advise(1)");
	else if (shown < findings->count)
		ct_line_format(&line, "%zu smaller findings; -n 0 shows all", findings->count - shown);
	if (line.columns)
		ct_line_end(&line);
	if (*ct_findings_no_leak(profile, findings, text))
		ct_line_put_wrapped(&line, text, 0);
	put_missing(&line, findings);
	ct_line_fini(&line);
	return ct_view_check(&line, error);
}

static void put_json_finding(const struct ct_profile *profile, const struct ct_findings *findings, size_t number,
			     FILE *out)
{
	const struct ct_advice *advice = &findings->rows[number];
	const struct ct_site_row *site = &profile->sites[advice->site];
	const struct ct_frame *frame = &profile->frames[profile->frame_ids[site->first_frame + advice->frame]];
	char text[CT_ADVICE_ROOM], name[CT_NAME_ROOM];
	fputs("{\"kind\":", out);
	ct_put_text(out, ct_advice_name(advice->kind));
	ct_put_text_member(out, "title", ct_advice_title(advice->kind));
	ct_put_text_member(out, "function", ct_name_short(profile, frame, name));
	ct_put_text_member(out, "place", ct_name_place(profile, frame, name));
	ct_put_text_member(out, "where", ct_advice_where(profile, findings, advice, text));
	ct_put_text_member(out, "because", ct_advice_evidence(profile, advice, text));
	ct_put_text_member(out, "saves", ct_advice_saving(profile, advice, text));
	ct_put_text_member(out, "try", ct_advice_action(advice));
	fprintf(out, ",\"share\":%.4f", advice->share);
	ct_put_number_member(out, "savedCalls", advice->saved_calls);
	ct_put_number_member(out, "savedBytes", advice->saved_bytes);
	ct_put_number_member(out, "stacks", advice->site_count);
	if (advice->kind == CT_ADVICE_LOST || advice->kind == CT_ADVICE_LEAK)
		fprintf(out, ",\"bytesPerSecond\":%.0f", ct_advice_per_second(profile, advice));
	if (advice->kind == CT_ADVICE_LEAK)
		fprintf(out, ",\"fit\":%.3f,\"since\":%.0f,\"sure\":%.3f", advice->growth.fit,
			advice->growth.first.time, advice->growth.sure);
	fputs(",\"counters\":{", out);
	for (int i = 1, more = 0; i < CT_COUNTER_COUNT; i++) {
		enum ct_metric metric = (enum ct_metric)i;
		if (!ct_metric_exists(profile, metric) || metric == CT_METRIC_MAX_BYTES ||
		    metric == CT_METRIC_MAX_BLOCKS)
			continue;
		fprintf(out, "%s\"%s\":%" PRIu64, more++ ? "," : "", ct_metric_member(metric),
			ct_metric_value(&advice->counters, metric));
	}
	fputs("},\"stack\":[", out);
	for (uint32_t i = 0; i < site->frame_count; i++) {
		fputs(i ? "," : "", out);
		ct_put_text(out, profile->strings[profile->frames[profile->frame_ids[site->first_frame + i]].text]);
	}
	fputs("]}", out);
}

/* The verdicts on what stays; if there are none, the array is empty. */
static void put_json_stays(const struct ct_profile *profile, const struct ct_findings *findings, FILE *out)
{
	char text[CT_ADVICE_ROOM];
	bool any = false;
	fputs(",\n\"stays\":[", out);
	for (size_t i = 0; i < findings->stays.count && i < STAYS_MAX && findings->stays.judged; i++) {
		const struct ct_stay *stay = &findings->stays.rows[i];
		const struct ct_growth *growth = &stay->growth;
		fputs(any ? ",\n{\"verdict\":" : "\n{\"verdict\":", out);
		any = true;
		ct_put_text(out, ct_growth_name(growth->kind));
		ct_put_text_member(out, "where", ct_stay_place(profile, findings, stay, text));
		ct_put_text_member(out, "because", ct_stay_verdict(profile, stay, text));
		fprintf(out, ",\"since\":%.0f", growth->first.time);
		ct_put_number_member(out, "endBytes", stay->counters.end_bytes);
		ct_put_number_member(out, "endBlocks", stay->counters.end_blocks);
		putc('}', out);
	}
	putc(']', out);
}

static int put_json(const struct ct_profile *profile, const struct ct_findings *findings, size_t shown,
		    struct ct_error_text *error)
{
	FILE *out = stdout;
	fprintf(out, "{\"format\":\"ctrace-advice\",\"version\":%d,\"writtenBy\":\"ctrace " CTRACE_VERSION "\"",
		VERSION);
	ct_put_text_member(out, "command", profile->command);
	ct_put_number_member(out, "pid", profile->pid);
	fputs(",\n\"findings\":[", out);
	for (size_t i = 0; i < shown; i++) {
		fputs(i ? ",\n" : "\n", out);
		put_json_finding(profile, findings, i, out);
	}
	char text[CT_ADVICE_ROOM];
	putc(']', out);
	if (*ct_findings_no_leak(profile, findings, text))
		ct_put_text_member(out, "noLeak", text);
	put_json_stays(profile, findings, out);
	fputs(",\n\"notLookedFor\":[", out);
	for (int i = 0, more = 0; i < CT_ADVICE_KINDS; i++) {
		if (!(findings->missing & 1u << i))
			continue;
		fputs(more++ ? "," : "", out);
		ct_put_text(out, ct_advice_name((enum ct_advice_kind)i));
	}
	fputs("]}\n", out);
	return ct_put_end(out, error);
}

static int advise(const struct request *request)
{
	struct ct_profile *loaded, folded;
	const struct ct_profile *profile = &folded;
	struct ct_findings findings = {0};
	struct ct_error_text error;
	int code = ct_load(request->path, &loaded, &error);
	if (code < 0)
		return ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line);
	ct_caveat_input(loaded, request->path);
	code = ct_threads_fold(loaded, &folded, &error);
	bool json = request->format == FORMAT_JSON;
	if (code == 0 && request->what_if)
		code = json ? ct_advise_what_if_json(profile, request->rows, &error)
			    : ct_advise_what_if(profile, request->rows, request->color, &error);
	else if (code == 0)
		code = ct_advise(profile, &findings, &error);
	if (code == 0 && !request->what_if) {
		bool all = !request->rows || request->rows > findings.count;
		size_t shown = all ? findings.count : request->rows;
		code = json ? put_json(profile, &findings, shown, &error)
			    : put_text(profile, &findings, shown, request->color, &error);
	}
	ct_findings_fini(&findings);
	ct_threads_fini(&folded);
	ct_profile_free(loaded);
	if (code == 0 && fflush(stdout) != 0 && errno != EPIPE)
		code = ct_error_set(&error, CT_ERR_IO, "cannot write: %s", strerror(errno));
	return code < 0 ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s: %s", request->path, error.line) : code;
}

static const char *const formats[] = {"text", "json", NULL};

static const struct ct_option options[] = {
	{.letter = 'n',
	 .name = "rows",
	 .argument = "N",
	 .help = "findings to show, 0 = all",
	 .standard = "10",
	 .set = ct_set_rows,
	 .at = offsetof(struct request, rows)},
	{.letter = 'f',
	 .name = "format",
	 .argument = "FORMAT",
	 .help = "text or json",
	 .standard = "text",
	 .set = ct_set_choice,
	 .at = offsetof(struct request, format),
	 .choices = formats},
	{.name = "what-if",
	 .help = "what the peak would take with other allocators, and which smaller sizes would save most",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, what_if)},
};

static int run(int argc, char **argv)
{
	struct request request = {.rows = ROWS_DEFAULT};
	int code, rest = ct_command_begin(&ct_command_advise, &request, argc, argv, &code);
	if (rest < 0)
		return code;
	setlocale(LC_CTYPE, "");
	if (argc - rest != 1)
		return ct_cmd_fail_files(COMMAND, argc - rest);
	struct ct_error_text error;
	char *path;
	code = ct_pick(COMMAND, argv[rest], NULL, &path, &error);
	request.path = path;
	code = code ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line) : advise(&request);
	free(path);
	return code;
}

const struct ct_command ct_command_advise = {
	.name = COMMAND,
	.summary = "suggest improvements, with the evidence",
	.usage = "[options] FILE",
	.about =
		"Suggest what to change in the program: findings with their evidence, the largest first. FILE is a report of "
		"ctrace, Valgrind's DHAT, dhat-rs or heaptrack, or a store.",
	.groups = {CT_OPTION_GROUP(options, 0), CT_OPTION_GROUP(ct_page_options, offsetof(struct request, color)),
		   CT_OPTION_GROUP(ct_sysroot_options, 0)},
	.run = run,
};
