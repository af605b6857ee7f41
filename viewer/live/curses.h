/* SPDX-License-Identifier: MIT */
/* The terminal; the only part that uses ncurses. Its state is restored at the end, even if a signal ends us. */
#ifndef CT_LIVE_CURSES_H
#define CT_LIVE_CURSES_H

#include <stdbool.h>

/* Start painting. False: TERM does not name a terminal that can be painted on. */
bool ct_curses_begin(void);

/* Restore the terminal. If a signal was caught, die from it. */
void ct_curses_end(void);

/* Leave the terminal to another program, and take it back. */
void ct_curses_suspend(void);
void ct_curses_resume(void);

void ct_curses_size(int *lines, int *columns);

/* Paint lines with the colours of ct_line, and highlight the selected one (-1 = none). */
void ct_curses_paint(const char *text, int selected);

/*
 * The next key: a character or an enum ct_key. CT_KEY_NONE after wait_ms or when the size has changed; < 0 if the
 * terminal is gone or a signal ends us.
 */
int ct_curses_key(int wait_ms);

#endif
