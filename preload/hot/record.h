/* SPDX-License-Identifier: MIT */
/* Recording of one allocation, free or resize. Between ct_enter and ct_leave only. hot */
#ifndef CT_HOT_RECORD_H
#define CT_HOT_RECORD_H

#include "cold/cold.h"
#include "hot/state.h"
#include "hot/thread.h"

/* The registers of the calling function's caller once it has returned. Needs its frame pointer. */
#define CT_CALLER                                                                                                      \
	(&(struct ct_registers){                                                                                       \
		.pc = (uintptr_t)__builtin_return_address(0),                                                          \
		.sp = (uintptr_t)__builtin_frame_address(0) + 2 * sizeof(uintptr_t),                                   \
		.bp = *(const uintptr_t *)__builtin_frame_address(0),                                                  \
	})

/* Counts a call from inside the tracer; always false. */
CT_COLD bool ct_enter_nested(void);

/* True: the call is to be recorded, and ct_leave must follow. */
static inline bool ct_enter(void)
{
	if (ct_unlikely(ct_tls.busy))
		return ct_enter_nested();
	if (ct_unlikely(ct_load_relaxed(&ct_gate.phase) != CT_PHASE_ON) && !ct_start())
		return false;
	ct_tls.busy = 1;
	/* A signal handler must see the mark before anything that it guards is touched. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return true;
}

static inline void ct_leave(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	ct_tls.busy = 0;
}

/* Record an allocation that has happened; the hook's caller is where its stack starts. */
void ct_record_alloc(const struct ct_registers *caller, void *block, size_t bytes);

/* Record the free of a block whose record was taken from the map before its memory is given back. */
void ct_record_free(uint32_t record, const void *block);

/* A resize that has happened: record was taken from old_block's place before (0 = never recorded). */
void ct_record_resize(const struct ct_registers *caller, uint32_t record, void *old_block, void *new_block,
		      size_t bytes);

#endif
