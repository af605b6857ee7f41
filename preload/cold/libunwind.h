/* SPDX-License-Identifier: MIT */
#ifndef CT_COLD_LIBUNWIND_H
#define CT_COLD_LIBUNWIND_H

#include "hot/compiler.h"

/* Load the library; false: not there (stacks that need it end in CT_MARK_LOST). At start. */
CT_COLD bool ct_libunwind_load(void);

/* CTRACE_DEBUG=verify: one line of counts on stderr. */
CT_COLD void ct_verify_report(void);

#endif
