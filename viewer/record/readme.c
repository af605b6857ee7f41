/* SPDX-License-Identifier: MIT */
#include "record/readme.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctrace/version.h"
#include "model/losses.h"
#include "model/threads.h"
#include "names/names.h"
#include "names/number.h"
#include "record/processes.h"
#include "util/utf8.h"
#include "view/view.h"

#define SITES 10
#define COLUMNS 140
#define CHILD_COMMAND 80 /* number of bytes shown of a child's command */

/* Write untrusted text, without characters that Markdown or a terminal would interpret. */
static int put_text(FILE *out, const char *text)
{
	char *clean = ct_utf8_clean(text, strlen(text), NULL);
	if (!clean)
		return -1;
	for (const char *at = clean; *at; at++)
		fputc(*at == '|' || *at == '`' ? '\'' : *at, out);
	free(clean);
	return 0;
}

static void put_status(FILE *out, int status)
{
	if (WIFSIGNALED(status))
		fprintf(out, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		fprintf(out, "exit status %d", WEXITSTATUS(status));
}

int ct_readme_head(FILE *out, char **arguments, time_t start, int status, struct ct_error_text *error)
{
	char date[64] = "", host[256] = "";
	struct tm local;
	int failed;
	if (localtime_r(&start, &local))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S %Z", &local);
	gethostname(host, sizeof(host) - 1);
	fputs("# `", out);
	failed = put_text(out, ct_name_base(arguments[0]));
	fprintf(out, "`, %s\n\n- command: `", date);
	for (int i = 0; arguments[i] && !failed; i++) {
		fputs(i ? " " : "", out);
		failed = put_text(out, arguments[i]);
	}
	fputs("`\n- host: `", out);
	failed = failed || put_text(out, host);
	fprintf(out, "`\n- recorded: %s, by ctrace " CTRACE_VERSION "\n- ended: ", date);
	put_status(out, status);
	fputc('\n', out);
	return failed ? ct_error_no_memory(error) : CT_OK;
}

int ct_readme_process(FILE *out, const struct ct_profile *profile, struct ct_error_text *error)
{
	const struct ct_terminal terminal = {.columns = COLUMNS, .utf8 = true};
	struct ct_profile folded;
	const struct ct_view view = {
		.profile = &folded, .terminal = &terminal, .out = out, .sort = CT_COLUMN_TOTAL, .rows = SITES};
	int code = ct_threads_fold(profile, &folded, error);
	fputs("\n```\n", out);
	if (!code)
		code = ct_view_summary(&view, error);
	if (!code)
		code = ct_view_sites(&view, error);
	fputs("```\n\n", out);
	ct_threads_fini(&folded);
	if (!ct_losses_any(&profile->losses) && !profile->torn)
		fputs("Nothing was lost.\n\n", out);
	return code;
}

void ct_readme_file(FILE *out, const char *name, const struct ct_format *format)
{
	static const char word[] = "FILE";
	const char *at = format->open ? strstr(format->open, word) : NULL;
	fputs("- `", out);
	put_text(out, name);
	fprintf(out, "`: %s", format->help);
	if (at) {
		fprintf(out, ": `%.*s", (int)(at - format->open), format->open);
		put_text(out, name);
		fprintf(out, "%s`", at + sizeof(word) - 1);
	}
	fputc('\n', out);
}

void ct_readme_no_file(FILE *out, const struct ct_format *format, const char *reason)
{
	fprintf(out, "- no %s: ", format->name);
	put_text(out, reason);
	fputc('\n', out);
}

void ct_readme_together(FILE *out, const char *text, const char *chart)
{
	fputs("- ", out);
	put_text(out, text);
	fputs("\n", out);
	if (chart)
		fprintf(out,
			"\nAll processes together (for a chart of your own: `" CT_PROCESSES_NAME
			"`):\n\n```\n%s\n```\n",
			chart);
	fputs("\nThe largest process:\n", out);
}

void ct_readme_children(FILE *out)
{
	fputs("\n## Other processes\n\nEach has the same kinds of files.\n\n"
	      "| report | command | total | blocks | peak | at end | lost |\n"
	      "| --- | --- | ---: | ---: | ---: | ---: | ---: |\n",
	      out);
}

void ct_readme_child(FILE *out, const struct ct_profile *profile, const char *name)
{
	char total[CT_NUMBER_ROOM], blocks[CT_NUMBER_ROOM], peak[CT_NUMBER_ROOM], end[CT_NUMBER_ROOM],
		lost[CT_NUMBER_ROOM], command[CHILD_COMMAND + 1];
	const struct ct_counters *totals = &profile->totals;
	fputs("| `", out);
	put_text(out, name);
	fputs("` | `", out);
	snprintf(command, sizeof(command), "%s", profile->command);
	put_text(out, command);
	fprintf(out, "` | %s | %s | %s | %s | %s |\n", ct_number_bytes(total, totals->total_bytes),
		ct_number_exact(blocks, totals->total_blocks), ct_number_bytes(peak, totals->peak_bytes),
		ct_number_bytes(end, totals->end_bytes),
		ct_number_exact(lost, profile->losses.dropped + profile->losses.early));
}
