/* SPDX-License-Identifier: MIT */
#ifndef CT_UTIL_BROWSER_H
#define CT_UTIL_BROWSER_H

#include "util/error.h"

/*
 * Open a page in the user's browser, by xdg-open or else the program that $BROWSER names. With a display it is not
 * waited for; without one it is a text browser, which needs the terminal. 0 or < 0.
 */
int ct_browser_open(const char *path, struct ct_error_text *error);

#endif
