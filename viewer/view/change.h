/* SPDX-License-Identifier: MIT */
/* The texts and the colour of a change from one recording to another. */
#ifndef CT_VIEW_CHANGE_H
#define CT_VIEW_CHANGE_H

#include "view/diff.h"
#include "view/line.h"

/* A change below this share of the whole is not coloured: it is noise more often than not. */
#define CT_CHANGE_SHARE_MIN 0.005

/* 1: it has grown by so much that it stands out, -1: it has shrunk by as much, 0: neither. */
int ct_change_sign(int64_t change, double whole);
enum ct_style ct_change_style(int64_t change, double whole);

/* All return out. "-": nothing. */
char *ct_change_amount(const struct ct_diff_view *view, uint64_t amount, enum ct_metric metric, char *out);
char *ct_change_text(const struct ct_diff_view *view, int64_t change, enum ct_metric metric, char *out);
char *ct_change_percent(int64_t change, double whole, char *out);

/* Write the line about one side of the diff: its file, producer and command. */
void ct_change_put_side(const struct ct_diff_view *view, enum ct_diff_side side, struct ct_line *line);

#endif
