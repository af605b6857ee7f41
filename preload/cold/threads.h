/* SPDX-License-Identifier: MIT */
#ifndef CT_COLD_THREADS_H
#define CT_COLD_THREADS_H

#include "hot/compiler.h"

/* In a forked child: no thread but this one is left, and its ring is the parent's. */
CT_COLD void ct_threads_forked(void);

/* Memory of the threads' states, bytes, estimated. */
CT_COLD uint64_t ct_threads_bytes(void);

#endif
