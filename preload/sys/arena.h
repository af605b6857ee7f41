/* SPDX-License-Identifier: MIT */
/* Memory of the tracer itself, from mmap: never the program's heap. Under ct_lock_tree. */
#ifndef CT_SYS_ARENA_H
#define CT_SYS_ARENA_H

#include "sys/compiler.h"

/* Zeroed, aligned to 16; NULL without memory. Small pieces are never given back. */
CT_COLD void *ct_arena_alloc(size_t bytes);

/* Gives large pieces back to the system. */
CT_COLD void ct_arena_free(void *piece, size_t bytes);

/* Zero a piece; its whole pages may go back to the system until they are touched again. */
CT_COLD void ct_arena_clear(void *piece, size_t bytes);

/* The same for good, except its addresses: another thread may still read there. */
CT_COLD void ct_arena_retire(void *piece, size_t bytes);

/* Memory taken from the system so far, bytes. */
CT_COLD uint64_t ct_arena_bytes(void);

#endif
