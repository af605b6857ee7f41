/* SPDX-License-Identifier: MIT */
#include "view/stack.h"

#include "model/threads.h"
#include "names/names.h"

static const struct ct_frame *frame_at(const struct ct_profile *profile, const struct ct_site_row *site, uint32_t index)
{
	return &profile->frames[profile->frame_ids[site->first_frame + index]];
}

/*
 * The end of the callers that are shown: without the frame at the root that a library called and that has no name,
 * which is _start in a stripped program.
 */
static uint32_t callers_end(const struct ct_profile *profile, const struct ct_site_row *site,
			    const struct ct_origins *origins)
{
	uint32_t thread, tag, end = ct_labels_of_site(profile, site, &thread, &tag);
	if (end > 1 && !frame_at(profile, site, end - 1)->function &&
	    !ct_origin_is_own(origins, profile->frame_ids[site->first_frame + end - 2]))
		end--;
	return end;
}

static void add_callers(struct ct_line *line, const struct ct_profile *profile, const struct ct_site_row *site,
			const struct ct_origins *origins, uint32_t index)
{
	const uint32_t *frames = profile->frame_ids + site->first_frame;
	/* without own code, or if all frames are wanted, the libraries' functions are the callers */
	bool all = origins->rule == CT_ORIGIN_NONE || !ct_origin_is_own(origins, frames[index - 1]);
	uint32_t end = all ? site->frame_count : callers_end(profile, site, origins);
	char name[CT_NAME_ROOM];
	while (index < end && ct_line_left(line) > 4) {
		uint32_t key = ct_name_key(frame_at(profile, site, index));
		uint32_t run = 1;

		while (index + run < end && ct_name_key(frame_at(profile, site, index + run)) == key)
			run++;
		if (all || ct_origin_is_own(origins, frames[index])) {
			ct_line_style(line, CT_STYLE_QUIET);
			ct_line_add(line, " < ");
			if (!all)
				ct_line_style(line, CT_STYLE_PLAIN);
			ct_line_add_rest(line, ct_name_short(profile, frame_at(profile, site, index), name));
			if (run > 1 && ct_line_left(line) > 6)
				ct_line_format(line, " ×%u", run);
		}
		index += run;
	}
	ct_line_style(line, CT_STYLE_PLAIN);
}

/* Add the function of a library that the own frame called, which is the frame inside it. */
static void add_call(struct ct_line *line, const struct ct_profile *profile, const struct ct_frame *frame, bool many)
{
	char name[CT_NAME_ROOM];
	ct_name_call(profile, frame, name);
	if (ct_line_left(line) < 8)
		return;
	ct_line_style(line, CT_STYLE_QUIET);
	ct_line_add(line, " (");
	ct_line_add_cut(line, name, ct_line_left(line) - (many ? 4 : 1));
	ct_line_add(line, many ? ", …)" : ")");
	ct_line_style(line, CT_STYLE_PLAIN);
}

/* Rows of one place may differ only in their tags and, where threads are apart, in these: both come first. */
static void add_labels(struct ct_line *line, const struct ct_profile *profile, const struct ct_site_row *site,
		       const struct ct_origins *origins)
{
	char name[CT_THREAD_ROOM], tag_name[CT_TAG_ROOM];
	uint32_t thread, tag;
	ct_labels_of_site(profile, site, &thread, &tag);
	ct_line_style(line, CT_STYLE_QUIET);
	if (thread && origins->split_threads) {
		ct_line_add_cut(line, ct_thread_text(profile->strings[thread], name), ct_line_left(line) / 2);
		ct_line_add(line, ": ");
	}
	if (tag) {
		ct_line_add_cut(line, ct_tag_text(profile->strings[tag], tag_name), ct_line_left(line) / 2);
		ct_line_add(line, ": ");
	}
}

void ct_line_add_site(struct ct_line *line, const struct ct_profile *profile, const struct ct_site_row *site,
		      struct ct_site_look look)
{
	uint32_t own = ct_origin_own(profile, look.origins, site);
	const struct ct_frame *frame = frame_at(profile, site, own);
	char text[CT_NAME_ROOM];
	add_labels(line, profile, site, look.origins);
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
	if (own > ct_origin_leaf(profile, look.origins, site) &&
	    ct_origin_is_own(look.origins, profile->frame_ids[site->first_frame + own]))
		add_call(line, profile, frame_at(profile, site, own - 1), look.many_calls);
	if (look.callers)
		add_callers(line, profile, site, look.origins, own + 1);
}

void ct_line_add_frame(struct ct_line *line, const struct ct_profile *profile, const struct ct_frame *frame, bool first,
		       bool quiet)
{
	char place[CT_NAME_ROOM];
	ct_line_format(line, "    %s ", first ? "at" : "by");
	if (quiet)
		ct_line_style(line, CT_STYLE_QUIET);
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

void ct_line_put_stack(struct ct_line *line, const struct ct_profile *profile, const struct ct_origins *origins,
		       const struct ct_site_row *site)
{
	for (uint32_t i = 0; i < site->frame_count; i++) {
		ct_line_add_frame(line, profile, frame_at(profile, site, i), i == 0,
				  !ct_origin_is_own(origins, profile->frame_ids[site->first_frame + i]));
		ct_line_end(line);
	}
	if (site->truncated) {
		ct_line_add(line, "    .. the stack does not reach its root");
		ct_line_end(line);
	}
	ct_line_end(line);
}
