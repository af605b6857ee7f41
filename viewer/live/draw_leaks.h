/* SPDX-License-Identifier: MIT */
/* What the Leaks view shows beside the rows that it shares with the view of sites. */
#ifndef CT_LIVE_DRAW_LEAKS_H
#define CT_LIVE_DRAW_LEAKS_H

#include "live/screen.h"

/* Write the sums by class, if the recording knows them, and the verdict. */
void ct_draw_leaks_header(const struct ct_screen *screen, struct ct_view *view, struct ct_line *line);

/* Choose the columns that fit. The cell before the text is as wide as ct_draw_leaks_width. */
void ct_draw_leaks_layout(const struct ct_screen *screen, struct ct_view *view, struct ct_layout *layout);

/* The width of a row's cell, or 0 if no row has a finding. */
int ct_draw_leaks_width(const struct ct_screen *screen);

/* Add the row's cell: "lost 1.28 MiB/s", "grows 120 KiB/s", or blanks. row: NULL for the head. */
void ct_draw_leaks_cell(const struct ct_screen *screen, const struct ct_live_row *row, struct ct_line *line);

#endif
