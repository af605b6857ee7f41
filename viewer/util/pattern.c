/* SPDX-License-Identifier: MIT */
#include "util/pattern.h"

#include <stdlib.h>

#include "util/array.h"

int ct_patterns_add(struct ct_patterns *patterns, const char *option, const char *text, struct ct_error_text *error)
{
	char why[128];
	if (!ct_array_room(&patterns->rows, &patterns->room, patterns->count + 1, sizeof(*patterns->rows)))
		return ct_error_no_memory(error);
	struct ct_pattern *row = &patterns->rows[patterns->count];
	row->text = text;
	int code = regcomp(&row->compiled, text, REG_EXTENDED | REG_NOSUB);
	if (code) {
		regerror(code, &row->compiled, why, sizeof(why));
		return ct_error_set(error, CT_ERR_USAGE, "--%s %s: no regular expression: %s", option, text, why);
	}
	patterns->count++;
	return CT_OK;
}

bool ct_patterns_match(const struct ct_patterns *patterns, const char *text)
{
	for (size_t i = 0; i < patterns->count; i++)
		if (regexec(&patterns->rows[i].compiled, text, 0, NULL, 0) == 0)
			return true;
	return false;
}

void ct_patterns_fini(struct ct_patterns *patterns)
{
	for (size_t i = 0; i < patterns->count; i++)
		regfree(&patterns->rows[i].compiled);
	free(patterns->rows);
}
