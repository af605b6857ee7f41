/* SPDX-License-Identifier: MIT */
#include "live/match.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ct_match_forget(struct ct_match *match)
{
	free(match->frames);
	match->frames = NULL;
	match->frame_count = 0;
}

void ct_match_set(struct ct_match *match, const char *text)
{
	ct_match_forget(match);
	if (match->is_regex)
		regfree(&match->regex);
	snprintf(match->text, sizeof(match->text), "%s", text);
	match->ignore_case = true;
	for (const char *c = text; *c; c++)
		match->ignore_case = match->ignore_case && !isupper((unsigned char)*c);
	match->is_regex = *text && regcomp(&match->regex, text,
					   REG_EXTENDED | REG_NOSUB | (match->ignore_case ? REG_ICASE : 0)) == 0;
}

bool ct_match_text(const struct ct_match *match, const char *text)
{
	if (match->is_regex)
		return regexec(&match->regex, text, 0, NULL, 0) == 0;
	return match->ignore_case ? strcasestr(text, match->text) : strstr(text, match->text);
}

bool ct_match_frame(struct ct_match *match, const struct ct_profile *profile, uint32_t id)
{
	if (!match->text[0])
		return false;
	if (id >= match->frame_count) {
		size_t count = profile->frame_count * 2;
		uint8_t *frames = realloc(match->frames, count);
		if (!frames)
			return false;
		memset(frames + match->frame_count, 0, count - match->frame_count);
		match->frames = frames;
		match->frame_count = count;
	}
	if (!match->frames[id]) {
		const struct ct_frame *frame = &profile->frames[id];
		bool found = ct_match_text(match, profile->strings[frame->function]) ||
			     ct_match_text(match, profile->strings[frame->file]) ||
			     ct_match_text(match, profile->strings[frame->module]);
		match->frames[id] = found ? 2 : 1;
	}
	return match->frames[id] == 2;
}
