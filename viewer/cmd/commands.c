/* SPDX-License-Identifier: MIT */
#include "cmd/cmd.h"

#include <string.h>

#include "util/distance.h"

const struct ct_command *const ct_commands[] = {
	&ct_command_record, &ct_command_top,    &ct_command_diff,     &ct_command_check,
	&ct_command_html,   &ct_command_advise, &ct_command_export,   &ct_command_merge,
	&ct_command_info,   &ct_command_doctor, &ct_command_complete, NULL,
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
	size_t least = CT_DISTANCE_LIKE + 1;
	const char *best = NULL;
	for (const struct ct_command *const *at = ct_commands; *at; at++) {
		size_t distance = (*at)->summary ? ct_distance(word, (*at)->name) : least;
		if (distance < least) {
			least = distance;
			best = (*at)->name;
		}
	}
	return best;
}
