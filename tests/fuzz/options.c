/* SPDX-License-Identifier: MIT */
/*
 * The options of a recording, as words that end in NUL. They are read as options of `ctrace record` and as the
 * environment of the preload, including name patterns.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "fuzz.h"
#include "hot/state.h"
#include "life/output.h"
#include "record/settings.h"
#include "sys/arena.h"
#include "sys/options.h"
#include "sys/say.h"
#include "sys/text.h"
#include "unwind/objects.h"

#define WORDS 64

struct ct_tracer ct_tracer;

/* The mappings need not be read for a name pattern. */
bool ct_object_file(uintptr_t address, struct ct_text *path, uint64_t *inode)
{
	(void)address, (void)path, (void)inode;
	return false;
}

/* Splits into words, with NULL at the end, in memory that *copy holds. */
static int split(const uint8_t *data, size_t size, char **copy, char *words[WORDS + 1])
{
	int count = 0;
	*copy = calloc(1, size + 1);
	memcpy(*copy, data, size);
	for (size_t at = 0; at < size && count < WORDS; at += strlen(*copy + at) + 1)
		words[count++] = *copy + at;
	words[count] = NULL;
	return count;
}

static void as_command_line(int count, char **words)
{
	struct ct_settings settings = {0};
	struct ct_error_text error;
	int rest;
	if (!ct_command_parse(&ct_command_record, &settings, count, words, &rest, &error))
		ct_settings_complete(&settings, &error);
	for (int i = 0; i < CT_SETTING_COUNT; i++)
		ct_settings_get(&settings, (enum ct_setting)i);
	ct_settings_fini(&settings);
}

static void as_environment(char **words)
{
	static struct ct_text output;
	if (!ct_options_read(words, NULL))
		return;
	ct_output_expand(&output);
	ct_output_fallback(&output);
	if (strlen(output.bytes) != output.length)
		abort();
	ct_option_has_word(ct_options.debug, "verify");
}

/* Replaces preload/sys/arena.c, which never frees: room for the strings of one input. */
static char arena[1 << 20];
static size_t arena_used;

void *ct_arena_alloc(size_t bytes)
{
	if (bytes > sizeof(arena) - arena_used)
		return NULL;
	arena_used += bytes;
	return arena + arena_used - bytes;
}

/* Keeps error messages about options off our stderr: lines go to no file. */
static void say_nothing(void)
{
	char mark[] = "CTRACE_STDERR=0:0";
	ct_say_init((char *[]){mark, NULL});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;
	char *copy, *words[WORDS + 1];
	if (!started) {
		say_nothing();
		ct_output_init();
		started = true;
	}
	arena_used = 0;
	int count = split(data, size, &copy, words);
	as_environment(words);
	if (count)
		as_command_line(count, words);
	free(copy);
	return 0;
}
