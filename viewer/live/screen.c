/* SPDX-License-Identifier: MIT */
/* The effects of keys. */
#include "live/screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "live/views.h"
#include "model/threads.h"
#include "names/names.h"

void ct_screen_fini(struct ct_screen *screen)
{
	ct_rows_fini(&screen->rows);
	ct_match_set(&screen->filter, "");
	ct_match_set(&screen->search, "");
	ct_origins_fini(&screen->origins);
	ct_leaking_fini(&screen->leaking);
	free(screen->left_out);
}

static enum ct_action done(int code)
{
	return code ? CT_ACTION_NO_MEMORY : CT_ACTION_NONE;
}

static struct ct_live_row *selected_row(struct ct_screen *screen)
{
	return screen->selected < screen->rows.count ? &screen->rows.rows[screen->selected] : NULL;
}

static bool has_stack(const struct ct_screen *screen, const struct ct_live_row *row)
{
	return !row->ends && ct_rows_have_stacks(screen->rows.kind);
}

size_t ct_screen_stack(const struct ct_screen *screen, const uint32_t **frames)
{
	const struct ct_profile *profile = screen->profile;
	const struct ct_live_row *row;
	if (screen->selected >= screen->rows.count)
		return 0;
	row = &screen->rows.rows[screen->selected];
	if (!has_stack(screen, row))
		return 0;
	if (screen->rows.kind == CT_ROWS_FUNCTIONS) {
		*frames = &row->first_frame;
		return 1;
	}
	*frames = profile->frame_ids + profile->sites[row->site].first_frame;
	if (screen->rows.kind == CT_ROWS_CALLERS)
		return row->last_frame + 1;
	*frames += row->first_frame;
	size_t count = profile->sites[row->site].frame_count - row->first_frame;
	/* a row of folded threads does not belong to the thread of its largest site */
	bool label = !screen->origins.split_threads && ct_thread_of_site(profile, &profile->sites[row->site]);
	return count > 1 && label ? count - 1 : count;
}

/* Open a branch; for any other row, show its stack. */
static enum ct_action open_row(struct ct_screen *screen, bool toggle)
{
	struct ct_live_row *row = selected_row(screen);
	if (!row)
		return CT_ACTION_NONE;
	if (!row->can_open) {
		screen->stack_open = has_stack(screen, row);
		screen->stack_top = 0;
		return CT_ACTION_NONE;
	}
	if (row->is_open && toggle)
		ct_rows_close(&screen->rows, row->id);
	else if (ct_rows_open(&screen->rows, row->id))
		return CT_ACTION_NO_MEMORY;
	return done(ct_screen_rebuild(screen));
}

/* Close the branch, or go to its parent. */
static enum ct_action close_row(struct ct_screen *screen)
{
	struct ct_live_row *row = selected_row(screen);
	if (!row)
		return CT_ACTION_NONE;
	if (row->is_open) {
		ct_rows_close(&screen->rows, row->id);
		return done(ct_screen_rebuild(screen));
	}
	for (size_t i = screen->selected; i-- > 0;) {
		if (screen->rows.rows[i].level < row->level) {
			screen->selected = i;
			break;
		}
	}
	return CT_ACTION_NONE;
}

static void move(size_t *at, size_t count, int key, size_t page)
{
	size_t last = count ? count - 1 : 0;
	if (key == CT_KEY_UP)
		*at -= *at > 0;
	else if (key == CT_KEY_DOWN)
		*at += *at < last;
	else if (key == CT_KEY_PAGE_UP)
		*at -= *at < page ? *at : page;
	else if (key == CT_KEY_PAGE_DOWN)
		*at = last - *at < page ? last : *at + page;
	else
		*at = key == CT_KEY_HOME ? 0 : last;
}

static bool row_matches(struct ct_screen *screen, const struct ct_live_row *row)
{
	const struct ct_profile *profile = screen->profile;
	uint32_t count = ct_row_frame_count(&screen->rows, row);
	if (screen->rows.kind == CT_ROWS_MODULES)
		return ct_match_text(&screen->search, profile->strings[profile->frames[row->first_frame].module]);
	for (uint32_t i = 0; i < count; i++) {
		if (ct_match_frame(&screen->search, profile, ct_row_frame(&screen->rows, profile, row, i)))
			return true;
	}
	return false;
}

/* Go to the next matching row and wrap around at the end; with step 0, start at the current row. */
static void search(struct ct_screen *screen, int step)
{
	size_t count = screen->rows.count, at = screen->selected;
	if (!screen->search.text[0]) {
		snprintf(screen->message, sizeof(screen->message), "nothing to search for: press / first");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (i || step)
			at = (at + (step < 0 ? count - 1 : 1)) % count;
		if (row_matches(screen, &screen->rows.rows[at])) {
			screen->selected = at;
			return;
		}
	}
	snprintf(screen->message, sizeof(screen->message), "not found: %s", screen->search.text);
}

