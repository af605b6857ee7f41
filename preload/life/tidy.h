/* SPDX-License-Identifier: MIT */
#ifndef CT_LIFE_TIDY_H
#define CT_LIFE_TIDY_H

#include "sys/compiler.h"

/*
 * Remove the oldest stores and reports in the store's folder, as CTRACE_KEEP_LAST and CTRACE_KEEP_BYTES ask: runs
 * `ctrace tidy` and waits for it. When a store has been made, so that programs that are killed again and again do not
 * fill the disk, and when a report has been written.
 */
CT_COLD void ct_tidy_folder(void);

#endif
