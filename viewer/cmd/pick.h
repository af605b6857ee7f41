/* SPDX-License-Identifier: MIT */
/*
 * For commands that take one file: a word that names a folder stands for the largest report in it. If the folder has
 * only folders of recordings, as `ctrace record -o DIR/` makes them, that is in the newest of these.
 */
#ifndef CT_CMD_PICK_H
#define CT_CMD_PICK_H

#include <stdio.h>

#include "cmd/inputs.h"
#include "util/error.h"

/*
 * Put the file's name into *path, to be freed. Of a folder, print a list of its reports to `list`; NULL: only a line on
 * stderr that names the file. 0 or < 0.
 */
int ct_pick(const char *command, const char *word, FILE *list, char **path, struct ct_error_text *error);

/*
 * Add all reports of a folder to the inputs. If it has only folders of recordings, *folder becomes the newest of these.
 * 0 or < 0.
 */
int ct_pick_folder(const char *command, char **folder, struct ct_inputs *inputs, struct ct_error_text *error);

#endif
