/* SPDX-License-Identifier: MIT */
/* CTRACE_DEBUG=verify: libunwind as the oracle of our unwinder. The rest of libunwind.c is in hot/slow.h. */
#ifndef CT_UNWIND_LIBUNWIND_H
#define CT_UNWIND_LIBUNWIND_H

#include "sys/compiler.h"

/* Print one line of counts on stderr. At the program's end. */
CT_COLD void ct_verify_report(void);

#endif
