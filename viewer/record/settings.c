/* SPDX-License-Identifier: MIT */
#include "record/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum type { TYPE_STRING, TYPE_BOOL, TYPE_NUMBER, TYPE_BYTES };

static const struct setting {
	const char *variable;
	const char *flag; /* "" = the command has no such option */
	enum type type;
	const char *standard;
} settings_table[CT_SETTING_COUNT] = {
#define CT_OPTION(field, variable, letter, flag, type, standard, argument, help)                                       \
	{variable, flag, TYPE_##type, standard},
#include "ctrace/options.def"
#undef CT_OPTION
};

static int check_value(const struct setting *setting, const char *value, struct ct_error_text *error)
{
	if (setting->type == TYPE_NUMBER && (!*value || value[strspn(value, "0123456789")]))
		return ct_error_set(error, CT_ERR_USAGE, "--%s %s: not a number", setting->flag, value);
	size_t digits = strspn(value, "0123456789");
	if (setting->type == TYPE_BYTES &&
	    (!digits || (value[digits] && (!strchr("kmgKMG", value[digits]) || value[digits + 1]))))
		return ct_error_set(error, CT_ERR_USAGE, "--%s %s: not a number of bytes (as 4096, 512k or 2m)",
				    setting->flag, value);
	if (setting->type == TYPE_STRING && !*value)
		return ct_error_set(error, CT_ERR_USAGE, "--%s: the value is empty", setting->flag);
	return 0;
}

int ct_settings_set(struct ct_settings *settings, enum ct_setting setting, const char *value)
{
	char *copy = strdup(value);
	if (!copy)
		return CT_ERR_MEMORY;
	free(settings->values[setting]);
	settings->values[setting] = copy;
	return 0;
}

static bool is_folder(const char *name)
{
	return *name && name[strlen(name) - 1] == '/';
}

/* A relative path refers to our folder, wherever the program goes. A '%' in that folder's name is not a pattern. */
static int make_absolute(struct ct_settings *settings, struct ct_error_text *error)
{
	const char *given = settings->values[CT_SETTING_out];
	char *folder, *path, *at;
	if (!given || *given == '/')
		return 0;
	folder = getcwd(NULL, 0);
	if (!folder)
		return ct_error_set(error, CT_ERR_IO, "cannot find the current folder: %s", strerror(errno));
	path = malloc(strlen(folder) * 2 + strlen(given) + 2);
	if (!path) {
		free(folder);
		return ct_error_set(error, CT_ERR_MEMORY, "not enough memory");
	}
	at = path;
	for (const char *from = folder; *from; from++) {
		if (*from == '%')
			*at++ = '%';
		*at++ = *from;
	}
	if (at[-1] != '/')
		*at++ = '/';
	strcpy(at, given);
	free(folder);
	free(settings->values[CT_SETTING_out]);
	settings->values[CT_SETTING_out] = path;
	return 0;
}

int ct_settings_apply(struct ct_settings *settings, enum ct_setting setting, const char *value,
		      struct ct_error_text *error)
{
	int code = check_value(&settings_table[setting], value, error);
	if (code == 0 && ct_settings_set(settings, setting, value) < 0)
		code = ct_error_no_memory(error);
	return code;
}

/* The library checks the number of bytes. */
static bool is_mode(const char *mode)
{
	return !*mode || !strcmp(mode, "off") || !strcmp(mode, "exact") || !strncmp(mode, "sample=", 7);
}

int ct_settings_complete(struct ct_settings *settings, struct ct_error_text *error)
{
	settings->named = settings->values[CT_SETTING_out];
	settings->folder = settings->named && is_folder(settings->values[CT_SETTING_out]);
	if (settings->folder && strchr(settings->values[CT_SETTING_out], '%'))
		return ct_error_set(error, CT_ERR_USAGE, "-o %s: %% has a meaning in file names only",
				    settings->values[CT_SETTING_out]);
	if (settings->formats.count && *ct_settings_get(settings, CT_SETTING_export) == '0')
		return ct_error_set(error, CT_ERR_USAGE,
				    "--format with --export 0: name the formats to ctrace export later");
	if (!is_mode(ct_settings_get(settings, CT_SETTING_mode)))
		return ct_error_set(error, CT_ERR_USAGE, "--mode %s: not off, exact or sample=BYTES",
				    ct_settings_get(settings, CT_SETTING_mode));
	return make_absolute(settings, error);
}

bool ct_settings_fixed_name(const struct ct_settings *settings, char path[PATH_MAX])
{
	const char *pattern = ct_settings_get(settings, CT_SETTING_out);
	size_t used = 0;
	if (*pattern != '/') { /* an option is absolute by now, a variable may not be */
		if (!getcwd(path, PATH_MAX))
			return false;
		used = strlen(path);
		path[used++] = '/';
	}
	for (; *pattern && used + 1 < PATH_MAX; pattern++) {
		if (*pattern == '%' && pattern[1] && strchr("peth", pattern[1]))
			return false;
		path[used++] = *pattern;
		if (*pattern == '%' && pattern[1] == '%')
			pattern++;
	}
	path[used] = '\0';
	return !*pattern;
}

void ct_settings_fini(struct ct_settings *settings)
{
	for (int i = 0; i < CT_SETTING_COUNT; i++) {
		free(settings->values[i]);
		settings->values[i] = NULL;
	}
	settings->formats.count = 0;
}

const char *ct_settings_get(const struct ct_settings *settings, enum ct_setting setting)
{
	const char *value = settings->values[setting];
	if (!value)
		value = getenv(settings_table[setting].variable);
	return value && *value ? value : settings_table[setting].standard;
}

/* Does this entry of the environment set the variable? */
static bool is_variable(const char *entry, const char *variable)
{
	size_t length = strlen(variable);
	return !strncmp(entry, variable, length) && entry[length] == '=';
}

static bool is_replaced(const struct ct_settings *settings, const char *entry)
{
	for (int i = 0; i < CT_SETTING_COUNT; i++) {
		if (settings->values[i] && is_variable(entry, settings_table[i].variable))
			return true;
	}
	return is_variable(entry, "LD_PRELOAD");
}

static bool add_entry(char **environment, size_t *count, const char *variable, const char *value)
{
	char *entry;
	if (asprintf(&entry, "%s=%s", variable, value) < 0)
		return false;
	environment[(*count)++] = entry;
	return true;
}

char **ct_settings_environment(const struct ct_settings *settings, const char *preload)
{
	char **environment;
	size_t present = 0, count = 0;
	bool fine;
	while (environ && environ[present])
		present++;
	environment = calloc(present + CT_SETTING_COUNT + 2, sizeof(*environment));
	if (!environment)
		return NULL;
	for (size_t i = 0; i < present; i++) {
		if (!is_replaced(settings, environ[i]))
			environment[count++] = environ[i];
	}
	fine = add_entry(environment, &count, "LD_PRELOAD", preload);
	for (int i = 0; i < CT_SETTING_COUNT; i++) {
		if (settings->values[i])
			fine = fine && add_entry(environment, &count, settings_table[i].variable, settings->values[i]);
	}
	return fine ? environment : NULL;
}

/* Variables that say where the exporter and the library put their files. */
static void add_own(FILE *block, int pid)
{
	static const char *const names[] = {"TMPDIR", "HOME", "XDG_CACHE_HOME", "CTRACE_CACHE"};
	char path[32], *entry = NULL;
	size_t room = 0;
	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	FILE *own = fopen(path, "re");
	while (own && getdelim(&entry, &room, '\0', own) > 0)
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (is_variable(entry, names[i]))
				fwrite(entry, 1, strlen(entry) + 1, block);
	free(entry);
	if (own)
		fclose(own);
}

char *ct_settings_block(const struct ct_settings *settings, int pid, size_t *bytes)
{
	char *text = NULL;
	FILE *block = open_memstream(&text, bytes);
	if (!block)
		return NULL;
	for (int i = 0; i < CT_SETTING_COUNT; i++)
		if (settings->values[i] || (*settings_table[i].flag && getenv(settings_table[i].variable)))
			fprintf(block, "%s=%s%c", settings_table[i].variable, ct_settings_get(settings, i), 0);
	add_own(block, pid);
	fputc(0, block);
	if (fclose(block) == 0)
		return text;
	free(text);
	return NULL;
}
