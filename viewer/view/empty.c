/* SPDX-License-Identifier: MIT */
/* What is said in place of a table without rows: why it has none, and what to do. */
#include "names/number.h"
#include "view/view.h"

static void put(struct ct_line *line, const char *text)
{
	ct_line_add(line, text);
	ct_line_end(line);
}

static void put_leaks(const struct ct_view *view, struct ct_line *line)
{
	if (view->leaks->suppressed.end_blocks)
		put(line, "no leak candidate is left: the suppressions drop all of them");
	else if (view->profile->has_reach && view->leaks->sums.end_blocks)
		put(line, "no leak candidate: all blocks that were live at the end can still be reached");
	else
		put(line, "no leak candidate: nothing was live at the end");
}

static void put_nothing_recorded(const struct ct_profile *profile, struct ct_line *line)
{
	if (profile->recent_us) {
		put(line, "nothing was allocated yet");
		return;
	}
	put(line, profile->sample_bytes
			  ? "no allocation was sampled. The program may have made few, or has an allocator"
			  : "no allocation was recorded. The program may have made none, or has an allocator");
	put(line, "of its own that does not use malloc.");
	put(line, "`ctrace doctor --run PROGRAM ARGUMENT...` makes a trial recording and says what");
	put(line, "is in the way.");
}

bool ct_view_put_empty(const struct ct_view *view, struct ct_line *line)
{
	char number[CT_NUMBER_ROOM];
	if (view->profile->site_count)
		return false;
	if (view->leaks && view->leaks->site_count) {
		put_leaks(view, line);
		if (view->no_leak && *view->no_leak && view->leaks->sums.end_blocks)
			put(line, view->no_leak);
	} else if (view->selected && view->selected->site_count) {
		ct_line_format(line, "none of %s is left: see what --focus and the options like it keep",
			       ct_number_count(number, view->selected->site_count, "stacks"));
		ct_line_end(line);
	} else {
		put_nothing_recorded(view->profile, line);
	}
	return true;
}
