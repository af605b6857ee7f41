/* SPDX-License-Identifier: MIT */
/* Which rows the screen shows: the view, the order, the filter. Functions return 0, or < 0 when out of memory. */
#ifndef CT_LIVE_VIEWS_H
#define CT_LIVE_VIEWS_H

#include "live/screen.h"

/* Build the rows. The selection stays on its row or, if it was at the top, at the top. */
int ct_screen_rebuild(struct ct_screen *screen);

/* Build them after a change of the filter. */
int ct_screen_refilter(struct ct_screen *screen);

/* Does the profile have such a view? */
bool ct_screen_has_kind(const struct ct_screen *screen, enum ct_rows_kind kind);

int ct_screen_set_kind(struct ct_screen *screen, enum ct_rows_kind kind);
int ct_screen_next_kind(struct ct_screen *screen, int step);
int ct_screen_next_sort(struct ct_screen *screen, int step);

/* The columns of the Leaks view, in order. Returns their number. */
int ct_screen_leak_columns(const struct ct_screen *screen, enum ct_column columns[CT_COLUMN_COUNT]);

#endif
