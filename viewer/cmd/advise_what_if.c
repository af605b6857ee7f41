/* SPDX-License-Identifier: MIT */
/* ctrace advise --what-if: the blocks of the peak with other allocators, and with slightly smaller sizes. */
#include "cmd/advise.h"

#include <string.h>

#include "ctrace/version.h"
#include "model/advise.h"
#include "model/what_if.h"
#include "names/number.h"
#include "util/whole.h"
#include "view/pager.h"
#include "view/view.h"
#include "write/put_json.h"
#include "write/put_what_if.h"

#define BYTES_WIDTH 11

static size_t shown_rows(const struct ct_what_if *what_if, size_t rows)
{
	return rows && rows < what_if->count ? rows : what_if->count;
}

static void put_allocators(struct ct_line *line, const struct ct_profile *profile, const struct ct_what_if *what_if)
{
	char number[CT_NUMBER_ROOM], blocks[CT_NUMBER_ROOM];
	double peak = (double)profile->totals.peak_bytes;
	ct_line_format(line, "%s in %s at the peak would take, by the size classes of",
		       ct_number_bytes(number, profile->totals.peak_bytes),
		       ct_number_count(blocks, profile->totals.peak_blocks, "blocks"));
	ct_line_end(line);
	for (int i = 0; i < CT_ALLOCATORS; i++) {
		ct_line_format(line, "   %-9s", ct_allocator_title((enum ct_allocator)i));
		ct_line_add_right(line, ct_number_bytes_column(number, ct_whole(what_if->taken[i])), BYTES_WIDTH);
		ct_line_style(line, CT_STYLE_QUIET);
		ct_line_format(line, "   +%s %%", ct_number_percent(number, what_if->taken[i] - peak, peak));
		ct_line_style(line, CT_STYLE_PLAIN);
		ct_line_end(line);
	}
	ct_line_style(line, CT_STYLE_QUIET);
	if (what_if->recorded_slack >= 0) {
		ct_line_format(line, "The allocator of this run added %s %%, its headers not counted.",
			       ct_number_percent(number, what_if->recorded_slack, peak));
		ct_line_end(line);
	}
	if (what_if->estimated_bytes) {
		ct_line_format(line, "For %s %% of the bytes, sizes are known only by their power of two.",
			       ct_number_percent(number, (double)what_if->estimated_bytes, peak));
		ct_line_end(line);
	}
	ct_line_style(line, CT_STYLE_PLAIN);
	ct_line_end(line);
}

/* "jemalloc 44.9 MiB, tcmalloc 22.5 MiB" */
static void put_saved(struct ct_line *line, const struct ct_smaller_size *row)
{
	char text[CT_ADVICE_ROOM] = "", number[CT_NUMBER_ROOM];
	for (int i = 0; i < CT_ALLOCATORS; i++) {
		size_t used = strlen(text);
		if (row->saved[i])
			snprintf(text + used, sizeof(text) - used, "%s%s with %s", used ? ", " : "",
				 ct_number_bytes(number, row->saved[i]), ct_allocator_title((enum ct_allocator)i));
	}
	ct_advise_put_labelled(line, "saves", text);
}

static void put_row(struct ct_line *line, const struct ct_profile *profile, const struct ct_what_if *what_if,
		    size_t number)
{
	const struct ct_smaller_size *row = &what_if->rows[number - 1];
	char text[CT_ADVICE_ROOM], from[CT_NUMBER_ROOM], to[CT_NUMBER_ROOM];
	ct_line_format(line, "%zu. ", number);
	ct_line_style(line, CT_STYLE_STRONG);
	ct_line_format(line, "%s bytes instead of %s", ct_number_exact(to, row->smaller),
		       ct_number_exact(from, row->bytes));
	ct_line_style(line, CT_STYLE_PLAIN);
	ct_line_end(line);
	ct_advise_put_labelled(
		line, "where",
		ct_advice_place(profile, &what_if->origins, row->site, row->frame, row->site_count, text));
	snprintf(text, sizeof(text), "%s of %s bytes at the peak", ct_number_count(to, row->blocks, "blocks"), from);
	ct_advise_put_labelled(line, "because", text);
	put_saved(line, row);
	ct_line_end(line);
}

int ct_advise_what_if(const struct ct_profile *profile, size_t rows, enum ct_color_mode color,
		      struct ct_error_text *error)
{
	struct ct_what_if what_if;
	struct ct_terminal terminal;
	struct ct_line line;
	const struct ct_view view = {.profile = profile, .terminal = &terminal, .out = stdout};
	int code = ct_what_if(profile, &what_if, error);
	if (code == 0) {
		ct_terminal_probe(&terminal, stdout, color);
		ct_pager_begin(&terminal, stdout);
		code = ct_view_summary(&view, error);
	}
	if (code == 0) {
		size_t shown = shown_rows(&what_if, rows);
		ct_line_init(&line, &terminal, stdout);
		put_allocators(&line, profile, &what_if);
		for (size_t i = 1; i <= shown; i++)
			put_row(&line, profile, &what_if, i);
		if (!what_if.count)
			ct_line_add(&line, "no size stands just above a size class for 1 % of the peak or more");
		else if (shown < what_if.count)
			ct_line_format(&line, "%zu smaller savings; -n 0 shows all", what_if.count - shown);
		if (line.columns)
			ct_line_end(&line);
		ct_line_fini(&line);
		code = ct_view_check(&line, error);
	}
	ct_what_if_fini(&what_if);
	return code;
}

int ct_advise_what_if_json(const struct ct_profile *profile, size_t rows, struct ct_error_text *error)
{
	struct ct_what_if what_if;
	FILE *out = stdout;
	int code = ct_what_if(profile, &what_if, error);
	if (code == 0) {
		fprintf(out,
			"{\"format\":\"ctrace-what-if\",\"version\":%d,\"writtenBy\":\"ctrace " CTRACE_VERSION "\"",
			CT_WHAT_IF_VERSION);
		ct_put_text_member(out, "command", profile->command);
		ct_put_number_member(out, "pid", profile->pid);
		ct_put_what_if(profile, &what_if, shown_rows(&what_if, rows), NULL, out);
		fputs("}\n", out);
		code = ct_put_end(out, error);
	}
	ct_what_if_fini(&what_if);
	return code;
}
