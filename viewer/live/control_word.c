/* SPDX-License-Identifier: MIT */
#include "live/control_word.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLE_MAX (1ull << 27)

/* NAME's use: not at all, possible, needed. */
enum name { NAME_NONE, NAME_MAY, NAME_MUST };

static const struct action {
	const char *word;
	enum name name;
	struct ct_control_wish wish;
	bool needs_recording; /* makes no sense asleep or off */
} actions[] = {
	{"off", NAME_NONE, {.set_mode = true, .mode = CT_CONTROL_OFF}, false},
	{"exact", NAME_MAY, {.set_mode = true, .mode = CT_CONTROL_EXACT}, false},
	{"pause", NAME_NONE, {.set_pause = true, .pause = true}, true},
	{"resume", NAME_NONE, {.set_pause = true}, true},
	{"mark", NAME_MUST, {.mark = true}, true},
	{"reset", NAME_MAY, {.segment = true}, true},
};

static int parse_sample(const char *text, struct ct_control_wish *wish, struct ct_error_text *error)
{
	char *end;
	uint64_t bytes = strtoull(text, &end, 10);
	const char *unit = *end ? strchr("kmg", *end) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - "kmg" + 1) : 0;
	if (*text < '0' || *text > '9' || (*end && (!unit || end[1])) || !bytes || bytes > SAMPLE_MAX >> shift)
		return ct_error_set(error, CT_ERR_USAGE,
				    CT_CONTROL_SAMPLE_WORD "%s: not a number of bytes (as 4096, 512k or 2m) up to 128m",
				    text);
	*wish = (struct ct_control_wish){.set_mode = true, .mode = CT_CONTROL_SAMPLE, .sample_bytes = bytes << shift};
	return CT_OK;
}

static const struct action *find_action(const char *word)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (!strcmp(actions[i].word, word))
			return &actions[i];
	return NULL;
}

static int check_name(const char *word, enum name use, const char *name, struct ct_error_text *error)
{
	if (use == NAME_MUST && !name)
		return ct_error_set(error, CT_ERR_USAGE, "%s needs a name", word);
	if (use == NAME_NONE && name)
		return ct_error_set(error, CT_ERR_USAGE, "%s takes no name", word);
	if (name && (!*name || strlen(name) > CT_CONTROL_NAME_MAX))
		return ct_error_set(error, CT_ERR_USAGE, "a name has 1 to %u bytes", CT_CONTROL_NAME_MAX);
	return CT_OK;
}

int ct_control_parse(const char *word, const char *name, struct ct_control_wish *wish, struct ct_error_text *error)
{
	const struct action *action = find_action(word);
	size_t prefix = strlen(CT_CONTROL_SAMPLE_WORD);
	int code = CT_OK;
	if (action)
		*wish = action->wish;
	else if (!strncmp(word, CT_CONTROL_SAMPLE_WORD, prefix))
		code = parse_sample(word + prefix, wish, error);
	else
		code = ct_error_set(error, CT_ERR_USAGE,
				    "%s: not one of off, exact, sample=BYTES, pause, resume, mark, reset, status",
				    word);
	wish->name = name;
	return code ? code : check_name(word, action ? action->name : NAME_MAY, name, error);
}

bool ct_control_needs_recording(const char *word)
{
	const struct action *action = find_action(word);
	return action && action->needs_recording;
}