/* A click on a row selects it; on the selected row it opens that. */
static enum ct_action click(struct ct_screen *screen, int line)
{
	int64_t row = (int64_t)screen->selected + line - screen->selected_line;
	if (screen->stack_open || screen->selected_line < 0 || row < (int64_t)screen->top ||
	    row >= (int64_t)(screen->top + screen->page) || row >= (int64_t)screen->rows.count)
		return CT_ACTION_NONE;
	if ((size_t)row == screen->selected)
		return open_row(screen, true);
	screen->selected = (size_t)row;
	return CT_ACTION_NONE;
}

/* Append one character, as UTF-8. */
static void type(char *input, int key)
{
	char bytes[5] = "";
	size_t length = strlen(input);
	if (key < 0x80) {
		bytes[0] = (char)key;
	} else if (key < 0x800) {
		bytes[0] = (char)(0xc0 | key >> 6);
		bytes[1] = (char)(0x80 | (key & 0x3f));
	} else if (key < 0x10000) {
		bytes[0] = (char)(0xe0 | key >> 12);
		bytes[1] = (char)(0x80 | (key >> 6 & 0x3f));
		bytes[2] = (char)(0x80 | (key & 0x3f));
	} else {
		bytes[0] = (char)(0xf0 | key >> 18);
		bytes[1] = (char)(0x80 | (key >> 12 & 0x3f));
		bytes[2] = (char)(0x80 | (key >> 6 & 0x3f));
		bytes[3] = (char)(0x80 | (key & 0x3f));
	}
	if (length + strlen(bytes) < CT_MATCH_ROOM)
		strcpy(input + length, bytes);
}

static void erase(char *input)
{
	size_t length = strlen(input);
	while (length && (input[--length] & 0xc0) == 0x80)
		;
	input[length] = '\0';
}

static enum ct_action prompt_key(struct ct_screen *screen, int key)
{
	enum ct_prompt prompt = screen->prompt;
	if (key == CT_KEY_BACKSPACE)
		erase(screen->input);
	else if (key >= ' ' && key < CT_KEY_UP)
		type(screen->input, key);
	if (key != CT_KEY_ENTER && key != CT_KEY_ESCAPE)
		return CT_ACTION_NONE;
	screen->prompt = CT_PROMPT_NONE;
	if (key == CT_KEY_ESCAPE)
		return CT_ACTION_NONE;
	if (prompt == CT_PROMPT_FILTER) {
		ct_match_set(&screen->filter, screen->input);
		screen->selected = screen->top = 0;
		return done(ct_screen_refilter(screen));
	}
	if (screen->input[0])
		ct_match_set(&screen->search, screen->input);
	search(screen, 0);
	return CT_ACTION_NONE;
}

static void ask(struct ct_screen *screen, enum ct_prompt prompt)
{
	screen->prompt = prompt;
	snprintf(screen->input, sizeof(screen->input), "%s", prompt == CT_PROMPT_FILTER ? screen->filter.text : "");
}

/* Handle keys of the whole-stack pane: those that move in it, and those that close it. */
static bool stack_key(struct ct_screen *screen, int key)
{
	const uint32_t *frames;
	if (key >= CT_KEY_UP && key != CT_KEY_LEFT && key != CT_KEY_RIGHT) {
		move(&screen->stack_top, ct_screen_stack(screen, &frames), key, screen->page);
		return true;
	}
	if (key == 'o') /* its first frame's source */
		return false;
	screen->stack_open = false;
	return key == CT_KEY_ESCAPE || key == CT_KEY_ENTER || key == CT_KEY_LEFT || key == 'q';
}

static enum ct_action view_key(struct ct_screen *screen, int key)
{
	return done(ct_screen_next_kind(screen, key == 'T' ? -1 : 1));
}

static enum ct_action leaks_key(struct ct_screen *screen, int key)
{
	(void)key;
	if (ct_screen_has_kind(screen, CT_ROWS_LEAKS))
		return done(ct_screen_set_kind(screen, CT_ROWS_LEAKS));
	snprintf(screen->message, sizeof(screen->message), "the file does not say what was live at the end");
	return CT_ACTION_NONE;
}

static enum ct_action sort_key(struct ct_screen *screen, int key)
{
	return done(ct_screen_next_sort(screen, key == '<' ? -1 : 1));
}

static enum ct_action reverse_key(struct ct_screen *screen, int key)
{
	(void)key;
	screen->rows.reverse = !screen->rows.reverse;
	return done(ct_screen_rebuild(screen));
}

static enum ct_action open_key(struct ct_screen *screen, int key)
{
	return open_row(screen, key == CT_KEY_ENTER);
}

