/* SPDX-License-Identifier: MIT */
/*
 * The black boxes of `ctrace serve --reports DIR`: those of `ctrace watch` (watch/boxes.h), for all processes of the
 * fleet whose control group has a limit.
 */
#ifndef CT_SERVE_BLACK_BOX_H
#define CT_SERVE_BLACK_BOX_H

#include "serve/answer.h"

/* folder: of reports, the caller's. say: one line about a process. */
void ct_black_box_init(struct ct_server *server, const char *folder, void (*say)(int pid, const char *line));
void ct_black_box_fini(struct ct_server *server);

/* Watch the processes that are new in the fleet. */
void ct_black_box_find(struct ct_server *server);

#endif
