/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "names/number.h"
#include "view/ledger.h"
#include "view/stack.h"
#include "watch/look.h"

#define COLUMNS 160 /* of a file, which has no width of its own */
#define NUMBER_WIDTH 11

static void put_memory(struct ct_line *line, const struct ct_look *look, const char *title)
{
	const struct ct_counters *totals = &look->profile->totals;
	char used[CT_NUMBER_ROOM], limit[CT_NUMBER_ROOM], live[CT_NUMBER_ROOM], blocks[CT_NUMBER_ROOM], when[64];
	time_t seconds = (time_t)(look->unix_ns / 1000000000u);
	struct tm parts;
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&seconds, &parts));
	ct_line_format(line, "== %s, %s", title, when);
	ct_line_end(line);
	ct_line_end(line);
	ct_line_format(line, "group     %s of %s used%s", ct_number_bytes(used, look->used_bytes),
		       look->limit_bytes ? ct_number_bytes(limit, look->limit_bytes) : "no limit",
		       look->after ? " when it was last looked at" : "");
	if (look->pressure >= 0)
		ct_line_format(line, "; all of its processes waited for memory in %d.%02d %% of the last 10 s",
			       look->pressure / 100, look->pressure % 100);
	ct_line_end(line);
	ct_line_format(line, "live      %s%s in %s", look->profile->sample_bytes ? "about " : "",
		       ct_number_bytes(live, totals->end_bytes), ct_number_count(blocks, totals->end_blocks, "blocks"));
	ct_line_end(line);
	ct_line_end(line);
}

static void add_signed(struct ct_line *line, int64_t bytes)
{
	char number[CT_NUMBER_ROOM + 1] = "";
	uint64_t magnitude = (uint64_t)(bytes < 0 ? -bytes : bytes);
	number[0] = bytes < 0 ? '-' : '+';
	ct_number_bytes_column(number + 1, magnitude);
	ct_line_add_right(line, bytes ? number : "-", NUMBER_WIDTH);
}

static void put_sites(struct ct_line *line, const struct ct_look *look)
{
	char text[CT_NUMBER_ROOM], head[CT_NUMBER_ROOM + 4];
	ct_line_add_right(line, "LIVE", NUMBER_WIDTH);
	ct_line_add_right(line, "%", 7);
	for (unsigned i = 0; i < look->times; i++) {
		snprintf(head, sizeof(head), "IN %s", ct_number_time(text, look->seconds[i] * 1e6, "µs"));
		ct_line_add_right(line, head, NUMBER_WIDTH);
	}
	ct_line_add(line, "  WHERE");
	ct_line_end(line);
	for (size_t i = 0; i < look->shown; i++) {
		const struct ct_fold_row *row = &look->fold.rows[look->rows[i].row];
		uint64_t live = row->counters->end_bytes;
		ct_line_add_right(line, ct_number_bytes_column(text, live), NUMBER_WIDTH);
		ct_line_add_right(line, ct_number_percent(text, (double)live, (double)look->profile->totals.end_bytes),
				  7);
		for (unsigned at = 0; at < look->times; at++)
			add_signed(line, look->rows[i].grown[at]);
		ct_line_add(line, "  ");
		ct_line_add_site(line, look->profile, &look->profile->sites[row->site],
				 (struct ct_site_look){
					 .origins = &look->origins, .callers = true, .many_calls = row->many_calls});
		ct_line_end(line);
	}
	ct_line_end(line);
}

static void put_allocations(struct ct_line *line, const struct ct_look *look)
{
	char text[CT_NUMBER_ROOM];
	for (size_t i = 0; i < look->allocation_count; i++) {
		const struct ct_look_allocation *one = &look->allocations[i];
		if (!i || one->thread != one[-1].thread) {
			if (one->thread)
				ct_line_format(line, "latest allocations of thread %u", one->thread);
			else
				ct_line_add(line, "latest allocations of a thread that has ended");
			ct_line_end(line);
		}
		ct_line_add_right(line, ct_number_bytes_column(text, one->bytes), NUMBER_WIDTH);
		ct_line_add_right(line, ct_number_time(text, (double)one->before_us, "µs"), NUMBER_WIDTH);
		ct_line_add(line, one->resized ? " before, resized  " : " before  ");
		ct_line_add_site(line, look->profile, &look->profile->sites[one->site],
				 (struct ct_site_look){.origins = &look->origins, .callers = true});
		ct_line_end(line);
	}
	ct_line_end(line);
}

int ct_look_put_text(FILE *out, const struct ct_look *look, const char *title)
{
	struct ct_terminal terminal = {.columns = COLUMNS, .utf8 = true};
	struct ct_line line;
	char text[CT_NUMBER_ROOM];
	ct_line_init(&line, &terminal, out);
	put_memory(&line, look, title);
	put_sites(&line, look);
	put_allocations(&line, look);
	if (look->ledger) {
		if (look->ledger_age_ns)
			ct_line_format(&line, "resident memory %s earlier",
				       ct_number_time(text, (double)look->ledger_age_ns / 1e3, "µs"));
		else
			ct_line_add(&line, "resident memory");
		ct_line_end(&line);
		ct_line_put_ledger(&line, look->ledger, false);
		ct_line_end(&line);
	}
	int code = line.failed ? -1 : 0;
	ct_line_fini(&line);
	return code;
}
