/* SPDX-License-Identifier: MIT */
/* Marks: moments with a name, and the totals at that moment. */
#ifndef CT_STORE_MARKS_H
#define CT_STORE_MARKS_H

#include <stddef.h>

#include "sys/compiler.h"

/* Add a mark now; if there is no room, count it as lost. The caller holds ct_lock_combine. */
CT_COLD void ct_mark_add(const char *name, size_t length);

#endif
