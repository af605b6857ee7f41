/* SPDX-License-Identifier: MIT */
#include "record/processes.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "ctrace/version.h"
#include "names/names.h"
#include "util/utf8.h"
#include "write/file.h"
#include "write/put_json.h"

/* A name from the traced program, as a member that is a string. */
static int put_name(FILE *out, const char *member, const char *text)
{
	char *clean = ct_utf8_clean(text, strlen(text), NULL);
	if (clean)
		ct_put_text_member(out, member, clean);
	free(clean);
	return clean ? 0 : -1;
}

static int put_process(FILE *out, const struct ct_tree *tree, const struct ct_tree_image *image)
{
	uint64_t start = tree->together.begin;
	const struct ct_life *life = &image->life;
	fprintf(out, "{\"pid\":%u", image->pid);
	if (put_name(out, "program", image->program) ||
	    put_name(out, "report", image->chosen ? ct_name_base(image->output) : ""))
		return -1;
	ct_put_number_member(out, "startTime", life->begin > start ? (life->begin - start) / 1000 : 0);
	ct_put_number_member(out, "endTime", life->end > start ? (life->end - start) / 1000 : 0);
	ct_put_number_member(out, "totalBytes", image->total_bytes);
	ct_put_number_member(out, "peakBytes", image->peak_bytes);
	fputc('}', out);
	return 0;
}

static int put_all(FILE *out, const struct ct_tree *tree)
{
	const struct ct_together *together = &tree->together;
	bool some = false;
	fputs(CT_PROCESSES_HEAD ",\"version\":1,\"writtenBy\":\"ctrace " CTRACE_VERSION "\",\n\"timeUnit\":\"µs\"",
	      out);
	ct_put_number_member(out, "endTime", (together->end - together->begin) / 1000);
	ct_put_number_member(out, "mostBytes", together->most_bytes);
	ct_put_number_member(out, "mostTime", (together->most_time - together->begin) / 1000);
	fputs(",\n\"processes\":[", out);
	for (size_t i = 0; i < tree->count; i++) {
		if (!tree->images[i].read)
			continue;
		fputs(some ? ",\n" : "\n", out);
		some = true;
		if (put_process(out, tree, &tree->images[i]))
			return -1;
	}
	fputs("],\n\"timeline\":[", out);
	for (size_t i = 0; i < CT_TOGETHER_CELLS && together->most_bytes; i++) {
		fprintf(out, "%s{\"time\":", i ? ",\n" : "\n");
		ct_put_number(out, ct_together_cell_end(together, i) / 1000);
		ct_put_number_member(out, "mostBytes", together->cells[i]);
		fputc('}', out);
	}
	fputs("]}\n", out);
	return 0;
}

int ct_processes_write(const struct ct_tree *tree, const char *folder, struct ct_error_text *error)
{
	char path[PATH_MAX + sizeof("/" CT_PROCESSES_NAME)];
	struct ct_out_file file;
	snprintf(path, sizeof(path), "%s/" CT_PROCESSES_NAME, folder);
	int code = ct_out_open(path, &file, error);
	if (!code && put_all(file.stream, tree))
		code = ct_error_no_memory(error);
	return ct_out_close(&file, code, error);
}
