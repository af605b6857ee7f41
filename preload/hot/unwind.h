/* SPDX-License-Identifier: MIT */
/*
 * Verified incremental unwinding. Hot path; each thread works on its own state.
 *
 * The rule of a code address says how to find the caller's frame from the registers there. Rules are in .eh_frame, and
 * each is read once (unwind/cfi.c). Each thread remembers its latest stack, and the stack slots from which the
 * registers of its frames were loaded. A remembered frame *stands* as long as all slots outward from it have their old
 * values. A new walk begins at the hook's caller. When it reaches a frame that equals a standing one in (pc, sp, bp),
 * it stops: an equal frame and equal slots imply equal outer frames, because the same rules applied to the same
 * registers load the same values.
 *
 * On the thread's own stack, the standing frames are counted first, from the outermost inward. Any other stack may be
 * unmapped (coroutines). There the slots are read outward from the equal frame that the walk has met, and only as far
 * as they have their old values. So every slot that is read belongs to the stack as it is now.
 */
#ifndef CT_HOT_UNWIND_H
#define CT_HOT_UNWIND_H

#include "hot/state.h"
#include "hot/thread.h"

/*
 * How the CFA (the caller's sp) is found. Nearly all rules are one of the first two; hot/unwind.c relies on their
 * values, 0 and 1.
 */
enum ct_cfa_rule {
	CT_CFA_SP, /* sp + offset */
	CT_CFA_BP, /* bp + offset */
	CT_CFA_BP_LOAD, /* *(bp + offset): functions that realign their stack */
	CT_CFA_SIGNAL, /* the kernel's signal frame: registers are loaded from it */
	CT_CFA_NO_TABLE, /* code without an unwind table: assume that bp is a frame pointer, unless CT_CFA_PLANTED */
	CT_CFA_GO, /* Go's code, which has frame pointers and changes stacks */
	CT_CFA_END, /* outermost frame */
	CT_CFA_START, /* outermost frame whose "return address" is a function's first byte (makecontext) */
	CT_CFA_UNKNOWN, /* not expressible: libunwind walks this stack */
	CT_CFA_LINK, /* sp + offset, with the return address still in its register: only a signal stops there */
	CT_CFA_NEAR_SP, /* CT_CFA_SP with a large frame: bp_offset counts from sp */
	CT_CFA_OWN_SP, /* CT_CFA_SP and CT_CFA_BP in this library's code, whose frames are left out */
	CT_CFA_OWN_BP,
};

/* How the caller's bp is found. hot/unwind.c relies on the first two values, 0 and 1. */
enum ct_bp_rule {
	CT_BP_SAME, /* not saved: the caller has the same bp */
	CT_BP_AT_CFA, /* saved at CFA + offset */
	CT_BP_AT_BP, /* saved at bp + offset */
};

/* A rule for one code address. Where the return address is follows from it (sys/machine.h). */
struct ct_rule {
	uint8_t cfa; /* enum ct_cfa_rule */
	uint8_t bp; /* enum ct_bp_rule */
	int32_t cfa_offset; /* bytes, a multiple of 8, up to +-CT_CFA_OFFSET_MAX */
	int32_t bp_offset; /* bytes, a multiple of 8, up to +-CT_BP_OFFSET_MAX */
};

#define CT_CFA_OFFSET_MAX 0x3ffff8
/* The offset of CT_CFA_NO_TABLE, otherwise 0: no call returns to this address; the code is the C library's (musl). */
#define CT_CFA_PLANTED 8
#define CT_CFA_IN_LIBC 16
#define CT_BP_OFFSET_MAX 0x3ff8
#define CT_PLACE_MAX ((1u << 26) - 1)

/*
 * What is known of a lookup address fits into one word: the rule's cfa in bits 0 to 3, its bp in bits 4 and 5, the
 * place of the address (tree/tree.c) in bits 6 to 31, and the offsets, in words, from bits 32 and 52 on. Never 0.
 */
static inline uint64_t ct_code_pack(struct ct_rule rule, uint32_t place)
{
	return (uint64_t)rule.cfa | (uint64_t)rule.bp << 4 | (uint64_t)place << 6 |
	       ((uint64_t)(int64_t)(rule.cfa_offset / 8) & 0xfffff) << 32 |
	       (uint64_t)(int64_t)(rule.bp_offset / 8) << 52;
}

static inline struct ct_rule ct_code_rule(uint64_t code)
{
	return (struct ct_rule){
		.cfa = code & 0xf,
		.bp = code >> 4 & 3,
		.cfa_offset = (int32_t)((int64_t)(code << 12) >> 44) * 8,
		.bp_offset = (int32_t)((int64_t)code >> 52) * 8,
	};
}

static inline uint32_t ct_code_place(uint64_t code)
{
	return (uint32_t)code >> 6;
}

/* The key of ct_tracer.code: the lookup address, and above it the loader's epoch + 1. Higher code has no entry. */
#define CT_CODE_KEY_BITS 48

static inline uint64_t ct_code_key(uintptr_t address, uint32_t epoch)
{
	return address + ((uint64_t)(epoch + 1) << CT_CODE_KEY_BITS);
}

/*
 * Addresses come with strides of all kinds, and a product with a constant preserves strides. So this hash is of the
 * second degree in the key. Its constant is one of several that passed tests/unit/preload_table.c.
 */
static inline uint32_t ct_code_hash(uint64_t key)
{
	uint64_t hash = (key ^ 0xd7a376a22baff27fu) * key;
	return (uint32_t)((hash ^ hash >> 32) >> 16);
}

