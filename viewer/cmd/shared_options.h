/* SPDX-License-Identifier: MIT */
/* Options shared by several commands, as groups for their tables, and values shared by several options. */
#ifndef CT_CMD_SHARED_OPTIONS_H
#define CT_CMD_SHARED_OPTIONS_H

#include "cmd/option.h"
#include "model/metric.h"
#include "model/select.h"
#include "view/terminal.h"

/* --focus, --ignore, --hide, --min-size and its kin, for a struct ct_selection. */
extern const struct ct_option ct_select_options[CT_SELECT_KINDS + CT_BLOCK_LIMITS];

/* --color, for an enum ct_color_mode. */
extern const struct ct_option ct_color_options[1];

/* --debuginfod. */
extern const struct ct_option ct_debuginfod_options[1];

/* --sysroot. */
extern const struct ct_option ct_sysroot_options[1];

/* --color and --no-pager, for commands whose text goes through a pager. */
extern const struct ct_option ct_page_options[2];

/* Setters, by the type of the member: size_t, double from 0 to 100, int, enum ct_metric, struct ct_format_set. */
int ct_set_rows(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error);
int ct_set_percent(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error);
int ct_set_pid(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error);
int ct_set_metric(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error);
int ct_set_formats(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error);

/* Values for value() in struct ct_option. */
const char *ct_values_metrics(size_t index, const char **help);
const char *ct_values_formats(size_t index, const char **help);

#endif
