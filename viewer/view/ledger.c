/* SPDX-License-Identifier: MIT */
#include "view/ledger.h"

#include "names/number.h"

#define NUMBER_WIDTH 12
#define EXACT_WIDTH 17
#define PERCENT_WIDTH 7
#define BRIEF_ROWS 4

static void add_bytes(struct ct_line *line, int64_t bytes, bool exact)
{
	char number[CT_NUMBER_ROOM + 1] = "-";
	uint64_t magnitude = (uint64_t)(bytes < 0 ? -bytes : bytes);
	char *at = bytes < 0 ? number + 1 : number;
	if (exact)
		ct_number_exact(at, magnitude);
	else
		ct_number_bytes_column(at, magnitude);
	ct_line_add_right(line, number, exact ? EXACT_WIDTH : NUMBER_WIDTH);
}

static void put_row(struct ct_line *line, const struct ct_ledger *ledger, int64_t bytes, const char *words, bool exact)
{
	char percent[CT_NUMBER_ROOM];
	double share = (double)(bytes < 0 ? -bytes : bytes);
	add_bytes(line, bytes, exact);
	ct_line_add_right(line, ct_number_percent(percent, share, (double)ledger->rss_bytes), PERCENT_WIDTH);
	ct_line_add(line, "  ");
	ct_line_add_rest(line, words);
	ct_line_end(line);
}

static void put_untouched(struct ct_line *line, const struct ct_ledger *ledger)
{
	char a[CT_NUMBER_ROOM], b[CT_NUMBER_ROOM], c[CT_NUMBER_ROOM];
	ct_line_format(line, "live      %s in %s", ct_number_bytes(a, ledger->live_bytes),
		       ct_number_count(b, ledger->live_blocks, "blocks"));
	if (ledger->live_untouched_bytes)
		ct_line_format(line, "; %s of that was never touched and takes no memory",
			       ct_number_bytes(c, ledger->live_untouched_bytes));
	ct_line_end(line);
	if (!ledger->swapped_bytes)
		return;
	ct_line_format(line, "swapped   %s of the process, %s of that in live blocks",
		       ct_number_bytes(a, ledger->swapped_bytes), ct_number_bytes(b, ledger->live_swapped_bytes));
	ct_line_end(line);
}

/* The largest sites of a row, below it. */
static void put_parts(struct ct_line *line, const struct ct_ledger *ledger, int row, bool exact)
{
	for (size_t i = 0; i < ledger->part_count; i++) {
		const struct ct_ledger_part *part = &ledger->parts[i];
		char mapped[CT_NUMBER_ROOM], words[CT_LEDGER_PART_ROOM + 2 * CT_NUMBER_ROOM];
		if ((int)part->row != row)
			continue;
		snprintf(words, sizeof(words), "  %s, of %s mapped", part->name, ct_number_bytes(mapped, part->mapped));
		put_row(line, ledger, (int64_t)part->resident, words, exact);
	}
}

void ct_line_put_ledger(struct ct_line *line, const struct ct_ledger *ledger, bool exact)
{
	char text[CT_LEDGER_ROOM], number[CT_NUMBER_ROOM];
	ct_line_style(line, CT_STYLE_HEAD);
	ct_line_add_right(line, "RESIDENT", exact ? EXACT_WIDTH : NUMBER_WIDTH);
	ct_line_add_right(line, "%", PERCENT_WIDTH);
	ct_line_add(line, "  WHERE");
	ct_line_style(line, CT_STYLE_PLAIN);
	ct_line_end(line);
	for (int i = 0; i < CT_LEDGER_ROWS; i++) {
		if (ledger->bytes[i] || i == CT_LEDGER_UNEXPLAINED)
			put_row(line, ledger, ledger->bytes[i], ct_ledger_words((enum ct_ledger_row)i), exact);
		put_parts(line, ledger, i, exact);
	}
	put_row(line, ledger, (int64_t)ledger->rss_bytes, "RSS", exact);
	ct_line_end(line);
	ct_line_add(line, "heap      ");
	ct_line_put_wrapped(line, ct_ledger_fragmentation(ledger, text), CT_LABEL_WIDTH);
	if (ledger->has_sites)
		put_untouched(line, ledger);
	if (*ct_ledger_caveat(ledger, text))
		ct_line_put_remark(line, "note", text);
	if (ct_ledger_hint(ledger))
		ct_line_put_remark(line, "mappings", ct_ledger_hint(ledger));
	ct_line_format(line, "cost      %s of CPU, outside the process",
		       ct_number_time(number, (double)ledger->took_ns / 1e3, "µs"));
	ct_line_end(line);
}

void ct_line_put_ledger_brief(struct ct_line *line, const struct ct_ledger *ledger)
{
	static const struct {
		const char *words;
		int count;
		enum ct_ledger_row rows[3];
	} parts[BRIEF_ROWS] = {
		{"live with slack", 3, {CT_LEDGER_LIVE, CT_LEDGER_SLACK, CT_LEDGER_HEADS}},
		{"free in the heap", 1, {CT_LEDGER_FREE}},
		{"files and mappings", 3, {CT_LEDGER_FILES, CT_LEDGER_SHARED, CT_LEDGER_MAPPED}},
		{"ctrace", 1, {CT_LEDGER_CTRACE}},
	};
	char number[CT_NUMBER_ROOM], text[CT_LEDGER_ROOM];
	int used = snprintf(text, sizeof(text), "%s resident", ct_number_bytes(number, ledger->rss_bytes));
	for (int i = 0; i < BRIEF_ROWS; i++) {
		int64_t bytes = 0;
		for (int j = 0; j < parts[i].count; j++)
			bytes += ledger->bytes[parts[i].rows[j]];
		used += snprintf(text + used, sizeof(text) - (size_t)used, "%s%s %s", i ? ", " : ": ",
				 ct_number_bytes(number, bytes > 0 ? (uint64_t)bytes : 0), parts[i].words);
	}
	ct_line_put_wrapped(line, text, CT_LABEL_WIDTH);
}
