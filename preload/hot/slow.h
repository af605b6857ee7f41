/* SPDX-License-Identifier: MIT */
/*
 * What the hot path may call when it has slow work to do. Other rooms define these functions; hot/ includes none of
 * their headers. Each may take locks, map memory and read files, by raw system calls. None calls malloc or stdio. Any
 * thread.
 */
#ifndef CT_HOT_SLOW_H
#define CT_HOT_SLOW_H

#include "hot/thread.h"
#include "hot/unwind.h"
#include "sys/compiler.h"

/*
 * The phase is not CT_PHASE_ON: start the recording, or open a forked child's store. True: this call can be recorded.
 */
CT_COLD bool ct_start(void);

/* Make the calling thread's state, at its first event. NULL: no memory, or the recording has ended. */
CT_COLD struct ct_thread *ct_thread_new(void);

/* Make room for the thread's next events. If its ring is full, or half full beside others, fold what all rings have. */
void ct_combine(struct ct_thread *thread); /* not CT_COLD: the folding must be compiled for speed */

/* CLOCK_MONOTONIC, nanoseconds. */
CT_COLD uint64_t ct_monotonic_ns(void);

/*
 * Read the rule and the place of a lookup address that ct_tracer.code does not have yet, and add them. Returns
 * ct_code_pack; 0: no memory.
 */
CT_COLD uint64_t ct_code_read(uint64_t key, uintptr_t address);

/* Around several of the following calls: blocks signals once, so that the calls need no system call each. */
CT_COLD void ct_tree_begin(void);
CT_COLD void ct_tree_end(void);

/*
 * Make the node of a key that ct_tracer.tree does not have yet. hash: ct_hash_below. Returns the value; 0: no memory.
 */
CT_COLD uint64_t ct_tree_intern(uint32_t hash, uint64_t key);

/* The same for a pseudo frame (its address, see enum ct_pseudo) below a node. */
CT_COLD uint64_t ct_tree_intern_pseudo(uint32_t parent, uint64_t mark);

/* Let the thread's stacks begin at the tags that are pushed now. */
void ct_tags_apply(struct ct_thread *thread);

/* Make the site of the node with this key. 0: no memory. */
CT_COLD uint32_t ct_tree_site(uint32_t hash, uint64_t key);

/*
 * Find the bounds of the mapping that contains sp, and store them in thread->bounds[0]. False: no mapping contains sp.
 */
CT_COLD bool ct_stack_find_bounds(struct ct_thread *thread, uintptr_t sp);

/*
 * Ask the kernel whether the whole stack in thread->bounds[0] is still mapped. If not, find the bounds of sp's stack
 * again and return false. For stacks with code without an unwind table: there, addresses are guessed.
 */
CT_COLD bool ct_stack_check_bounds(struct ct_thread *thread, uintptr_t sp);

/*
 * The C library's code has no unwind table, and `sp` is the stack pointer there. Is it the outermost code on the
 * thread's own stack: does no address between sp and the stack's end lead to a caller?
 */
CT_COLD bool ct_stack_ends_in_libc(const struct ct_thread *thread, uintptr_t sp);

/*
 * Step over a frame of Go's code (CT_CFA_GO), which changes between the thread's stack and goroutines'. The first call
 * of a walk sets `begun` and `system`; thread->bounds[0] are then those of the stack that *at is on.
 */
struct ct_go {
	struct ct_stack_bounds system; /* the thread's stack, up to where it may be read */
	struct ct_stack_bounds before; /* thread->bounds[0] as they were */
	bool begun, on_goroutine;
};

enum ct_go_step {
	CT_GO_LOST,
	CT_GO_ON,
	CT_GO_ROOT,
};

enum ct_go_step ct_go_step(struct ct_thread *thread, struct ct_go *go, struct ct_registers *at);

/*
 * Load libunwind, the first time. Without it, stacks that need it end in CT_PSEUDO_LOST. Must not be called inside an
 * allocation.
 */
CT_COLD void ct_libunwind_load(void);

/* Make room for this many frames of the thread's stack. False: no memory; nothing has changed. */
CT_COLD bool ct_thread_grow(struct ct_thread *thread, uint32_t frames);

/*
 * Let libunwind walk the current stack into thread->fresh, beginning at the frame whose pc is from->pc. Returns the
 * number of frames; 0: it failed. *complete: the root was reached.
 */
CT_COLD uint32_t ct_libunwind_walk(struct ct_thread *thread, const struct ct_registers *from, bool *complete);

/* CTRACE_DEBUG=verify: compare the remembered stack with libunwind's, and count the result. */
CT_COLD void ct_verify_stack(struct ct_thread *thread, const struct ct_registers *from);

/* Refill thread->free_rows, which is empty (false: no memory), and empty it when it has a batch. */
CT_COLD bool ct_blocks_refill(struct ct_thread *thread);
CT_COLD void ct_blocks_spill(struct ct_thread *thread);

/* The time of a block's latest event: its birth, or if the birth has CT_BLOCK_RESIZED, its latest resize. */
CT_COLD uint64_t ct_blocks_latest(uint32_t row, uint64_t birth);

/*
 * Note that a block is resized at this time. Returns the birth to store in the row, with CT_BLOCK_RESIZED. Without
 * memory the time is not noted, and the birth is returned as it is.
 */
uint64_t ct_blocks_note_resize(uint32_t row, uint64_t birth, uint64_t ticks);

/* Map the leaf for an address. False: no memory. */
CT_COLD bool ct_blocks_map_leaf(uint32_t **leaves, uint32_t granule_shift, uintptr_t address);

/* Make ct_blocks.pool_leaves or foreign_leaves. False: no memory. */
CT_COLD bool ct_blocks_map_side(uint32_t ***leaves);

/*
 * The site for ctrace_event, a copy or a mapping below a node, made if it is new. mark is its pseudo frame, of which
 * *place becomes the place. 0: no memory, or the maximum number of sites is reached.
 */
CT_COLD uint32_t ct_tree_event_site(uint32_t node, enum ct_pseudo mark, uint32_t *place);

/* ct_sample_skips did not skip this allocation: must it be recorded? Draws the distance to the next point. */
CT_COLD bool ct_sample_takes(struct ct_thread *thread, size_t bytes);

/* What a sampled block of this size and birth stands for. The same arguments always give the same result. */
struct ct_estimate {
	uint64_t bytes;
	uint32_t more_blocks; /* blocks it stands for, besides itself */
};

CT_COLD struct ct_estimate ct_sample_estimate(uint64_t bytes, uint64_t birth);

/* A sampled block at this address is allocated (live) or freed. */
CT_COLD void ct_sample_note(uintptr_t address, bool live);

#endif
