/* SPDX-License-Identifier: MIT */
/*
 * Memory for the tracer itself, taken from mmap and never from the program's heap. The caller holds ct_lock_tree or is
 * starting the recording.
 */
#ifndef CT_SYS_ARENA_H
#define CT_SYS_ARENA_H

#include "sys/compiler.h"

/* A zeroed piece, aligned to 16 bytes; NULL if there is no memory. Small pieces are never given back. */
CT_COLD void *ct_arena_alloc(size_t bytes);

/* Give a large piece back to the system. Does nothing to a small one. */
CT_COLD void ct_arena_free(void *piece, size_t bytes);

/* Zero a piece. Its whole pages may go back to the system until they are touched again. */
CT_COLD void ct_arena_clear(void *piece, size_t bytes);

/*
 * The same, for a piece that will not be used again. Its addresses stay mapped, since another thread may still read
 * there.
 */
CT_COLD void ct_arena_retire(void *piece, size_t bytes);

/* Memory taken from the system so far, bytes. */
CT_COLD uint64_t ct_arena_bytes(void);

#endif
