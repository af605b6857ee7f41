/* SPDX-License-Identifier: MIT */
/*
 * Builds a line of output and counts the columns that it fills: wide characters count two, combining ones none. Text
 * is UTF-8; if the terminal does not support that, characters become ASCII. Colours are left out if the terminal has
 * none. When out of memory, the line stays incomplete and is marked as failed.
 */
#ifndef CT_VIEW_LINE_H
#define CT_VIEW_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "view/terminal.h"

enum ct_style {
	CT_STYLE_PLAIN,
	CT_STYLE_STRONG, /* titles, the allocating function */
	CT_STYLE_QUIET, /* labels, callers, places */
	CT_STYLE_HEAD, /* column heads */
	CT_STYLE_SORTED, /* head of the sorted column */
	CT_STYLE_BAR,
	CT_STYLE_LOSS,
	CT_STYLE_MORE, /* in a diff: grown, and shrunk */
	CT_STYLE_LESS,
};

struct ct_line {
	const struct ct_terminal *terminal;
	FILE *out;
	char *bytes;
	size_t length;
	size_t room;
	int columns;
	bool linked;
	bool failed; /* out of memory: the output is incomplete */
};

void ct_line_init(struct ct_line *line, const struct ct_terminal *terminal, FILE *out);
void ct_line_fini(struct ct_line *line);

/* The number of columns that text fills. */
int ct_line_width(const struct ct_terminal *terminal, const char *text);

void ct_line_add(struct ct_line *line, const char *text);

/* Add at most this many columns of text; a shortened text ends in an ellipsis. */
void ct_line_add_cut(struct ct_line *line, const char *text, int columns);

/* Add as much of text as fits into the terminal's width. */
void ct_line_add_rest(struct ct_line *line, const char *text);

void ct_line_add_right(struct ct_line *line, const char *text, int columns);
void ct_line_add_blanks(struct ct_line *line, int columns);
void ct_line_format(struct ct_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ct_line_style(struct ct_line *line, enum ct_style style);

/*
 * Make the text that is added until ct_line_link_end a link to a line of a file, on terminals that show links and if
 * the file is there. path is absolute; otherwise there is no link.
 */
void ct_line_link(struct ct_line *line, const char *path, unsigned number);
void ct_line_link_end(struct ct_line *line);

#define CT_SPARK_MAX 8

/* Add one column of a bar chart, of a height from 0 to CT_SPARK_MAX. */
void ct_line_add_spark(struct ct_line *line, int height);

/* Write the line, without trailing spaces, and start the next one. */
void ct_line_end(struct ct_line *line);

#define CT_LABEL_WIDTH 10 /* of the labels above a table */

/* Write a line about a problem with the numbers or the stacks, in a colour that stands out. */
void ct_line_put_remark(struct ct_line *line, const char *label, const char *text);

/* Write the rest of a line, wrapped at spaces. Further lines begin at this column. */
void ct_line_put_wrapped(struct ct_line *line, const char *text, int indent);

/* The number of columns left in the terminal's width, at least 0. */
int ct_line_left(const struct ct_line *line);

#endif
