/* SPDX-License-Identifier: MIT */
/*
 * A thread as the tracer sees it. Five words (and three of hooks/operators.h) are in initial-exec TLS, which exists
 * before the thread's first instruction and until its last. The rest is mapped at the thread's first event, and given
 * to a new thread once the kernel reports that this one is gone. Only the thread itself uses its state, unless a field
 * says otherwise.
 */
#ifndef CT_HOT_THREAD_H
#define CT_HOT_THREAD_H

#include "ctrace/ctrace.h"
#include "ctrace/store.h"
#include "sys/compiler.h"
#include "sys/machine.h"

/* The registers that unwinding needs, as they are in a frame once its callee has returned. */
struct ct_registers {
	uintptr_t pc;
	uintptr_t sp;
	uintptr_t bp;
};

/* A frame of the walk in progress. */
struct ct_stack_frame {
	struct ct_registers at;
	const uintptr_t *bp_slot; /* the caller's bp was loaded from here; NULL: the caller has the same bp */
	uint32_t place; /* place of its code; 0: not looked up */
	bool exact; /* pc is not a return address: a signal interrupted the frame */
	bool uses_bp; /* its CFA is found through bp */
	struct ct_machine_return from; /* where at.pc was read */
};

/* A frame of the remembered stack: where it is in the call tree, and how its callers are verified. */
struct ct_remembered {
	struct ct_registers at;
	uint32_t place; /* place of its code */
	uint32_t hash; /* hash of the stack from the root to here */
	uint32_t node; /* 0: not looked up, since the stack is too deep to be kept whole */
	uint32_t site; /* 0: not looked up */
	uint32_t checks; /* thread->checks[1] to [checks] verify its callers */
	uint32_t needs_bp; /* the walk outward depends on at.bp */
};

/* A stack slot, and its value when the stack was walked. */
struct ct_check {
	const uintptr_t *slot;
	uintptr_t value;
};

/*
 * A short path from a hook's caller to a frame of the remembered stack, as it was walked before. Programs that allocate
 * alternately at a few places of a loop take the same few paths.
 */
#define CT_PATH_CHECKS 7u

struct ct_path {
	struct ct_registers from;
	struct ct_registers to; /* stack[joined - 1] at that time */
	uint32_t joined; /* number of remembered frames, from the outermost, up to that frame */
	uint32_t node; /* node of that frame */
	uint32_t site; /* site of the whole stack */
	uint32_t epoch; /* thread->code_epoch at that time */
	uint32_t count; /* number of checks */
	uint32_t needs_bp; /* the path depends on from.bp */
	struct ct_check checks[CT_PATH_CHECKS]; /* for the frames in between */
};

/* The site of a stack that was cut, by the node of its outer half and a hash of its inner half. */
struct ct_cut {
	uint64_t inner;
	uint32_t outer;
	uint32_t site; /* 0: unused */
};

/* What the three arrays of a thread need for this many frames. */
#define CT_FRAMES_BYTES(frames)                                                                                        \
	((frames) * (sizeof(struct ct_remembered) + 2 * sizeof(struct ct_check) + sizeof(struct ct_stack_frame)) +     \
	 2 * sizeof(struct ct_check))

struct ct_stack_bounds {
	uintptr_t low;
	uintptr_t high; /* first address after it */
};

#define CT_TAGS_KNOWN 16u
#define CT_TAGS_NESTED 8u /* deeper tags count as the one around them */

/* A tag that has been looked up. */
struct ct_tag {
	struct ct_span name; /* in STRINGS, those of outer tags included */
	uint32_t base; /* the node above: 0, or the thread's own */
	uint32_t root; /* its node; 0: the row is free */
};

/* A frame of the remembered stack, below the root that it was below before. */
#define CT_TAG_FRAMES 64u

struct ct_tag_frame {
	uint32_t root;
	uint32_t mate; /* its node below the present root */
	uint32_t hash, node, site; /* as in struct ct_remembered */
};

/*
 * The tags of a thread. A push only writes its name into the next slot. Names are looked up at the thread's next event,
 * unless the slots have the names that were looked up last.
 */
struct ct_tags {
	uint32_t excess; /* tags that were pushed when all slots were full, and not popped */
	uint32_t known; /* slots that looked_up and tags are of */
	struct ct_tag tags[CT_TAGS_NESTED];
	struct ct_tag seen[CT_TAGS_KNOWN]; /* by a part of `name` */
	struct ct_tag_frame frames[CT_TAG_FRAMES];
	char slots[CT_TAGS_NESTED][CTRACE_TAG_SLOT_BYTES] CT_ALIGNED(CTRACE_TAG_SLOTS_BYTES);
	char looked_up[CT_TAGS_NESTED][CTRACE_TAG_SLOT_BYTES]; /* what was in the slots */
} CT_ALIGNED(2 * CTRACE_TAG_SLOTS_BYTES);

