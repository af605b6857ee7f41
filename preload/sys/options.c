/* SPDX-License-Identifier: MIT */
#include "sys/options.h"

#include <string.h>

#include "sys/arena.h"
#include "sys/environment.h"
#include "sys/say.h"
#include "sys/text.h"

#define DEPTH_MIN 8u
#define DEPTH_MAX 4096u
#define SITES_MAX 10000000u

struct ct_options ct_options;

static char **variables, **fallback; /* where the present values come from */

static const char *find_value(const char *variable)
{
	const char *value = ct_environment_get(variables, variable);
	return value && *value ? value : ct_environment_get(fallback, variable);
}

static bool refuse(const char *variable, const char *value, const char *wanted)
{
	if (fallback)
		return false;
	struct ct_text line;
	ct_text_clear(&line);
	ct_text_add(&line, variable);
	ct_text_add(&line, "=");
	ct_text_add(&line, value);
	ct_say(line.bytes, " is not ", wanted);
	return false;
}

/* One function per TYPE of the table: parse the value, which is never NULL. False: it is wrong. */
static bool read_STRING(const char *variable, const char *value, const char **field)
{
	(void)variable;
	/* A copy, because programs overwrite their environment to change their process title. */
	size_t bytes = strlen(value) + 1;
	char *copy = ct_arena_alloc(bytes);
	if (!copy)
		return false;
	*field = memcpy(copy, value, bytes);
	return true;
}

static bool read_NUMBER(const char *variable, const char *value, uint64_t *field)
{
	return ct_parse_number(value, field) || refuse(variable, value, "a number; nothing is recorded");
}

static bool read_BYTES(const char *variable, const char *value, uint64_t *field)
{
	return ct_parse_bytes(value, field) ||
	       refuse(variable, value, "a number of bytes (as 4096, 512k or 2m); nothing is recorded");
}

static bool read_BOOL(const char *variable, const char *value, uint64_t *field)
{
	return (ct_parse_number(value, field) && *field <= 1) || refuse(variable, value, "0 or 1; nothing is recorded");
}

bool ct_options_read(char **environment, char **settings)
{
	variables = environment;
	fallback = settings;
#define CT_OPTION(field, variable, letter, flag, type, standard, argument, help)                                       \
	{                                                                                                              \
		const char *value = find_value(variable);                                                              \
		if (!value || !*value)                                                                                 \
			value = standard;                                                                              \
		if (!read_##type(variable, value, &ct_options.field))                                                  \
			return false;                                                                                  \
	}
#include "ctrace/options.def"
#undef CT_OPTION
	if (ct_options.depth < DEPTH_MIN || ct_options.depth > DEPTH_MAX)
		return refuse("CTRACE_DEPTH", find_value("CTRACE_DEPTH"), "between 8 and 4096; nothing is recorded");
	if (!ct_options.max_sites || ct_options.max_sites > SITES_MAX)
		return refuse("CTRACE_MAX_SITES", find_value("CTRACE_MAX_SITES"),
			      "between 1 and 10000000; nothing is recorded");
	if (ct_options.sample > CT_SAMPLE_BYTES_MAX)
		return refuse("CTRACE_SAMPLE", find_value("CTRACE_SAMPLE"), "at most 128m; nothing is recorded");
	return true;
}

bool ct_option_has_word(const char *list, const char *word)
{
	size_t length = strlen(word);
	while (*list) {
		const char *end = strchr(list, ',');
		size_t bytes = end ? (size_t)(end - list) : strlen(list);
		if (bytes == length && !memcmp(list, word, length))
			return true;
		list += bytes + (end != NULL);
	}
	return false;
}
