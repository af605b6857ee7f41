/* SPDX-License-Identifier: MIT */
/*
 * The screen of the interactive view, as text: what it shows, and what keys do. It does not depend on a terminal:
 * curses.c paints the lines, and tests read them.
 */
#ifndef CT_LIVE_SCREEN_H
#define CT_LIVE_SCREEN_H

#include "live/keys.h"
#include "live/match.h"
#include "live/rows.h"

/* What a key asks of the caller. */
enum ct_action {
	CT_ACTION_NONE,
	CT_ACTION_QUIT,
	CT_ACTION_BASELINE,
	CT_ACTION_PAUSE,
	CT_ACTION_EDIT, /* open the selected row's source */
	CT_ACTION_NO_MEMORY,
};

enum ct_prompt {
	CT_PROMPT_NONE,
	CT_PROMPT_SEARCH,
	CT_PROMPT_FILTER,
};

struct ct_screen {
	struct ct_terminal terminal;
	int height;
	bool exact;
	const struct ct_profile *profile;
	char state[1024]; /* "paused", "process ended", ...; may be "" */
	const struct ct_counters *whole; /* the base of percentages; NULL = the profile's totals */
	uint64_t baseline_us; /* for a running program: time since the baseline */

	struct ct_rows rows;
	struct ct_origins origins;
	struct ct_leaking leaking; /* for CT_ROWS_LEAKS; its suppressions are set at the start, or none */
	enum ct_column other_sort; /* while in CT_ROWS_LEAKS: of the other views */
	struct ct_match filter, search;
	bool *left_out; /* by site, when there is a filter */
	size_t shown_sites;
	bool has_threads;

	size_t selected; /* row */
	size_t top; /* first visible row */
	size_t page; /* number of visible rows in the latest text */
	bool stack_open; /* the lower pane takes the place of the rows, and the keys */
	size_t stack_top;
	bool help;
	enum ct_prompt prompt;
	char input[CT_MATCH_ROOM];
	char message[CT_MATCH_ROOM + 32]; /* shown until the next key */
	int selected_line; /* in the latest text, -1 = none */
};

/* A key, or several that belong together. */
struct ct_screen_key {
	const char *keys; /* characters, or names such as "Tab", separated by blanks */
	const char *hint; /* in the bottom line; NULL = not there */
	const char *help;
	enum ct_action (*press)(struct ct_screen *screen, int key);
	bool running; /* the hint is for running programs only */
};

extern const struct ct_screen_key ct_screen_keys[]; /* ends with keys = NULL */

/* A zeroed screen with terminal, height, rows.kind and rows.sort set is ready for ct_screen_show. */
void ct_screen_fini(struct ct_screen *screen);

/* Show a profile, or new numbers of the current one. 0, or < 0 when out of memory. */
int ct_screen_show(struct ct_screen *screen, const struct ct_profile *profile);

enum ct_action ct_screen_key(struct ct_screen *screen, int key);

/* The screen's text, to be freed: at most `height` lines, with the colours of ct_line. NULL when out of memory. */
char *ct_screen_text(struct ct_screen *screen);

/* The selected row's stack, leaf first. Returns its number of frames; 0 = none, and *frames is not set. */
size_t ct_screen_stack(const struct ct_screen *screen, const uint32_t **frames);

#endif
