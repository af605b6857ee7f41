/* SPDX-License-Identifier: MIT */
/* A cache that forgets the old value of a key when a new one is put in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 64

static char *cache[KEYS];

static void put(unsigned key, const char *value)
{
	cache[key % KEYS] = strdup(value); /* should free the old one first */
}

int main(void)
{
	char value[32];
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(value, sizeof(value), "value %05u", i);
		put(i, value);
	}
	return cache[0] == NULL;
}
