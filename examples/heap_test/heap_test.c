/* SPDX-License-Identifier: MIT */
/*
 * A unit test that also tests heap use: looking up a word must not allocate, adding a word takes one block, and clearing
 * the list frees all blocks.
 */
#include <ctrace/ctrace.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
	struct word *next;
	char text[16];
};

static struct word *words;

static void add(const char *text)
{
	struct word *word = malloc(sizeof(*word));
	assert(word);
	strcpy(word->text, text);
	word->next = words;
	words = word;
}

static struct word *find(const char *text)
{
	struct word *word = words;
	while (word && strcmp(word->text, text))
		word = word->next;
	return word;
}

static void clear(void)
{
	while (words) {
		struct word *next = words->next;
		free(words);
		words = next;
	}
}

static struct ctrace_heap before;

/* Was the heap used as the test expects? Without ctrace this is unknown, and the test says so. */
static void end(const char *step, uint64_t blocks, int64_t live_blocks)
{
	struct ctrace_heap after;
	if (ctrace_totals(&after)) {
		printf("%s: not recorded\n", step);
		return;
	}
	ctrace_mark(step);
	assert(after.total_blocks - before.total_blocks == blocks);
	assert((int64_t)(after.live_blocks - before.live_blocks) == live_blocks);
	printf("%s: %d blocks, %d bytes\n", step, (int)blocks, (int)(after.total_bytes - before.total_bytes));
}

int main(void)
{
	char text[16], output[4096];
	setvbuf(stdout, output, _IOFBF, sizeof(output)); /* otherwise the first printf would allocate a buffer */

	ctrace_totals(&before);
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "word%d", i);
		add(text);
	}
	end("adding 1000 words", 1000, 1000);

	ctrace_totals(&before);
	assert(find("word500") && find("word999") && !find("word1000"));
	end("looking them up", 0, 0);

	ctrace_totals(&before);
	clear();
	end("clearing", 0, -1000);
	return fflush(stdout) != 0;
}
