/* SPDX-License-Identifier: MIT */
#include "cmd/shared_options.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "symbol/servers.h"
#include "symbol/sysroot.h"
#include "view/pager.h"
#include "write/format.h"

static int set_pattern(const struct ct_option *option, void *patterns, const char *value, struct ct_error_text *error)
{
	return ct_patterns_add(patterns, option->name, value, error);
}

#define PATTERNS(kind) .set = set_pattern, .at = offsetof(struct ct_selection, patterns[kind])

static int set_limit(const struct ct_option *option, void *filter, const char *value, struct ct_error_text *error)
{
	enum ct_block_limit limit = CT_LIMIT_MIN_SIZE;
	while (strcmp(option->name, ct_block_limit_name(limit)))
		limit++;
	if (ct_block_filter_set(filter, limit, value))
		return CT_OK;
	return ct_error_set(error, CT_ERR_USAGE, "--%s %s: not a %s", option->name, value,
			    limit < CT_LIMIT_OLDER ? "size, such as 4096, 64k or 1MiB"
						   : "time, such as 250ms, 10s or 2h");
}

#define LIMIT .set = set_limit, .at = offsetof(struct ct_selection, blocks)

const struct ct_option ct_select_options[CT_SELECT_KINDS + CT_BLOCK_LIMITS] = {
	{.name = "focus",
	 .argument = "RE",
	 .help = "keep only stacks with a matching function, file or module (POSIX extended regular expression)",
	 PATTERNS(CT_SELECT_FOCUS)},
	{.name = "ignore", .argument = "RE", .help = "drop stacks that match", PATTERNS(CT_SELECT_IGNORE)},
	{.name = "hide", .argument = "RE", .help = "remove matching frames from stacks", PATTERNS(CT_SELECT_HIDE)},
	{.name = "min-size", .argument = "SIZE", .help = "keep only sites with blocks of this size or larger", LIMIT},
	{.name = "max-size", .argument = "SIZE", .help = "keep only sites with blocks of this size or smaller", LIMIT},
	{.name = "older",
	 .argument = "TIME",
	 .help = "keep only sites with blocks that lived this long or longer",
	 LIMIT},
	{.name = "younger", .argument = "TIME", .help = "keep only sites with blocks that lived less long", LIMIT},
};

static const char *const colors[] = {"auto", "always", "never", NULL}; /* by enum ct_color_mode */

#define COLOR                                                                                                          \
	{                                                                                                              \
		.name = "color", .argument = "WHEN", .help = "auto, always or never", .standard = "auto",              \
		.choices = colors, .set = ct_set_choice                                                                \
	}

const struct ct_option ct_color_options[1] = {COLOR};

static int forbid_pager(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	(void)option, (void)member, (void)value, (void)error;
	ct_pager_forbid();
	return CT_OK;
}

const struct ct_option ct_page_options[2] = {
	COLOR,
	{.name = "no-pager", .help = "on a terminal, do not use $PAGER or less", .set = forbid_pager},
};

static int ask_servers(const struct ct_option *option, void *request, const char *value, struct ct_error_text *error)
{
	(void)option, (void)request, (void)value;
	return ct_servers_ask(error);
}

const struct ct_option ct_debuginfod_options[1] = {
	{.name = "debuginfod",
	 .help = "ask the servers in DEBUGINFOD_URLS for the names of a store's functions",
	 .set = ask_servers},
};

static int set_sysroot(const struct ct_option *option, void *request, const char *value, struct ct_error_text *error)
{
	(void)option, (void)request;
	return ct_sysroot_set(value, error);
}

const struct ct_option ct_sysroot_options[1] = {
	{.name = "sysroot",
	 .argument = "DIR",
	 .help = "look for a store's object files and their debug information below this folder, such as a container's",
	 .set = set_sysroot},
};

int ct_set_rows(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	char *end;
	errno = 0;
	*(size_t *)member = strtoul(value, &end, 10);
	if (*value >= '0' && *value <= '9' && *end == '\0' && errno == 0)
		return CT_OK;
	return ct_error_set(error, CT_ERR_USAGE, "--%s %s: not a number of rows (0 = all)", option->name, value);
}

int ct_set_percent(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	char *end;
	double percent = strtod(value, &end);
	*(double *)member = percent;
	if (end != value && *end == '\0' && percent >= 0 && percent <= 100)
		return CT_OK;
	return ct_error_set(error, CT_ERR_USAGE, "--%s %s: not a percentage from 0 to 100", option->name, value);
}

int ct_set_pid(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	char *end;
	errno = 0;
	long number = strtol(value, &end, 10);
	*(int *)member = (int)number;
	if (*value >= '1' && *value <= '9' && *end == '\0' && errno == 0 && number <= INT_MAX)
		return CT_OK;
	return ct_error_set(error, CT_ERR_USAGE, "--%s %s: not a process number", option->name, value);
}

int ct_set_metric(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	(void)option;
	*(enum ct_metric *)member = ct_metric_find(value);
	if (*(enum ct_metric *)member)
		return CT_OK;
	return ct_error_set(error, CT_ERR_USAGE, "unknown metric '%s'; see ctrace export --help", value);
}

int ct_set_formats(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	(void)option;
	return ct_format_parse(value, member, error);
}

const char *ct_values_metrics(size_t index, const char **help)
{
	(void)help;
	return index + 1 < CT_METRIC_COUNT ? ct_metric_name((enum ct_metric)(index + 1)) : NULL;
}

const char *ct_values_formats(size_t index, const char **help)
{
	*help = ct_formats[index].help;
	return ct_formats[index].name;
}
