/* SPDX-License-Identifier: MIT */
#include "cmd/cmd.h"

#include <string.h>

#include "util/distance.h"

const struct ct_command *const ct_commands[] = {
	&ct_command_record, &ct_command_attach,   &ct_command_detach,
	&ct_command_ctl,    &ct_command_watch,    &ct_command_top,
	&ct_command_diff,   &ct_command_check,    &ct_command_trend,
	&ct_command_html,   &ct_command_advise,   &ct_command_memory,
	&ct_command_export, &ct_command_push,     &ct_command_serve,
	&ct_command_merge,  &ct_command_tidy,     &ct_command_info,
	&ct_command_doctor, &ct_command_complete, NULL,
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

const char *ct_command_for(const char *word)
{
	static const struct {
		const char *word, *instead;
	} rows[] = {
		{"flamegraph", "'ctrace html FILE', or 'ctrace export -f folded FILE' for flamegraph.pl"},
		{"flame", "'ctrace html FILE', or 'ctrace export -f folded FILE' for flamegraph.pl"},
		{"graph", "'ctrace html FILE'"},
		{"view", "'ctrace top FILE', or 'ctrace html --open FILE'"},
		{"open", "'ctrace html --open FILE'"},
		{"gui", "'ctrace html --open FILE'"},
		{"show", "'ctrace top FILE'"},
		{"report", "'ctrace top FILE'"},
		{"print", "'ctrace top FILE'"},
		{"list", "'ctrace top DIR'"},
		{"tree", "'ctrace top --tree FILE'"},
		{"table", "'ctrace top FILE'"},
		{"summary", "'ctrace top FILE'"},
		{"leaks", "'ctrace top --leaks FILE', after 'ctrace record --reach'"},
		{"leak", "'ctrace top --leaks FILE', after 'ctrace record --reach'"},
		{"live", "'ctrace top -p PID'"},
		{"stat", "'ctrace info FILE'"},
		{"stats", "'ctrace info FILE'"},
		{"compare", "'ctrace diff OLD NEW'"},
		{"convert", "'ctrace export -f FORMAT FILE'"},
		{"transform", "'ctrace export -f FORMAT FILE'"},
		{"run", "'ctrace record PROGRAM'"},
		{"trace", "'ctrace record PROGRAM'"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(word, rows[i].word))
			return rows[i].instead;
	return NULL;
}
