/* SPDX-License-Identifier: MIT */
/* Counts distinct words. Each look-up makes a lower-case copy of its word; with -DREUSE, all look-ups share one buffer. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text[] = {"The", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog"};
static char *known[16];

static char *lower(const char *word)
{
#ifdef REUSE
	static char copy[64];
#else
	char *copy = malloc(strlen(word) + 1);
#endif
	size_t i = 0;
	for (; word[i]; i++)
		copy[i] = (char)tolower((unsigned char)word[i]);
	copy[i] = '\0';
	return copy;
}

static int is_new(const char *word)
{
	char *key = lower(word);
	int i = 0;
	while (known[i] && strcmp(known[i], key))
		i++;
	int added = !known[i];
	if (added)
		known[i] = strdup(key);
#ifndef REUSE
	free(key);
#endif
	return added;
}

int main(void)
{
	int words = 0;
	for (int i = 0; i < 20000; i++)
		words += is_new(text[i % 9]);
	return words != 8;
}
