/* SPDX-License-Identifier: MIT */
#include "live/draw_keys.h"

#define KEYS_WIDTH 13

void ct_draw_hints(const struct ct_screen *screen, struct ct_line *line)
{
	ct_line_style(line, CT_STYLE_QUIET);
	for (const struct ct_screen_key *row = ct_screen_keys; row->keys; row++) {
		if (!row->hint || (row->running && !screen->profile->recent_us))
			continue;
		if (row != ct_screen_keys)
			ct_line_add_rest(line, " ");
		ct_line_add_rest(line, row->hint);
	}
	ct_line_style(line, CT_STYLE_PLAIN);
}

void ct_draw_help(struct ct_line *line)
{
	static const char *const more[] = {
		"",
		"Search, filter: regular expressions; capitals make them case-sensitive.",
		"BYTES/S and BLOCKS/S: allocated since the previous reading. See also ctrace(1).",
	};
	ct_line_style(line, CT_STYLE_STRONG);
	ct_line_add_rest(line, "ctrace-top: keys");
	ct_line_style(line, CT_STYLE_PLAIN);
	ct_line_end(line);
	ct_line_end(line);
	for (const struct ct_screen_key *row = ct_screen_keys; row->keys; row++) {
		ct_line_add_rest(line, row->keys);
		ct_line_add_blanks(line, KEYS_WIDTH - line->columns);
		ct_line_add_rest(line, "  ");
		ct_line_add_rest(line, row->help);
		ct_line_end(line);
	}
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		ct_line_add_rest(line, more[i]);
		ct_line_end(line);
	}
	ct_line_end(line);
	ct_line_style(line, CT_STYLE_QUIET);
	ct_line_add_rest(line, "any key goes back");
	ct_line_style(line, CT_STYLE_PLAIN);
	ct_line_end(line);
}
