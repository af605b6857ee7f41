/* SPDX-License-Identifier: MIT */
#include "view/stack.h"

#include "names/names.h"

static const struct ct_frame *frame_at(const struct ct_profile *profile, const struct ct_site_row *site, uint32_t index)
{
	return &profile->frames[profile->frame_ids[site->first_frame + index]];
}

static void add_callers(struct ct_line *line, const struct ct_profile *profile, const struct ct_site_row *site,
			uint32_t index)
{
	char name[CT_NAME_ROOM];
	ct_line_style(line, CT_STYLE_QUIET);
	while (index < site->frame_count && ct_line_left(line) > 4) {
		uint32_t key = ct_name_key(frame_at(profile, site, index));
		uint32_t run = 1;

		while (index + run < site->frame_count && ct_name_key(frame_at(profile, site, index + run)) == key)
			run++;
		ct_line_add(line, " < ");
		ct_line_add_rest(line, ct_name_short(profile, frame_at(profile, site, index), name));
		if (run > 1 && ct_line_left(line) > 6)
			ct_line_format(line, " ×%u", run);
		index += run;
	}
	ct_line_style(line, CT_STYLE_PLAIN);
}

void ct_line_add_site(struct ct_line *line, const struct ct_profile *profile, const bool *allocators,
		      const struct ct_site_row *site, bool callers)
{
	uint32_t leaf = ct_name_leaf(profile, allocators, site);
	const struct ct_frame *frame = frame_at(profile, site, leaf);
	char text[CT_NAME_ROOM];
	ct_line_style(line, CT_STYLE_STRONG);
	ct_line_add_rest(line, ct_name_short(profile, frame, text));
	ct_line_style(line, CT_STYLE_QUIET);
	if (*ct_name_place(profile, frame, text) && ct_line_left(line) > 4) {
		ct_line_add(line, " ");
		ct_line_link(line, profile->strings[frame->file], frame->line);
		ct_line_add_rest(line, text);
		ct_line_link_end(line);
	}
	ct_line_style(line, CT_STYLE_PLAIN);
	if (callers)
		add_callers(line, profile, site, leaf + 1);
}

void ct_line_add_frame(struct ct_line *line, const struct ct_profile *profile, const struct ct_frame *frame, bool first)
{
	char place[CT_NAME_ROOM];
	ct_line_format(line, "    %s ", first ? "at" : "by");
	ct_line_add(line, frame->function ? profile->strings[frame->function] : ct_name_short(profile, frame, place));
	ct_line_style(line, CT_STYLE_QUIET);
	if (*ct_name_place(profile, frame, place)) {
		ct_line_add(line, "  ");
		ct_line_link(line, profile->strings[frame->file], frame->line);
		ct_line_add(line, place);
		ct_line_link_end(line);
	}
	if (frame->inlined)
		ct_line_add(line, "  inlined");
	ct_line_style(line, CT_STYLE_PLAIN);
}

void ct_line_put_stack(struct ct_line *line, const struct ct_profile *profile, const struct ct_site_row *site)
{
	for (uint32_t i = 0; i < site->frame_count; i++) {
		ct_line_add_frame(line, profile, frame_at(profile, site, i), i == 0);
		ct_line_end(line);
	}
	if (site->truncated) {
		ct_line_add(line, "    .. the stack does not reach its root");
		ct_line_end(line);
	}
	ct_line_end(line);
}
