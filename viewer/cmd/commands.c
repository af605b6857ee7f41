/* SPDX-License-Identifier: MIT */
#include "cmd/cmd.h"

#include <string.h>

#include "util/distance.h"

const struct ct_command *const ct_commands[] = {
	&ct_command_record,
	&ct_command_top,
	&ct_command_diff,
	&ct_command_check,
	&ct_command_trend,
	&ct_command_html,
	&ct_command_advise,
	&ct_command_export,
	&ct_command_merge,
	&ct_command_info,
	&ct_command_doctor,
	&ct_command_complete,
	NULL,
};

const struct ct_command *ct_command_find(const char *name)
{
	for (const struct ct_command *const *at = ct_commands; *at; at++)
		if (!strcmp(name, (*at)->name))
			return *at;
	return NULL;
}

const char *ct_command_like(const char *word)
{
	struct ct_nearest nearest = {.word = word};
	for (const struct ct_command *const *at = ct_commands; *at; at++)
		if ((*at)->summary)
			ct_nearest_offer(&nearest, (*at)->name);
	return nearest.best;
}