/*
 * A node's hash depends on its whole stack, not on its key. So it is known before the parent node has been found, and
 * the look-ups of a stack's frames do not wait for each other's memory accesses. The root's hash is 0.
 */
static inline uint32_t ct_hash_below(uint32_t parent_hash, uint32_t place)
{
	uint32_t hash = (parent_hash ^ place) * 0x7feb352du;
	return hash ^ hash >> 15;
}

/* The slot in ct_tracer.tree for a node's hash, whose low bits alone are not uniform. */
static inline uint32_t ct_hash_slot(uint32_t hash)
{
	hash *= 0x846ca68bu;
	return hash ^ hash >> 16;
}

#define CT_HASHES_CHUNK 16384u

static inline uint32_t ct_node_hash(uint32_t node)
{
	return ct_tracer.node_hashes[node / CT_HASHES_CHUNK][node % CT_HASHES_CHUNK];
}

/* The key of ct_tracer.tree. */
static inline uint64_t ct_tree_key(uint32_t parent, uint32_t place)
{
	return (uint64_t)parent << 32 | place;
}

static inline bool ct_is_on_latest_stack(const struct ct_thread *thread, uintptr_t sp)
{
	return sp >= thread->bounds[0].low && sp < thread->bounds[0].high;
}

/* sp is on the latest stack. Is that the thread's own, which stays mapped as long as the thread runs? */
static inline bool ct_is_own_stack(const struct ct_thread *thread, uintptr_t sp)
{
	return thread->anchor > sp && thread->anchor < thread->bounds[0].high;
}

/* The number of frames that stand, if checks[failed] is the outermost or the innermost check that fails. */
static inline uint32_t ct_standing_above(const struct ct_thread *thread, uint32_t frames, uint32_t failed)
{
	while (frames && thread->stack[frames - 1].checks >= failed)
		frames--;
	return frames;
}

/*
 * How many remembered frames still stand, counted from the outermost inward. Reads all their slots up to the first
 * change, so these must be mapped.
 */
static inline uint32_t ct_count_standing(const struct ct_thread *thread)
{
	const struct ct_check *check = &thread->checks[1];
	/*
	 * The sentinel after the last check always fails. Unrolled by hand: unrolled by the compiler, each step would
	 * have a pointer of its own.
	 */
	for (;; check += 4) {
		if (ct_unlikely(*check[0].slot != check[0].value))
			break;
		if (ct_unlikely(*check[1].slot != check[1].value)) {
			check += 1;
			break;
		}
		if (ct_unlikely(*check[2].slot != check[2].value)) {
			check += 2;
			break;
		}
		if (ct_unlikely(*check[3].slot != check[3].value)) {
			check += 3;
			break;
		}
	}
	uint32_t failed = (uint32_t)(check - thread->checks);
	return ct_standing_above(thread, failed < thread->depth ? failed : thread->depth, failed);
}

/* Does a walk that is at these registers meet this frame? bp matters only if the outer frames depend on it. */
static inline bool ct_is_at(const struct ct_remembered *frame, const struct ct_registers *at)
{
	return frame->at.sp == at->sp && frame->at.pc == at->pc && (frame->at.bp == at->bp || !frame->needs_bp);
}

/* CTRACE_DEBUG=verify: a site was found without walking; compare it with the stack as libunwind walks it. */
CT_COLD void ct_verify_site(struct ct_thread *thread, const struct ct_registers *from, uint32_t site);

/*
 * Walk the stack, remember it, and find its site, which is made if it is new. 0: no memory, and the event is dropped.
 * standing: the number of remembered frames that the walk may meet; if `counted`, they are known to stand.
 */
uint32_t ct_unwind_walk(struct ct_thread *thread, const struct ct_registers *from, uint32_t standing, bool counted);

/*
 * The same as ct_unwind if many frames are remembered. Looking at all of their slots at each event would cost the
 * square of the depth, so only those are read that can have changed since the last look.
 */
uint32_t ct_unwind_deep(struct ct_thread *thread, const struct ct_registers *from);

#define CT_DEEP_FRAMES 256u

/*
 * The same as ct_unwind if code may have been unloaded since the thread's latest event, or if the thread has pushed or
 * popped a tag. Not CT_COLD, since for a program with tags it must be compiled for speed.
 */
__attribute__((noinline)) uint32_t ct_unwind_changed(struct ct_thread *thread, const struct ct_registers *from,
						     uint32_t epoch);

/* The site of the stack that starts at `from`, the hook's caller. 0: no memory. */
static inline uint32_t ct_unwind(struct ct_thread *thread, const struct ct_registers *from)
{
	uint32_t epoch = ct_get_relaxed(&ct_tracer.loader_epoch);
	uint32_t depth = thread->depth;
	if (ct_unlikely(thread->loader_epoch != epoch))
		return ct_unwind_changed(thread, from, epoch);
	if (ct_unlikely(!depth) || !thread->own_stack || !ct_is_on_latest_stack(thread, from->sp) ||
	    !ct_is_own_stack(thread, from->sp))
		return ct_unwind_walk(thread, from, depth, false);

	if (ct_unlikely(depth >= CT_DEEP_FRAMES))
		return ct_unwind_deep(thread, from);
	uint32_t standing = ct_count_standing(thread);
	const struct ct_remembered *last = &thread->stack[depth - 1];
	if (standing == depth && ct_is_at(last, from) && last->site) { /* the same stack as last time */
		if (ct_unlikely(ct_tracer.verify))
			ct_verify_site(thread, from, last->site);
		return last->site;
	}
	return ct_unwind_walk(thread, from, standing, true);
}

#endif
