/* SPDX-License-Identifier: MIT */
/* What a process must not be for `ctrace attach`. All of it is seen from outside, before the process is touched. */
#ifndef CT_ATTACH_REFUSE_H
#define CT_ATTACH_REFUSE_H

#include "attach/remote.h"

/* Before its memory is opened. 0 or < 0, with one line that says why. */
int ct_attach_check_process(const struct ct_remote *remote, struct ct_error_text *error);

/* Why opening its memory failed with this errno. < 0. */
int ct_attach_explain_rights(const struct ct_remote *remote, struct ct_error_text *error);

/* Once its memory is open. */
int ct_attach_check_program(const struct ct_remote *remote, struct ct_error_text *error);

#endif
