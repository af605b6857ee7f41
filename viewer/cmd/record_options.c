/* SPDX-License-Identifier: MIT */
#include "cmd/record_options.h"

#include "cmd/shared_options.h"

#define CT_OPTION(field, variable, letter_, name_, type, standard_, argument_, help_)                                  \
	static int set_##field(const struct ct_option *option, void *settings, const char *value,                      \
			       struct ct_error_text *error)                                                            \
	{                                                                                                              \
		(void)option;                                                                                          \
		return ct_settings_apply(settings, CT_SETTING_##field, value ? value : "1", error);                    \
	}
#include "ctrace/options.def"
#undef CT_OPTION

static int add_glob(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	struct ct_globs *globs = member;
	if (globs->count == CT_GLOBS_MAX)
		return ct_error_set(error, CT_ERR_USAGE, "--%s: at most %u names", option->name, CT_GLOBS_MAX);
	globs->globs[globs->count++] = value;
	return CT_OK;
}

/* Choices, by type of option. */
static const char *const choices_of_BOOL[] = {"0", "1", NULL};
#define choices_of_STRING NULL
#define choices_of_NUMBER NULL
#define choices_of_BYTES NULL

const struct ct_option ct_record_options[CT_RECORD_OPTIONS] = {
#define CT_OPTION(field, variable, letter_, name_, type, standard_, argument_, help_)                                  \
	{.letter = letter_,                                                                                            \
	 .name = name_,                                                                                                \
	 .argument = argument_,                                                                                        \
	 .help = help_,                                                                                                \
	 .standard = standard_,                                                                                        \
	 .choices = choices_of_##type,                                                                                 \
	 .set = set_##field,                                                                                           \
	 .file = CT_SETTING_##field == CT_SETTING_out},
#include "ctrace/options.def"
#undef CT_OPTION
	{.letter = 'f',
	 .name = "format",
	 .argument = "FORMAT",
	 .help = "what to write, comma-separated list allowed; see ctrace export --help",
	 .standard = "dhat",
	 .set = ct_set_formats,
	 .at = offsetof(struct ct_settings, formats),
	 .value = ct_values_formats,
	 .list = true},
	{.name = "only",
	 .argument = "NAME",
	 .help = "make reports only of programs with this name, and of all of them; * and ? allowed, also several times",
	 .set = add_glob,
	 .at = offsetof(struct ct_settings, only)},
	{.name = "skip",
	 .argument = "NAME",
	 .help = "make no reports of programs with this name",
	 .set = add_glob,
	 .at = offsetof(struct ct_settings, skip)},
};