#define CT_STACK_FRAMES 2048u /* at first; ct_thread_grow makes room for more */
#define CT_BOUNDS_KEPT 4u
#define CT_MEETING_PLACES 1024u /* a power of two */
#define CT_PATHS 512u /* a power of two */
#define CT_CUTS 64u

/*
 * The hot words do not lie at the start of a page. There they would have the same low address bits as the ring's head,
 * which costs 5 ns per pair of malloc and free (4 KiB aliasing).
 */
struct ct_thread {
	uint32_t met_at[CT_MEETING_PLACES]; /* by sp: index of the remembered frame there, + 1; may be out of date */
	uint64_t head; /* events written; other threads read the copy in the ring */
	struct ct_event *slot; /* the next event's place in the ring */
	struct ct_event *slots_end; /* the end of the free slots: there, ct_combine makes room */
	struct ct_ring *ring;
	uint64_t last_ticks; /* time of its latest event */
	uintptr_t last_block; /* address of the latest allocation, for "temporary"; 0: none */
	uint64_t last_unsampled; /* ct_tls.unsampled at that time; each unrecorded allocation lowers it */
	uint64_t random; /* state of the sampler's generator; 0: not seeded */
	uint32_t free_rows; /* first of a list of free block rows; see hot/blocks.h */
	uint32_t free_count; /* length of that list, less than CT_ROW_BATCH */
	uint32_t spare_rows; /* first of a list of CT_ROW_BATCH more; 0: none */
	uint32_t unused_rows; /* the thread's own rows in [unused_rows, unused_end) have never been used */
	uint32_t unused_end;
	uint32_t loader_epoch; /* ct_tracer's at the latest event; after a change of tags CTRACE_TAG_CHANGED */
	uint32_t ring_index; /* index + 1; 0: no ring yet */
	uint32_t tid; /* written under ct_lock_thread; 0: no owner */
	struct ct_thread *next; /* list of all states, under ct_lock_thread */

	uint32_t root; /* the node that its stacks begin at: 0, or the thread's own (CTRACE_THREADS), or a tag's */
	uint32_t name; /* with CTRACE_THREADS: offset of its name in STRINGS */
	uintptr_t anchor; /* an address above all frames of the thread's own stack, in the same mapping */
	uint32_t depth; /* number of remembered frames in stack[], outermost first */
	bool guessed; /* some of them have no unwind table, so their callers were guessed */
	bool own_stack; /* the remembered stack is the thread's own, down to its outermost frame */
	uint32_t room; /* frames that fit into the three arrays */
	struct ct_remembered *stack;
	struct ct_check
		*checks; /* two for each frame, and two more: the first, and the one after the last, always fail */
	struct ct_stack_frame *fresh; /* frames of the walk in progress, innermost first */
	uint64_t looked_ticks; /* when ct_unwind_deep last looked at the remembered stack, in ct_ticks; 0: never */
	struct ct_stack_bounds bounds[CT_BOUNDS_KEPT]; /* [0] is the latest one */
	struct ct_path paths[CT_PATHS]; /* by a hash of `from` */
	struct ct_cut cuts[CT_CUTS];
	uint32_t code_epoch; /* ct_tracer.loader_epoch when the remembered stack was walked */
	uint32_t own_root; /* `root` without a tag */
	struct ct_tags *tags; /* NULL: it has never pushed one */
	char first_frames[CT_FRAMES_BYTES(CT_STACK_FRAMES)] CT_ALIGNED(16); /* the arrays, until they grow */
};

struct ct_tls {
	struct ct_thread *thread;
	uint64_t unsampled; /* bytes to the next sampling point, see hot/sample.h */
	uint32_t sample; /* the sample that `unsampled` was drawn in: ct_tracer.sample at that time */
	uint32_t busy; /* 0, or inside the tracer: CT_BUSY_HOOK, plus CT_BUSY_OWN for each ct_own_begin */
	struct ctrace_tags tags; /* its slots are in thread->tags */
};

extern CT_HIDDEN __thread struct ct_tls ct_tls;

#define CT_BUSY_HOOK 1u /* in a hook: an allocation now is a signal handler's, which has interrupted it */
#define CT_BUSY_OWN 2u /* in slow code: an allocation now is the tracer's own, or the loader's for it */

/* Between these two, calls of malloc pass through without being recorded. They nest. */
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
