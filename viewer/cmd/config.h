/* SPDX-License-Identifier: MIT */
/*
 * The settings in .ctracerc: those of the project, which is the nearest file upwards from the current folder, and of
 * the user, in the home folder. A project's file counts only if it belongs to this user or to root, and if not everyone
 * can write to it. CTRACE_CONFIG names a file that takes the place of both; if it is empty, there are no settings.
 *
 *   hide = ^std::                     # --hide of top and diff; may be repeated
 *   columns = total,blocks,peak       # --columns of top
 *   source-path = src:third_party     # --source-path of top and html; relative to the file
 *   budget = ci/heap.budget           # --budget of check, unless that has rules; relative to the file
 *   editor-link = idea://open?file={path}&line={line}    # --editor-link of html
 *
 * Options of the command line take the place of settings, and the project's of the user's; patterns of hide add up.
 */
#ifndef CT_CMD_CONFIG_H
#define CT_CMD_CONFIG_H

#include <stddef.h>

#include "model/select.h"
#include "util/error.h"

struct ct_config {
	char **hide;
	size_t hide_count, hide_room;
	char *columns, *source_path, *budget, *editor_link; /* NULL = not set */
	char *columns_from; /* the file that sets columns, for errors */
};

/* Call ct_config_fini in any case. CT_ERR_USAGE: a line that is not a setting. */
int ct_config_read(struct ct_config *config, struct ct_error_text *error);
void ct_config_fini(struct ct_config *config);

/* Add the patterns of hide; the config must outlive the selection. */
int ct_config_hide(const struct ct_config *config, struct ct_selection *selection, struct ct_error_text *error);

#endif
