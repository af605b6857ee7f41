/* SPDX-License-Identifier: MIT */
/* CTRACE_DEBUG=verify compares our unwinder with libunwind. The other functions of libunwind.c are in hot/slow.h. */
#ifndef CT_UNWIND_LIBUNWIND_H
#define CT_UNWIND_LIBUNWIND_H

#include "sys/compiler.h"

/* Print one line of counts on stderr. At the program's end. */
CT_COLD void ct_verify_report(void);

#endif
