/* SPDX-License-Identifier: MIT */
/*
 * What the hot path may call when it is not hot. The other rooms define these functions; hot/ includes no header of
 * theirs. Each may take locks, map memory and read files by raw system calls. None calls malloc or stdio.
 */
#ifndef CT_HOT_SLOW_H
#define CT_HOT_SLOW_H

#include "hot/thread.h"
#include "hot/unwind.h"
#include "sys/compiler.h"

/* Not CT_PHASE_ON: start, or open a forked child's store. True: this call can be recorded. */
CT_COLD bool ct_start(void);

/* The calling thread's state, made on its first event; NULL = no memory. */
CT_COLD struct ct_thread *ct_thread_new(void);

/* Make room for the thread's next events: fold all published ones into the sites if its ring is full. */
void ct_combine(struct ct_thread *thread); /* not CT_COLD: it folds, at full speed */

CT_COLD uint64_t ct_monotonic_ns(void);

/* What ct_tracer.code does not hold yet: rule and place of a lookup address; 0 = no memory. */
CT_COLD uint64_t ct_code_read(uint64_t key, uintptr_t address);

/* Around several of the following calls, which then cost no system call each. */
CT_COLD void ct_tree_begin(void);
CT_COLD void ct_tree_end(void);

/* The value that ct_tracer.tree does not hold yet: make the node, whose hash is ct_hash_below; 0 = no memory. */
CT_COLD uint64_t ct_tree_intern(uint32_t hash, uint64_t key);

/* The same for a mark (enum ct_pseudo) below a node. */
CT_COLD uint64_t ct_tree_intern_pseudo(uint32_t parent, uint64_t mark);

/* Make the site of the node with that key; 0 = no memory. */
CT_COLD uint32_t ct_tree_site(uint32_t hash, uint64_t key);

/* Bounds of the mapping that holds sp: into thread->bounds[0]. False: sp is in no mapping. */
CT_COLD bool ct_stack_find_bounds(struct ct_thread *thread, uintptr_t sp);

/*
 * Asks the kernel if all of the stack thread->bounds[0] is mapped still; if not, finds the bounds of sp's stack
 * again and returns false. For stacks with code without unwind table: addresses are guessed there.
 */
CT_COLD bool ct_stack_check_bounds(struct ct_thread *thread, uintptr_t sp);

/* Load libunwind; without it the stacks that need it end in CT_PSEUDO_LOST. Not inside an allocation. */
CT_COLD void ct_libunwind_load(void);

/*
 * libunwind walks the current stack into thread->fresh, beginning at the frame whose pc is from->pc.
 * Returns the number of frames, 0 = it could not; *complete says if the root was reached.
 */
CT_COLD uint32_t ct_libunwind_walk(struct ct_thread *thread, const struct ct_registers *from, bool *complete);

/* CTRACE_DEBUG=verify: compare the remembered stack with libunwind's and count. */
CT_COLD void ct_verify_stack(struct ct_thread *thread, const struct ct_registers *from);

/* Refill thread->free_rows with a batch; false = no memory. Give a batch back. */
CT_COLD bool ct_blocks_refill(struct ct_thread *thread);
CT_COLD void ct_blocks_spill(struct ct_thread *thread);

/* The time of a block's latest event: its birth, or of the latest resize if the birth has CT_BLOCK_RESIZED. */
CT_COLD uint64_t ct_blocks_latest(uint32_t row, uint64_t birth);

/* A block is resized at this time: its birth for the row. Without memory that is the birth alone. */
uint64_t ct_blocks_note_resize(uint32_t row, uint64_t birth, uint64_t ticks);

/* Map the leaf of an address; false = no memory. */
CT_COLD bool ct_blocks_map_leaf(uint32_t **leaves, uint32_t granule_shift, uintptr_t address);

/* Make ct_blocks.pool_leaves; false = no memory. */
CT_COLD bool ct_blocks_map_pools(void);

/* The site of ctrace_event below the node of a site; 0 = no memory, or as many sites as there may be. */
CT_COLD uint32_t ct_tree_event_site(uint32_t site);

/* An allocation that ct_sample_skips has not let pass: is it to be recorded? Draws the next point. */
CT_COLD bool ct_sample_takes(struct ct_thread *thread, size_t bytes);

/* What a sampled block stands for. */
struct ct_estimate {
	uint64_t bytes;
	uint32_t more_blocks; /* beside itself */
};

CT_COLD struct ct_estimate ct_sample_estimate(uint64_t bytes, uint64_t birth);

/* A sampled block comes or goes at an address. */
CT_COLD void ct_sample_note(uintptr_t address, bool live);

#endif
