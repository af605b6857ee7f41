/* SPDX-License-Identifier: MIT */
/* Keys of a terminal as numbers, and the names that the help has for them. */
#ifndef CT_LIVE_KEYS_H
#define CT_LIVE_KEYS_H

#include <stdbool.h>

/* Keys that are not printable characters; other keys are Unicode characters. */
enum ct_key {
	CT_KEY_NONE = 0,
	CT_KEY_ENTER = '\n',
	CT_KEY_ESCAPE = 27,
	CT_KEY_BACKSPACE = 127,
	CT_KEY_UP = 0x110000,
	CT_KEY_DOWN,
	CT_KEY_LEFT,
	CT_KEY_RIGHT,
	CT_KEY_PAGE_UP,
	CT_KEY_PAGE_DOWN,
	CT_KEY_HOME,
	CT_KEY_END,
	CT_KEY_CLICK = 0x120000, /* plus the line of the screen, from 0 */
};

/* Whether the key is one of the words: characters, or names such as "Tab", separated by blanks. */
bool ct_keys_have(const char *words, int key);

#endif
