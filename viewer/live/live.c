/* SPDX-License-Identifier: MIT */
#include "live/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "live/curses.h"
#include "live/editor.h"
#include "live/screen.h"
#include "util/clock.h"

#define REFRESH_MS 1000
#define IDLE_MS 1000 /* while there is nothing to read; a resize just before the wait is noticed after it */

struct live {
	struct ct_target *target;
	struct ct_screen screen;
	const char *folders; /* where source files are looked for */
	bool paused;
	struct ct_error_text trouble; /* why the latest reading failed; "" = it did not */
	int64_t next_ms; /* time of the next reading */
};

bool ct_live_possible(void)
{
	const char *term = getenv("TERM");
	return isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && term && *term && strcmp(term, "dumb");
}

static bool is_read_again(const struct live *live)
{
	return live->target && !live->paused && ct_target_state(live->target) != CT_TARGET_ENDED;
}

/* Describe, for the header, the state of the program and of the view. */
static void describe(struct live *live)
{
	struct ct_screen *screen = &live->screen;
	const char *state = "";
	if (!live->target)
		return;
	screen->baseline_us = ct_target_baseline_us(live->target);
	if (ct_target_state(live->target) == CT_TARGET_ENDED)
		state = "process ended";
	else if (live->trouble.line[0])
		state = live->trouble.line;
	else if (live->paused)
		state = "paused";
	else if (ct_target_state(live->target) == CT_TARGET_CLOSED)
		state = "recording ended";
	snprintf(screen->state, sizeof(screen->state), "%s", state);
	if (!*state && ct_target_state(live->target) == CT_TARGET_STOPPED)
		snprintf(screen->state, sizeof(screen->state), "recording stopped: %s", ct_target_reason(live->target));
}

static int read_again(struct live *live, struct ct_error_text *error)
{
	int code = ct_target_refresh(live->target, error);
	live->next_ms = (int64_t)(ct_now_ns() / 1000000) + REFRESH_MS;
	live->trouble.line[0] = '\0';
	if (code == CT_ERR_MEMORY)
		return code;
	if (code)
		live->trouble = *error;
	return ct_screen_show(&live->screen, ct_target_profile(live->target)) ? ct_error_no_memory(error) : CT_OK;
}

static int paint(struct live *live, struct ct_error_text *error)
{
	char *text;
	describe(live);
	ct_curses_size(&live->screen.height, &live->screen.terminal.columns);
	text = ct_screen_text(&live->screen);
	if (!text)
		return ct_error_no_memory(error);
	ct_curses_paint(text, live->screen.selected_line);
	free(text);
	return CT_OK;
}

/* Open the source of the selected row's stack; if the stack is shown, from its first visible frame on. */
static void edit(struct live *live)
{
	struct ct_screen *screen = &live->screen;
	struct ct_editor_place place;
	struct ct_error_text error;
	const uint32_t *frames;
	size_t count = ct_screen_stack(screen, &frames), from = screen->stack_open ? screen->stack_top : 0;
	if (from >= count || !ct_editor_find(screen->profile, frames + from, count - from, live->folders, &place)) {
		snprintf(screen->message, sizeof(screen->message), "no source file found: --source-path names folders");
		return;
	}
	ct_curses_suspend();
	int code = ct_editor_run(&place, &error);
	ct_curses_resume();
	free(place.path);
	if (code)
		snprintf(screen->message, sizeof(screen->message), "%.*s", (int)sizeof(screen->message) - 1,
			 error.line);
}

static int act(struct live *live, enum ct_action action, struct ct_error_text *error)
{
	if (action == CT_ACTION_NO_MEMORY)
		return ct_error_no_memory(error);
	if (action == CT_ACTION_PAUSE && live->target)
		live->paused = !live->paused;
	if (action == CT_ACTION_EDIT)
		edit(live);
	if (action == CT_ACTION_BASELINE && live->target &&
	    (ct_target_set_baseline(live->target) || ct_screen_show(&live->screen, ct_target_profile(live->target))))
		return ct_error_no_memory(error);
	return CT_OK;
}

static int loop(struct live *live, struct ct_error_text *error)
{
	int code = CT_OK;
	while (!code) {
		int64_t wait = is_read_again(live) ? live->next_ms - (int64_t)(ct_now_ns() / 1000000) : IDLE_MS;
		enum ct_action action;
		int key;

		if (wait <= 0) {
			code = read_again(live, error);
			continue;
		}
		code = paint(live, error);
		if (code)
			return code;
		key = ct_curses_key((int)wait);
		if (key < 0)
			return CT_OK;
		action = ct_screen_key(&live->screen, key);
		if (action == CT_ACTION_QUIT)
			return CT_OK;
		code = act(live, action, error);
	}
	return code;
}

int ct_live_run(const struct ct_live_request *request, struct ct_error_text *error)
{
	struct live live = {
		.target = request->target,
		.folders = request->view->source_path,
		.screen = {.terminal = *request->view->terminal,
			   .exact = request->view->exact,
			   .whole = request->view->whole,
			   .origins = {.rule = request->view->all_frames ? CT_ORIGIN_NONE : CT_ORIGIN_RULE,
				       .split_threads = request->view->split_threads},
			   .leaking.leaks = *request->suppressions,
			   .rows = {.kind = request->kind, .sort = request->view->sort}},
		.next_ms = (int64_t)(ct_now_ns() / 1000000) + REFRESH_MS,
	};
	int code;
	if (!ct_curses_begin())
		return ct_error_set(error, CT_ERR_USAGE, "TERM=%s names no known terminal; TERM=dumb gives plain text",
				    getenv("TERM"));
	code = ct_screen_show(&live.screen, request->view->profile) ? ct_error_no_memory(error) : loop(&live, error);
	ct_curses_end();
	ct_screen_fini(&live.screen);
	return code;
}
