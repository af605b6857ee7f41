/* SPDX-License-Identifier: MIT */
#include "live/keys.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	int key;
} names[] = {
	{"Tab", '\t'},
	{"Enter", CT_KEY_ENTER},
	{"Esc", CT_KEY_ESCAPE},
	{"space", ' '},
	{"Up", CT_KEY_UP},
	{"Down", CT_KEY_DOWN},
	{"Left", CT_KEY_LEFT},
	{"Right", CT_KEY_RIGHT},
	{"PgUp", CT_KEY_PAGE_UP},
	{"PgDn", CT_KEY_PAGE_DOWN},
	{"Home", CT_KEY_HOME},
	{"End", CT_KEY_END},
};

static int key_of(const char *word, size_t length)
{
	for (size_t i = 0; length > 1 && i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == length && !memcmp(names[i].name, word, length))
			return names[i].key;
	return *word;
}

bool ct_keys_have(const char *words, int key)
{
	for (size_t length; *words; words += length + (words[length] == ' ')) {
		length = strcspn(words, " ");
		if (key_of(words, length) == key)
			return true;
	}
	return false;
}
