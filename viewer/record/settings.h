/* SPDX-License-Identifier: MIT */
/*
 * The settings of a recording. `ctrace record` takes them as options and passes them to the preload library as
 * environment variables; ctrace/options.def defines both.
 */
#ifndef CT_RECORD_SETTINGS_H
#define CT_RECORD_SETTINGS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"
#include "util/glob.h"
#include "write/format.h"

enum ct_setting {
#define CT_OPTION(field, variable, letter, flag, type, standard, argument, help) CT_SETTING_##field,
#include "ctrace/options.def"
#undef CT_OPTION
	CT_SETTING_COUNT,
};

struct ct_settings {
	char *values[CT_SETTING_COUNT]; /* as given on the command line, NULL = not given */
	struct ct_format_set formats; /* --format; none = DHAT, which the program writes itself */
	struct ct_globs only, skip; /* programs */
	bool named; /* --output was given */
	bool folder; /* --output ends in '/': a folder for each recording */
};

/* Check the value of an option and set it. 0 or < 0. */
int ct_settings_apply(struct ct_settings *settings, enum ct_setting setting, const char *value,
		      struct ct_error_text *error);

/* After the last option: check that they fit together, and fill in what follows from them. 0 or < 0. */
int ct_settings_complete(struct ct_settings *settings, struct ct_error_text *error);

/* If all processes have one name for their report, without % letters, put its absolute path into path. */
bool ct_settings_fixed_name(const struct ct_settings *settings, char path[PATH_MAX]);

void ct_settings_fini(struct ct_settings *settings);

/* Set a setting without a check. 0, or < 0 when out of memory. */
int ct_settings_set(struct ct_settings *settings, enum ct_setting setting, const char *value);

/* The value that applies to the program: the option's, else the environment's, else the default. */
const char *ct_settings_get(const struct ct_settings *settings, enum ct_setting setting);

/*
 * environ with the settings and LD_PRELOAD added, to be kept until the process ends: old entries point into environ,
 * new ones are allocated. NULL when out of memory.
 */
char **ct_settings_environment(const struct ct_settings *settings, const char *preload);

/*
 * The settings and what the library needs of the process's own environment, for a process that runs already: NAME=VALUE
 * and NUL, each, and another NUL. To be freed; NULL when out of memory.
 */
char *ct_settings_block(const struct ct_settings *settings, int pid, size_t *bytes);

#endif
