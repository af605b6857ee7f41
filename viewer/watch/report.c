/* SPDX-License-Identifier: MIT */
#include "watch/report.h"

#include <stdlib.h>
#include <string.h>

#include "util/memory_stream.h"
#include "util/utf8.h"
#include "write/file.h"
#include "write/put_json.h"

static void name_level(unsigned level, char title[32])
{
	if (level == CT_REPORT_END)
		snprintf(title, 32, "at the end");
	else
		snprintf(title, 32, "at %u %%", ct_group_levels[level]);
}

void ct_report_fini(struct ct_report *report)
{
	for (int i = 0; i <= CT_REPORT_END; i++) {
		free(report->looks[i].text);
		free(report->looks[i].json);
	}
}

typedef int put_look(FILE *out, const struct ct_look *look, const char *title);

static char *made_by(put_look *put, const struct ct_look *look, const char *title)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	bool good = out && !put(out, look, title);
	if (!ct_memory_close(out, &text) || good)
		return text;
	free(text);
	return NULL;
}

int ct_report_add(struct ct_report *report, const struct ct_look *look, unsigned level)
{
	char title[32];
	name_level(level, title);
	char *text = made_by(ct_look_put_text, look, title), *json = made_by(ct_look_put_json, look, title);
	if (!text || !json) {
		free(text);
		free(json);
		return -1;
	}
	free(report->looks[level].text);
	free(report->looks[level].json);
	report->looks[level].text = text;
	report->looks[level].json = json;
	return 0;
}

bool ct_report_has_level(const struct ct_report *report)
{
	for (int i = 0; i < CT_REPORT_END; i++)
		if (report->looks[i].text)
			return true;
	return false;
}

/* What both files say first. The process chose its command and its group's name. */
struct head {
	int pid;
	char *command, *group; /* clean UTF-8 */
};

static void put_text(FILE *out, const struct ct_report *report, const struct head *head)
{
	bool any = false;
	fprintf(out, "process   %d: %s\ncommand   %s\ngroup     %s\n\n", head->pid,
		report->cause ? report->cause : "running", head->command, head->group);
	for (int i = CT_REPORT_END; i >= 0; i--) {
		any = any || report->looks[i].text;
		if (report->looks[i].text)
			fputs(report->looks[i].text, out);
	}
	if (!any)
		fputs("Nothing was recorded: the process was asleep.\n", out);
}

static void put_json(FILE *out, const struct ct_report *report, const struct head *head)
{
	bool any = false;
	fprintf(out, "{\"producer\":\"ctrace\",\"blackBox\":1,\"pid\":%d,\"cause\":", head->pid);
	ct_put_text(out, report->cause ? report->cause : "running");
	ct_put_text_member(out, "command", head->command);
	ct_put_text_member(out, "cgroup", head->group);
	fputs(",\"looks\":[", out);
	for (int i = 0; i <= CT_REPORT_END; i++) {
		if (!report->looks[i].json)
			continue;
		fprintf(out, "%s\n%s", any ? "," : "", report->looks[i].json);
		any = true;
	}
	fputs("]}\n", out);
}

static int write_file(const char *path, void (*put)(FILE *, const struct ct_report *, const struct head *),
		      const struct ct_report *report, const struct head *head, struct ct_error_text *error)
{
	struct ct_out_file file;
	int code = ct_out_open(path, &file, error);
	if (code)
		return code;
	put(file.stream, report, head);
	return ct_out_close(&file, ct_put_end(file.stream, error), error);
}

int ct_report_write(struct ct_report *report, const char *folder, int pid, const char *command, const char *group,
		    struct ct_error_text *error)
{
	char json[PATH_MAX];
	struct head head = {pid, ct_utf8_clean(command, strlen(command), NULL),
			    ct_utf8_clean(group, strlen(group), NULL)};
	int code = head.command && head.group ? CT_OK : ct_error_no_memory(error);
	snprintf(report->path, sizeof(report->path), "%.*s/ctrace.%d.oom.txt", PATH_MAX - 64, folder, pid);
	snprintf(json, sizeof(json), "%.*s/ctrace.%d.oom.json", PATH_MAX - 64, folder, pid);
	if (!code)
		code = write_file(report->path, put_text, report, &head, error);
	if (!code)
		code = write_file(json, put_json, report, &head, error);
	free(head.command);
	free(head.group);
	return code;
}
