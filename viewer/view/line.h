/* SPDX-License-Identifier: MIT */
/*
 * A line of output in the making, which knows how many columns it fills: wide characters count two,
 * combining ones none. Text is UTF-8; on a terminal without it, other characters become ASCII. Colours
 * are left out where the terminal has none. Without memory the line just stays short and says so.
 */
#ifndef CT_VIEW_LINE_H
#define CT_VIEW_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "view/terminal.h"

enum ct_style {
	CT_STYLE_PLAIN,
	CT_STYLE_STRONG, /* titles, the function that allocates */
	CT_STYLE_QUIET, /* labels, callers, places */
	CT_STYLE_HEAD, /* column heads */
	CT_STYLE_SORTED, /* head of the sorted column */
	CT_STYLE_BAR,
	CT_STYLE_LOSS,
	CT_STYLE_MORE, /* of a diff: grown, shrunk */
	CT_STYLE_LESS,
};

struct ct_line {
	const struct ct_terminal *terminal;
	FILE *out;
	char *bytes;
	size_t length;
	size_t room;
	int columns;
	bool failed; /* no memory: output is not complete */
};

void ct_line_init(struct ct_line *line, const struct ct_terminal *terminal, FILE *out);
void ct_line_fini(struct ct_line *line);

/* Columns that text fills. */
int ct_line_width(const struct ct_terminal *terminal, const char *text);

void ct_line_add(struct ct_line *line, const char *text);

/* At most this many columns; a cut text ends in an ellipsis. */
void ct_line_add_cut(struct ct_line *line, const char *text, int columns);

/* As much as fits into the terminal's width. */
void ct_line_add_rest(struct ct_line *line, const char *text);

void ct_line_add_right(struct ct_line *line, const char *text, int columns);
void ct_line_add_blanks(struct ct_line *line, int columns);
void ct_line_format(struct ct_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ct_line_style(struct ct_line *line, enum ct_style style);

/* Write the line, without blanks at its end, and start the next one. */
void ct_line_end(struct ct_line *line);

#define CT_LABEL_WIDTH 10 /* of the labels above a table */

/* A line of what is wrong with the numbers (lost) or the stacks (note), in a colour that is seen. */
void ct_line_put_remark(struct ct_line *line, const char *label, const char *text);

/* Columns left in the terminal's width, 0 at least. */
int ct_line_left(const struct ct_line *line);

#endif
