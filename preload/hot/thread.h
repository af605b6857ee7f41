/* SPDX-License-Identifier: MIT */
/*
 * A thread as the tracer sees it. Three words (and three of hooks/operators.h) live in initial-exec TLS, which exists
 * before the thread's first instruction and stays until its last; the rest is mapped on the thread's first event and
 * given to a new thread once the kernel says that this one is gone.
 */
#ifndef CT_HOT_THREAD_H
#define CT_HOT_THREAD_H

#include "ctrace/store.h"
#include "sys/compiler.h"

/* The registers that unwinding needs, as they are in a frame once its callee has returned. */
struct ct_registers {
	uintptr_t pc;
	uintptr_t sp;
	uintptr_t bp;
};

/* A frame of the walk in progress. */
struct ct_stack_frame {
	struct ct_registers at;
	const uintptr_t *bp_slot; /* the caller's bp was loaded from here; NULL: it is the same */
	uint32_t place; /* of its code; 0 = not looked up */
	bool exact; /* pc is not a return address: the frame was interrupted by a signal */
	bool uses_bp; /* its CFA is found from bp */
};

/* A frame of the remembered stack: its place in the call tree, and how its callers are verified. */
struct ct_remembered {
	struct ct_registers at;
	uint32_t place; /* of its code */
	uint32_t hash; /* of the stack from the root to here */
	uint32_t node; /* 0 = not looked up: too deep to be kept whole */
	uint32_t site; /* 0 = not looked up */
	uint32_t checks; /* callers are verified by thread->checks[1] to [checks] */
	uint32_t needs_bp; /* the way outward depends on at.bp */
};

/* A stack slot and what it held when the stack was walked. */
struct ct_check {
	const uintptr_t *slot;
	uintptr_t value;
};

/*
 * A short way from a hook's caller to a frame of the remembered stack, as it was walked before: programs that
 * allocate in turns at some places of a loop take the same few ways.
 */
#define CT_PATH_CHECKS 7u

struct ct_path {
	struct ct_registers from;
	struct ct_registers to; /* stack[joined - 1] then */
	uint32_t joined;
	uint32_t node; /* of that frame */
	uint32_t site; /* of the whole stack */
	uint32_t epoch; /* of the loader */
	uint32_t count; /* of checks */
	uint32_t needs_bp; /* the way depends on from.bp */
	struct ct_check checks[CT_PATH_CHECKS]; /* of the frames between */
};

struct ct_stack_bounds {
	uintptr_t low;
	uintptr_t high; /* first address beyond */
};

#define CT_STACK_FRAMES 16384u
#define CT_BOUNDS_KEPT 4u
#define CT_MEETING_PLACES 1024u /* a power of two */
#define CT_PATHS 512u /* a power of two */

/*
 * Hot words are kept off the start of a page: there they would share the low address bits of the ring's head (4 KiB
 * aliasing, 5 ns a pair).
 */
struct ct_thread {
	uint16_t met_at[CT_MEETING_PLACES]; /* by sp: the remembered frame there, + 1; may be out of date */
	uint64_t head; /* events written; its copy in the ring is what others read */
	struct ct_event *slot; /* where the next event goes, in its ring */
	struct ct_event *slots_end; /* not there: ask ct_combine for room */
	struct ct_ring *ring;
	uint64_t last_ticks;
	uintptr_t last_block; /* this thread's latest allocation, for "temporary" */
	uint64_t last_unsampled; /* ct_tls.unsampled then: it falls with each allocation that is not recorded */
	uint64_t random; /* state of the sampler's generator, 0: not begun */
	uint32_t free_rows; /* block rows at hand, a list; see hot/blocks.h */
	uint32_t free_count;
	uint32_t loader_epoch;
	uint32_t ring_index; /* + 1; 0 = no ring yet */
	uint32_t tid; /* written under the thread lock */
	bool sampling; /* ct_tls.unsampled has been drawn */
	struct ct_thread *next;

	uint32_t root; /* node that its stacks begin at: 0, or with CTRACE_THREADS one of its own */
	uint32_t name; /* then: where its name stands in STRINGS */
	uintptr_t anchor; /* an address above all frames of the thread's own stack, in the same mapping */
	uint32_t depth; /* remembered frames in stack[], outermost first */
	bool guessed; /* some of them have no unwind table */
	bool own_stack; /* the remembered stack is the thread's own, from its first frame on */
	struct ct_stack_bounds bounds[CT_BOUNDS_KEPT]; /* [0] is the latest used */
	struct ct_path paths[CT_PATHS]; /* by `from` */
	struct ct_remembered stack[CT_STACK_FRAMES];
	struct ct_check checks[2 * CT_STACK_FRAMES + 2]; /* the first, and the one after the last, never hold */
	struct ct_stack_frame fresh[CT_STACK_FRAMES]; /* the walk in progress, innermost first */
};

struct ct_tls {
	struct ct_thread *thread;
	uint64_t unsampled; /* bytes to the next sampled point, hot/sample.h; 0: everything is recorded */
	uint32_t busy; /* 0, or inside the tracer: CT_BUSY_HOOK, plus CT_BUSY_OWN for each ct_own_begin */
};

extern CT_HIDDEN __thread struct ct_tls ct_tls;

#define CT_BUSY_HOOK 1u /* in a hook: what allocates now is a signal handler that has interrupted it */
#define CT_BUSY_OWN 2u /* in slow code: what allocates now is the tracer itself, or the loader for it */

/* Between the two, calls of malloc pass through without being recorded. They nest. */
static inline void ct_own_begin(void)
{
	ct_tls.busy += CT_BUSY_OWN;
}

static inline void ct_own_end(void)
{
	ct_tls.busy -= CT_BUSY_OWN;
}

static inline bool ct_is_own(void)
{
	return ct_tls.busy >= CT_BUSY_OWN;
}

#endif
