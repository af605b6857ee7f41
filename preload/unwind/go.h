/* SPDX-License-Identifier: MIT */
/* Stacks through Go's code; ct_go_step is in hot/slow.h. */
#ifndef CT_UNWIND_GO_H
#define CT_UNWIND_GO_H

#include "unwind/objects.h"

/* The object has Go code. Any thread. */
CT_COLD void ct_go_note(const struct ct_object *object);

#endif
