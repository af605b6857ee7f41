/* SPDX-License-Identifier: MIT */
#include "view/caveat.h"

#include <stdio.h>
#include <string.h>

#include "model/losses.h"
#include "names/number.h"
#include "util/message.h"

static void add(char out[CT_CAVEAT_ROOM], const char *text)
{
	size_t used = strlen(out);
	snprintf(out + used, CT_CAVEAT_ROOM - used, "%s%s", used ? ", " : "", text);
}

char *ct_caveat(const struct ct_profile *profile, char out[CT_CAVEAT_ROOM])
{
	char text[CT_LOSS_ROOM];
	*out = '\0';
	if (profile->torn)
		add(out, "copied while it was written (numbers do not add up)");
	for (size_t i = 0; i < CT_LOSS_ROWS; i++)
		if (ct_loss_rows[i].effect >= CT_EFFECT_EDGES && *ct_loss_text(&profile->losses, i, text))
			add(out, text);
	if (profile->sample_bytes)
		add(out, "sampled (numbers are estimates)");
	if (!profile->ended)
		add(out, "killed or still running (up to its last event)");
	return out;
}

static void say_rounded(const struct ct_selected *selected, enum ct_block_limit limit)
{
	double edge = selected->doubt.rounded[limit];
	bool is_size = limit < CT_LIMIT_OLDER, is_low = limit == CT_LIMIT_MIN_SIZE || limit == CT_LIMIT_OLDER;
	char number[CT_NUMBER_ROOM];
	if (edge == 0)
		return;
	if (is_size)
		ct_number_bytes(number, (uint64_t)edge);
	else
		ct_number_time(number, edge / 1e3, "µs");
	ct_message("--%s %s lies within a bucket: in sites with blocks on both sides, those %s %s count",
		   ct_block_limit_name(limit), selected->selection->blocks.texts[limit], is_low ? "from" : "below",
		   number);
}

static void say_doubt(const struct ct_selected *selected)
{
	char number[CT_NUMBER_ROOM];
	for (int i = 0; i < CT_BLOCK_LIMITS; i++)
		say_rounded(selected, (enum ct_block_limit)i);
	if (selected->doubt.live_blocks)
		ct_message("--older, --younger: %s live at the end count%s, although the age is not known exactly",
			   ct_number_count(number, selected->doubt.live_blocks, "blocks"),
			   selected->doubt.live_blocks == 1 ? "s" : "");
}

void ct_caveat_selected(const struct ct_selected *selected)
{
	say_doubt(selected);
	for (int i = 0; i < CT_SELECT_KINDS; i++)
		if (selected->selection->patterns[i].count && !selected->met[i])
			ct_message("--%s matches no function, file or module",
				   ct_select_kind_name((enum ct_select_kind)i));
}

void ct_caveat_torn(const struct ct_profile *profile, const char *path)
{
	if (profile->torn)
		ct_message("%s: copied while it was written, so its numbers do not add up; copy the store with "
			   "ctrace export --live, or when its program has ended",
			   path);
}

void ct_caveat_memory(const struct ct_profile *profile)
{
	if (*profile->no_memory)
		ct_message("where its memory is cannot be said: %s", profile->no_memory);
}

void ct_caveat_input(const struct ct_profile *profile, const char *path)
{
	ct_caveat_torn(profile, path);
	if (*profile->no_memory)
		ct_message("%s: where its memory is cannot be said: %s", path, profile->no_memory);
}