static enum ct_action close_key(struct ct_screen *screen, int key)
{
	(void)key;
	return close_row(screen);
}

static enum ct_action move_key(struct ct_screen *screen, int key)
{
	move(&screen->selected, screen->rows.count, key, screen->page ? screen->page : 1);
	return CT_ACTION_NONE;
}

static enum ct_action search_key(struct ct_screen *screen, int key)
{
	if (key == '/')
		ask(screen, CT_PROMPT_SEARCH);
	else
		search(screen, key == 'n' ? 1 : -1);
	return CT_ACTION_NONE;
}

static enum ct_action filter_key(struct ct_screen *screen, int key)
{
	if (key == CT_KEY_ESCAPE) {
		ct_match_set(&screen->filter, "");
		return done(ct_screen_refilter(screen));
	}
	ask(screen, CT_PROMPT_FILTER);
	return CT_ACTION_NONE;
}

static enum ct_action frames_key(struct ct_screen *screen, int key)
{
	(void)key;
	ct_origins_fini(&screen->origins);
	screen->origins.rule = screen->origins.rule == CT_ORIGIN_NONE ? CT_ORIGIN_RULE : CT_ORIGIN_NONE;
	screen->selected = screen->top = 0;
	return done(ct_origins_update(&screen->origins, screen->profile) || ct_screen_rebuild(screen));
}

static enum ct_action exact_key(struct ct_screen *screen, int key)
{
	(void)key;
	screen->exact = !screen->exact;
	return CT_ACTION_NONE;
}

static enum ct_action baseline_key(struct ct_screen *screen, int key)
{
	(void)screen, (void)key;
	return CT_ACTION_BASELINE;
}

static enum ct_action pause_key(struct ct_screen *screen, int key)
{
	(void)screen, (void)key;
	return CT_ACTION_PAUSE;
}

static enum ct_action edit_key(struct ct_screen *screen, int key)
{
	(void)screen, (void)key;
	return CT_ACTION_EDIT;
}

static enum ct_action help_key(struct ct_screen *screen, int key)
{
	(void)key;
	screen->help = true;
	return CT_ACTION_NONE;
}

static enum ct_action quit_key(struct ct_screen *screen, int key)
{
	(void)screen, (void)key;
	return CT_ACTION_QUIT;
}

/* What list_key does, and what the help and the bottom line say of it. */
const struct ct_screen_key ct_screen_keys[] = {
	{"? h", "?:help", "this help", help_key, false},
	{"t Tab T", "t:view", "next or previous view: sites, functions, trees, modules, threads, tags, leaks", view_key,
	 false},
	{"l", "l:leaks", "what is lost, or grows steadily; then all that is live at the end", leaks_key, false},
	{"> s <", "<>:sort", "sort by the next column; by the previous one", sort_key, false},
	{"r", NULL, "reverse the order", reverse_key, false},
	{"Enter Right +", "Enter:open", "open a branch of the tree; in other views, show the whole stack", open_key,
	 false},
	{"Left -", NULL, "close the branch, then go to the one that contains it", close_key, false},
	{"Up Down PgUp PgDn Home End", NULL, "move", move_key, false},
	{"/ n N", "/:search", "search function, file or module; next; previous", search_key, false},
	{"f Esc", "f:filter", "show only sites with a match anywhere in the stack; show all", filter_key, false},
	{"a", NULL, "begin rows at the program's own code, or at the function that allocates", frames_key, false},
	{"b", NULL, "exact numbers, or rounded", exact_key, false},
	{"o", NULL, "open the source line in $EDITOR", edit_key, false},
	{"m", "m:baseline", "set the baseline: GROWN counts live bytes from now on", baseline_key, true},
	{"space", "space:pause", "pause; continue", pause_key, true},
	{"q Q", "q:quit", "quit", quit_key, false},
	{NULL, NULL, NULL, NULL, false},
};

static enum ct_action list_key(struct ct_screen *screen, int key)
{
	for (const struct ct_screen_key *row = ct_screen_keys; row->keys; row++)
		if (ct_keys_have(row->keys, key))
			return row->press(screen, key);
	return CT_ACTION_NONE;
}

enum ct_action ct_screen_key(struct ct_screen *screen, int key)
{
	if (key == CT_KEY_NONE)
		return CT_ACTION_NONE;
	screen->message[0] = '\0';
	if (screen->help) {
		screen->help = false;
		return CT_ACTION_NONE;
	}
	if (screen->prompt)
		return key < CT_KEY_CLICK ? prompt_key(screen, key) : CT_ACTION_NONE;
	if (key >= CT_KEY_CLICK)
		return click(screen, key - CT_KEY_CLICK);
	if (screen->stack_open && stack_key(screen, key))
		return CT_ACTION_NONE;
	return list_key(screen, key);
}
