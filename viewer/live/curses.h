/* SPDX-License-Identifier: MIT */
/* The terminal: the only part that knows ncurses. It is given back as it was, also when a signal ends us. */
#ifndef CT_LIVE_CURSES_H
#define CT_LIVE_CURSES_H

#include <stdbool.h>

/* False: TERM names no terminal that can be painted on. */
bool ct_curses_begin(void);

/* Give the terminal back; after a signal that ends programs, end by it. */
void ct_curses_end(void);

void ct_curses_size(int *lines, int *columns);

/* Text of ct_line: lines with its colours. The selected line (-1 = none) is shown so. */
void ct_curses_paint(const char *text, int selected);

/*
 * The next key, a character or an enum ct_key; CT_KEY_NONE after this time or when the size has changed, < 0 when
 * the terminal is gone or a signal ends us.
 */
int ct_curses_key(int wait_ms);

#endif
