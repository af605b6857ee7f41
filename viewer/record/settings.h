/* SPDX-License-Identifier: MIT */
/*
 * The settings of a recording: options of `ctrace record` on one side, environment variables of the
 * preload on the other, both from ctrace/options.def.
 */
#ifndef CT_RECORD_SETTINGS_H
#define CT_RECORD_SETTINGS_H

#include <stdbool.h>

#include "util/error.h"
#include "write/format.h"

enum ct_setting {
#define CT_OPTION(field, variable, letter, flag, type, standard, argument, help) CT_SETTING_##field,
#include "ctrace/options.def"
#undef CT_OPTION
	CT_SETTING_COUNT,
};

struct ct_settings {
	char *values[CT_SETTING_COUNT]; /* as given by options, NULL = not given */
	struct ct_format_set formats; /* --format; none = what the program writes itself, DHAT's */
	bool named; /* --output was given */
	bool folder; /* --output ends in '/': a folder for each recording */
};

/* Check the value of an option and set it. 0 or < 0. */
int ct_settings_apply(struct ct_settings *settings, enum ct_setting setting, const char *value,
		      struct ct_error_text *error);

/* All options are in: do they fit together? Fills in what follows from them. 0 or < 0. */
int ct_settings_complete(struct ct_settings *settings, struct ct_error_text *error);

void ct_settings_fini(struct ct_settings *settings);

/* Set a setting by hand. 0, or < 0 without memory. */
int ct_settings_set(struct ct_settings *settings, enum ct_setting setting, const char *value);

/* What holds for the program: option, else environment, else the standard value. */
const char *ct_settings_get(const struct ct_settings *settings, enum ct_setting setting);

/*
 * environ with the settings and LD_PRELOAD put in, to be kept until the end: old entries are environ's,
 * new ones its own. NULL without memory.
 */
char **ct_settings_environment(const struct ct_settings *settings, const char *preload);

#endif
