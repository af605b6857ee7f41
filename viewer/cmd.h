/* SPDX-License-Identifier: MIT */
/* Sub-commands: one file each. argv[0] is the sub-command's name; returns the exit code. */
#ifndef CT_CMD_H
#define CT_CMD_H

#include <stddef.h>

#include "view/terminal.h"

int ct_cmd_check(int argc, char **argv);
int ct_cmd_diff(int argc, char **argv);
int ct_cmd_advise(int argc, char **argv);
int ct_cmd_complete(int argc, char **argv);
int ct_cmd_doctor(int argc, char **argv);
int ct_cmd_export(int argc, char **argv);
int ct_cmd_html(int argc, char **argv);
int ct_cmd_info(int argc, char **argv);
int ct_cmd_merge(int argc, char **argv);
int ct_cmd_record(int argc, char **argv);
int ct_cmd_top(int argc, char **argv);

/* Print "ctrace: LINE" on stderr. Lines hold names of files and words of users: control characters become U+FFFD. */
void ct_cmd_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with "ctrace COMMAND: LINE". Returns code, for `return ct_cmd_fail(...)`. */
int ct_cmd_fail(const char *command, int exit_code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Say it when a profile of this file is torn; the report or view of it has the same remark. */
struct ct_profile;
void ct_cmd_warn_torn(const struct ct_profile *profile, const char *path);

/* Values of options that several commands have: 0, or -1 when the line about a bad one is printed. */
int ct_cmd_rows(const char *command, const char *text, size_t *rows);
int ct_cmd_percent(const char *command, const char *text, double *percent);
int ct_cmd_color(const char *command, const char *text, enum ct_color_mode *mode);

#endif
