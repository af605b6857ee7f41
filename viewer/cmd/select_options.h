/* SPDX-License-Identifier: MIT */
/* --focus, --ignore and --hide, for every command that reads a profile: one line in its option table. */
#ifndef CT_CMD_SELECT_OPTIONS_H
#define CT_CMD_SELECT_OPTIONS_H

#include <getopt.h>

#include "model/select.h"

enum { CT_OPT_FOCUS = 0x1000, CT_OPT_IGNORE, CT_OPT_HIDE };

/* clang-format off */
#define CT_SELECT_OPTIONS                                                                                              \
	{"focus", required_argument, NULL, CT_OPT_FOCUS}, {"ignore", required_argument, NULL, CT_OPT_IGNORE},          \
	{"hide", required_argument, NULL, CT_OPT_HIDE}
/* clang-format on */

#define CT_SELECT_HELP                                                                                                 \
	"      --focus RE       only stacks with a function, file or module that matches (POSIX extended)\n"           \
	"      --ignore RE      not those with one\n"                                                                  \
	"      --hide RE        take functions that match out of the stacks\n"

/* Is it one of them? Then *code is an exit code, and the error has been printed. */
bool ct_select_option(const char *command, struct ct_selection *selection, int option, const char *value, int *code);

/* Lines on stderr about patterns that match nothing. */
void ct_select_warn(const struct ct_selected *selected);

#endif
