/* SPDX-License-Identifier: MIT */
#include "cmd/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/array.h"
#include "util/distance.h"
#include "util/message.h"
#include "util/open.h"
#include "write/editor_link.h"

#define NAME ".ctracerc"

#define PATTERN_COPIES_MAX (1u << 16) /* bytes of a pattern, times how often its parts are copied */

static const char *const keys[] = {"hide", "columns", "source-path", "budget", "editor-link"};

/* Each folder of a colon-separated list, relative to the file's folder; to be freed. NULL when out of memory. */
static char *below(const char *file, const char *value)
{
	int folder = (int)(strrchr(file, '/') ? strrchr(file, '/') - file : 0);
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	if (!out)
		return NULL;
	for (const char *at = value;; at++) {
		size_t length = strcspn(at, ":");
		if (*at == '/' || !folder)
			fprintf(out, "%.*s", (int)length, at);
		else if (length)
			fprintf(out, "%.*s/%.*s", folder, file, (int)length, at);
		at += length;
		if (!*at)
			break;
		putc(':', out);
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* The first file that has a setting wins. */
static int set_once(char **member, char *value, struct ct_error_text *error)
{
	if (!value)
		return ct_error_no_memory(error);
	if (*member)
		free(value);
	else
		*member = value;
	return CT_OK;
}

/*
 * Would compiling the pattern take much memory? regcomp copies what a + or a {n} stands behind, so nested ones
 * multiply. Others write the files of projects, so these patterns are bounded, and those of the command line are not.
 */
static bool is_complex(const char *pattern)
{
	uint64_t copies = 1;
	for (const char *at = pattern; *at && copies <= PATTERN_COPIES_MAX; at++) {
		if (*at == '+')
			copies *= 2;
		else if (*at == '{')
			for (at++; *at && *at != '}'; at++)
				if (*at >= '1' && *at <= '9' && (at[-1] < '0' || at[-1] > '9'))
					copies *= (uint64_t)atoi(at) + 1;
		if (!*at)
			break;
	}
	return copies * strlen(pattern) > PATTERN_COPIES_MAX;
}

static int set(struct ct_config *config, const char *file, const char *key, const char *value,
	       struct ct_error_text *error)
{
	if (!strcmp(key, "hide")) {
		if (is_complex(value))
			return ct_error_set(error, CT_ERR_USAGE,
					    "the pattern repeats too much; use --hide on the command line");
		char *copy = strdup(value);
		if (!copy ||
		    !ct_array_room(&config->hide, &config->hide_room, config->hide_count + 1, sizeof(*config->hide))) {
			free(copy);
			return ct_error_no_memory(error);
		}
		config->hide[config->hide_count++] = copy;
		return CT_OK;
	}
	if (!strcmp(key, "columns")) {
		if (!config->columns_from && !(config->columns_from = strdup(file)))
			return ct_error_no_memory(error);
		return set_once(&config->columns, strdup(value), error);
	}
	if (!strcmp(key, "source-path"))
		return set_once(&config->source_path, below(file, value), error);
	if (!strcmp(key, "budget"))
		return set_once(&config->budget, below(file, value), error);
	if (!strcmp(key, "editor-link")) {
		int code = ct_editor_link_check(value, error);
		return code ? code : set_once(&config->editor_link, strdup(value), error);
	}
	struct ct_nearest nearest = {.word = key};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		ct_nearest_offer(&nearest, keys[i]);
	return ct_error_set(error, CT_ERR_USAGE, "'%.40s' is not a setting%s%s%s", key,
			    nearest.best ? "; did you mean '" : ": hide, columns, source-path, budget, editor-link",
			    nearest.best ? nearest.best : "", nearest.best ? "'?" : "");
}

static char *trim(char *text)
{
	text += strspn(text, " \t");
	size_t length = strlen(text);
	while (length && strchr(" \t\r\n", text[length - 1]))
		text[--length] = '\0';
	return text;
}

/* "key = value"; a comment is a line of its own, since patterns may have a #. */
static int read_line(struct ct_config *config, const char *file, char *line, struct ct_error_text *error)
{
	line = trim(line);
	if (!*line || *line == '#')
		return CT_OK;
	char *equal = strchr(line, '=');
	if (!equal)
		return ct_error_set(error, CT_ERR_USAGE, "expected 'setting = value'");
	*equal = '\0';
	char *key = trim(line), *value = trim(equal + 1);
	return *value ? set(config, file, key, value, error)
		      : ct_error_set(error, CT_ERR_USAGE, "the value of '%.40s' is missing", key);
}

static int read_file(struct ct_config *config, const char *path, int fd, struct ct_error_text *error)
{
	FILE *file = fdopen(fd, "r");
	char *line = NULL;
	size_t room = 0, number = 0;
	int code = CT_OK;
	if (!file) {
		close(fd);
		return ct_error_no_memory(error);
	}
	while (!code && getline(&line, &room, file) >= 0) {
		number++;
		code = read_line(config, path, line, error);
		if (code == CT_ERR_USAGE)
			ct_error_context(error, code, "%s:%zu", path, number);
	}
	if (!code && ferror(file))
		code = ct_error_set(error, CT_ERR_IO, "%s: %s", path, strerror(errno));
	free(line);
	fclose(file);
	return code;
}

/* A user who can write this file chooses which other files of ours are read. */
static const char *distrust(const struct stat *status)
{
	if (status->st_uid != geteuid() && status->st_uid != 0)
		return "it belongs to another user";
	return status->st_mode & S_IWOTH ? "everyone can write to it" : NULL;
}

/* Read the file in a folder. *used: it is there and counts. 0 or < 0. */
static int read_in(struct ct_config *config, const char *folder, bool *used, struct ct_error_text *error)
{
	char path[PATH_MAX];
	struct stat status;
	if (snprintf(path, sizeof(path), "%s/" NAME, folder) >= (int)sizeof(path))
		return CT_OK;
	int fd = ct_open_regular(AT_FDCWD, path, 0, &status);
	if (fd < 0)
		return CT_OK;
	const char *why = distrust(&status);
	if (why) {
		ct_message("%s: not used, since %s", path, why);
		close(fd);
		return CT_OK;
	}
	*used = true;
	return read_file(config, path, fd, error);
}

static int read_upwards(struct ct_config *config, const char *home, struct ct_error_text *error)
{
	char folder[PATH_MAX];
	bool used = false;
	int code = CT_OK;
	if (!realpath(".", folder))
		return CT_OK;
	while (*folder && !used && !code && strcmp(folder, home) != 0) {
		code = read_in(config, folder, &used, error);
		*strrchr(folder, '/') = '\0';
	}
	return code;
}

int ct_config_read(struct ct_config *config, struct ct_error_text *error)
{
	const char *only = getenv("CTRACE_CONFIG"), *variable = getenv("HOME");
	char home[PATH_MAX] = "";
	bool used;
	*config = (struct ct_config){0};
	if (only && !*only)
		return CT_OK;
	if (only) {
		struct stat status;
		int fd = ct_open_regular(AT_FDCWD, only, 0, &status);
		return fd < 0 ? ct_error_set(error, CT_ERR_IO, "%s: %s", only, ct_open_problem())
			      : read_file(config, only, fd, error);
	}
	if (variable && *variable && !realpath(variable, home))
		*home = '\0';
	int code = read_upwards(config, home, error);
	return code || !*home ? code : read_in(config, home, &used, error);
}

void ct_config_fini(struct ct_config *config)
{
	for (size_t i = 0; i < config->hide_count; i++)
		free(config->hide[i]);
	free(config->hide);
	free(config->columns);
	free(config->columns_from);
	free(config->source_path);
	free(config->budget);
	free(config->editor_link);
}

int ct_config_hide(const struct ct_config *config, struct ct_selection *selection, struct ct_error_text *error)
{
	int code = CT_OK;
	for (size_t i = 0; i < config->hide_count && !code; i++)
		code = ct_patterns_add(&selection->patterns[CT_SELECT_HIDE], "hide", config->hide[i], error);
	return code;
}
