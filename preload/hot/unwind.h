/* SPDX-License-Identifier: MIT */
/*
 * Verified incremental unwinding.
 *
 * The rule of a return address says how the caller's frame is found from the registers there. Rules
 * come from .eh_frame and are read once (unwind/cfi.c). Each thread remembers its latest stack, with the stack
 * slots that its frames' registers were loaded from. A remembered frame stands as long as all slots outward
 * hold what they held. A new walk starts at the caller of the hook; once a frame equals a standing one in
 * (pc, sp, bp), the rest is not walked. Equal frame and equal slots imply the same outer frames, since the
 * same rules applied to the same registers load the same values.
 *
 * On the thread's own stack the standing frames are counted first, from the outermost on. Any other stack may be
 * gone (coroutines): there the slots are read outward from where the walk has met an equal frame, and only as
 * far as they hold, so that each belongs to the stack as it is now.
 */
#ifndef CT_HOT_UNWIND_H
#define CT_HOT_UNWIND_H

#include "hot/state.h"
#include "hot/thread.h"

/* How the CFA (the caller's sp) is found. The first two are nearly all. */
enum ct_cfa_rule {
	CT_CFA_SP, /* sp + offset */
	CT_CFA_BP, /* bp + offset */
	CT_CFA_BP_LOAD, /* *(bp + offset): functions that realign their stack */
	CT_CFA_SIGNAL, /* the kernel's signal frame: registers are loaded from it */
	CT_CFA_NO_TABLE, /* code without unwind table: bp is taken for a frame pointer */
	CT_CFA_END, /* outermost frame */
	CT_CFA_START, /* outermost frame whose "return address" is a function's first byte (makecontext) */
	CT_CFA_UNKNOWN, /* not expressible: libunwind walks this stack */
};

enum ct_bp_rule {
	CT_BP_SAME,
	CT_BP_AT_CFA, /* saved at CFA + offset */
	CT_BP_AT_BP, /* saved at bp + offset */
};

/* The return address is at CFA - 8. */
struct ct_rule {
	uint8_t cfa; /* enum ct_cfa_rule */
	uint8_t bp; /* enum ct_bp_rule */
	int32_t cfa_offset; /* a multiple of 8, to +-CT_CFA_OFFSET_MAX */
	int32_t bp_offset; /* a multiple of 8, to +-CT_BP_OFFSET_MAX */
};

#define CT_CFA_OFFSET_MAX 0x3ffff8
#define CT_BP_OFFSET_MAX 0x3ff8
#define CT_PLACE_MAX ((1u << 26) - 1)

/*
 * What is known of a lookup address fits into one word: the rule's cfa in bits 0 to 3, its bp in 4 and 5,
 * the address's place (tree/tree.c) in 6 to 31, the offsets in words from 32 and 52 on. Never 0.
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

/* ct_tracer.code's key: the lookup address, and above it the loader's epoch + 1. */
#define CT_CODE_KEY_BITS 48

static inline uint64_t ct_code_key(uintptr_t address, uint32_t epoch)
{
	return address | (uint64_t)(epoch + 1) << CT_CODE_KEY_BITS;
}

/*
 * Addresses come in strides of all kinds, and a product with a constant keeps them: this one is of the second degree.
 * The constant is one of some that passed tests/unit/preload_table.c.
 */
static inline uint32_t ct_code_hash(uint64_t key)
{
	uint64_t hash = (key ^ 0xd7a376a22baff27fu) * key;
	return (uint32_t)((hash ^ hash >> 32) >> 16);
}

/*
 * A node's hash is that of its whole stack, not of its key: it is known before the node above has been found, so
 * the look-ups of a stack's frames do not wait for each other in memory. The root's is 0.
 */
static inline uint32_t ct_hash_below(uint32_t parent_hash, uint32_t place)
{
	uint32_t hash = (parent_hash ^ place) * 0x7feb352du;
	return hash ^ hash >> 15;
}

/* Where ct_tracer.tree has the node with that hash: its low bits alone are not uniform. */
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

/* ct_tracer.tree's key. */
static inline uint64_t ct_tree_key(uint32_t parent, uint32_t place)
{
	return (uint64_t)parent << 32 | place;
}

static inline bool ct_is_on_latest_stack(const struct ct_thread *thread, uintptr_t sp)
{
	return sp >= thread->bounds[0].low && sp < thread->bounds[0].high;
}

/* sp is on the latest stack: is that the thread's own, which stays mapped as long as the thread runs? */
static inline bool ct_is_own_stack(const struct ct_thread *thread, uintptr_t sp)
{
	return thread->anchor > sp && thread->anchor < thread->bounds[0].high;
}

/* The frames whose callers have not changed, when the outermost or innermost check that fails is checks[failed]. */
static inline uint32_t ct_standing_above(const struct ct_thread *thread, uint32_t frames, uint32_t failed)
{
	while (frames && thread->stack[frames - 1].checks >= failed)
		frames--;
	return frames;
}

/* How many of the remembered frames still stand, looked at from the outermost on. Reads all their slots. */
static inline uint32_t ct_count_standing(const struct ct_thread *thread)
{
	const struct ct_check *check = &thread->checks[1];
	/* The sentinel after the last check always fails. Unrolled by hand: the compiler keeps a pointer for each. */
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

static inline bool ct_is_at(const struct ct_remembered *frame, const struct ct_registers *at)
{
	return frame->at.sp == at->sp && frame->at.pc == at->pc && (frame->at.bp == at->bp || !frame->needs_bp);
}

/* CTRACE_DEBUG=verify: compare a site that was found without walking with the stack as libunwind walks it. */
CT_COLD void ct_verify_site(struct ct_thread *thread, const struct ct_registers *from, uint32_t site);

/*
 * Walk, remember, and find the site, made when it is new; 0 = no memory: the event is dropped. standing: remembered
 * frames that may be met; if `counted` they are known to stand. hot
 */
uint32_t ct_unwind_walk(struct ct_thread *thread, const struct ct_registers *from, uint32_t standing, bool counted);

/* The site of the stack that starts at `from` (the hook's caller); 0 = no memory. hot */
static inline uint32_t ct_unwind(struct ct_thread *thread, const struct ct_registers *from)
{
	uint32_t epoch = ct_get_relaxed(&ct_tracer.loader_epoch);
	uint32_t depth = thread->depth;
	if (ct_unlikely(thread->loader_epoch != epoch)) {
		thread->loader_epoch = epoch;
		thread->depth = depth = 0;
	}
	if (ct_unlikely(!depth) || !thread->own_stack || !ct_is_on_latest_stack(thread, from->sp) ||
	    !ct_is_own_stack(thread, from->sp))
		return ct_unwind_walk(thread, from, depth, false);

	uint32_t standing = ct_count_standing(thread);
	const struct ct_remembered *last = &thread->stack[depth - 1];
	if (standing == depth && ct_is_at(last, from) && last->site) { /* the same stack again */
		if (ct_unlikely(ct_tracer.verify))
			ct_verify_site(thread, from, last->site);
		return last->site;
	}
	return ct_unwind_walk(thread, from, standing, true);
}

#endif
