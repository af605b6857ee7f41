/* SPDX-License-Identifier: MIT */
/* The commands, and how they report errors. Each command is a struct ct_command (cmd/option.h) in its own file. */
#ifndef CT_CMD_CMD_H
#define CT_CMD_CMD_H

#include "cmd/option.h"

extern const struct ct_command ct_command_advise, ct_command_attach, ct_command_check, ct_command_complete,
	ct_command_ctl, ct_command_detach, ct_command_diff, ct_command_doctor, ct_command_export, ct_command_html,
	ct_command_info, ct_command_memory, ct_command_merge, ct_command_push, ct_command_record, ct_command_serve,
	ct_command_tidy, ct_command_top, ct_command_trend, ct_command_watch;

/* Print "ctrace COMMAND: LINE" to stderr. Returns exit_code, for use in `return ct_cmd_fail(...)`. */
int ct_cmd_fail(const char *command, int exit_code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same for a command that takes one file but was given `count`. */
int ct_cmd_fail_files(const char *command, int count);

/* Is this a file that `ctrace top` shows, or a folder of such files? */
bool ct_cmd_is_input(const char *word);

/*
 * Around work that may take long: show how far it is, and end cleanly on Ctrl-C. store: the input, if that is a store,
 * from which the user can go on; else NULL.
 */
void ct_cmd_begin_work(const char *what, const char *store);
void ct_cmd_end_work(void);

#endif
